"""Dependencies in conflict, foreign modules in the way, and damage: pip is guarded, or refuses clearly and can be repaired.

For the package in a virtual environment, and for an environment of an activated base interpreter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.harness import pips
from integration.machines.activated import Attacked, Machine
from integration.machines.state import grounds
from integration.machines.surroundings import NOBODYS_ID
from support.environments import require_python

PACKAGE, STDLIB = "package", "stdlib"
_FOUR = ("packaging", "platformdirs", "tomli", "wrapt")
_PIP_OF_PYTHON = {"3.9": "23.0.1", "3.13": "26.3"}
_NOTE = "import os; open(os.path.splitext(__file__)[0] + '.imported', 'w').close()\n"


@dataclass(frozen=True)
class Guarded:
    """An environment that is guarded in one way."""

    machine: Machine
    way: str
    guard: Path
    """The guard's wheel."""
    python: Path

    @property
    def site(self) -> Path:
        """Its site-packages."""
        (found,) = self.python.parent.parent.glob("lib/python3*/site-packages")
        return found

    @property
    def folder(self) -> Path:
        """Where the hook lies."""
        return self.site if self.way == PACKAGE else (self.machine.stdlib / "_indexguard" / "current").resolve()

    def attack(self, **environ: str) -> Attacked:
        """Have its pip attacked."""
        return self.machine.attack(self.python, "-m", "pip", **environ)

    def assert_refused(self, done: subprocess.CompletedProcess[str]) -> None:
        """Require a clean refusal with the right hint, and a pip that otherwise works."""
        assert done.returncode == 1
        assert "indexguard: guard-broken: " in done.stderr
        assert "Traceback" not in done.stderr
        if self.way == PACKAGE:
            assert f"hint: `{self.python} -m pip uninstall indexguard` still works" in done.stderr
        else:
            assert "hint: an installed indexguard repairs it with `indexguard activate`" in done.stderr
            assert "pip uninstall" not in done.stderr
        self.machine.succeed(self.python, "-m", "pip", "list")
        assert self.machine.succeed(self.python, "-c", "print(1)").stdout == "1\n"

    def repair(self) -> None:
        """Do what the hint says; the guard is live then."""
        if self.way == PACKAGE:
            self.machine.succeed(self.python, "-m", "pip", "uninstall", "--yes", "indexguard")
            self.machine.succeed(self.python, "-m", "pip", "install", "--no-index", "--no-deps", self.guard)
        else:
            activate(self.machine, self.guard)
        assert self.attack().is_held, self.machine.transcript[-1]


def activate(here: Machine, guard: Path) -> None:
    """Run the activation of a wheel that is installed nowhere in that Python."""
    folder = here.folder / "guard"
    unpack(guard, folder)
    here.succeed(here.base, "-m", "indexguard", "activate", PYTHONPATH=str(folder))


def unpack(wheel: Path, folder: Path) -> None:
    """Install a wheel that has nothing but files for site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


@pytest.fixture(
    scope="module", params=[(python, way) for python in _PIP_OF_PYTHON for way in (PACKAGE, STDLIB)], ids=" ".join
)
def machine_and_way(request: pytest.FixtureRequest, guard_wheel: Path) -> Iterator[tuple[Machine, str, str]]:
    """A machine, its Python's version and where the guard lies; its tests share it, and leave it whole."""
    python, way = request.param
    with grounds() as ground:
        # Where everybody may enter.
        made = Machine(ground.folder / "machine", ground, require_python(python))
        if way == STDLIB:
            activate(made, guard_wheel)
        yield made, python, way


@pytest.fixture
def guarded(machine_and_way: tuple[Machine, str, str], guard_wheel: Path, request: pytest.FixtureRequest) -> Guarded:
    """A new environment with a pip."""
    here, python, way = machine_and_way
    made = Guarded(here, way, guard_wheel, here.venv(f"venv-{abs(hash(request.node.name))}", "--without-pip"))
    unpack(pips.pip_wheel(_PIP_OF_PYTHON[python]), made.site)
    if way == PACKAGE:
        unpack(guard_wheel, made.site)
    return made


def tools_for(guarded: Guarded, *requirements: str) -> Path:
    """Return a site-packages with these from the machine's registry."""
    python = guarded.site.parent.name.removeprefix("python")
    plain = pips.plain_environment(_PIP_OF_PYTHON[python], python)
    return pips.tool_environment(plain, requirements).site_packages


@pytest.mark.parametrize(
    "requirements",
    [("packaging==16.8", "platformdirs==2.0", "tomli==0.2.10"), ("packaging==20.9",), _FOUR],
    ids=["packaging 16.8, platformdirs 2.0, tomli 0.2.10", "packaging 20.9", "newest, then uninstalled"],
)
def test_other_versions_of_what_we_need(guarded: Guarded, requirements: tuple[str, ...]) -> None:
    shutil.copytree(
        tools_for(guarded, *requirements), guarded.site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("pip*")
    )
    assert guarded.attack().is_held
    if requirements == _FOUR:
        names = [path.name.partition("-")[0] for path in guarded.site.glob("*.dist-info")]
        assert set(_FOUR) <= set(names)
        guarded.machine.succeed(guarded.python, "-m", "pip", "uninstall", "--yes", *_FOUR)
        assert not any((guarded.site / name).exists() for name in _FOUR)
        assert guarded.attack().is_held


