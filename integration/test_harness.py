"""The harness itself, where it decides something: what a scenario may say, who runs what, what counts as a mismatch."""

from __future__ import annotations

import gzip
import http.client
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integration.harness import pips
from integration.harness.case import scenario_cases
from integration.harness.cases import read_cases
from integration.harness.children import run_child
from integration.harness.dists import Dist, NestedPip, origin_of_text, origin_of_wheel, write_file, write_project
from integration.harness.scenario import Expected, ScenarioError, find_scenarios, read_scenario
from integration.harness.scripted_index import Listed, ScriptedIndex
from integration.harness.stage import Outcome, mismatches

CASES = read_cases(__file__)

BENIGN = CASES["benign"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    CASES["faults"],
)
def test_a_faulty_scenario_is_refused(old: str, new: str, message: str) -> None:
    text = BENIGN.replace(old, new, 1).replace(
        "[guarded]\nexit = 0", '[guarded]\nexit = 0\ninstalled = { acme-core = "corp 1.0" }'
    )
    assert old in BENIGN
    with pytest.raises(ValueError, match=re.escape(message)):
        read_scenario("faulty", text)


def test_an_attack_must_succeed_unguarded() -> None:
    text = BENIGN.replace("attack = false", "attack = true").replace("exit = 0\ninstalled", "exit = 1\ninstalled")
    with pytest.raises(ScenarioError, match="must succeed unguarded"):
        read_scenario("harmless", text)


def test_the_folder_of_scenarios_is_not_empty(tmp_path: Path) -> None:
    assert any(scenario.attack for scenario in find_scenarios())
    with pytest.raises(ScenarioError, match="no scenario in"):
        find_scenarios(tmp_path)


def test_ci_plays_each_scenario_on_its_oldest_and_newest_pip_and_every_pip_in_turns(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, value in (("all_pips", False), ("pips", None), ("legacy_pips", None)):
        monkeypatch.setattr(pytestconfig.option, option, value)
    scenarios = find_scenarios()
    played = [case for case in scenario_cases(pytestconfig, scenarios) if case.cell.resolver == "new"]
    for scenario in scenarios:
        on = {case.cell.pip for case in played if case.scenario is scenario}
        having = [pip for pip in pips.CI_PIPS if pips.in_range(pip, scenario.pip)] or [pips.CI_PIPS[-1]]
        assert {having[0], having[-1]} <= on <= set(having)
        assert len(on) == min(3, len(having))
    between = Counter(case.cell.pip for case in played)
    assert min(between.values()) > len(scenarios) / len(pips.CI_PIPS)


def test_a_difference_applies_to_its_pips_and_resolver_only() -> None:
    with pytest.raises(ScenarioError, match="why: is required"):
        read_scenario("differs", BENIGN + "[[differs]]\nguarded = { exit = 1 }")
    differs = (
        '[[differs]]\nwhy = "x"\npip = "<22.0"\nresolver = "legacy"\nguarded = { exit = 1, code = "redirected" }\n'
    )
    scenario = read_scenario("differs", BENIGN + differs)
    assert scenario.expected("21.3.1", "legacy")[1].code == "redirected"
    assert scenario.expected("21.3.1", "new")[1] == scenario.guarded
    assert scenario.expected("22.0", "legacy")[1] == scenario.guarded


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    CASES["ranges"],
)
def test_ranges_of_pips(version: str, wanted: str, *, answer: bool) -> None:
    assert pips.in_range(version, wanted) is answer


def test_missing_interpreters_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    pips.find_interpreter.cache_clear()
    try:
        pythons = pips.pythons_for("20.3.4")
    finally:
        pips.find_interpreter.cache_clear()
    assert pythons.found == ()
    assert [reason.split(":")[1].split("(")[0] for reason in pythons.missing] == [" Python 3.9 ", " Python 3.11 "]


def test_distributions_are_deterministic_and_tell_their_origin(tmp_path: Path) -> None:
    wheel = Dist("Acme.Core", "1.0", "corp", requires=("pubdep",))
    assert write_file(wheel, tmp_path / "a").read_bytes() == write_file(replace(wheel), tmp_path / "b").read_bytes()
    assert origin_of_wheel(tmp_path / "a" / "Acme_Core-1.0-py3-none-any.whl") == ("acme-core", "corp 1.0")
    assert Dist("x", "1", "a", kind="sdist").content == Dist("x", "1", "a", kind="sdist").content
    with pytest.raises(ValueError, match="not a module of the harness"):
        origin_of_text("import os\n")


