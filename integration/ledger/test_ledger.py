"""The ledger inside pip: what one run has seen counts in the next, on real pips and real indexes that change meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from indexguard.ledger.sighting import LedgerError, Sighting, read_time, show_time
from indexguard.ledger.store import Store
from indexguard.patterns import Name
from integration.harness.dists import Dist
from integration.harness.pips import Environment
from integration.harness.scripted_index import Listed
from integration.harness.stage import Outcome
from integration.machines.state import Ground, Pair, expect, plain_of
from integration.machines.surroundings import PLAIN as _PLAIN

pytestmark = pytest.mark.usefixtures("no_policy_here")

_INDEXES = """
version = 1
[indexes.corp]
url = "{corp}"
namespaces = ["acme"]
CORP
[indexes.public]
url = "{public}"
public = true
packages = ["*"]
PUBLIC
"""
_INSTALL = ("install", "acme-core==1.0", "--no-cache-dir", "--target", "{out}")
_FILE = "acme_core-1.0-py3-none-any.whl"
_LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(params=("20.3.4", "21.3.1", "23.0.1", "25.0.1", "26.3"))
def plain(request: pytest.FixtureRequest) -> Environment:
    return plain_of(request.param)


@pytest.fixture(params=(False, True), ids=("html", "json"))
def form(request: pytest.FixtureRequest, ground: Ground) -> Ground:
    """A ground whose indexes answer with HTML, or with JSON to pips that read it."""
    ground.corp.json_pages = ground.public.json_pages = request.param
    return ground


def _policy(ground: Ground, *, corp: str = "", public: str = "", rest: str = "[ledger]") -> None:
    ground.write_policy(_INDEXES.replace("CORP", corp).replace("PUBLIC", public) + rest)


def _ledger(ground: Ground) -> Path:
    return ground.folder / "state" / "indexguard" / "ledger.db"


def _remembered(ground: Ground) -> dict[str, Sighting]:
    store = Store(_ledger(ground))
    try:
        return {sighting.file: sighting for sighting in store.rows()}
    finally:
        store.close()


def _upload_again(ground: Ground) -> Listed:
    """Have the index list another file under the name of the one that it has, and return that."""
    (before,) = [item for item in ground.corp.listed if item.dist.name == "acme-core"]
    other = Listed(Dist("acme-core", "1.0", "attacker"))
    assert other.dist.filename == before.dist.filename == _FILE
    assert other.dist.sha256 != before.dist.sha256
    ground.corp.listed[ground.corp.listed.index(before)] = other
    return other


def _indexguard(pair: Pair, ground: Ground, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where pip runs, as the user that pip runs as."""
    started = ground.start_program(
        [str(pair.guarded.python), "-m", "indexguard", *words], pair.guarded, ground.folder / "out" / "none", _PLAIN
    )
    stdout, stderr = started.process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, started.process.returncode, stdout, stderr)


def _told(outcome: Outcome) -> list[str]:
    """Return the lines about the ledger."""
    return [line for line in outcome.output.splitlines() if "the ledger" in line]


def test_a_file_that_is_uploaded_again_is_refused(pair: Pair, form: Ground) -> None:
    ground = form
    _policy(ground)
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})  # the benign twin
    other = _upload_again(ground)
    expect(ground.run(pair.plain, *_INSTALL), exit=0, installed={"acme-core": "attacker 1.0"})
    refused = ground.run(pair.guarded, *_INSTALL)
    expect(refused, exit=1, installed={})
    told = " ".join(refused.output.split())
    assert "hash-changed" in told, refused.report()
    assert f"and now it has {other.dist.sha256}" in told, refused.report()
    (event,) = [event for event in refused.events if event["code"] == "hash-changed" and event["event"] == "dropped"]
    assert event["rule"]["key"] == "ledger"
    # What the hint says: a waiver that names the new content.
    waiver = (
        f'[ledger]\n[[waive]]\ncode = "hash-changed"\npackages = ["acme-core==1.0"]\nreason = "published again"\n'
        f'expires = 2099-01-01\nsha256 = ["{other.dist.sha256}"]\n'
    )
    _policy(ground, rest=waiver)
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "attacker 1.0"})


