"""Work that may hang, done by a thread which nobody waits for longer than he wants to; and locks and pauses for it.

All come from one place and one time: the start-up hook has taken the system's own before gevent or eventlet could put
theirs there, which wait for an event loop that waits for us. Where they came first, there is no thread.
"""

from __future__ import annotations

import _thread
import sys
from typing import Any, Callable

_taken: dict[str, Any] = getattr(sys.modules.get("_indexguard_hook"), "threads", None) or vars(_thread)
_start: Callable[..., Any] = _taken["start_new_thread"]
_start_joinable: Callable[..., Any] | None = _taken.get("start_joinable_thread")  # Python >= 3.13
_set_sentinel: Callable[[], Any] | None = _taken.get("_set_sentinel")  # Python <= 3.12
new_lock: Callable[[], Any] = _taken["allocate_lock"]
"""Makes a lock, as ``threading.Lock`` does; the same kind as all others here."""
_ARE_THE_SYSTEMS = all(isinstance(taken, type(len)) for taken in (_start, new_lock))


class NoThreadError(Exception):
    """No thread can be started here: there are too many, or this is an interpreter within another one."""


class Task:
    """One thing to be done.

    :param work: what is called, without arguments.
    :raises NoThreadError: there can be no thread; nothing was done.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.raised: Exception | None = None
        """What the work has raised."""
        self._work = work
        self._gone: Any = None
        self._done = new_lock()
        self._done.acquire()
        if not _ARE_THE_SYSTEMS:
            raise NoThreadError
        try:
            # Not of the module `threading`: what that starts, nobody may wait for in a greenlet's world.
            if _start_joinable is not None:
                self._gone = _start_joinable(self._run, daemon=True)
            else:
                _start(self._run, ())
        except (RuntimeError, MemoryError, OSError):
            raise NoThreadError from None

    def _run(self) -> None:
        if _start_joinable is None and _set_sentinel is not None:
            self._gone = _set_sentinel()
            self._gone.acquire()
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # it is the other thread's
            self.raised = error
        finally:
            self._done.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is done, and its thread gone: an interpreter that ends before its threads aborts.

        :return: False if it takes longer.
        """
        if not self._done.acquire(True, seconds):
            return False
        if _start_joinable is not None:
            self._gone.join(seconds)
        elif self._gone is not None:
            # Released by the system when the thread is no more.
            self._gone.acquire(True, seconds)
        return True


def pause(seconds: float) -> None:
    """Wait, and let no greenlet run meanwhile: it might want the lock that is held here."""
    lock = new_lock()
    lock.acquire()
    lock.acquire(True, seconds)
