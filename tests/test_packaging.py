"""What is in the wheel and the sdist, that everybody builds the same one, and that nothing stays behind."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from indexguard.typosquat.names import Names
from indexguard.typosquat.preparation import prepare, read_list
from indexguard.typosquat.watch import LIST
from support.environments import BUILD_PYTHONS, Environment, Workshop, build_requirements, find_python

if TYPE_CHECKING:
    from email.message import Message

COPIED = {"packaging", "platformdirs", "tomli", "wrapt"}


def read_wheel(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def described_wheel(wheel: Path) -> list[tuple[object, ...]]:
    """Return all that can be seen of a wheel's files: order, name, time, mode, content."""
    with zipfile.ZipFile(wheel) as archive:
        return [
            (info.filename, info.date_time, info.external_attr, info.compress_type, archive.read(info))
            for info in archive.infolist()
        ]


def metadata_of(files: dict[str, bytes]) -> Message:
    """Return a wheel's METADATA."""
    (text,) = (content.decode() for name, content in files.items() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(text)


@pytest.fixture(scope="module")
def wheel_files(wheel: Path) -> dict[str, bytes]:
    return read_wheel(wheel)


def test_wheel_has_hook_and_package_only(wheel: Path, wheel_files: dict[str, bytes]) -> None:
    tops = {name.partition("/")[0] for name in wheel_files}
    assert tops == {"indexguard.pth", "_indexguard_hook.py", "indexguard", "indexguard-0.1.0.dist-info"}
    assert wheel.name == "indexguard-0.1.0-py3-none-any.whl"
    assert "indexguard/py.typed" in wheel_files


def test_wheel_has_each_document_once(workshop: Workshop, wheel_files: dict[str, bytes]) -> None:
    tree = workshop.tree("tree")
    rooms = {path.parent.name: path for path in tree.glob("src/indexguard/**/README.md")}
    assert "policy" in rooms
    documents = {"README": tree / "README.md", **rooms}
    carried = {name: content for name, content in wheel_files.items() if name.endswith(".md")}
    assert carried == {f"indexguard/cli/documents/{topic}.md": path.read_bytes() for topic, path in documents.items()}


def test_wheel_has_the_popular_names_prepared(wheel_files: dict[str, bytes]) -> None:
    prepared = wheel_files["indexguard/typosquat/popular-names.bin"]
    assert prepared == prepare(read_list(LIST)), "prepared by the tree's own code"
    assert "requests" in Names(prepared)
    assert b"hugovk/top-pypi-packages" in wheel_files["indexguard/typosquat/popular-names.txt"].splitlines()[0]


def test_pth_is_one_readable_line(wheel_files: dict[str, bytes]) -> None:
    assert wheel_files["indexguard.pth"] == b"import _indexguard_hook; _indexguard_hook.install()\n"


def test_record_lists_every_file_with_its_hash(wheel_files: dict[str, bytes]) -> None:
    record = wheel_files["indexguard-0.1.0.dist-info/RECORD"].decode()
    rows = {name: digest for name, digest, _size in csv.reader(io.StringIO(record))}
    assert set(rows) == set(wheel_files)
    for name, digest in rows.items():
        if not name.endswith("/RECORD"):
            expected = base64.urlsafe_b64encode(hashlib.sha256(wheel_files[name]).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={expected}", name


def test_metadata(wheel_files: dict[str, bytes]) -> None:
    metadata = metadata_of(wheel_files)
    assert all("; extra == " in requirement for requirement in metadata.get_all("Requires-Dist", []))
    assert set(metadata["Requires-Python"].split(",")) == {">=3.9", "<3.18"}
    assert metadata["License-Expression"] == "MIT AND BSD-2-Clause AND (Apache-2.0 OR BSD-2-Clause)"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert b"indexguard = indexguard.cli:main" in wheel_files["indexguard-0.1.0.dist-info/entry_points.txt"]


def test_copies_are_modules_and_licences_only(wheel_files: dict[str, bytes]) -> None:
    copies = [PurePosixPath(name).relative_to("indexguard/_vendor") for name in wheel_files if "/_vendor/" in name]
    assert {path.parts[0] for path in copies if len(path.parts) > 1} == COPIED
    for path in copies:
        assert path.suffix == ".py" or path.name.startswith("LICENSE"), path
    for name in COPIED:
        assert any(path.parent.name == name and path.name.startswith("LICENSE") for path in copies), name


def test_copies_import_each_other_relatively_only(wheel_files: dict[str, bytes]) -> None:
    imported: dict[str, set[str]] = {}
    for name, content in wheel_files.items():
        if "/_vendor/" in name and name.endswith(".py"):
            for node in ast.walk(ast.parse(content)):
                if isinstance(node, ast.Import):
                    imported.setdefault(name, set()).update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    imported.setdefault(name, set()).add((node.module or "").partition(".")[0])
    assert imported, "the copies import nothing at all: the test looked in the wrong place"
    assert {name: modules & COPIED for name, modules in imported.items() if modules & COPIED} == {}


def test_copies_work_where_nothing_else_is_installed(guarded: Environment) -> None:
    # A finder that refuses the user's packages of the same names, and wrapt's C extension and asyncio.
    program = """
import sys
class Refuse:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {"packaging", "wrapt", "tomli", "platformdirs", "asyncio"} or "_wrappers" in name:
            raise RuntimeError(name)
sys.meta_path.insert(0, Refuse)
from indexguard._vendor import platformdirs, tomli, wrapt
from indexguard._vendor.packaging import requirements, specifiers, tags, utils, version

class Target:
    def method(self, value): return value
seen = []
def wrapper(wrapped, instance, args, kwargs):
    seen.append((type(instance).__name__, args))
    return wrapped(*args, **kwargs) + 1
handle = wrapt.wrap_function_wrapper(Target, "method", wrapper)
assert Target().method(1) == 2 and seen == [("Target", (1,))]
wrapt.unwrap_object(Target, "method", handle)
assert Target().method(1) == 1
try:
    wrapt.wrap_function_wrapper("sched?", "scheduler", wrapper)
except NotImplementedError:
    pass
else:
    raise SystemExit("import hooks of wrapt were carried")

assert tomli.loads("a = 1") == {"a": 1}
assert platformdirs.user_config_path("indexguard").name == "indexguard"
assert utils.canonicalize_name("Acme_Core") == "acme-core"
assert version.Version("2.0") in specifiers.SpecifierSet(">=1")
assert requirements.Requirement("acme>=1").name == "acme"
print(sorted(name for name in sys.modules if name.startswith("indexguard._vendor.wrapt")))
"""
    assert "indexguard._vendor.wrapt.wrappers" in guarded.check("-c", program)


def test_wheel_is_the_same_from_two_pythons(workshop: Workshop, wheel: Path, build_python: str) -> None:
    other = next((version for version in BUILD_PYTHONS if version != build_python and find_python(version)), None)
    if other is None:
        pytest.skip(f"only one Python that can build (3.10 and later) on this machine: {build_python}")
    again = workshop.build(f"wheel-{other}", workshop.builder(other), workshop.tree(f"tree-{other}"), "wheel")
    assert described_wheel(again) == described_wheel(wheel)


@pytest.fixture(scope="session")
def sdist(workshop: Workshop, build_python: str, wheel: Path) -> Path:  # noqa: ARG001  # the tree is a built one then
    return workshop.build("sdist", workshop.builder(build_python), workshop.tree("tree"), "sdist")


def test_sdist_has_the_recipe_and_no_copies(workshop: Workshop, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert (workshop.tree("tree") / "src/indexguard/_vendor/wrapt/wrappers.py").is_file()
    assert not [name for name in names if "_vendor" in name]
    assert {"README.md", "src/README.md", "src/indexguard/policy/README.md"} <= names
    assert {"src/hatch_build.py", "src/indexguard.pth", "src/_indexguard_hook.py", "pyproject.toml", "LICENSE"} <= names


def test_wheel_from_the_sdist_is_the_same(
    workshop: Workshop, sdist: Path, wheel: Path, build_python: str, tmp_path: Path
) -> None:
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None, f"{member.name} is no plain file"
            file = tmp_path / member.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read())
    (tree,) = tmp_path.iterdir()
    again = workshop.build("wheel-from-sdist", workshop.builder(build_python), tree, "wheel")
    assert described_wheel(again) == described_wheel(wheel)


def test_build_refuses_another_version_of_a_copy(workshop: Workshop, build_python: str, tmp_path: Path) -> None:
    builder = workshop.builder(build_python).copy(tmp_path / "builder")
    (metadata,) = builder.site.glob("wrapt-*.dist-info/METADATA")
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("Version: 2.5.2", "Version: 2.5.1", 1))
    tree = shutil.copytree(workshop.tree("tree"), tmp_path / "tree")
    done = builder.run("-m", "hatchling", "build", "-t", "wheel", cwd=tree)
    assert done.returncode != 0
    assert "this build needs wrapt==2.5.2, the build environment has 2.5.1" in done.stderr


def test_build_refuses_a_copy_that_imports_what_is_not_carried(
    workshop: Workshop, build_python: str, tmp_path: Path
) -> None:
    builder = workshop.builder(build_python).copy(tmp_path / "builder")
    with (builder.site / "tomli" / "_re.py").open("a", encoding="utf-8") as module:
        module.write("\nimport packaging.version\n")
    tree = shutil.copytree(workshop.tree("tree"), tmp_path / "tree")
    done = builder.run("-m", "hatchling", "build", "-t", "wheel", cwd=tree)
    assert done.returncode != 0
    assert "tomli/_re.py: line" in done.stderr
    assert "imports a package that only the user may have" in done.stderr


def test_bill_of_materials(wheel_files: dict[str, bytes]) -> None:
    bill = json.loads(wheel_files["indexguard-0.1.0.dist-info/sboms/indexguard.cdx.json"])
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/indexguard@0.1.0"
    carried = {f"{component['name']}=={component['version']}" for component in bill["components"]}
    assert carried == {pin for pin in build_requirements() if not pin.startswith("hatchling==")}
    for component in bill["components"]:
        assert component["purl"] == component["bom-ref"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["licenses"][0]["expression"]
    references = {component["bom-ref"] for component in bill["components"]}
    own, *others = bill["dependencies"]
    assert set(own["dependsOn"]) == references == {entry["ref"] for entry in others}
    assert "serialNumber" not in bill
    assert "timestamp" not in bill["metadata"]


def files_of(environment: Environment) -> set[str]:
    """Return every file of an environment but compiled ones: Python writes those when it likes."""
    return {
        str(path.relative_to(environment.root))
        for path in environment.root.rglob("*")
        if path.suffix != ".pyc" and path.is_file() and "home" not in path.relative_to(environment.root).parts
    }


def test_uninstall_leaves_nothing(plain: Environment, wheel: Path, tmp_path: Path) -> None:
    environment = plain.copy(tmp_path / "environment")
    before = files_of(environment)
    environment.install(wheel)
    assert "indexguard.pth" in {Path(name).name for name in files_of(environment) - before}
    done = environment.pip("uninstall", "--yes", "indexguard")
    assert done.returncode == 0, done.stderr
    assert files_of(environment) == before
    assert not list(environment.site.glob("*indexguard*"))
    assert not list((environment.site / "__pycache__").glob("*indexguard*"))
    assert (
        environment.check("-c", "import sys; print([e for e in sys.meta_path if hasattr(e, 'indexguard_hook')])")
        == "[]\n"
    )


def test_editable_install_places_only_the_pth(workshop: Workshop, build_python: str, tmp_path: Path) -> None:
    environment = workshop.builder(build_python).copy(tmp_path / "environment")
    tree = shutil.copytree(workshop.tree("tree"), tmp_path / "tree", ignore=shutil.ignore_patterns("_vendor"))
    before = files_of(environment)
    environment.install("--no-build-isolation", "--editable", tree)
    placed = {Path(name).name for name in files_of(environment) - before if ".dist-info" not in name}
    assert placed == {"_indexguard.pth", "indexguard.pth", "indexguard"}  # a path line, the import line, the command
    hook = "import sys; print(sys.modules['_indexguard_hook'].__file__, sys.meta_path[0].indexguard_hook)"
    assert environment.check("-c", hook) == f"{tree / 'src' / '_indexguard_hook.py'} True\n"
    copies = "import indexguard._vendor.wrapt as wrapt; print(wrapt.__file__)"
    assert environment.check("-c", copies) == f"{tree / 'src/indexguard/_vendor/wrapt/__init__.py'}\n"

    # Guarded: what is in the tree decides, without another install.
    broken = tree / "src" / "indexguard" / "inpip"
    shutil.rmtree(broken, ignore_errors=True)
    done = environment.pip("download", "--no-index", "acme")
    assert done.returncode == 1
    assert "guard-broken" in done.stderr

    done = environment.pip("uninstall", "--yes", "indexguard")
    assert done.returncode == 0, done.stderr
    assert files_of(environment) == before
    assert environment.check("-c", "pass") == ""
