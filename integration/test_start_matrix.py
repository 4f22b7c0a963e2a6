"""Which start of Python is reached by which of the guard's ways in: measured, and compared with the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration import pips
from integration.starts import EXPECTED, PYTHONS, WAYS, Pip, Place, describe_missing, expected, make_pip, measure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MAYBE = {"python -P", "PYTHONSAFEPATH=1", "  with venv-isolation", "  with inprocess-build-deps"}
"""What not every Python, or the newest pip on it, has."""


@pytest.fixture
def probed(session_folder: Path) -> Callable[[str], Pip]:
    """Makes a pip with the probe in it, once per session."""

    def make(version: str) -> Pip:
        folder = session_folder / f"probed-{version}"
        with pips.locked(session_folder / f"probed-{version}.lock"):
            if folder.exists():
                return Pip(version, folder / "unpacked", folder / "pip.whl", folder / "pip.pyz")
            return make_pip(version, folder)

    return make


def test_the_table_is_whole() -> None:
    assert len(EXPECTED.strip().split("\n")) == 31
    assert {word for way in WAYS for word in expected(way).values()} == {"yes", "no", "handed", "parent", "-"}


@pytest.mark.usefixtures("no_policy_here")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("python", PYTHONS)
def test_starts(
    python: str,
    way: str,
    *,
    tmp_path: Path,
    guard_wheel: Path,
    probed: Callable[[str], Pip],
    record_property: Callable[[str, object], None],
) -> None:
    missing = describe_missing(python)
    if missing is not None:
        record_property("no starts", missing)
        pytest.skip(missing)
    pip = pips.newest_pip_on(python)
    plain = pips.plain_environment(pip, python)
    tool = pips.tool_environment(plain, ("virtualenv",))
    real = str(pips.find_interpreter(python))
    place = Place(tmp_path, real, way, pip=probed(pip), guard=guard_wheel, virtualenv=tool.site_packages)
    measured = measure(place, python, plain.python)
    for name, value in (("python", python), ("way", way), ("starts", measured)):
        record_property(name, value)
    wanted = {start: word for start, word in expected(way).items() if word != "-"}
    assert measured == {start: word for start, word in wanted.items() if start in measured}
    assert wanted.keys() - measured.keys() <= _MAYBE