@pytest.mark.parametrize("where", ["PYTHONPATH", "cwd of -c"])
def test_foreign_modules_of_these_names(guarded: Guarded, where: str) -> None:
    here = guarded.machine
    folder = here.ground.cwd if where != "PYTHONPATH" else here.folder / "foreign"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{name}.py" for name in (*_FOUR, "indexguard")]
    for file in files:
        file.write_text(_NOTE)
    try:
        program = "import sys; from pip._internal.cli.main import main; sys.exit(main())"
        words = ["-m", "pip"] if where == "PYTHONPATH" else ["-c", program]
        environ = {"PYTHONPATH": str(folder)} if where == "PYTHONPATH" else {}
        attacked = here.attack(guarded.python, *words, **environ)
        assert attacked.is_held, here.transcript[-1]
        assert list(folder.glob("*.imported")) == []
    finally:
        for file in files:
            file.unlink()


def test_foreign_hook_on_pythonpath(guarded: Guarded) -> None:
    folder = guarded.machine.folder / "hook"
    folder.mkdir(exist_ok=True)
    (folder / "_indexguard_hook.py").write_text("def install(): pass\n")
    attacked = guarded.attack(PYTHONPATH=str(folder))
    # A path file finds its module as any other is found; the start-up module loads it by its path.
    assert attacked.installed == ("public 99.0" if guarded.way == PACKAGE else "corp 1.0")


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("decision/authority.py", "truncated"),
        ("_vendor/wrapt/__init__.py", "missing"),
        ("inpip/__init__.py", "empty"),
        ("errors.py", "missing"),
    ],
)
def test_damaged_guard_refuses_and_is_repaired(guarded: Guarded, part: str, damage: str) -> None:
    path = guarded.folder / "indexguard" / part
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 2] + b"\n(")
    try:
        attacked = guarded.attack()
        assert attacked.installed is None
        guarded.assert_refused(attacked.done)
    finally:
        guarded.repair()


def test_hook_that_cannot_be_loaded(guarded: Guarded) -> None:
    path = guarded.folder / "_indexguard_hook.py"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:2000])
    try:
        attacked = guarded.attack()
        if guarded.way == STDLIB:
            assert attacked.installed is None
            guarded.assert_refused(attacked.done)
        else:
            # Nothing of ours is left there that could refuse; Python says so at each start.
            assert attacked.installed == "public 99.0"
            assert "Error processing line 1 of" in attacked.done.stderr
            assert "indexguard.pth" in attacked.done.stderr
    finally:
        guarded.repair()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run pip as a user who may not read the guard")
@pytest.mark.parametrize("part", ["indexguard", "indexguard/decision/authority.py", "_indexguard_hook.py"])
def test_guard_that_may_not_be_read(guarded: Guarded, part: str) -> None:
    if guarded.way == PACKAGE and part == "_indexguard_hook.py":
        pytest.skip("as a hook that cannot be loaded")
    here, path = guarded.machine, guarded.folder / part
    mode = path.stat().st_mode
    here.ground.give_to(NOBODYS_ID)
    words = ["setpriv", "--reuid", str(NOBODYS_ID), "--regid", "65534", "--clear-groups"]
    # The real interpreter, whose library it is linked to, may lie where only root may enter.
    library = {"LD_LIBRARY_PATH": str(here.base.parent.parent / "lib")}
    try:
        assert here.attack(*words, guarded.python, "-m", "pip", **library).is_held, here.transcript[-1]
        path.chmod(0)
        attacked = here.attack(*words, guarded.python, "-m", "pip", **library)
        if guarded.way == STDLIB and path.suffix:
            assert attacked.is_held, "activation has compiled it"
        else:
            assert attacked.installed is None
            guarded.assert_refused(attacked.done)
    finally:
        path.chmod(mode)
        here.ground.give_to(0)


@pytest.mark.parametrize("part", ["inpip/gate/gate.py", "decision/authority.py"])
def test_damaged_copy_is_removed_without_an_installed_one(guarded: Guarded, part: str) -> None:
    if guarded.way == PACKAGE:
        pytest.skip("for the activated copy")
    here = guarded.machine
    private = guarded.folder.parent
    damaged = guarded.folder / "indexguard" / part
    damaged.write_text("damaged\n")
    try:
        attacked = guarded.attack()
        assert f"`{guarded.python} {private} deactivate`" in attacked.done.stderr
        done = here.run(guarded.python, private, "deactivate")
        if part == "decision/authority.py":  # the command line needs it, too
            assert done.returncode == 1
            assert f"without one remove {private}" in done.stderr
            shutil.rmtree(private)
        else:
            assert str(damaged) in done.stdout, "it is kept, and is in nobody's way"
        assert guarded.attack().installed == "public 99.0"
        here.succeed(guarded.python, "-m", "pip", "install", "--no-index", "--no-deps", guarded.guard)
        here.succeed(guarded.python, "-m", "indexguard", "activate")
        here.succeed(guarded.python, "-m", "pip", "uninstall", "--yes", "indexguard")
        assert guarded.attack().is_held
    finally:
        activate(here, guarded.guard)
