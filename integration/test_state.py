"""State: who runs beside pip, and what it finds around it. The policy holds in all of it.

Each test shows on a pip without the guard what that pip itself can do there. The surroundings that this machine cannot
make are skipped with the reason.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import threading
from dataclasses import replace

import pytest

from integration.harness.pips import Environment, in_range
from integration.harness.scripted_index import Request
from integration.harness.stage import Outcome
from integration.machines.state import (
    BOTH,
    HELD,
    PIPS,
    STRICT,
    Ground,
    Pair,
    at,
    codes_of,
    digests_of,
    expect,
    plain_of,
)
from integration.machines.surroundings import (
    COMMAND_LINES,
    FULL_LOG,
    LOCALES,
    NOBODYS_ID,
    PLAIN,
    SETTINGS,
    Setting,
    Surroundings,
    find_obstacle,
)

pytestmark = pytest.mark.usefixtures("no_policy_here")


_WAIT = 60  # seconds that a request waits for the test before the test fails
_SQUATTED = ("install", "acme-secret", "--target", "{out}")
_ALL = ("install", "acme-core", "pubdep", "acme-secret", "--target", "{out}")
_TAKEN = {"acme-core": "public 99.0", "pubdep": "public 2.0", "acme-secret": "public 99.0"}

BAD_PLACES = {
    "drive letter": (r"C:\policies\policy.toml", "policy-missing"),
    "drive letter, slashes": ("C:/policies/policy.toml", "policy-missing"),
    "share": (r"\\host.example\share\policy.toml", "policy-missing"),
    "backslashes": (r"{ground}\policy\policy.toml", "policy-missing"),
    "file URL": ("file://{ground}/policy/policy.toml", "policy-missing"),
    "longer than a path may be": ("/" + "p/" * 3000 + "policy.toml", "policy-unreadable"),
    "longer than a name may be": (f"{{ground}}/{'p' * 300}.toml", "policy-unreadable"),
}
BAD_URLS = {
    "drive letter": r"C:\simple",
    "share": r"\\host.example\share\simple",
    "backslash": r"https://packages.corp.example\simple\\",
    "file URL": r"file:///C:\simple",
}


@pytest.fixture(params=PIPS)
def plain(request: pytest.FixtureRequest) -> Environment:
    return plain_of(request.param)


def _require(around: Surroundings, environment: Environment) -> None:
    reason = find_obstacle(around, environment)
    if reason is not None:
        pytest.skip(f"cannot be made here: {reason}")


# What pip finds around it


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_policy_holds_whatever_is_around(pair: Pair, ground: Ground, setting: Setting) -> None:
    _require(setting.around, pair.plain)
    control = ground.run(pair.plain, *_ALL, around=setting.around)
    held = ground.run(pair.guarded, *BOTH, around=setting.around)
    refused = ground.run(pair.guarded, *_SQUATTED, around=setting.around)

    if setting.cannot is not None and in_range(pair.plain.pip, setting.cannot):
        for outcome in (control, held, refused):
            expect(outcome, exit=control.exit, installed={})
        assert control.exit != 0
        return
    assert control.exit in (0, setting.exit), control.report()
    expect(control, installed=_TAKEN, events=())
    expect(held, exit=setting.exit, installed=HELD)
    expect(refused, exit=setting.exit or 1, installed={})
    assert "Traceback" not in held.output + refused.output or "Traceback" in control.output, held.report()
    for outcome in (held, refused):
        _check_told(setting, outcome)


def _check_told(setting: Setting, outcome: Outcome) -> None:
    """See that the user hears of the squatter and of a log that fails, and that the log tells of it."""
    problem = re.search(r"the audit log \S+ cannot be written: (.*)", outcome.stderr)
    if setting.hears:
        assert "shadowed-name" in outcome.stderr, outcome.report()
        assert (problem is None) is (setting.log_fails is None), outcome.report()
    if problem is not None:
        assert (setting.log_fails or "") in problem[1], outcome.report()
    if setting.around.log is not None:
        assert {"event": "shadowed", "code": "shadowed-name"}.items() <= outcome.events[0].items(), outcome.report()


def test_the_log_is_its_users_own_whatever_the_umask(pair: Pair, ground: Ground) -> None:
    around = Surroundings("umask", launch='umask 000; exec "$@"')
    outcome = ground.run(pair.guarded, *BOTH, around=around)
    expect(outcome, exit=0, installed=HELD)
    log = ground.log_of(around, pair.guarded)
    assert log is not None
    assert [stat.S_IMODE(path.stat().st_mode) & 0o027 for path in (log, log.parent)] == [0, 0]


def test_nobody_else_may_put_another_folder_in_the_place_of_the_logs(pair: Pair, ground: Ground) -> None:
    around = Surroundings("umask", launch='umask 000; exec "$@"')
    expect(ground.run(pair.guarded, *BOTH, around=around), exit=0, installed=HELD)
    log = ground.log_of(around, pair.guarded)
    assert log is not None
    assert stat.S_IMODE(log.parent.parent.stat().st_mode) & stat.S_IWOTH == 0


def test_a_line_cut_off_by_a_full_disk_swallows_no_other(pair: Pair, ground: Ground) -> None:
    # 16000 bytes are there, 384 more may come: the first event is longer.
    full = FULL_LOG.replace("65536", "16000").replace("-f 64", "-f 32")
    around = Surroundings("full disk", launch=full, log=None)
    _require(around, pair.guarded)
    expect(ground.run(pair.guarded, *BOTH, around=around), exit=0, installed=HELD)
    log = ground.log_of(PLAIN, pair.guarded)
    assert log is not None
    assert log.stat().st_size == 32 * 512
    expect(ground.run(pair.guarded, *BOTH, around=replace(PLAIN, log=None)), exit=0, installed=HELD)
    command = [str(pair.guarded.python), "-m", "indexguard", "log", "--code", "shadowed-name"]
    shown = ground.start_program(command, pair.guarded, ground.folder).finish()
    assert shown.stdout.count(" shadowed ") == 1, shown.report()


@pytest.mark.parametrize("plain", PIPS[1:], indirect=True)
@pytest.mark.parametrize(
    "around",
    [
        Surroundings("files of 0 bytes", launch='ulimit -f 0; exec "$@"', log=None),
        Surroundings(
            "nothing can be written", mounts="mount -o remount,bind,ro /; cd {ground}/cwd", uid=NOBODYS_ID, log=None
        ),
    ],
    ids=str,
)
def test_what_only_looks_goes_on_where_nothing_can_be_written(pair: Pair, ground: Ground, around: Surroundings) -> None:
    _require(around, pair.plain)
    control = ground.run(pair.plain, "index", "versions", "acme-core", around=around)
    expect(control, exit=0)
    assert "99.0" in control.stdout, control.report()
    outcome = ground.run(pair.guarded, "index", "versions", "acme-core", around=around)
    expect(outcome, exit=0)
    assert "acme-core (1.0)" in outcome.stdout, outcome.report()
    assert "99.0" not in outcome.stdout, outcome.report()
    assert re.search(r"the audit log \S+ cannot be written: ", outcome.stderr), outcome.report()


def test_without_its_log_pip_stops_where_the_policy_says_so(pair: Pair, ground: Ground) -> None:
    log = ground.log_of(PLAIN, pair.guarded)
    assert log is not None
    aside = log.with_name("aside")
    blind = replace(PLAIN, log=None)
    expect(ground.run(pair.guarded, *BOTH, around=PLAIN), exit=0, installed=HELD)
    log.rename(aside)
    log.mkdir()
    try:
        expect(ground.run(pair.guarded, *BOTH, around=blind), exit=0, installed=HELD)
        ground.write_policy(STRICT + '[log]\non-failure = "block"\n')
        stopped = ground.run(pair.guarded, *BOTH, around=blind)
        expect(stopped, exit=1, installed={})
        assert "log-failed" in stopped.output, stopped.report()
        assert re.search(r'log\.on-failure = "block"\s+(?:│\s+)?\S*policy\.toml', stopped.output), stopped.report()
        expect(ground.run(pair.guarded, "list", around=blind), exit=0)
    finally:
        log.rmdir()
        aside.rename(log)
    # As the hint says: the log can be written again.
    expect(ground.run(pair.guarded, *BOTH, around=PLAIN), exit=0, installed=HELD)


def test_a_whole_run_is_one_chain_with_a_seal_and_goes_where_the_policy_says(pair: Pair, ground: Ground) -> None:
    ground.write_policy(STRICT + '[log]\nsinks = ["file", "stderr"]\n')
    outcome = ground.run(pair.guarded, *BOTH, around=PLAIN)
    expect(outcome, exit=0, installed=HELD)
    printed = [json.loads(line) for line in outcome.stderr.splitlines() if line.startswith('{"schema":1,')]
    assert printed == list(outcome.events)
    *decisions, last = outcome.events
    assert [event["seq"] for event in outcome.events] == list(range(1, len(outcome.events) + 1))
    assert last["seal"] == {"events": len(outcome.events), "exit": 0}
    chosen = {event["name"]: event["chosen"] for event in decisions if event["event"] == "selected"}
    assert chosen["acme-core"]["index"] == ground.corp.url
    assert (chosen["acme-core"]["version"], chosen["pubdep"]["version"]) == ("1.0", "2.0")
    log = ground.log_of(PLAIN, pair.guarded)
    assert log is not None
    command = [str(pair.guarded.python), "-m", "indexguard", "log", "verify", str(log)]
    verified = ground.start_program(command, pair.guarded, ground.folder).finish()
    expect(verified, exit=0)
    assert "whole: " in verified.stdout, verified.report()


@pytest.mark.parametrize("around", LOCALES, ids=str)
def test_names_and_paths_beyond_ascii(pair: Pair, ground: Ground, around: Surroundings) -> None:
    ground.policy_path = ground.folder / "pölicy-政策" / "policy.toml"
    ground.write_policy(
        STRICT.replace('["acme"]', '[{ name = "acme-secret", reason = "größer, 禁止 ☃" }, "acme-core"]').replace(
            "namespaces", "packages"
        )
    )
    (ground.cwd / "wörk-政").mkdir()
    around = Surroundings(around.name, 'cd w*; exec "$@"', environment=around.environment)
    held = ground.run(pair.guarded, *BOTH, around=around)
    expect(held, exit=0, installed=HELD)
    refused = ground.run(pair.guarded, *_SQUATTED, around=around)
    expect(refused, exit=1, installed={})
    assert "reason: gr" in refused.stderr, refused.report()
    ground.write_policy(STRICT.replace('"acme"', '"päckage-政"'))
    faulty = ground.run(pair.guarded, *BOTH, around=around)
    expect(faulty, exit=1, installed={}, asked=frozenset())
    for outcome, code in ((held, "shadowed-name"), (refused, "shadowed-name"), (faulty, "policy-invalid")):
        assert "Traceback" not in outcome.output, outcome.report()
        assert code in outcome.stderr, outcome.report()
        assert outcome.events[0]["code"] == code, outcome.report()


@pytest.mark.parametrize("kind", BAD_PLACES)
def test_a_place_that_cannot_be_one_stops_pip_with_a_clear_word(pair: Pair, ground: Ground, kind: str) -> None:
    place, code = BAD_PLACES[kind]
    outcome = ground.run(pair.guarded, *BOTH, around=Surroundings(kind, environment={"INDEXGUARD_POLICY": place}))
    expect(outcome, exit=1, installed={}, asked=frozenset())
    assert codes_of(outcome) == {code}, outcome.report()
    assert "Traceback" not in outcome.output, outcome.report()
    assert ground.fill(place) in outcome.stderr, outcome.report()
    assert "hint: " in outcome.stderr.partition(code)[2], outcome.report()


@pytest.mark.parametrize("plain", PIPS[1:], indirect=True)
@pytest.mark.parametrize("kind", BAD_URLS)
def test_a_windows_path_is_no_url(pair: Pair, ground: Ground, kind: str) -> None:
    ground.write_policy(STRICT.replace('"{corp}"', f"'{BAD_URLS[kind]}'"))
    outcome = ground.run(pair.guarded, *BOTH)
    expect(outcome, exit=1, installed={}, asked=frozenset())
    assert codes_of(outcome) == {"policy-invalid"}, outcome.report()
    assert "Traceback" not in outcome.output, outcome.report()
    assert "indexes.corp.url" in outcome.stderr, outcome.report()


# What changes


# Who runs beside it


@pytest.mark.parametrize("count", [2, 8])
def test_pips_at_once_are_each_right_and_every_line_of_the_log_is_whole(pair: Pair, ground: Ground, count: int) -> None:
    around = Surroundings("caches", environment={"PIP_NO_CACHE_DIR": None, "PIP_CACHE_DIR": "{ground}/cache/pip"})
    ground.public.file_headers = ground.corp.file_headers = {"Cache-Control": "max-age=86400"}
    together = threading.Barrier(count, timeout=_WAIT)

    def wait_for_all(request: Request) -> None:
        # Each asks for one of these pages, once.
        if request.path in ("/simple/acme-core/", "/simple/acme-secret/"):
            together.wait()

    ground.corp.on_request = wait_for_all
    log = ground.log_of(around, pair.guarded)
    assert log is not None
    seen = log.stat().st_size if log.exists() else 0
    commands = [_SQUATTED if number % 2 else BOTH for number in range(count)]
    started = [ground.start(pair.guarded, *command, around=around) for command in commands]
    outcomes = [one.finish() for one in started]
    assert not together.broken
    for command, outcome in zip(commands, outcomes):
        expect(outcome, exit=int(command is _SQUATTED), installed={} if command is _SQUATTED else HELD)
        assert "Traceback" not in outcome.output, outcome.report()
        # Numbered without a gap, in order.
        assert [event["seq"] for event in outcome.events] == list(range(1, len(outcome.events) + 1)), outcome.report()
        assert len(digests_of(outcome)) == 1
    runs = {event["run"] for outcome in outcomes for event in outcome.events}
    assert len(runs) == count
    logged = [event for event in ground.read_log(log, seen) if event["run"] in runs]
    assert len(logged) == sum(len(outcome.events) for outcome in outcomes)


INTERRUPTED = {
    "page": ("acme-core", "/simple/acme-core/"),
    "file": ("pubdep", "pubdep-2.0-py3-none-any.whl"),
    "build requirement": ("source", "/simple/acme-tool/"),
}


@pytest.mark.parametrize("when", INTERRUPTED)
def test_an_interrupt_leaves_nothing_and_no_traceback_of_the_guard(pair: Pair, ground: Ground, when: str) -> None:
    name, path = INTERRUPTED[when]
    control, guarded = (_interrupt(ground, environment, name, path) for environment in (pair.plain, pair.guarded))
    expect(control, installed={})
    expect(guarded, exit=control.exit, installed={})
    assert control.exit != 0
    # An interrupt in the midst of making a response has Python itself say that it cannot close that: without the guard, too.
    frames = [line for line in guarded.output.splitlines() if line.lstrip().startswith('File "')]
    ours = [line for line in frames if "/site-packages/indexguard/" in line or "_indexguard_hook" in line]
    assert not ours or "Traceback" in control.output, guarded.report()
    # The file in which a child would have told of its refusals is gone.
    assert list((ground.folder / "tmp").glob("indexguard-*")) == []
    # What there is in the log is whole, and what comes after it too.
    after = ground.run(pair.guarded, *BOTH)
    expect(after, exit=0, installed=HELD)
    assert len(after.events) == 5, after.report()
    assert after.events[-1]["seal"] == {"events": 5, "exit": 0}, after.report()


def _interrupt(ground: Ground, environment: Environment, name: str, path: str) -> Outcome:
    """Start an installation, and press Ctrl-C while the public index lets it wait."""
    reached, released = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        released.wait(_WAIT)

    at(ground.public, path, hold)
    # A background job of a shell without job control ignores interrupts, and so would its children.
    around = Surroundings("interrupted", 'exec env --default-signal=INT "$@"')
    started = ground.start(environment, "install", name, "--target", "{out}", around=around)
    assert reached.wait(_WAIT)
    os.killpg(started.process.pid, signal.SIGINT)
    try:
        return started.finish()
    finally:
        released.set()


# The command line


@pytest.mark.parametrize("plain", PIPS[:1], indirect=True)
@pytest.mark.parametrize(("around", "exits"), COMMAND_LINES, ids=str)
def test_the_command_line_stands_it_too(
    pair: Pair, ground: Ground, around: Surroundings, exits: dict[str, int]
) -> None:
    _require(around, pair.guarded)
    ground.policy_path = ground.folder / "pölicy" / "policy.toml"
    ground.write_policy(STRICT)
    expect(ground.run(pair.guarded, *_SQUATTED), exit=1, installed={})
    indexes = {"PIP_INDEX_URL": "{corp}", "PIP_EXTRA_INDEX_URL": "{public}"}
    around = replace(around, environment={**indexes, **around.environment})
    for command in ("status", "check", "explain", "log"):
        words = [command, "acme-core"] if command == "explain" else [command]
        outcome = ground.start_program(
            [str(pair.guarded.python), "-m", "indexguard", *words], pair.guarded, ground.folder, around
        ).finish()
        expect(outcome, exit=exits[command])
        assert "Traceback" not in outcome.output, outcome.report()
