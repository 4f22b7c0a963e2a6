"""What a run remembers and asks of its ledgers, layer by layer."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

import pytest

from indexguard.audit.recorder import Recorder
from indexguard.audit.run_context import RunContext
from indexguard.cli.ledgers import opened
from indexguard.decision.authority import Authority
from indexguard.errors import hiders
from indexguard.inpip.search.page import Page
from indexguard.inpip.search.search import Search
from indexguard.inpip.serving import memory as memory_module
from indexguard.inpip.serving.body import NOTHING, Body
from indexguard.inpip.serving.memory import Memory, Recollection
from indexguard.inpip.speech.speaker import Speaker
from indexguard.ledger import side
from indexguard.ledger.sighting import Sighting
from indexguard.ledger.store import Store
from indexguard.patterns import normalise_name
from indexguard.policy.identity import parse_location
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from support.strategies import TODAY, make_run

NAME = normalise_name("acme-core")
URL = "https://packages.corp.example/simple/"
NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
FILE = "acme_core-1.0.tar.gz"


class Bench:
    """Layers that ask ledgers in one folder, and a page of theirs."""

    def __init__(self, folder: Path, pip_module: Callable[[str], Any]) -> None:
        self.folder = folder
        self._link = pip_module("_internal.models.link").Link

    @property
    def ledger(self) -> Path:
        """Where it is."""
        return self.folder / "ledger.db"

    def layer(self, kind: str = "environment", settings: str = "", url: str = URL) -> Layer:
        """Return a layer that asks the ledger."""
        text = f'version = 1\n[indexes.corp]\nurl = "{url}"\npackages = ["*"]\n[ledger]\n{settings}'
        text += "" if "path" in settings else f'path = "{self.ledger}"\n'
        path = str(self.folder / f"{kind}.toml")
        return Layer(kind, path, "0" * 64, read_policy(text.encode(), path))

    def memory(self, *layers: Layer) -> Memory:
        """Return that of a new run."""
        recorder = Recorder(RunContext.of_process("1.0", argv=["pip"]), self.folder / "log" / "audit.jsonl")
        run = make_run(*layers)
        return Memory(run, Speaker(run, recorder))

    def ask(
        self,
        memory: Memory,
        *layers: Layer,
        files: dict[str, str | None] | None = None,
        body: Body = NOTHING,
        url: str = URL,
    ) -> Recollection:
        """Have a page with these files, each with its sha256, looked up."""
        links = [
            self._link(f"https://files.example/{name}" + (f"#sha256={digest}" if digest else ""))
            for name, digest in (files or {FILE: "a" * 64}).items()
        ]
        page = Page(url, f"{url}acme-core/", parse_location(url), is_index=True)
        page.take_links(links)
        search = Search(NAME, Authority(layers, NAME, TODAY))
        return memory.recall(search, page, parse_location(f"{url}acme-core/"), body, NOW)

    def rows(self) -> list[Sighting]:
        """Return what is remembered."""
        store = Store(self.ledger)
        try:
            return list(store.rows())
        finally:
            store.close()


@pytest.fixture
def bench(tmp_path: Path, pip_module: Callable[[str], Any]) -> Bench:
    return Bench(tmp_path, pip_module)


def test_what_is_new_is_known_from_now_on(bench: Bench) -> None:
    layer = bench.layer()
    memory = bench.memory(layer)
    found = bench.ask(memory, layer, files={FILE: "a" * 64, "acme_core-1.0.zip": None, "other-1.0.zip": None})
    assert found.of(FILE)[layer.path].first_seen == NOW
    assert found.of(FILE)[layer.path].sha256 == ()
    assert not bench.ledger.exists()
    memory.finish()
    assert {(row.file, row.sha256, row.place) for row in bench.rows()} == {
        (FILE, "a" * 64, URL),
        ("acme_core-1.0.zip", None, URL),
    }
    again = bench.ask(bench.memory(layer), layer)
    assert again.of(FILE)[layer.path][:2] == (NOW, ("a" * 64,))


def test_nothing_is_written_where_nothing_is_new(bench: Bench) -> None:
    layer = bench.layer()
    first = bench.memory(layer)
    bench.ask(first, layer)
    first.finish()
    before = bench.ledger.stat().st_mtime_ns
    second = bench.memory(layer)
    bench.ask(second, layer)
    bench.ask(second, layer, files={FILE: "f" * 64})  # another content is no news: the first stays
    second.finish()
    assert bench.ledger.stat().st_mtime_ns == before
    assert [row.sha256 for row in bench.rows()] == ["a" * 64]


def test_a_hash_or_an_attestation_that_was_not_known_is_news(bench: Bench) -> None:
    layer = bench.layer()
    attested = Body({FILE: None}, frozenset([FILE]), tells_provenance=True)
    digests: list[tuple[str | None, Body]] = [(None, NOTHING), ("a" * 64, NOTHING), ("a" * 64, attested)]
    for digest, body in digests:
        memory = bench.memory(layer)
        found = bench.ask(memory, layer, files={FILE: digest}, body=body)
        memory.finish()
    assert found.attested == {layer.path: set()}
    assert bench.ask(bench.memory(layer), layer).attested == {layer.path: {"1.0"}}


def test_what_this_user_may_have_written_does_not_count_for_the_machine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_module, "does_count", lambda layer, _path: layer.kind == "user")
    machine, user = bench.layer("machine"), bench.layer("user")
    for _ in range(2):
        memory = bench.memory(machine, user)
        found = bench.ask(memory, machine, user)
        memory.finish()
    assert found.of(FILE)[machine.path][:2] == (None, ())
    assert found.of(FILE)[user.path][:2] == (NOW, ("a" * 64,))
    assert len(bench.rows()) == 1


def test_each_url_of_an_index_is_remembered_and_all_are_asked(bench: Bench) -> None:
    old = "https://old.corp.example/simple/"
    layer = bench.layer(settings="", url=URL)
    moved = read_policy(
        f'version = 1\n[indexes.corp]\nurl = ["{URL}", "{old}"]\npackages = ["*"]\n[ledger]\npath = "{bench.ledger}"\n'.encode(),
        layer.path,
    )
    both = Layer("environment", layer.path, "", moved)
    for url in (URL, old):
        memory = bench.memory(both)
        found = bench.ask(memory, both, url=url)
        memory.finish()
    assert found.of(FILE)[layer.path].sha256 == ("a" * 64,)
    assert [row.place for row in bench.rows()] == [URL]  # known by the other URL already


def test_no_secret_is_remembered(bench: Bench) -> None:
    before = list(hiders)
    try:
        layer = bench.layer(url="https://dl.example/{token}/simple/")
        memory = bench.memory(layer)
        bench.ask(memory, layer, url="https://dl.example/s3cr3t-s3cr3t/simple/")
        memory.finish()
    finally:
        hiders[:] = before
    assert [row.place for row in bench.rows()] == ["https://dl.example/{token}/simple/"]
    assert b"s3cr3t" not in bench.ledger.read_bytes()


def test_side_files_are_taken_in_when_a_run_begins(bench: Bench) -> None:
    layer = bench.layer()
    waiting = Sighting(NAME, "1.0", FILE, "b" * 64, URL, int((NOW - timedelta(days=9)).timestamp()))
    bench.ledger.with_name("ledger.db.1-x.side").write_text(waiting.as_line(), encoding="ascii")
    found = bench.ask(bench.memory(layer), layer)
    assert found.of(FILE)[layer.path][:2] == (NOW - timedelta(days=9), ("b" * 64,))
    assert side.find(bench.ledger) == []


def test_a_run_that_has_no_time_left_leaves_a_side_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "LONGEST", 0.0)
    layer = bench.layer()
    memory = bench.memory(layer)
    bench.ask(memory, layer)
    memory.finish()
    assert len(side.find(bench.ledger)) == 1


def test_a_python_without_sqlite_is_told_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    monkeypatch.delitem(sys.modules, "indexguard.ledger.store")
    monkeypatch.delattr(sys.modules["indexguard.ledger"], "store")
    layer = bench.layer()
    memory = bench.memory(layer)
    for _ in range(2):
        found = bench.ask(memory, layer)
    memory.finish()
    assert found.of(FILE)[layer.path][:2] == (None, ())
    told = f"indexguard: the ledger {bench.ledger} cannot be read: this Python has no SQLite"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_a_layer_that_wants_its_ledger_stops_pip_without_it(bench: Bench, pip_module: Callable[[str], Any]) -> None:
    bench.ledger.write_bytes(b"no database at all\n" * 100)
    layer = bench.layer(settings='on-failure = "block"\n')
    memory = bench.memory(layer)
    with pytest.raises(pip_module("_internal.exceptions").PipError) as caught:
        bench.ask(memory, layer)
    assert "ledger-failed" in str(caught.value)
    memory.finish()  # at the end nothing is raised any more


def test_what_is_new_is_written_when_pip_has_resolved(bench: Bench) -> None:
    layer = bench.layer()
    memory = bench.memory(layer)
    bench.ask(memory, layer)
    assert memory.resolving(lambda call: call())(lambda: "resolved") == "resolved"
    assert len(bench.rows()) == 1


def test_side_files_in_a_folder_that_others_may_write_are_not_taken_in(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = Sighting(NAME, "1.0", FILE, "b" * 64, URL, 1)
    bench.ledger.with_name("ledger.db.1-x.side").write_text(waiting.as_line(), encoding="ascii")
    bench.folder.chmod(0o777)
    layer = bench.layer()
    try:
        found = bench.ask(bench.memory(layer), layer)
        with opened(bench.ledger, must_exist=False) as store:
            assert store.count().files == 0
    finally:
        bench.folder.chmod(0o700)
    assert found.of(FILE)[layer.path][:2] == (None, ())
    assert "cannot be trusted" in caplog.text
    assert not bench.ledger.exists()


def test_a_ledger_that_this_user_cannot_write_is_no_failure_and_nothing_in_it_is_ever_new(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(bench.ledger)
    store.record([Sighting(NAME, "1.0", FILE, "a" * 64, URL, int(NOW.timestamp()))])
    store.close()
    monkeypatch.setattr(memory_module, "is_closed", lambda _path: True)
    monkeypatch.setattr(memory_module, "is_given", lambda layer, _path: layer.kind == "machine")
    monkeypatch.setattr(memory_module, "does_count", lambda *_: True)
    monkeypatch.setattr(memory_module, "find_obstacle", lambda *_: None)
    layer = bench.layer("machine", 'on-failure = "block"\n')
    memory = bench.memory(layer)
    found = bench.ask(memory, layer, files={FILE: "a" * 64, "acme_core-2.0.zip": None})
    memory.resolving(lambda call: call())(lambda: None)
    memory.finish()
    assert found.of(FILE)[layer.path] == (NOW, ("a" * 64,), False)
    assert found.of("acme_core-2.0.zip")[layer.path] == (None, (), True)
    assert [row.file for row in bench.rows()] == [FILE]
    assert caplog.records == []
