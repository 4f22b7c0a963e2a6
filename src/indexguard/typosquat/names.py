"""Which names of a list may be a typing error away from another name: quick, and never too few.

What comes out is looked at by ``likeness``. Hot: every pip run with a policy asks for the names that only ``*`` matches.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from zlib import crc32

MARK = b"indexguard names 1\n\0"
RENOWNED = 1 << 63
"""The bit that is set in the mask of a name which is among the first of its list."""
_LETTERS = RENOWNED - 1
MIN_LETTERS = 5
"""A shorter name has too many neighbours that are words of their own."""
MIN_TWICE = 7
"""The fewest letters of one of the most popular names, or of a claimed one, for which two errors are looked for."""
MIN_TWICE_USUAL = 11
"""The same for any other popular name."""
MAX_LETTERS = 200
"""A longer name is nobody's typing error, and to look at it would take long."""
_SIZE = 0xFF
MAX_BITS = 4
"""Of two names that are two errors apart, so many bits of their masks differ at most."""
MANY = 2000
"""Of more claimed names than these, only those one error away are looked for."""
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "3": "e", "4": "a", "8": "b", "-": None})


def fold(name: str) -> str:
    """Return how a name looks at a glance: ``rn`` is an ``m``, ``0`` an ``o``, and a dash is easily overlooked."""
    return name.translate(_ALIKE).replace("rn", "m").replace("vv", "w").replace("cl", "d")


def mask(name: str) -> int:
    """Return which characters a name has, one bit each: of two names, one error changes two of them at most."""
    bits = 0
    for letter in name:
        bits |= 1 << (ord(letter) - 45) % 39
    return bits


def has_a_third(name: str, target: str) -> bool:
    """Tell whether a third of a target is in a name: two errors leave one, but for swaps from one third to the next."""
    third = len(target) // 3
    return target[:third] in name or target[third : 2 * third] in name or target[2 * third :] in name


def keys_of(name: str) -> set[str]:
    """Return what a name is found by: itself, without one of its letters, its look, and its parts in order."""
    shorter = {name[:place] + name[place + 1 :] for place in range(len(name))}
    return shorter | {name, f"={fold(name)}", f"+{'-'.join(sorted(name.split('-')))}"}


class Names:
    """A prepared list of names.

    :param content: as ``preparation.prepare`` makes it.
    :raises ValueError: it is something else, or not whole.
    """

    def __init__(self, content: bytes) -> None:
        if content[: len(MARK)] != MARK:
            raise ValueError("no prepared list of names")
        count, links = _read("I", content, len(MARK), 2)
        parts = []
        start = len(MARK) + 8
        for kind, size in (("Q", count), ("I", 257), ("H", links), ("H", links), ("H", count)):
            parts.append(_read(kind, content, start, size))
            start += size * parts[-1].itemsize
        self._masks, self._starts, self._codes, self._owners, self._sizes = parts
        self._text = content[start:].decode("ascii")
        self._names: list[str] = []
        if self._text.count("\n") != count + 1:
            raise ValueError("a damaged list of names")

    def __contains__(self, name: str) -> bool:
        return name in [found for found, _ in self._tell(self._find(name))]

    def has_word(self, text: str) -> bool:
        """Tell whether a part between dashes of some name is this text."""
        return any(f"{before}{text}{after}" in self._text for before in "\n-" for after in "\n-")

    def has_start(self, text: str) -> bool:
        """Tell whether some name begins with a text, and goes on without a dash."""
        place = self._text.find(f"\n{text}")
        while place >= 0:
            if self._text[place + len(text) + 1] not in "\n-":
                return True
            place = self._text.find(f"\n{text}", place + 1)
        return False

    def find_near(self, name: str) -> list[tuple[str, bool]]:
        """Return the names that may be meant, each with whether it is among the most popular of all."""
        found = self._tell({owner for key in keys_of(name) for owner in self._find(key)})
        if len(name) >= MIN_TWICE - 2:
            bits, size, masks = mask(name), (ord(name[0]) << 8) + len(name), self._masks
            nearby = range(bisect_left(self._sizes, size - 2), bisect_right(self._sizes, size + 2))
            twice = [
                it
                for it in nearby
                if (masks[it] >= RENOWNED or self._sizes[it] & _SIZE >= MIN_TWICE_USUAL)
                and bin((masks[it] ^ bits) & _LETTERS).count("1") <= MAX_BITS
            ]
            found += [it for it in self._tell(twice) if it not in found and has_a_third(name, it[0])]
        return found

    def _find(self, key: str) -> Sequence[int]:
        """Return the numbers of the names that are found by a key, and perhaps of others."""
        first, code = divmod(crc32(key.encode()) >> 8, 1 << 16)
        ends = self._starts[first], self._starts[first + 1]
        return self._owners[bisect_left(self._codes, code, *ends) : bisect_right(self._codes, code, *ends)]

    def _tell(self, numbers: Iterable[int]) -> list[tuple[str, bool]]:
        self._names = self._names or self._text.split("\n")
        return [(self._names[it + 1], self._masks[it] >= RENOWNED) for it in numbers]


class Claims:
    """The names that a policy claims, or protects.

    :param names: of single projects, normalised.
    :param stems: what all names of a namespace begin with, such as ``acme-``.
    """

    def __init__(self, names: Collection[str], stems: Collection[str]) -> None:
        self.names = names
        self.stems = sorted(stem for stem in stems if stem)
        few = names if len(names) <= MANY else ()
        self.are_many = len(names) > MANY
        self._folds = {fold(name): name for name in few}
        self._masks = [(len(name), reach(name), mask(name), name) for name in few if len(name) >= MIN_LETTERS]
        self._starts = tuple(fold(stem) for stem in self.stems)
        heads = {stem[:-1] for stem in self.stems if stem[-1] == "-" and len(stem) > MIN_LETTERS}
        self._heads = [(head.count("-") + 1, len(head), mask(head)) for head in heads]

    def may_be_meant(self, name: str) -> bool:
        """Tell whether one of them may be meant."""
        if self.are_many or fold(name).startswith(self._starts) or self.find_near(name):
            return True
        parts = name.split("-")
        for count, size, bits in self._heads:
            head = "-".join(parts[:count])
            if -1 <= len(head) - size <= 1 and bin(mask(head) ^ bits).count("1") <= MAX_BITS / 2:
                return True
        return False

    def find_near(self, name: str) -> set[str]:
        """Return the single names that may be meant, if there are not too many of them to look at each."""
        size, bits, alike = len(name), mask(name), self._folds.get(fold(name))
        near = {
            other
            for long, far, has, other in self._masks
            if -far <= long - size <= far and bin(has ^ bits).count("1") <= 2 * far
        }
        return near if alike is None else near | {alike}


def reach(name: str) -> int:
    """Return how many errors are looked for in a claimed name."""
    return 2 if len(name) > MIN_TWICE else 1


def _read(kind: str, content: bytes, start: int, count: int) -> array[int]:
    """Return numbers that are stored as a small-endian machine has them."""
    numbers = array(kind)
    numbers.frombytes(content[start : start + count * numbers.itemsize])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
