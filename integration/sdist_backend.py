# ruff: noqa: ARG001 - PEP 517 names the parameters
"""The build backend inside every sdist and project folder that ``dists`` writes: standard library only, PEP 517 and 660.

It runs in pip's build environment, on any Python from 3.9, and never imports the rest of the harness.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any


def _recipe() -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(Path("recipe.json").read_text(encoding="utf-8"))
    return recipe


def _module(recipe: dict[str, Any]) -> str:
    """Return the module's text; BUILT_WITH names the origin of each build requirement that is importable here."""
    built_with = {}
    for name in recipe["build_modules"]:
        tool = importlib.import_module(name)
        built_with[name] = f"{tool.ORIGIN} {tool.VERSION}"
    return str(recipe["module"]) + f"BUILT_WITH = {built_with!r}\n"


def _write_wheel(folder: str, files: dict[str, str]) -> str:
    recipe = _recipe()
    record = "".join(f"{name},,\n" for name in files) + f"{recipe['dist_info']}/RECORD,,\n"
    with zipfile.ZipFile(Path(folder, recipe["wheel"]), "w") as archive:
        for name, text in {**files, f"{recipe['dist_info']}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
    return str(recipe["wheel"])


def _metadata_files(recipe: dict[str, Any], key: str = "built_metadata") -> dict[str, str]:
    return {
        f"{recipe['dist_info']}/METADATA": recipe[key],
        f"{recipe['dist_info']}/WHEEL": recipe["wheel_metadata"],
    }


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    """PEP 517: requirements that only the backend knows."""
    return list(_recipe()["late_build_requires"])


get_requires_for_build_editable = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    """PEP 517: write the ``.dist-info`` folder and return its name."""
    recipe = _recipe()
    for name, text in _metadata_files(recipe, "metadata").items():
        path = Path(metadata_directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(recipe["dist_info"])


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """PEP 517: write the wheel and return its file name."""
    recipe = _recipe()
    return _write_wheel(wheel_directory, {recipe["module_file"]: _module(recipe), **_metadata_files(recipe)})


def build_editable(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """PEP 660: a wheel whose ``.pth`` names this folder."""
    recipe = _recipe()
    digest = hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]
    Path(recipe["module_file"]).write_text(_module(recipe), encoding="utf-8")
    return _write_wheel(wheel_directory, {f"editable_{digest}.pth": f"{Path.cwd()}\n", **_metadata_files(recipe)})
