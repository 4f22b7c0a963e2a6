"""Build step: private copies of four packages inside the wheel, its bill of materials, documents and prepared list.

pip carries its own copies of what it needs, and so do we, for the same reason: `pip uninstall wrapt` must not disable
the pip that would put it back. The copies are made from the isolated build environment, whose contents are pinned in
pyproject.toml; no third-party code is in the repository or in the sdist.
"""

from __future__ import annotations

import ast
import json
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = "src/indexguard/_vendor"
MANUAL = "indexguard/cli/documents"
"""Where the wheel has the documents, for `indexguard manual`."""
_OWN = "_typosquat_of_this_tree"


class Recipe(NamedTuple):
    """What is carried of one package."""

    source: Distribution
    modules: list[str]
    """Modules that are copied."""
    note: str
    """What a reader of the bill of materials must know."""
    instead: dict[str, str] = {}  # noqa: RUF012  # nobody writes to it
    """Modules that are written in the place of the package's own: name to text."""


class VendorBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is a class of hatchling's inner works
    """Fills `_vendor` before hatchling collects the files of a wheel or an editable wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the copies and the bill of materials, and have the documents included.

        Raises RuntimeError if the build environment does not hold exactly the pinned packages, or if a copy would import
        something that is not carried.
        """
        pins = dict(pin.split("==") for pin in self.metadata.build.requires)
        recipes = {
            name: Recipe(_find_distribution(name, pins[name]), **recipe)
            for name, recipe in self.config["copies"].items()
        }
        synchronise(Path(self.root, VENDOR), vendored_files(recipes))

        # hatchling wants a file, and names it as it is named here (PEP 770: .dist-info/sboms/).
        self._scratch = tempfile.TemporaryDirectory()
        bill = Path(self._scratch.name, f"{self.metadata.core.name}.cdx.json")
        text = json.dumps(bill_of_materials(self.metadata.version, recipes), indent=2)
        bill.write_text(text + "\n", encoding="utf-8", newline="\n")
        build_data["sbom_files"].append(str(bill))
        if version == "standard":  # an editable install reads them where they are, and prepares its list as it needs it
            build_data["force_include"].update(find_documents(Path(self.root)))
            names = Path(self._scratch.name, "popular-names.bin")
            names.write_bytes(prepare_names(Path(self.root)))
            build_data["force_include"][str(names)] = f"indexguard/typosquat/{names.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002  # as above
        """Remove what only hatchling needed."""
        self._scratch.cleanup()


def find_documents(root: Path) -> dict[str, str]:
    """Return the README and the documents of the rooms: where each is, and where the wheel has it."""
    rooms = {path.parent.name: path for path in sorted(root.glob("src/indexguard/*/README.md"))}
    return {str(path): f"{MANUAL}/{topic}.md" for topic, path in {"README": root / "README.md", **rooms}.items()}


