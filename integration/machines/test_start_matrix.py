"""Which start of Python is reached by which of the guard's ways in: measured, and compared with the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.machines.starts import (
    EXPECTED,
    PYTHONS,
    WAYS,
    Place,
    check,
    copied,
    describe_missing,
    expected,
    make_pip,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    session_folder: Path,
    guard_wheel: Path,
    record_property: Callable[[str, object], None],
) -> None:
    missing = describe_missing(python)
    if missing is not None:
        record_property("no starts", missing)
        pytest.skip(missing)
    pip = pips.newest_pip_on(python)
    plain = pips.plain_environment(pip, python)
    tool = pips.tool_environment(plain, ("virtualenv",))
    real = pips.find_interpreter(python)
    assert real is not None
    probed = make_pip(pip, session_folder / f"probed-{pip}")
    base = copied(real, tmp_path / "base")
    place = Place(tmp_path, base, way, pip=probed, guard=guard_wheel, virtualenv=tool.site_packages)
    check(place, python, plain.python, record_property)
