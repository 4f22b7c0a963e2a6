"""Work in a thread: nobody waits for ever, the thread is gone afterwards, and where there is none the work is done."""

from __future__ import annotations

import sys
import threading
from time import monotonic
from typing import Any

import pytest

from indexguard.audit import worker
from indexguard.audit.worker import Worker

STARTS = "_start_joinable" if sys.version_info >= (3, 13) else "_start"


def test_result_comes_from_another_thread_that_is_gone() -> None:
    before = set(sys._current_frames())  # noqa: SLF001  # the threads, those of no module included
    found = Worker(lambda task: (task, threading.get_ident())).run("task", 60)
    assert found[0]
    assert found[1][0] == "task"
    assert found[1][1] not in {threading.get_ident(), *before}
    assert set(sys._current_frames()) <= before  # noqa: SLF001  # as above


def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    def fail(task: str) -> None:
        raise ValueError(task)

    with pytest.raises(ValueError, match="task"):
        Worker(fail).run("task", 60)


def test_nobody_waits_for_what_hangs_and_nothing_more_is_begun() -> None:
    lock = threading.Lock()
    tasks = []

    def hang(task: str) -> None:
        tasks.append(task)
        with lock:
            pass

    hanging = Worker(hang)
    with lock:
        began = monotonic()
        assert hanging.run("first", 0.05) == (False, None)
        assert monotonic() - began < 30
        assert hanging.run("second", 60) == (False, None)
    assert tasks == ["first"]


def refuse(*_args: object, **_named: object) -> Any:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("name", "value"), [(STARTS, refuse), ("_ARE_THE_SYSTEMS", False)], ids=["none can be started", "greenlets came first"]
)
def test_without_threads_it_is_done_by_who_asks(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setattr(worker, name, value)
    assert Worker(lambda _: threading.get_ident()).run("task", 60) == (True, threading.get_ident())
    with pytest.raises(ZeroDivisionError):
        Worker(lambda _: 1 / 0).run("task", 60)


def test_a_pause_takes_its_time() -> None:
    began = monotonic()
    worker.pause(0.02)
    assert 0.015 < monotonic() - began < 30
