# ruff: noqa: ARG001 - PEP 517 names the parameters
"""The build backend inside every sdist and project folder that ``dists`` writes: standard library only, PEP 517 and 660.

It runs in pip's build environment, on any Python from 3.9, and never imports the rest of the harness.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import runpy
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any


def _recipe() -> dict[str, Any]:
    recipe: dict[str, Any] = json.loads(Path("recipe.json").read_text(encoding="utf-8"))
    return recipe


def _run_nested_pip(recipe: dict[str, Any], hook: str) -> None:
    """Run the pip that the recipe wants run in this hook; what it installs is told in the module.

    :raises SystemExit: that pip fails.
    """
    nested = recipe["nested_pip"]
    if nested is None or nested["hook"] != hook:
        return
    target = str(Path("nested").absolute())
    words = [*map(os.path.expandvars, nested["words"])]
    words += ["--dest" if "download" in words else "--target", target]
    for name in list(os.environ):
        if any(name == out or (out.endswith("*") and name.startswith(out[:-1])) for out in nested["without"]):
            del os.environ[name]
    status = _run_here(nested["how"], words) if nested["how"] != "child" else _run_child(words)
    if status:
        sys.exit(f"the nested pip failed with status {status}")
    sys.path.extend(map(str, Path(target).glob("*.whl")))  # what was downloaded can be imported


def _run_child(words: list[str]) -> int:
    return subprocess.run([sys.executable, *words], check=False).returncode


def _run_here(how: str, words: list[str]) -> int:
    # pip's isolation has taken the environment's packages off the path, and its pip with them.
    sys.path.append(sysconfig.get_path("purelib"))
    if how == "main":
        return int(importlib.import_module("pip._internal.cli.main").main(words))
    sys.argv = ["pip", *words]
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _module(recipe: dict[str, Any]) -> str:
    """Return the module's text; BUILT_WITH names the origin of each build requirement that is importable here."""
    built_with = {}
    for name in recipe["build_modules"]:
        tool = _read_nested(name) or vars(importlib.import_module(name))
        built_with[name] = f"{tool['ORIGIN']} {tool['VERSION']}"
    return str(recipe["module"]) + f"BUILT_WITH = {built_with!r}\n"


def _read_nested(name: str) -> dict[str, Any]:
    """Return what a module holds that a nested pip installed: pip >= 26.3 has imports refused where it has run."""
    values: dict[str, Any] = {}
    path = Path("nested", f"{name}.py")
    if path.exists():
        exec(path.read_text(encoding="utf-8"), values)  # noqa: S102
    return values


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
    _run_nested_pip(_recipe(), "get_requires")
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
    _run_nested_pip(recipe, "build_wheel")
    return _write_wheel(wheel_directory, {recipe["module_file"]: _module(recipe), **_metadata_files(recipe)})


def build_editable(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """PEP 660: a wheel whose ``.pth`` names this folder."""
    recipe = _recipe()
    _run_nested_pip(recipe, "build_wheel")
    digest = hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]
    Path(recipe["module_file"]).write_text(_module(recipe), encoding="utf-8")
    return _write_wheel(wheel_directory, {f"editable_{digest}.pth": f"{Path.cwd()}\n", **_metadata_files(recipe)})
