"""What changes while pip runs: the policy, and the folder that it runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.harness.children import write_policy
from integration.harness.pips import Environment
from integration.harness.scenario import Expected
from integration.harness.stage import Outcome, mismatches
from integration.machines.state import (
    BOTH,
    HELD,
    LOOSE,
    PIPS,
    STRICT,
    Ground,
    Pair,
    at,
    codes_of,
    digests_of,
    expect,
    only_digest,
    plain_of,
)
from integration.machines.surroundings import PLAIN, Surroundings

CACHING_PIPS = ("20.3.4", "23.0.1", "26.3")
"""pip <= 23.0 does not keep from where a cached wheel came."""

pytestmark = pytest.mark.usefixtures("no_policy_here")


@pytest.fixture(params=PIPS)
def plain(request: pytest.FixtureRequest) -> Environment:
    return plain_of(request.param)


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
    expect(filling, exit=0, installed=taken)
    assert only_digest(filling) == loose
    # The caches are warm: a pip without the guard fetches no file.
    control = ground.run(pair.plain, *every, around=around)
    expect(control, exit=0, installed=taken)
    assert _files(control) == set(), control.report()

    strict = ground.write_policy(STRICT.replace('["acme"]', '["acme", "simple-source"]'))
    held = ground.run(pair.guarded, *BOTH, around=around)
    expect(held, exit=0, installed=HELD)
    refused = ground.run(pair.guarded, *one, around=around)
    expect(refused, exit=1, installed={})
    assert codes_of(refused) == {"shadowed-name"}, refused.report()
    assert {only_digest(held), only_digest(refused)} == {strict}

    ground.write_policy(LOOSE)
    again = ground.run(pair.guarded, *every, around=around)
    expect(again, exit=0, installed=taken)
    assert _files(again) == set(), again.report()
    assert only_digest(again) == loose


def _files(outcome: Outcome) -> set[str]:
    return {asked for asked in outcome.asked if asked.endswith((".whl", ".tar.gz"))}


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
    at(ground.public, moment, lambda: changed.append(ground.write_policy(second)))
    outcome = ground.run(pair.guarded, *command)
    expect(outcome, exit=0, installed=installed)
    assert len(changed) == 1
    assert changed != [began]
    assert only_digest(outcome) == began
    after = ground.run(pair.guarded, *command)
    expect(after, exit=0, installed=then)
    assert only_digest(after) == changed[0]


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
    at(ground.public, "app-1.0-py3-none-any.whl", lambda: spoil(ground))
    outcome = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    expect(outcome, exit=0, installed=_FROM_STRICT)
    assert only_digest(outcome) == began
    after = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    expect(after, exit=1, installed={}, asked=frozenset())
    assert codes_of(after) == {code}, after.report()


def test_a_policy_may_be_a_link_to_one_that_is_as_safe(pair: Pair, ground: Ground) -> None:
    other = write_policy(ground.folder / "policy" / "loose.toml", ground.fill(LOOSE))
    at(ground.public, "app-1.0-py3-none-any.whl", lambda: _relink(ground, other))
    outcome = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    expect(outcome, exit=0, installed=_FROM_STRICT)
    after = ground.run(pair.guarded, "install", "app", "--target", "{out}")
    expect(after, exit=0, installed=_FROM_LOOSE)
    assert only_digest(outcome) != only_digest(after)


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
    at(ground.public, "source-1.0.tar.gz", lambda: changed.append(ground.write_policy(second)))
    outcome = ground.run(pair.guarded, "install", "source", "--target", "{out}")
    expect(outcome, exit=0, installed={"source": f"public 1.0 built with {tool.rpartition(' ')[0]} {tool.split()[1]}"})
    parents = {event["run"] for event in outcome.events if event["parent_run"] is None}
    for run, digests in digests_of(outcome).items():
        assert digests == ({began} if run in parents else set(changed)), outcome.report()
    assert len(digests_of(outcome)) == 2, outcome.report()
    chosen = [event for event in outcome.events if (event["event"], event["name"]) == ("selected", "acme-tool")]
    assert [event["policy"][0]["sha256"] for event in chosen] == changed, outcome.report()


@pytest.mark.parametrize("how", ["removed", "world-writable"])
def test_a_pip_for_build_requirements_stops_at_a_spoilt_policy(pair: Pair, ground: Ground, how: str) -> None:
    spoil, code = SPOILT[how]
    at(ground.public, "source-1.0.tar.gz", lambda: spoil(ground))
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
        at(ground.public, "app-1.0-py3-none-any.whl", (ground.cwd / "go").rmdir)
        results.append(ground.run(environment, "install", "app", "--target", "{out}", around=around))
    # pip itself asks for its current folder after each download.
    for outcome in results:
        expect(outcome, exit=1, installed={})
        assert "Traceback" not in outcome.output, outcome.report()
