"""Which calls of pip's ``main()`` run now; what a run remembers belongs to one of them, and ends with it.

A process may call ``main()`` for days, in several threads, and within another call. Whoever uses pip's classes without
it (pip-tools, pipenv) has a run for each of pip's sessions.
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ..errors import GuardError
    from .seams import Filter


class Main:
    """One call of ``main()``."""

    def __init__(self) -> None:
        self.functions: dict[str, dict[str, Filter]] = {}
        """By the package of the pip that is guarded, what stands for its methods, by class and method; empty until it
        makes a package finder."""
        self.failures: dict[str, GuardError] = {}
        """Why it cannot be guarded, likewise."""
        self.at_end: list[Callable[[int | None], None]] = []
        """What is called when it is over, with pip's exit code, or None where that is not known."""
        self.is_over = False

    def end(self, status: int | None = None) -> None:
        """Tell all who wait for the end."""
        for tell in self.at_end:
            tell(status)

    def __enter__(self) -> Main:  # noqa: PYI034  # typing.Self needs Python 3.11
        self._before = _here.get()
        _here.set(self)
        _running.append(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.is_over = True
        _running.remove(self)
        # Not by a token: whoever exchanges threads for greenlets may have changed the context meanwhile.
        _here.set(self._before)


_here: ContextVar[Main | None] = ContextVar("indexguard_main", default=None)
"""That of this thread, or greenlet; a new one has none."""
_running: list[Main] = []
"""Those of all threads, the latest last."""
_outside: list[tuple[object, Main]] = []
"""Where no ``main()`` runs: pip's session, and what is remembered; one at most."""


def end_all() -> None:
    """Tell that the process ends: a program of its own may use pip's classes, or leave from within."""
    for main in [*_running, *(main for _, main in _outside)]:
        main.end()


def current() -> Main | None:
    """Return the call of ``main()`` that this thread serves: its own, or for a thread of pip's pool the latest one."""
    main = _here.get()
    if main is not None and not main.is_over:
        return main
    if _running:
        return _running[-1]
    return _outside[0][1] if _outside else None


def begin(session: object) -> Main:
    """Return the call of ``main()`` that a new package finder belongs to.

    :param session: what the finder asks with: where no ``main()`` runs in this thread, each session is a run.
    """
    main = _here.get()
    if main is not None and not main.is_over:
        return main
    if not _outside or _outside[0][0] is not session:
        for _, before in _outside:
            before.end()
        _outside[:] = [(session, Main())]
    return _outside[0][1]


class within:  # noqa: N801  # used as a function is
    """Mark what this thread does as a part of a call of ``main()``, whichever it was called from."""

    def __init__(self, main: Main) -> None:
        self._main = main

    def __enter__(self) -> None:
        self._before = _here.get()
        _here.set(self._main)

    def __exit__(self, *_exc: object) -> None:
        _here.set(self._before)
