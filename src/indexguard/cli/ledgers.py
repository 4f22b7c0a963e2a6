"""A ledger as commands open it: what is wrong with it is bad input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sys import base_prefix
from typing import TYPE_CHECKING

from ..errors import escape
from ..ledger.place import find_obstacle, is_there
from ..ledger.sighting import LedgerError
from ..policy.trust import Trust
from .parsing import BadInputError

if TYPE_CHECKING:
    from ..ledger.store import Store

_WAIT = 20.0
"""Seconds that a command waits for pips that write."""


@contextmanager
def opened(path: Path, max_size: int | None = None, *, must_exist: bool = True) -> Iterator[Store]:
    """Yield the store of a ledger.

    :raises BadInputError: it cannot be used, or is to be there and is not.
    """
    try:
        from ..ledger.store import USUAL_SIZE, Store  # noqa: PLC0415  # a Python may have no SQLite
    except ImportError:
        raise BadInputError("this Python has no SQLite (its module sqlite3)") from None
    if must_exist and not is_there(path):
        raise BadInputError(f"there is no ledger {escape(str(path))}")
    from ..ledger import side  # noqa: PLC0415  # as above

    store = Store(path, max_size or USUAL_SIZE, _WAIT)
    try:
        if side.find(path) and find_obstacle(path, Trust.of(None, base_prefix), "user") is None:
            with suppress(LedgerError):  # who only reads may not write
                side.record(store, [], _WAIT)
        yield store
    except LedgerError as error:
        raise BadInputError(escape(str(error))) from None
    finally:
        store.close()
