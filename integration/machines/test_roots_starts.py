"""Which start of Debian's newest Pythons is reached by which of the guard's ways in. Only with ``--roots``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.harness import pips
from integration.machines.roots import RECIPES, copied_root, find_obstacle
from integration.machines.starts import DEBIAN_PYTHONS, WAYS, Base, Pip, Place, check, make_pip

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.machines.roots import Root

_FOLDER = "/srv/starts"


def _base(root: Root, python: str) -> Base:
    """Return a Python of a root, where every path that is ours names the same file."""
    link = root.inside(str(root.folder))
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("/")
    site, stdlib = f"/usr/local/lib/python{python}/dist-packages", f"/usr/lib/python{python}"
    root.inside(site).mkdir(parents=True, exist_ok=True)
    return Base(Path(f"/usr/bin/python{python}"), root.inside(site), root.inside(stdlib), root.folder)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("python", DEBIAN_PYTHONS)
def test_starts_in_debian(
    python: str,
    way: str,
    *,
    tmp_path: Path,
    session_folder: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    (recipe,) = [recipe for recipe in RECIPES if python in recipe.pythons]
    obstacle = find_obstacle(recipe)
    if obstacle is not None:
        pytest.skip(obstacle)
    guard: Path = request.getfixturevalue("guard_wheel")  # not built where there is no root
    pip = pips.newest_pip_on(python)
    tool = pips.tool_environment(pips.plain_environment(pip, pips.pythons_for(pip).found[-1]), ("virtualenv",))
    with copied_root(recipe, tmp_path) as root:
        folder = root.inside(_FOLDER)
        shutil.copytree(make_pip(pip, session_folder / f"probed-{pip}").home, folder / "pip")
        shutil.copytree(tool.site_packages, folder / "tool")
        place = Place(
            folder, _base(root, python), way, pip=Pip(pip, folder / "pip"), guard=guard, virtualenv=folder / "tool"
        )
        (other,) = [each for each in recipe.pythons if each != python]
        check(place, python, place.base.with_name(f"python{other}"), record_property)