def test_the_backend_says_what_it_was_built_with(tmp_path: Path) -> None:
    write_project(Dist("acme-app", "1.0", "corp", kind="sdist", build_requires=("acme-tool>=1",)), tmp_path / "app")
    (tmp_path / "app" / "acme_tool.py").write_text('ORIGIN = "public"\nVERSION = "99.0"\n')
    build = f"import sdist_backend; sdist_backend.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "app", check=True)
    assert origin_of_wheel(tmp_path / "acme_app-1.0-py3-none-any.whl") == (
        "acme-app",
        "corp 1.0 built with public 99.0",
    )


def test_the_backend_runs_a_pip_of_its_own(tmp_path: Path) -> None:
    words = (
        "-c",
        "import os, sys; sys.exit('GONE' in os.environ or sys.argv[1:] != ['here', '--target', sys.argv[-1]])",
    )
    nested = NestedPip((*words, "$KEPT"), brings=("acme-tool",), without=("GO*",))
    write_project(Dist("acme-app", "1.0", "corp", kind="sdist", nested_pip=nested), tmp_path / "app")
    (tmp_path / "app" / "nested").mkdir()
    (tmp_path / "app" / "nested" / "acme_tool.py").write_text('ORIGIN = "public"\nVERSION = "99.0"\n')
    build = f"import sdist_backend; sdist_backend.build_wheel({str(tmp_path)!r})"
    for kept, code in (("here", 0), ("there", 1)):
        environment = {"GONE": "yes", "KEPT": kept}
        done = subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "app", env=environment, check=False)
        assert done.returncode == code
    assert origin_of_wheel(tmp_path / "acme_app-1.0-py3-none-any.whl")[1] == "corp 1.0 built with public 99.0"


def test_a_nested_pip_must_not_ask_its_default_index() -> None:
    told = 'files = [{ name = "acme-core", version = "1.0", kind = "sdist", nested-pip = { words = ["-m", "pip"%s] } }]'
    file = 'files = ["acme-core 1.0"]'
    read_scenario("nested", BENIGN.replace(file, told % ', "--index-url", "{corp}"'))
    with pytest.raises(ScenarioError, match="the nested pip would ask its default index"):
        read_scenario("nested", BENIGN.replace(file, told % ""))