def test_in_audit_mode_it_is_logged(pair: Pair, ground: Ground) -> None:
    ground.write_policy('mode = "audit"\n' + _INDEXES.replace("CORP", "").replace("PUBLIC", "") + "[ledger]")
    configured = (*_INSTALL, "--no-deps")
    ground.public.listed.clear()  # the built-in rule holds beside a layer in audit mode
    expect(ground.run(pair.guarded, *configured), exit=0, installed={"acme-core": "corp 1.0"})
    _upload_again(ground)
    logged = ground.run(pair.guarded, *configured)
    expect(logged, exit=0, installed={"acme-core": "attacker 1.0"})
    assert [event["code"] for event in logged.events if event["event"] == "would-refuse"] == ["hash-changed"]


def test_what_was_first_seen_long_ago_is_old_enough(pair: Pair, form: Ground) -> None:
    ground = form
    _policy(ground, corp='min-age = { for = "3d", unknown = "first-seen" }', rest="")
    young = ground.run(pair.guarded, *_INSTALL)
    expect(young, exit=1, installed={})
    assert "too-young: old enough from 20" in " ".join(young.output.split()), young.report()
    seen = _remembered(ground)[_FILE]
    assert seen.place == ground.corp.url
    assert young.events
    assert 0 <= read_time(young.events[-1]["time"]) - seen.first_seen < 600
    # A second run does not make it new again; and with time it is old enough.
    expect(ground.run(pair.guarded, *_INSTALL), exit=1, installed={})
    assert _remembered(ground)[_FILE].first_seen == seen.first_seen
    store = Store(_ledger(ground))
    store.record([seen._replace(first_seen=read_time(_LONG_AGO))])
    store.close()
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})


def test_an_import_seeds_a_fresh_container(pair: Pair, ground: Ground) -> None:
    _policy(ground, corp='min-age = { for = "3d", unknown = "first-seen" }', rest="")
    expect(ground.run(pair.guarded, *_INSTALL), exit=1, installed={})
    exported = _indexguard(pair, ground, "ledger", "export", "--index", ground.corp.url, "acme-core")
    assert exported.returncode == 0, exported.stderr
    records = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [record["file"] for record in records] == [_FILE]
    shutil.rmtree(_ledger(ground).parent)  # another container
    seed = ground.cwd / "seed.jsonl"
    seed.write_text("".join(json.dumps({**it, "first_seen": _LONG_AGO}) + "\n" for it in records), encoding="utf-8")
    seed.chmod(0o644)
    for words in ("1 file new", "0 files new"):
        imported = _indexguard(pair, ground, "ledger", "import", str(seed))
        assert imported.returncode == 0, imported.stderr
        assert words in imported.stdout
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})


def test_an_audit_log_seeds_a_first_day(pair: Pair, ground: Ground) -> None:
    _policy(ground, rest="")
    chosen = ground.run(pair.guarded, *_INSTALL)
    expect(chosen, exit=0, installed={"acme-core": "corp 1.0"})
    assert not _ledger(ground).exists()
    log = ground.cwd / "audit.jsonl"
    lines = [json.dumps({**event, "time": "2020-01-01T00:00:00.000Z"}) for event in chosen.events]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    log.chmod(0o644)
    _policy(ground, corp='min-age = { for = "3d", unknown = "first-seen" }', rest="")
    imported = _indexguard(pair, ground, "ledger", "import", str(log))
    assert (imported.returncode, imported.stdout.count("1 file new")) == (0, 1), imported.stderr
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})
    _upload_again(ground)
    refused = ground.run(pair.guarded, *_INSTALL)
    expect(refused, exit=1, installed={})
    assert "hash-changed" in refused.output


