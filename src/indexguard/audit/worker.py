"""Work that may hang, done by a thread which nobody waits for longer than he wants to; and locks and pauses for it.

All come from one place and one time: the start-up hook has taken the system's own before gevent or eventlet could put
theirs there, which wait for an event loop that waits for us. Where they came first, there is no thread.
"""

from __future__ import annotations

import _thread
import sys
from functools import partial
from time import monotonic
from typing import Any, Callable

_taken: dict[str, Any] = getattr(sys.modules.get("_indexguard_hook"), "threads", None) or vars(_thread)
_start: Callable[..., Any] = _taken["start_new_thread"]
_start_joinable: Callable[..., Any] | None = _taken.get("start_joinable_thread")  # Python >= 3.13
_set_sentinel: Callable[[], Any] | None = _taken.get("_set_sentinel")  # Python <= 3.12
new_lock: Callable[[], Any] = _taken["allocate_lock"]
"""Makes a lock, as ``threading.Lock`` does; the same kind as all others here."""
_ARE_THE_SYSTEMS = all(isinstance(taken, type(len)) for taken in (_start, new_lock))


class Worker:
    """Does one thing at a time for somebody who does not wait for ever, each in a thread which is gone when it is done.

    Where there can be no thread (too many of them, an interpreter within another one), it is done by who asks for it.

    :param work: what is called with each task.
    """

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work
        self._hangs = False
        self._begun: _Errand | None = None

    def run(self, task: Any, seconds: float) -> tuple[bool, Any]:
        """Have a task done: see ``begin`` and ``end``."""
        return self.end(monotonic() + seconds) if self.begin(task) else (False, None)

    def begin(self, task: Any) -> bool:
        """Have a task done, to be followed by ``end``; False if an earlier one hangs: then nothing is begun."""
        if not self._hangs:
            self._begun = _Errand(partial(self._work, task))
        return not self._hangs

    def end(self, deadline: float) -> tuple[bool, Any]:
        """Tell whether the task that was begun is done, and return its result; that it hangs if it is not done in time.

        :param deadline: by ``time.monotonic``.
        :raises Exception: what the work has raised.
        """
        errand, self._begun = self._begun, None
        if errand is None or not errand.wait(max(0.0, deadline - monotonic())):
            self._hangs = True
            return False, None
        if errand.raised is not None:
            raise errand.raised
        return True, errand.result


class _Errand:
    """One thing to do, and the thread that does it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result: Any = None
        self.raised: Exception | None = None
        self._work = work
        self._thread: Any = None
        self._done = new_lock()
        self._done.acquire()
        try:
            # Not by the module `threading`: in a world of greenlets that starts one of them.
            if not _ARE_THE_SYSTEMS:
                self._do()
            elif _start_joinable is not None:
                self._thread = _start_joinable(self._do, daemon=True)
            else:
                _start(self._do_in_thread, ())
        except (RuntimeError, MemoryError, OSError):  # none can be started
            self._do()

    def _do_in_thread(self) -> None:
        if _set_sentinel is not None:
            self._thread = _set_sentinel()
            self._thread.acquire()
        self._do()

    def _do(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:  # noqa: BLE001  # it is that of who asked for it
            self.raised = error
        finally:
            self._done.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is done, and its thread gone: an interpreter that ends before its threads aborts.

        :return: False if it takes longer.
        """
        if not self._done.acquire(True, seconds):
            return False
        if self._thread is not None and _start_joinable is not None:
            self._thread.join(seconds)
        elif self._thread is not None:
            self._thread.acquire(True, seconds)  # released by the system when the thread is no more
        return True


def pause(seconds: float) -> None:
    """Wait, and let no greenlet run meanwhile: it might want the lock that is held here."""
    lock = new_lock()
    lock.acquire()
    lock.acquire(True, seconds)
