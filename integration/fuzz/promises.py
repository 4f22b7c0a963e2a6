"""What may never happen, whatever the input."""

from __future__ import annotations

from collections.abc import Iterable


class BrokenPromiseError(AssertionError):
    """A promise of the project does not hold for an input."""


def check(holds: bool, otherwise: str) -> None:
    """Check a promise.

    :raises BrokenPromiseError: it does not hold; with the text ``otherwise``.
    """
    if not holds:
        raise BrokenPromiseError(otherwise)


def check_printable(what: str, texts: Iterable[str]) -> None:
    """Check that texts hold no control or other unprintable character.

    :raises BrokenPromiseError: one does.
    """
    for text in texts:
        check(text.isprintable(), f"{what} holds what cannot be printed: {text!a}")