@pytest.mark.parametrize("fault", ["damaged", "other", "open", "read-only", "closed", "full"])
@pytest.mark.parametrize("plain", ["20.3.4", "26.3"], indirect=True)
def test_a_ledger_that_cannot_be_used_is_told_once_and_stops_pip_only_where_it_should(
    pair: Pair, ground: Ground, fault: str
) -> None:
    ledger = _ledger(ground)
    ledger.parent.mkdir(parents=True)
    words = {
        "damaged": "is damaged: ",
        "other": "is no ledger",
        "open": "cannot be trusted: file ",
        "read-only": "cannot be written by this user: what is new in this run is not remembered",
        "closed": "cannot be searched: this user may not enter a folder that it lies in",
        "full": "is full: it has no room below its `max-size`, or the disk has none: what is new",
    }[fault]
    if fault == "damaged":
        ledger.write_bytes(b"no database at all\n" * 100)
    else:
        store = Store(ledger, max_size=64 * 2**10)
        with suppress(LedgerError):  # until it is full
            for number in range(5000 if fault == "full" else 1):
                store.record([Sighting(Name(f"a-{number}"), "1", f"a-{number}.zip", None, "pypi", 1)])
        store.close()
    if fault == "other":
        with sqlite3.connect(ledger) as connection:
            connection.execute("PRAGMA application_id = 1")
        connection.close()
    settings = 'max-size = "64 KiB"\n' if fault == "full" else ""
    uid = 54321 if os.geteuid() == 0 else os.geteuid()
    for path in (ledger, ledger.parent):
        os.chown(path, 0 if fault in ("read-only", "closed") else uid, -1)
        path.chmod(0o666 if fault == "open" and path == ledger else 0o755)
    if fault == "closed":
        ledger.parent.chmod(0o700)  # as root makes it with umask 077
    if fault in ("read-only", "closed") and os.geteuid() != 0:
        pytest.skip("only root can make a folder that is another user's")
    two = ("install", "acme-core==1.0", "pubdep", "--no-cache-dir", "--target", "{out}")
    _policy(ground, rest=f"[ledger]\n{settings}")
    outcome = ground.run(pair.guarded, *two)
    expect(outcome, exit=0, installed={"acme-core": "corp 1.0", "pubdep": "public 2.0"})
    lines = [line for line in outcome.output.splitlines() if words in line]
    assert len(lines) == 1, outcome.report()
    _policy(ground, rest=f'[ledger]\n{settings}on-failure = "block"\n')
    stopped = ground.run(pair.guarded, *two)
    expect(stopped, exit=1, installed={})
    told = " ".join(stopped.output.split())
    assert "ledger-failed" in told, stopped.report()
    assert 'ledger.on-failure = "block"' in told, stopped.report()
    assert words.partition(": what")[0] in told, stopped.report()
    # What the hint says: a ledger that is this user's.
    shutil.rmtree(ledger.parent)
    expect(ground.run(pair.guarded, *two), exit=0, installed={"acme-core": "corp 1.0", "pubdep": "public 2.0"})


def test_each_layer_asks_its_own_ledger(pair: Pair, ground: Ground) -> None:
    one, other = (ground.folder / "state" / name for name in ("one.db", "other.db"))
    user = ground.folder / "config" / "indexguard" / "policy.toml"
    user.parent.mkdir(parents=True)
    text = ground.fill(_INDEXES.replace("CORP", "").replace("PUBLIC", ""))
    user.write_text(f'{text}[ledger]\npath = "{other}"\n', encoding="utf-8")
    for path in (user.parent, user):
        os.chown(path, 54321 if os.geteuid() == 0 else os.geteuid(), -1)
    _policy(ground, rest=f'[ledger]\npath = "{one}"\n')
    expect(ground.run(pair.guarded, *_INSTALL), exit=0, installed={"acme-core": "corp 1.0"})
    for path in (one, other):
        store = Store(path)
        assert _FILE in {sighting.file for sighting in store.rows()}
        store.close()
    assert not _ledger(ground).exists()
    one.unlink()  # only the user's layer remembers now
    _upload_again(ground)
    refused = ground.run(pair.guarded, *_INSTALL)
    expect(refused, exit=1, installed={})
    (event,) = [event for event in refused.events if event["code"] == "hash-changed" and event["event"] == "dropped"]
    assert event["rule"]["file"] == str(user)