def _get(index: ScriptedIndex, path: str, accept: str = "text/html") -> tuple[int, str | None, bytes]:
    """Return status, Location and body."""
    connection = http.client.HTTPConnection("127.0.0.1", index.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.getheader("Location"), response.read()
    finally:
        connection.close()


def test_an_index_serves_and_remembers() -> None:
    dist = Dist("acme-core", "1.0", "corp")
    listed = [Listed(dist, upload_time="2026-01-01T00:00:00Z")]
    with ScriptedIndex(
        "corp", listed, json_pages=True, answers={"lost": "503", "away": "redirect:http://h.example/"}
    ) as index:
        assert f"#sha256={dist.sha256}" in _get(index, "/simple/acme-core/")[2].decode()
        json_type = "application/vnd.pypi.simple.v1+json"
        assert '"upload-time": "2026-01-01T00:00:00Z"' in _get(index, "/simple/acme-core/", json_type)[2].decode()
        assert _get(index, f"/files/{dist.filename}")[2] == dist.content
        assert _get(index, "/simple/other/")[0] == 404
        assert _get(index, "/simple/lost/")[0] == 503
        assert _get(index, "/simple/away/")[1] == "http://h.example/away/"
        assert index.asked_names() == {"acme-core", "other", "lost", "away"}
        assert index.fetched_files() == {dist.filename}


@pytest.mark.parametrize("answer", ["drop", "reset"])
def test_an_index_breaks_off(answer: str) -> None:
    with ScriptedIndex("corp", answer=answer) as index, pytest.raises(ConnectionError):
        _get(index, "/simple/acme-core/")


def test_an_index_refuses_on_a_port_that_stays_its_own() -> None:
    with ScriptedIndex("corp", transport="refuse") as index, pytest.raises(ConnectionRefusedError):
        _get(index, "/simple/acme-core/")


def test_an_index_wants_its_login() -> None:
    with ScriptedIndex("corp", [Listed(Dist("acme-core", "1.0", "corp"))], login="ci:word") as index:
        assert _get(index, "/simple/acme-core/")[0] == 401


REFUSED = Outcome(
    command="pip install acme-core",
    exit=1,
    stdout="Looking in indexes\n",
    stderr="ERROR: No matching distribution found\nerror: redirected\n\nx refused\nhint: ask\n",
    installed={"pubdep": "public 2.0"},
    events=({"event": "refused", "code": "redirected", "name": "acme-core"},),
    asked=frozenset({"corp:acme-core"}),
    written={"lock.txt": "acme-core ==\n1.0\n"},
)


@pytest.mark.parametrize(
    ("expected", "count"),
    CASES["mismatches"],
)
def test_mismatches_are_seen(expected: dict[str, Any], count: int) -> None:
    assert len(mismatches(Expected(**expected), REFUSED)) == count


def test_a_traceback_is_a_mismatch_unless_it_is_the_tools_own() -> None:
    outcome = replace(REFUSED, stdout="Traceback (most recent call last):\n")
    assert mismatches(Expected(exit=1), outcome) == ["the output holds a traceback"]
    assert mismatches(Expected(exit=1, traceback=True), outcome) == []


def test_tools_are_installed_by_a_pip_that_runs_on_their_python() -> None:
    assert pips.newest_pip_on("3.9") == "26.0.1"
    assert pips.newest_pip_on("3.13") == pips.ALL_PIPS[-1]


def test_an_explanation_that_is_not_last_is_a_mismatch() -> None:
    outcome = replace(REFUSED, stderr=REFUSED.stderr + "ERROR: Could not find a version\n")
    assert mismatches(Expected(exit=1, code="redirected"), outcome) == [
        "pip speaks after the explanation of redirected"
    ]


def test_a_suite_without_an_attack_fails(tmp_path: Path) -> None:
    (tmp_path / "benign.toml").write_text(BENIGN)
    options = ["--unguarded-only", "--pips=26.3", "--legacy-pips=", f"--scenarios={tmp_path}", "-p", "no:cacheprovider"]
    suite = Path(__file__).with_name("test_scenarios.py")
    done = run_child(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'base'}", suite], cwd=suite.parent.parent
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED: no attack shown at all" in done.stdout
    assert done.returncode == 1


def test_indexes_share_a_server_by_path_and_by_host() -> None:
    files = [[Listed(Dist("acme-core", version, "corp"))] for version in ("1.0", "2.0", "3.0")]
    with (
        ScriptedIndex("corp", files[0]) as corp,
        ScriptedIndex("team", files[1], on=corp, path="/simple/team/") as team,
        ScriptedIndex("rogue", files[2], on=corp, hosts=("rogue.example", "rogue.example.")) as rogue,
    ):
        page = _get(corp, "/simple/team/acme-core/")[2].decode()
        assert f"{team.files_url}acme_core-2.0-" in page
        assert _get(corp, f"/files/team/{files[1][0].dist.filename}")[2] == files[1][0].dist.content
        assert "acme_core-1.0-" in _get(corp, "/simple/acme-core/")[2].decode()
        assert _get(corp, "http://ROGUE.example.:80/simple/acme-core/")[2].decode().count(rogue.files_url) == 1
        assert (corp.asked_names(), team.asked_names(), rogue.asked_names()) == ({"acme-core"},) * 3
        assert team.fetched_files() == {files[1][0].dist.filename}
        assert rogue.files_url == "http://rogue.example/files/rogue/"
        assert corp.fetched_files() == set()


def test_an_answer_may_be_spelled_out_for_a_path() -> None:
    dist = Dist("acme-core", "1.0", "corp", kind="zip")
    pages = {
        "/evil/page": "raw:307\nLocation: ../other\n\n",
        "/gone.zip": f"file:{dist.filename}",
        "/packed": "raw:200\nContent-Encoding: gzip\n\n<html>",
    }
    with ScriptedIndex("corp", [Listed(dist)], pages=pages, answers={"x": "hops:2:http://h.example/"}) as index:
        assert _get(index, "/evil/page")[:2] == (307, "../other")
        assert _get(index, "/gone.zip")[2] == dist.content
        assert gzip.decompress(_get(index, "/packed")[2]) == b"<html>"
        assert _get(index, "/simple/x/")[1] == f"{index.url}x/?1"
        assert _get(index, "/simple/x/?1")[1] == f"{index.url}x/?0"
        assert _get(index, "/simple/x/?0")[1] == "http://h.example/x/"