def prepare_names(root: Path) -> bytes:
    """Return the list of popular names in the form in which a pip run finds near-misses of them.

    By the tree's own code, under another name than its own: this process may have an `indexguard` already.
    """
    folder = root / "src" / "indexguard" / "typosquat"
    spec = spec_from_file_location(_OWN, folder / "__init__.py", submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{folder} is no package")
    sys.modules[_OWN] = module_from_spec(spec)
    try:
        preparation = __import__(f"{_OWN}.preparation", fromlist=["prepare"])
        prepared: bytes = preparation.prepare(preparation.read_list(str(folder / "popular-names.txt")))
    finally:
        for name in [name for name in sys.modules if _is_within(name, _OWN)]:
            del sys.modules[name]
    return prepared


def _find_distribution(name: str, version: str) -> Distribution:
    found = distribution(name)
    if found.version != version:
        raise RuntimeError(f"this build needs {name}=={version}, the build environment has {found.version}")
    return found


def vendored_files(recipes: dict[str, Recipe]) -> dict[str, bytes]:
    """Return every file of `_vendor`: its path below that folder, and its content.

    The same on every Python and platform: modules and licences only, never a compiled file, whatever wheel was
    installed. Raises RuntimeError for a module that is missing or that imports what is not carried.
    """
    lines = [f"* {name} {recipe.source.version}: {recipe.note}" for name, recipe in recipes.items()]
    intro = '"""Private copies of other projects, made by indexguard\'s build. Each folder holds its licence.\n\n'
    files = {"__init__.py": (intro + "\n".join(lines) + '\n"""\n').encode()}
    for name, recipe in recipes.items():
        for module in recipe.modules:
            text = _read(recipe.source, f"{name}/{module}").decode("utf-8")
            files[f"{name}/{module}"] = with_relative_imports(text, name).encode()
        for module, text in recipe.instead.items():
            files[f"{name}/{module}"] = text.encode()
        for licence in _licence_files(recipe.source):
            files[f"{name}/{licence.name}"] = licence.locate().read_bytes()
    for path in files:
        if path.endswith(".py"):
            _check_imports(path, files, recipes)
    return files


def _read(source: Distribution, path: str) -> bytes:
    # Not Distribution.read_text: that one reads only inside of .dist-info.
    file = Path(str(source.locate_file(path)))
    if not file.is_file():
        raise RuntimeError(f"{source.metadata['Name']} {source.version} has no {path}")
    return file.read_bytes()


def _licence_files(source: Distribution) -> list[Any]:
    files = [
        file for file in source.files or [] if file.parts[-2:-1] == ("licenses",) and ".dist-info" in file.parts[0]
    ]
    if not files:
        raise RuntimeError(f"{source.metadata['Name']} {source.version} comes without a licence file")
    return sorted(files)


def with_relative_imports(text: str, package: str) -> str:
    """Return the source of a top-level module of `package`, its `from package.x import y` as `from .x import y`.

    Found in the syntax tree, because docstrings hold such lines too. Anything that cannot be said relatively
    (`import package.x`) is left as it is, and refused by the check that follows.
    """
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_within(node.module or "", package):
            line = lines[node.lineno - 1]
            absolute = f"from {node.module} "
            relative = f"from .{(node.module or '')[len(package) + 1 :]} "
            if not line[node.col_offset :].startswith(absolute):
                raise RuntimeError(f"{package}: cannot make line {node.lineno} relative: {line.strip()}")
            lines[node.lineno - 1] = line[: node.col_offset] + relative + line[node.col_offset + len(absolute) :]
    return "".join(lines)


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _check_imports(path: str, files: dict[str, bytes], packages: Iterable[str]) -> None:
    """Raise RuntimeError if the module at `path` imports one of the packages absolutely, or a sibling that is not there."""
    folder = PurePosixPath(path).parent
    for node in ast.walk(ast.parse(files[path])):
        if isinstance(node, ast.Import):
            absolute = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            absolute = [node.module or ""]
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            absolute = []
            wanted = [node.module] if node.module else [alias.name for alias in node.names]
            for name in wanted:
                if f"{folder / name}.py" not in files:
                    raise RuntimeError(f"{path}: line {node.lineno} imports .{name}, which is not carried")
        elif isinstance(node, ast.ImportFrom):
            raise RuntimeError(f"{path}: line {node.lineno} imports from outside of its package")
        else:
            continue
        if any(_is_within(module, package) for module in absolute for package in packages):
            raise RuntimeError(f"{path}: line {node.lineno} imports a package that only the user may have")


def synchronise(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder` hold exactly `files`. What is right already is not touched: a pip may be reading it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.suffix != ".pyc" and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_bytes(content)
        new.replace(path)


def bill_of_materials(version: str, recipes: dict[str, Recipe]) -> dict[str, Any]:
    """Return the CycloneDX 1.6 document for PEP 770: what is in the wheel that is not ours.

    No serial number and no time: the same inputs must give the same wheel.
    """
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{recipe.source.version}",
            "name": name,
            "version": recipe.source.version,
            "scope": "required",
            "licenses": [{"expression": recipe.source.metadata["License-Expression"]}],
            "purl": f"pkg:pypi/{name}@{recipe.source.version}",
            "pedigree": {"notes": f"copied to indexguard/_vendor/{name}: {recipe.note}"},
        }
        for name, recipe in recipes.items()
    ]
    own = f"pkg:pypi/indexguard@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": own,
                "name": "indexguard",
                "version": version,
                "licenses": [{"expression": "MIT"}],
                "purl": own,
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": [component["bom-ref"] for component in components]},
            *({"ref": component["bom-ref"]} for component in components),
        ],
    }