def test_attestations_that_were_seen_count(pair: Pair, ground: Ground) -> None:
    ground.public.json_pages = True
    ground.public.listed[:] = [Listed(Dist("pubdep", "2.0", "public"), attested=True)]
    get = ("install", "pubdep", "--no-cache-dir", "--target", "{out}")
    _policy(ground, rest='[ledger]\n[provenance]\ndowngrade = "block"\n')
    expect(ground.run(pair.guarded, *get), exit=0, installed={"pubdep": "public 2.0"})
    # Whoever has taken the project over removes what was attested, too.
    ground.public.listed[:] = [Listed(Dist("pubdep", "2.1", "attacker"))]
    expect(ground.run(pair.plain, *get), exit=0, installed={"pubdep": "attacker 2.1"})
    outcome = ground.run(pair.guarded, *get)
    if tuple(map(int, pair.plain.pip.split(".")[:2])) < (22, 2):  # it reads HTML, which does not tell
        expect(outcome, exit=0, installed={"pubdep": "attacker 2.1"})
        return
    expect(outcome, exit=1, installed={})
    assert "provenance-downgrade" in outcome.output
    ground.public.listed[:] = [Listed(Dist("pubdep", "2.2", "public"), attested=True)]  # the benign twin
    expect(ground.run(pair.guarded, *get), exit=0, installed={"pubdep": "public 2.2"})


def test_a_run_whose_policy_has_no_memory_loads_nothing_of_it(pair: Pair, ground: Ground) -> None:
    code = "import sys, runpy, atexit\natexit.register(lambda: print('loaded', *sorted(n for n in sys.modules if 'sqlite' in n or 'ledger' in n)))\n"
    script = ground.cwd / "pip_and_tell.py"
    script.write_text(f"{code}sys.argv[0] = 'pip'\nrunpy.run_module('pip', run_name='__main__')\n", encoding="utf-8")
    script.chmod(0o644)
    loaded = {}
    for name, rest in (("quiet", ""), ("ledger", "[ledger]\n")):
        _policy(ground, rest=rest)
        target = ground.folder / "out" / name
        words = [*_INSTALL[:-1], str(target), "--index-url", ground.corp.url]
        started = ground.start_program([str(pair.guarded.python), str(script), *words], pair.guarded, target, _PLAIN)
        outcome = started.finish()
        expect(outcome, exit=0, installed={"acme-core": "corp 1.0"})
        loaded[name] = [line for line in outcome.stdout.splitlines() if line.startswith("loaded")]
    assert loaded["quiet"] == ["loaded"]
    assert "sqlite3" in loaded["ledger"][0]


def test_a_squatters_event_says_whether_it_was_seen_before(pair: Pair, ground: Ground) -> None:
    _policy(ground)
    for _ in range(2):
        outcome = ground.run(pair.guarded, *_INSTALL)
        expect(outcome, exit=0, installed={"acme-core": "corp 1.0"})
        (event,) = [event for event in outcome.events if event["event"] == "shadowed"]
        assert event["squat"]["first_seen"] == show_time(
            _remembered(ground)["acme_core-99.0-py3-none-any.whl"].first_seen
        )
    _policy(ground, rest="")
    (event,) = [event for event in ground.run(pair.guarded, *_INSTALL).events if event["event"] == "shadowed"]
    assert "first_seen" not in event["squat"]
