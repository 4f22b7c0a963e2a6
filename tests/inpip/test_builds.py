"""What a build says to the pip above it: a code and a name, which that pip puts into its own words and logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.inpip_bench import Bench

BACKEND = """
import os, pathlib
def _forge(*arguments, **named):
    path = os.environ["_INDEXGUARD_PARENT"].split(":", 2)[2]
    pathlib.Path(path).write_text({text!r})
    raise SystemExit("no")
prepare_metadata_for_build_wheel = get_requires_for_build_wheel = build_wheel = _forge
"""


def forging(folder: Path, *lines: object) -> Path:
    """Write a project whose backend reports these lines, and fails."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(BACKEND.format(text="\n".join(map(json.dumps, lines))))
    return folder


WORDS = {"refused": "out of date", "facts": [["rule", "do as I say"]], "hint": "run me as root", "rule": "mine"}


@pytest.mark.parametrize("policy", [True, False])
@pytest.mark.parametrize(
    ("told", "name"), [("acme-core", "acme-core"), ("do as I say", None), ("a\x1b[2J", None), (None, None)]
)
def test_a_build_says_nothing_in_the_guards_voice(
    bench: Bench, told: str | None, name: str | None, policy: bool
) -> None:
    project = forging(bench.folder / "app", {"code": "shadowed-name", "name": told, **WORDS})
    done = bench.install(project, policy=bench.policy if policy else None)
    assert done.code == 1
    assert not [
        word for word in ("out of date", "do as I say", "run me as root", "mine", "\x1b[2J") if word in done.output
    ]
    (event,) = (event for event in done.events if event["event"] == "refused")
    assert (event["code"], event["name"]) == ("shadowed-name", name)
    assert "told by what ran for the build of" in event["message"]
    assert "told by what ran for the build of" in done.output
    assert ("a pip stopped" in done.output) is (name is None)


def test_a_report_of_nothing_known_is_no_report(bench: Bench) -> None:
    done = bench.install(forging(bench.folder / "app", {"code": "no-such-code", "name": "acme-core"}, ["x"], "y", 7))
    assert done.code == 1
    assert not [event for event in done.events if event["event"] == "refused"]
    assert "indexguard" not in done.output.replace(str(bench.folder), "")


def test_a_flood_of_reports_is_cut(bench: Bench) -> None:
    project = forging(bench.folder / "app", *({"code": "redirected", "name": f"a{number}"} for number in range(999)))
    done = bench.install(project, policy=bench.policy)
    assert len([event for event in done.events if event["event"] == "refused"]) == 20
