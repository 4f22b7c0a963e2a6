"""Which name was probably meant in the place of another one: the surest of all likenesses, whatever their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .likeness import A, B, C, Likeness, are_two_letters, compare, different_part, distance
from .names import MIN_LETTERS, MIN_TWICE, Claims, Names, fold, reach

_REST = 3
"""The fewest letters behind a namespace without its dash."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-"


def find_meant(name: str, near: Sequence[tuple[str, bool]], claims: Claims, popular: Names) -> Likeness | None:
    """Return the name that was probably meant; None where there is none.

    :param name: normalised; neither a popular one nor one that the policy claims.
    :param near: the popular names that may be meant, each with whether it is among the most popular of all.
    :param claims: what the policy claims and protects.
    :param popular: all popular names.
    """
    found = [*_of_claims(name, claims), *_of_namespaces(name, claims, popular)]
    found += [it for target, renowned in near if (it := compare(name, target, renowned=renowned)) is not None]
    # Of those that are as sure, a claimed name before a popular one.
    return min(found, key=lambda it: (it.tier, not it.claimed, it.target), default=None)


def _of_claims(name: str, claims: Claims) -> Iterator[Likeness]:
    for target in _errors(name).intersection(claims.names) if claims.are_many else claims.find_near(name):
        how, tier = compare_claimed(name, target)
        if tier:
            yield Likeness(target, how, tier, claimed=True)


def compare_claimed(name: str, target: str) -> tuple[str, str]:
    """Return what was mistyped of a claimed name, and how sure that is; two empty texts where it is not like it."""
    if name.replace("-", "") == target.replace("-", ""):
        return "but for a dash", A
    if fold(name) == fold(target):
        return "letters that look alike", A
    far = distance(name, target, reach(target)) if len(target) >= MIN_LETTERS else 0
    if far == 1:
        return "one error", A
    if far != reach(target) or not far:
        return "", ""
    part = len(different_part(name, target))
    if are_two_letters(name, target):
        return "two other letters", B if part > MIN_TWICE else C
    return "two errors", A if part > MIN_TWICE else B if part > MIN_LETTERS else C


def _of_namespaces(name: str, claims: Claims, popular: Names) -> Iterator[Likeness]:
    """Yield the namespaces that a name looks as if it were in: their dash is missing, or a letter is another one."""
    for stem in claims.stems:
        bare = stem.rstrip("-")
        if stem == bare or len(bare) < MIN_LETTERS - 1:
            continue  # `acme*` has every name that begins so; with a few letters too many names begin
        head = "-".join(name.split("-")[: bare.count("-") + 1])
        how = "" if head in {name, bare} else _compare_start(head, bare)
        if how and not popular.has_word(head):
            yield Likeness(f"{stem}*", how, A, claimed=True)
        rest = _without_start(name, bare)
        # Where popular names begin so, it is a word of the language.
        if len(rest) >= _REST and not popular.has_start(bare):
            tier = A if popular.has_word(rest) or rest in claims.names else B if len(bare) > MIN_LETTERS else C
            yield Likeness(f"{stem}{rest}", "but for a dash", tier, claimed=True)


def _compare_start(head: str, bare: str) -> str:
    """Return what was mistyped of a namespace; empty where it is not like it."""
    if fold(head) == fold(bare):
        return "letters that look alike"
    is_near = len(bare) > MIN_LETTERS and abs(len(head) - len(bare)) <= 1 and distance(head, bare, 1) == 1
    return "one error" if is_near else ""


def _without_start(name: str, bare: str) -> str:
    """Return what follows a namespace that a name begins with; empty where it does not, or where a dash follows."""
    for start in (bare, bare.replace("-", "")):
        if name.startswith(start) and (start != bare or name[len(start) :][:1] != "-"):
            return name[len(start) :].lstrip("-")
    return ""


def _errors(name: str) -> set[str]:
    """Return all names that are one error away: of very many claimed names, it is quicker to look for each of these."""
    found: set[str] = set()
    for place in range(len(name) + 1):
        before, after = name[:place], name[place:]
        found.update(before + letter + after for letter in _ALPHABET)
        if after:
            found.update(before + letter + after[1:] for letter in _ALPHABET)
            found.add(before + after[1:])
        if len(after) > 1:
            found.add(before + after[1] + after[0] + after[2:])
    return found
