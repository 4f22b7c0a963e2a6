"""State: what changes while pip runs, who runs beside it, and what it finds around it. The policy holds in all of it.

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from integration.harness import pips
from integration.harness.children import write_policy
from integration.harness.pips import Environment, in_range
from integration.harness.scenario import Expected
from integration.harness.scripted_index import Request, ScriptedIndex
from integration.harness.stage import Outcome, mismatches
from integration.machines.state import LOOSE, STRICT, Ground, grounds, open_folder
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

PIPS = ("20.3.4", "26.3")
CACHING_PIPS = ("20.3.4", "23.0.1", "26.3")
"""pip <= 23.0 does not keep from where a cached wheel came."""

_WAIT = 60  # seconds that a request waits for the test before the test fails
_BOTH = ("install", "acme-core", "pubdep", "--target", "{out}")
_SQUATTED = ("install", "acme-secret", "--target", "{out}")
_ALL = ("install", "acme-core", "pubdep", "acme-secret", "--target", "{out}")
_HELD = {"acme-core": "corp 1.0", "pubdep": "public 2.0"}
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


@dataclass(frozen=True)
class Pair:
    """One pip, without the guard and with it, where every user can run it."""

    plain: Environment
    guarded: Environment


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder for this module's environments that every user may enter."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(params=PIPS)
def plain(request: pytest.FixtureRequest) -> Environment:
    """One of the pips: the first on the oldest of its Pythons, the others on their newest."""
    pip: str = request.param
    found = pips.pythons_for(pip).found
    if not found:
        pytest.skip(f"no Python on this machine runs pip {pip}")
    return pips.plain_environment(pip, found[0] if pip == PIPS[0] else found[-1])


@pytest.fixture
def pair(plain: Environment, guarded: Environment | None, shared: Path) -> Pair:
    if guarded is None:
        pytest.skip("--unguarded-only")
    return Pair(_opened(plain, shared / f"plain-{plain.pip}"), _opened(guarded, shared / f"guarded-{plain.pip}"))


def _opened(environment: Environment, folder: Path) -> Environment:
    if folder.exists():
        return Environment(environment.pip, environment.python_version, folder)
    return environment.copy_to(folder)


@pytest.fixture
def ground() -> Iterator[Ground]:
    with grounds() as made:
        yield made


@pytest.fixture
def tls_ground(certificate: Path) -> Iterator[Ground]:
    """A ground whose indexes speak TLS: pip caches nothing that came without."""
    with grounds(certificate) as made:
        yield made


def _require(around: Surroundings, environment: Environment) -> None:
    reason = find_obstacle(around, environment)
    if reason is not None:
        pytest.skip(f"cannot be made here: {reason}")


def _expect(outcome: Outcome, **expected: object) -> None:
    """Compare fields of the outcome, and see that the guard is in no traceback."""
    found = [
        f"{key} is {getattr(outcome, key)!r}, expected {value!r}"
        for key, value in expected.items()
        if getattr(outcome, key) != value
    ]
    if any("Traceback (most" in part and "/indexguard/" in part for part in _tracebacks(outcome.output)):
        found.append("the guard is in a traceback")
    if found:
        pytest.fail("\n".join([*found, outcome.report()]), pytrace=False)


def _tracebacks(text: str) -> list[str]:
    """Return each traceback: its first line, the indented ones after it, and the error."""
    return re.findall(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)*.*$", text, re.MULTILINE)


def _digests(outcome: Outcome) -> dict[str, set[str]]:
    """Return the digests of the policies that each run of pip had, by run."""
    found: dict[str, set[str]] = {}
    for event in outcome.events:
        found.setdefault(event["run"], set()).update(layer["sha256"] for layer in event["policy"])
    return found


def _only_digest(outcome: Outcome) -> str:
    """Return the one digest that all events of the one run name."""
    (digests,) = _digests(outcome).values()
    (digest,) = digests
    return digest


def _codes(outcome: Outcome) -> set[str]:
    return {event["code"] for event in outcome.events if event["event"] in ("refused", "guard-failed")}


# What pip finds around it


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_policy_holds_whatever_is_around(pair: Pair, ground: Ground, setting: Setting) -> None:
    _require(setting.around, pair.plain)
    control = ground.run(pair.plain, *_ALL, around=setting.around)
    held = ground.run(pair.guarded, *_BOTH, around=setting.around)
    refused = ground.run(pair.guarded, *_SQUATTED, around=setting.around)

    if setting.cannot is not None and in_range(pair.plain.pip, setting.cannot):
        for outcome in (control, held, refused):
            _expect(outcome, exit=control.exit, installed={})
        assert control.exit != 0
        return
    assert control.exit in (0, setting.exit), control.report()
    _expect(control, installed=_TAKEN, events=())
    _expect(held, exit=setting.exit, installed=_HELD)
    _expect(refused, exit=setting.exit or 1, installed={})
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
    outcome = ground.run(pair.guarded, *_BOTH, around=around)
    _expect(outcome, exit=0, installed=_HELD)
    log = ground.log_of(around, pair.guarded)
    assert log is not None
    assert [stat.S_IMODE(path.stat().st_mode) & 0o027 for path in (log, log.parent)] == [0, 0]


def test_nobody_else_may_put_another_folder_in_the_place_of_the_logs(pair: Pair, ground: Ground) -> None:
    around = Surroundings("umask", launch='umask 000; exec "$@"')
    _expect(ground.run(pair.guarded, *_BOTH, around=around), exit=0, installed=_HELD)
    log = ground.log_of(around, pair.guarded)
    assert log is not None
    assert stat.S_IMODE(log.parent.parent.stat().st_mode) & stat.S_IWOTH == 0


def test_a_line_cut_off_by_a_full_disk_swallows_no_other(pair: Pair, ground: Ground) -> None:
    # 16000 bytes are there, 384 more may come: the first event is longer.
    full = FULL_LOG.replace("65536", "16000").replace("-f 64", "-f 32")
    around = Surroundings("full disk", launch=full, log=None)
    _require(around, pair.guarded)
    _expect(ground.run(pair.guarded, *_BOTH, around=around), exit=0, installed=_HELD)
    log = ground.log_of(PLAIN, pair.guarded)
    assert log is not None
    assert log.stat().st_size == 32 * 512
    _expect(ground.run(pair.guarded, *_BOTH, around=replace(PLAIN, log=None)), exit=0, installed=_HELD)
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
    _expect(control, exit=0)
    assert "99.0" in control.stdout, control.report()
    outcome = ground.run(pair.guarded, "index", "versions", "acme-core", around=around)
    _expect(outcome, exit=0)
    assert "acme-core (1.0)" in outcome.stdout, outcome.report()
    assert "99.0" not in outcome.stdout, outcome.report()
    assert re.search(r"the audit log \S+ cannot be written: ", outcome.stderr), outcome.report()


def test_without_its_log_pip_stops_where_the_policy_says_so(pair: Pair, ground: Ground) -> None:
    log = ground.log_of(PLAIN, pair.guarded)
    assert log is not None
    aside = log.with_name("aside")
    blind = replace(PLAIN, log=None)
    _expect(ground.run(pair.guarded, *_BOTH, around=PLAIN), exit=0, installed=_HELD)
    log.rename(aside)
    log.mkdir()
    try:
        _expect(ground.run(pair.guarded, *_BOTH, around=blind), exit=0, installed=_HELD)
        ground.write_policy(STRICT + '[log]\non-failure = "block"\n')
        stopped = ground.run(pair.guarded, *_BOTH, around=blind)
        _expect(stopped, exit=1, installed={})
        assert "log-failed" in stopped.output, stopped.report()
        assert re.search(r'log\.on-failure = "block"\s+(?:│\s+)?\S*policy\.toml', stopped.output), stopped.report()
        _expect(ground.run(pair.guarded, "list", around=blind), exit=0)
    finally:
        log.rmdir()
        aside.rename(log)


def test_a_whole_run_is_one_chain_with_a_seal_and_goes_where_the_policy_says(pair: Pair, ground: Ground) -> None:
    ground.write_policy(STRICT + '[log]\nsinks = ["file", "stderr"]\n')
    outcome = ground.run(pair.guarded, *_BOTH, around=PLAIN)
    _expect(outcome, exit=0, installed=_HELD)
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
    _expect(verified, exit=0)
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
    held = ground.run(pair.guarded, *_BOTH, around=around)
    _expect(held, exit=0, installed=_HELD)
    refused = ground.run(pair.guarded, *_SQUATTED, around=around)
    _expect(refused, exit=1, installed={})
    assert "reason: gr" in refused.stderr, refused.report()
    ground.write_policy(STRICT.replace('"acme"', '"päckage-政"'))
    faulty = ground.run(pair.guarded, *_BOTH, around=around)
    _expect(faulty, exit=1, installed={}, asked=frozenset())
    for outcome, code in ((held, "shadowed-name"), (refused, "shadowed-name"), (faulty, "policy-invalid")):
        assert "Traceback" not in outcome.output, outcome.report()
        assert code in outcome.stderr, outcome.report()
        assert outcome.events[0]["code"] == code, outcome.report()


@pytest.mark.parametrize("kind", BAD_PLACES)
def test_a_place_that_cannot_be_one_stops_pip_with_a_clear_word(pair: Pair, ground: Ground, kind: str) -> None:
    place, code = BAD_PLACES[kind]
    outcome = ground.run(pair.guarded, *_BOTH, around=Surroundings(kind, environment={"INDEXGUARD_POLICY": place}))
    _expect(outcome, exit=1, installed={}, asked=frozenset())
    assert _codes(outcome) == {code}, outcome.report()
    assert "Traceback" not in outcome.output, outcome.report()
    assert ground.fill(place) in outcome.stderr, outcome.report()
    assert "hint: " in outcome.stderr.partition(code)[2], outcome.report()


@pytest.mark.parametrize("plain", PIPS[1:], indirect=True)
@pytest.mark.parametrize("kind", BAD_URLS)
def test_a_windows_path_is_no_url(pair: Pair, ground: Ground, kind: str) -> None:
    ground.write_policy(STRICT.replace('"{corp}"', f"'{BAD_URLS[kind]}'"))
    outcome = ground.run(pair.guarded, *_BOTH)
    _expect(outcome, exit=1, installed={}, asked=frozenset())
    assert _codes(outcome) == {"policy-invalid"}, outcome.report()
    assert "Traceback" not in outcome.output, outcome.report()
    assert "indexes.corp.url" in outcome.stderr, outcome.report()


# What changes


@pytest.mark.parametrize("plain", CACHING_PIPS, indirect=True)
def test_a_changed_policy_is_obeyed_by_the_next_run_also_when_caches_are_warm(pair: Pair, tls_ground: Ground) -> None:
    ground = tls_ground
    around = Surroundings("caches", environment={"PIP_NO_CACHE_DIR": None, "PIP_CACHE_DIR": "{ground}/cache/pip"})
    ground.public.file_headers = {"Cache-Control": "max-age=86400"}
    every = ("install", "acme-core", "pubdep", "simple-source", "--target", "{out}")
    one = ("install", "simple-source", "--target", "{out}")
    taken = {"acme-core": "public 99.0", "pubdep": "public 2.0", "simple-source": "public 1.0"}
    loose = ground.write_policy(LOOSE)
    filling = ground.run(pair.guarded, *every, around=around)
    _expect(filling, exit=0, installed=taken)
    assert _only_digest(filling) == loose
    # The caches are warm: a pip without the guard fetches no file.
    control = ground.run(pair.plain, *every, around=around)
    _expect(control, exit=0, installed=taken)
    assert _files(control) == set(), control.report()

    strict = ground.write_policy(STRICT.replace('["acme"]', '["acme", "simple-source"]'))
    held = ground.run(pair.guarded, *_BOTH, around=around)
    _expect(held, exit=0, installed=_HELD)
    refused = ground.run(pair.guarded, *one, around=around)
    _expect(refused, exit=1, installed={})
    assert _codes(refused) == {"shadowed-name"}, refused.report()
    assert {_only_digest(held), _only_digest(refused)} == {strict}

    ground.write_policy(LOOSE)
    again = ground.run(pair.guarded, *every, around=around)
    _expect(again, exit=0, installed=taken)
    assert _files(again) == set(), again.report()
    assert _only_digest(again) == loose


def _files(outcome: Outcome) -> set[str]:
    return {asked for asked in outcome.asked if asked.endswith((".whl", ".tar.gz"))}


def _at(index: ScriptedIndex, path: str, act: Callable[[], object]) -> None:
    """Have ``act`` called once, before the first answer to a request whose path ends so."""
    once = [act]

    def look(request: Request) -> None:
        if request.path.endswith(path) and once:
            once.pop()()

    index.on_request = look


_FROM_LOOSE = {"app": "public 1.0", "acme-core": "public 99.0"}
_FROM_STRICT = {"app": "public 1.0", "acme-core": "corp 1.0"}


@pytest.mark.parametrize("moment", ["app-1.0-py3-none-any.whl", "/simple/acme-core/"])
@pytest.mark.parametrize(
    ("first", "second", "installed", "then"),
    [(STRICT, LOOSE, _FROM_STRICT, _FROM_LOOSE), (LOOSE, STRICT, _FROM_LOOSE, _FROM_STRICT)],
    ids=["loosened", "narrowed"],
)
def test_a_run_ends_under_the_policy_that_it_began_with(
    pair: Pair, ground: Ground, *, moment: str, first: str, second: str, installed: dict[str, str], then: dict[str, str]
) -> None:
    command = ("install", "app", "--target", "{out}")
    began = ground.write_policy(first)
    changed: list[str] = []
    _at(ground.public, moment, lambda: changed.append(ground.write_policy(second)))
    outcome = ground.run(pair.guarded, *command)
    _expect(outcome, exit=0, installed=installed)
    assert len(changed) == 1
    assert changed != [began]
    assert _only_digest(outcome) == began
    after = ground.run(pair.guarded, *command)
    _expect(after, exit=0, installed=then)
    assert _only_digest(after) == changed[0]


def _remove(ground: Ground) -> None:
    ground.policy_path.unlink()


def _open_to_all(ground: Ground) -> None:
    ground.policy_path.chmod(0o666)


def _open_the_folder(ground: Ground) -> None:
    ground.policy_path.parent.chmod(0o777)


def _link_elsewhere(ground: Ground) -> None:
    """Lead the policy to a file that somebody else may write."""
    other = ground.folder / "tmp" / "loose.toml"
    other.write_text(ground.fill(LOOSE), encoding="utf-8")
    other.chmod(0o666)
    _relink(ground, other)


def _link_to_nothing(ground: Ground) -> None:
    _relink(ground, ground.folder / "tmp" / "nothing.toml")


def _relink(ground: Ground, target: Path) -> None:
    ground.policy_path.unlink()
    ground.policy_path.symlink_to(target)


def _cut_off(ground: Ground) -> None:
    ground.write_policy(STRICT[: STRICT.index("*")])


SPOILT = {
    "removed": (_remove, "policy-missing"),
    "world-writable": (_open_to_all, "policy-unreadable"),
    "in a world-writable folder": (_open_the_folder, "policy-unreadable"),
    "a link to a file of others": (_link_elsewhere, "policy-unreadable"),
    "a link to nothing": (_link_to_nothing, "policy-unreadable"),
    "cut off": (_cut_off, "policy-invalid"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_policy_spoilt_in_mid_run_stops_the_next_run(pair: Pair, ground: Ground, how: str) -> None:
    spoil, code = SPOILT[how]
    began = ground.write_policy(STRICT)
    _at(ground.public, "app-1.0-py3-none-any.whl", lambda: spoil(ground))
    outcome = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    _expect(outcome, exit=0, installed=_FROM_STRICT)
    assert _only_digest(outcome) == began
    after = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    _expect(after, exit=1, installed={}, asked=frozenset())
    assert _codes(after) == {code}, after.report()


def test_a_policy_may_be_a_link_to_one_that_is_as_safe(pair: Pair, ground: Ground) -> None:
    other = write_policy(ground.folder / "policy" / "loose.toml", ground.fill(LOOSE))
    _at(ground.public, "app-1.0-py3-none-any.whl", lambda: _relink(ground, other))
    outcome = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    _expect(outcome, exit=0, installed=_FROM_STRICT)
    after = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    _expect(after, exit=0, installed=_FROM_LOOSE)
    assert _only_digest(outcome) != _only_digest(after)


@pytest.mark.parametrize(
    ("first", "second", "tool"),
    [(STRICT, STRICT, "corp 1.0"), (STRICT, LOOSE, "public 99.0"), (LOOSE, STRICT, "corp 1.0")],
    ids=["unchanged", "loosened", "narrowed"],
)
def test_a_pip_for_build_requirements_names_the_policy_that_it_found(
    pair: Pair, ground: Ground, first: str, second: str, tool: str
) -> None:
    """Each pip process reads the policy once, when it begins; the child is a process of its own, and its log says so."""
    began = ground.write_policy(first)
    changed: list[str] = []
    _at(ground.public, "source-1.0.tar.gz", lambda: changed.append(ground.write_policy(second)))
    outcome = ground.run(pair.guarded, "install", "source", "--target", "{out}")
    _expect(outcome, exit=0, installed={"source": f"public 1.0 built with {tool.rpartition(' ')[0]} {tool.split()[1]}"})
    parents = {event["run"] for event in outcome.events if event["parent_run"] is None}
    for run, digests in _digests(outcome).items():
        assert digests == ({began} if run in parents else set(changed)), outcome.report()
    assert len(_digests(outcome)) == 2, outcome.report()
    chosen = [event for event in outcome.events if (event["event"], event["name"]) == ("selected", "acme-tool")]
    assert [event["policy"][0]["sha256"] for event in chosen] == changed, outcome.report()


@pytest.mark.parametrize("how", ["removed", "world-writable"])
def test_a_pip_for_build_requirements_stops_at_a_spoilt_policy(pair: Pair, ground: Ground, how: str) -> None:
    spoil, code = SPOILT[how]
    _at(ground.public, "source-1.0.tar.gz", lambda: spoil(ground))
    outcome = ground.run(pair.guarded, "install", "source", "--target", "{out}")
    found = mismatches(
        Expected(exit=1, installed={}, code=code, events=({"event": "guard-failed", "code": code},)), outcome
    )
    assert not found, outcome.report()
    assert not {asked for asked in outcome.asked if "tool" in asked}, outcome.report()


@pytest.mark.parametrize(
    "around", [PLAIN, Surroundings("TMPDIR missing", environment={"TMPDIR": "{ground}/nothing"})], ids=str
)
def test_the_current_folder_may_go_while_pip_runs(pair: Pair, ground: Ground, around: Surroundings) -> None:
    around = Surroundings(around.name, 'mkdir -p go; cd go; exec "$@"', environment=around.environment)
    results = []
    for environment in (pair.plain, pair.guarded):
        _at(ground.public, "app-1.0-py3-none-any.whl", (ground.cwd / "go").rmdir)
        results.append(ground.run(environment, "install", "app", "--target", "{out}", around=around))
    # pip itself asks for its current folder after each download.
    for outcome in results:
        _expect(outcome, exit=1, installed={})
        assert "Traceback" not in outcome.output, outcome.report()


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
    commands = [_SQUATTED if number % 2 else _BOTH for number in range(count)]
    started = [ground.start(pair.guarded, *command, around=around) for command in commands]
    outcomes = [one.finish() for one in started]
    assert not together.broken
    for command, outcome in zip(commands, outcomes):
        _expect(outcome, exit=int(command is _SQUATTED), installed={} if command is _SQUATTED else _HELD)
        assert "Traceback" not in outcome.output, outcome.report()
        # Numbered without a gap, in order.
        assert [event["seq"] for event in outcome.events] == list(range(1, len(outcome.events) + 1)), outcome.report()
        assert len(_digests(outcome)) == 1
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
    _expect(control, installed={})
    _expect(guarded, exit=control.exit, installed={})
    assert control.exit != 0
    assert "Traceback" not in guarded.output or "Traceback" in control.output, guarded.report()
    # The file in which a child would have told of its refusals is gone.
    assert list((ground.folder / "tmp").glob("indexguard-*")) == []
    # What there is in the log is whole, and what comes after it too.
    after = ground.run(pair.guarded, *_BOTH)
    _expect(after, exit=0, installed=_HELD)
    assert len(after.events) == 5, after.report()
    assert after.events[-1]["seal"] == {"events": 5, "exit": 0}, after.report()


def _interrupt(ground: Ground, environment: Environment, name: str, path: str) -> Outcome:
    """Start an installation, and press Ctrl-C while the public index lets it wait."""
    reached, released = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        released.wait(_WAIT)

    _at(ground.public, path, hold)
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
    _expect(ground.run(pair.guarded, *_SQUATTED), exit=1, installed={})
    indexes = {"PIP_INDEX_URL": "{corp}", "PIP_EXTRA_INDEX_URL": "{public}"}
    around = replace(around, environment={**indexes, **around.environment})
    for command in ("status", "check", "explain", "log"):
        words = [command, "acme-core"] if command == "explain" else [command]
        outcome = ground.start_program(
            [str(pair.guarded.python), "-m", "indexguard", *words], pair.guarded, ground.folder, around
        ).finish()
        _expect(outcome, exit=exits[command])
        assert "Traceback" not in outcome.output, outcome.report()
