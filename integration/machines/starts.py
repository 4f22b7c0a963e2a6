"""The matrix of starts: which of the guard's ways in reaches which start of Python, as data, as measured, and as printed.

Each cell is one start of a real Python, in which a probe notes the hook that is live: at its start, or when pip is
imported. The pips are real ones whose ``__init__`` has the probe as its last lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from integration.harness import pips
from integration.harness.cases import read_cases
from integration.harness.children import run_child
from integration.harness.dists import Dist
from integration.machines.bases import copy_base, hard_link

CASES = read_cases(__file__)

PYTHONS = tuple(f"3.{minor}" for minor in range(9, 16))
DEBIAN_PYTHONS = ("3.14", "3.15")
"""Those that are measured in a Debian root."""
MAYBE = frozenset(("python -P", "PYTHONSAFEPATH=1", "  with venv-isolation", "  with inprocess-build-deps"))
"""Starts that not every Python, or the newest pip on it, has."""
WAYS = ("package", "stdlib", "account", "own")
"""Where the guard lies: the package's path file in the base interpreter; its standard library (``indexguard activate``);
the user site and seeds (``activate --user``); the package's path file in the virtual environment that is started."""

EXPECTED = CASES["table"]
"""``yes``: the guard of this way is live. ``handed``: a guarded pip has handed it to its child. ``parent``: there is no
process but that of the guarded pip. ``-``: there is no such thing."""

_PROBE = """
def _probe(role):
    import os, sys
    live = [entry for entry in sys.meta_path if getattr(entry, "indexguard_hook", None) is True]
    hook = sys.modules[live[0].__module__].__file__ if len(live) == 1 else "" if not live else "twice"
    handed = "handed" if "_indexguard_bootstrap" in sys.modules else ""
    with open(os.environ["START_MATRIX"], "a") as file:
        file.write("\\t".join([role, hook, handed]) + "\\n")
_probe({role!r})
del _probe
"""
_BACKEND = """
def get_requires_for_build_wheel(config_settings=None):
    {probe}
    raise SystemExit("measured")
build_wheel = None
"""
_PYPROJECT = '[build-system]\nrequires = ["helper"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
_RUN_LIMIT = 120  # seconds for one start
Measured = Mapping[str, str]


def probe(role: str) -> str:
    """Return the program that notes which hook is live, under the name of a role."""
    return _PROBE.format(role=role)


def expected(way: str) -> dict[str, str]:
    """Return what is expected of one way, by start."""
    rows = [re.split(r"\s{2,}", line.rstrip()) for line in EXPECTED.strip().replace("\n  ", "\n..").split("\n")]
    column = rows[0].index(way)
    return {row[0].replace("..", "  "): row[column] for row in rows[1:]}


@dataclass(frozen=True)
class Noted:
    """What a probe has noted."""

    role: str
    hook: str
    handed: str


@dataclass(frozen=True)
class Pip:
    """A real pip with the probe in it."""

    version: str
    home: Path

    @property
    def folder(self) -> Path:
        """What goes into a site-packages."""
        return self.home / "unpacked"

    @property
    def wheel(self) -> Path:
        """The same as a wheel."""
        return self.home / "pip.whl"

    @property
    def zipapp(self) -> Path:
        """The same as what pip calls ``pip.pyz``."""
        return self.home / "pip.pyz"


def make_pip(version: str, folder: Path) -> Pip:
    """Make one in three forms, once for all processes of a test run.

    :raises RuntimeError: the registry does not hand that pip out.
    """
    made = Pip(version, folder)
    with pips.locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _write_pip(Pip(version, folder.with_name(f"{folder.name}.part")))
            folder.with_name(f"{folder.name}.part").rename(folder)
    return made


def _write_pip(made: Pip) -> None:
    with zipfile.ZipFile(pips.pip_wheel(made.version)) as wheel:
        wheel.extractall(made.folder)
    with (made.folder / "pip" / "__init__.py").open("a") as file:
        file.write(probe("pip"))
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    for archive, start in (
        (made.wheel, ""),
        (made.zipapp, "import runpy\nrunpy.run_module('pip', run_name='__main__')\n"),
    ):
        with zipfile.ZipFile(archive, "w") as target:
            for path in files:
                target.write(path, path.relative_to(made.folder))
            if start:
                target.writestr("__main__.py", start)


@dataclass(frozen=True)
class Base:
    """A base interpreter that may be changed."""

    python: Path
    """As it is called where it runs."""
    site: Path
    """Where packages go."""
    stdlib: Path
    root: Path | None = None
    """Where it runs, by chroot, if not among ourselves."""

    def command(self, words: Iterable[str | Path], cwd: Path) -> list[str]:
        """Return what runs a program there."""
        start: list[str | Path] = []
        if self.root is not None:
            start = [shutil.which("chroot") or "chroot", self.root, "/usr/bin/env", "-C", cwd]
        return [str(word) for word in (*start, *words)]

    def found(self, told: str) -> Path:
        """Return where a path that a program there has told is for us."""
        path = Path(told)
        if self.root is None or self.root in path.parents:
            return path
        return self.root / path.relative_to("/")


def copied(python: Path, folder: Path) -> Base:
    """Make a base interpreter in ``folder``, a copy of another one.

    :raises RuntimeError: it is the system's.
    """
    executable = copy_base(str(python), folder)
    (site,) = folder.glob("lib/python3*/site-packages")
    return Base(executable, site, site.parent)


class Place:
    """A base interpreter of its own, guarded in one way, and what is started there."""

    def __init__(self, folder: Path, base: Base, way: str, *, pip: Pip, guard: Path, virtualenv: Path) -> None:
        """Set the place up.

        :param folder: where all that it needs is made; a program of the base finds it under the same path.
        :param guard: the guard's wheel.
        :param virtualenv: a folder that holds virtualenv.
        """
        self.folder, self.way, self.pip = folder, way, pip
        self.base, self._base = base.python, base
        self._count = 0
        self._virtualenv = virtualenv
        for name in ("home", "cwd", "out", "links", "project", "customised"):
            (folder / name).mkdir()
        (folder / "customised" / "sitecustomize.py").write_text("")
        (folder / "customised" / "measured.py").write_text(probe("start"))
        self._write_build()
        self._have_pip(base.site)
        self._have_ensurepip_probed()
        self.before = self.venv("before")
        self._guard = folder / "guard"
        _unpack(guard, self._guard)
        self._install_guard()
        self.python = self.base if way != "own" else self.venv("venv")
        """Which Python is started: the environment's in the last way, else the base."""
        if way == "own":
            self._have_pip(self._site(folder / "venv"))
        self._script = folder / "script"
        self._script.write_text(
            f"#!{self.python}\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
        )
        self._script.chmod(0o755)

    @property
    def variables(self) -> dict[str, str]:
        """What every program is given."""
        return {
            "HOME": str(self.folder / "home"),
            "PATH": "/usr/bin:/bin",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_FIND_LINKS": str(self.folder / "links"),
        }

    def venv(self, name: str, *options: str, python: Path | None = None) -> Path:
        """Make an environment without pip, with the guard in it if that is the way, and return its Python."""
        self._succeed([python or self.base, "-m", "venv", "--without-pip", *options, self.folder / name])
        if self.way == "own" and name not in ("before", "inner"):
            _unpack(self._guard, self._site(self.folder / name))
        return self.folder / name / "bin" / "python"

    def virtualenv(self) -> Path:
        """Have virtualenv, run by the base, make an environment, and return its Python."""
        root = self.folder / "virtualenv"
        command: list[str | Path] = [self.base, "-m", "virtualenv", "--quiet", "--no-download", "--without-pip", root]
        self._succeed(command, PYTHONPATH=str(self._virtualenv))
        if self.way == "own":
            _unpack(self._guard, self._site(root))
        return root / "bin" / "python"

    def noted(self, *command: str | Path, cwd: str = "cwd", bare: bool = False, **environ: str) -> list[Noted]:
        """Run a program and return what the probes noted.

        :param bare: without any variable but these.
        """
        self._count += 1
        path = self.folder / "out" / str(self._count)
        variables = {**({} if bare else self.variables), "START_MATRIX": str(path), **environ}
        done = self._run(command, variables, cwd)
        if not path.exists():
            raise AssertionError(f"nothing was measured: {command}\n{done.stdout}{done.stderr}")
        return [Noted(*line.split("\t")) for line in path.read_text().splitlines()]

    def started(self, *words: str | Path, python: Path | None = None, **options: Any) -> str:
        """Start Python alone, and return what the cell says."""
        (noted,) = self.noted(python or self.python, *words, "-c", probe("start"), **options)
        return self.judge(noted)

    def pip_run(self, *command: str | Path, role: str = "pip", number: int = 0, **options: Any) -> str:
        """Run a pip, and return what the cell of one of its processes says."""
        noted = [each for each in self.noted(*command, **options) if each.role == role]
        return self.judge(noted[number]) if len(noted) > number else "not run"

    def judge(self, noted: Noted) -> str:
        """Return what a cell says."""
        if not noted.hook:
            return "no"
        place = {
            "package": self._base.site,
            "stdlib": self._base.stdlib / "_indexguard",
            "account": self.folder / "home",
        }.get(self.way, self.folder)
        hook = self._base.found(noted.hook)
        if place not in hook.parents or (self.way == "own" and "site-packages" not in noted.hook):
            return f"yes, by {noted.hook}"
        return noted.handed or "yes"

    def build(self, *options: str) -> list[str | Path]:
        """Return the command that builds a project which has a build requirement."""
        return [
            self.python,
            "-m",
            "pip",
            "wheel",
            "--wheel-dir",
            self.folder / "wheels",
            *options,
            self.folder / "project",
        ]

    def _site(self, root: Path) -> Path:
        (found,) = root.glob("lib/python3*/site-packages")
        return found

    def _have_pip(self, site: Path) -> None:
        for old in site.glob("pip*"):
            shutil.rmtree(old)
        shutil.copytree(self.pip.folder, site, dirs_exist_ok=True, copy_function=hard_link)

    def _have_ensurepip_probed(self) -> None:
        # What `python -m venv` starts in the new environment; what that starts is a start like another.
        path = self._base.stdlib / "ensurepip" / "__main__.py"
        path.unlink()
        path.write_text(probe("ensurepip"))

    def _write_build(self) -> None:
        helper = Dist("helper", "1.0", "links")
        (self.folder / "links" / helper.filename).write_bytes(helper.content)
        indented = probe("backend").strip().replace("\n", "\n    ")
        (self.folder / "project" / "backend.py").write_text(_BACKEND.format(probe=indented))
        (self.folder / "project" / "pyproject.toml").write_text(_PYPROJECT)

    def _install_guard(self) -> None:
        if self.way == "package":
            _unpack(self._guard, self._base.site)
        elif self.way != "own":
            options = ["--user"] if self.way == "account" else []
            self._succeed([self.base, "-m", "indexguard", "activate", *options], PYTHONPATH=str(self._guard))

    def _run(
        self, command: Iterable[str | Path], variables: Mapping[str, str], cwd: str
    ) -> subprocess.CompletedProcess[str]:
        return run_child(
            self._base.command(command, self.folder / cwd),
            cwd=self.folder / cwd,
            env=dict(variables),
            timeout=_RUN_LIMIT,
        )

    def _succeed(self, command: list[str | Path], **environ: str) -> None:
        done = self._run(command, {**self.variables, **environ}, "cwd")
        if done.returncode != 0:
            raise AssertionError(f"{command}\n{done.stdout}{done.stderr}")


def _unpack(guard: Path, site: Path) -> None:
    """Install a wheel that holds nothing but files for site-packages; from a folder by links."""
    if guard.is_dir():
        shutil.copytree(guard, site, dirs_exist_ok=True, copy_function=hard_link)
    else:
        with zipfile.ZipFile(guard) as wheel:
            wheel.extractall(site)


def check(place: Place, python: str, without: Path, note: Callable[[str, object], None]) -> None:
    """Measure every start of a place that this Python and this pip have, and compare it with what is expected.

    :param without: the Python of an environment that has no guard.
    :param note: takes what is printed at the end.
    """
    measured = {name: measure() for name, measure in _starts(place, python, without)}
    for name, value in (("python", python), ("way", place.way), ("starts", measured)):
        note(name, value)
    wanted = {start: word for start, word in expected(place.way).items() if word != "-"}
    assert measured == {start: word for start, word in wanted.items() if start in measured}
    assert wanted.keys() - measured.keys() <= MAYBE


def _starts(place: Place, python: str, without: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    customised = str(place.folder / "customised")
    yield "python", place.started
    for option in ("-I", "-s", "-E", "-S"):
        yield f"python {option}", lambda option=option: place.started(option)  # type: ignore[misc]  # a default
    yield "PYTHONNOUSERSITE=1", lambda: place.started(PYTHONNOUSERSITE="1")
    yield "no HOME, no variable at all", lambda: place.started(bare=True)
    if pips.version_key(python) >= (3, 11):
        yield "python -P", lambda: place.started("-P")
        yield "PYTHONSAFEPATH=1", lambda: place.started(PYTHONSAFEPATH="1")
    yield "sitecustomize on PYTHONPATH", lambda: place.started(PYTHONPATH=customised)
    yield "sitecustomize in cwd, -c", lambda: place.started(cwd="customised")
    yield (
        "sitecustomize in cwd, -m",
        lambda: place.pip_run(place.python, "-m", "measured", role="start", cwd="customised"),
    )
    yield from _environments(place, customised)
    yield "python -m pip", lambda: place.pip_run(place.python, "-m", "pip", "--version")
    yield "script pip", lambda: place.pip_run(place.folder / "script", "--version")
    yield "pip.pyz", lambda: place.pip_run(place.python, place.pip.zipapp, "--version")
    yield "pip.whl/pip", lambda: place.pip_run(place.python, place.pip.wheel / "pip", "--version")
    yield from _builds(place)
    handing: list[str | Path] = [place.python, "-m", "pip", "--python", place.before, "--version"]
    yield "pip --python, to one without", lambda: place.pip_run(*handing, number=1)
    handed: list[str | Path] = [without, place.pip.folder / "pip", "--python", place.python, "--version"]
    yield "pip --python, from one without", lambda: place.pip_run(*handed, number=1)


def _environments(place: Place, customised: str) -> Iterator[tuple[str, Callable[[], str]]]:
    if place.way != "own":
        yield "venv made before", lambda: place.started(python=place.before)
    venv = place.python if place.way == "own" else place.venv("venv")
    yield "venv", lambda: place.started(python=venv)
    yield "venv -I", lambda: place.started("-I", python=venv)
    yield "venv, sitecustomize on PYTHONPATH", lambda: place.started(python=venv, PYTHONPATH=customised)
    option = "--system-site-packages"
    yield f"venv {option}", lambda: place.started(python=place.venv("wider", option))
    yield "venv made by that venv", lambda: place.started(python=place.venv("inner", python=venv))
    yield "virtualenv", lambda: place.started(python=place.virtualenv())
    making: list[str | Path] = [place.python, "-m", "venv", place.folder / "with-pip"]
    yield "ensurepip, as -m venv runs it", lambda: place.pip_run(*making, role="ensurepip")


def _builds(place: Place) -> Iterator[tuple[str, Callable[[], str]]]:
    def default() -> list[Noted]:
        if not noted:
            noted.extend(place.noted(*place.build()))
        return noted

    def in_process() -> str:
        outer, *others = place.noted(*place.build("--use-feature", "inprocess-build-deps"))
        assert [each.role for each in others] == ["backend"], others
        return "parent" if place.judge(outer) == "yes" else place.judge(outer)

    noted: list[Noted] = []
    yield "installer of build requirements", lambda: place.judge([each for each in default() if each.role == "pip"][1])
    yield "build backend", lambda: place.judge(next(each for each in default() if each.role == "backend"))
    if pips.version_key(place.pip.version) >= (26, 3):
        isolated = place.build("--use-feature", "venv-isolation")
        yield "  with venv-isolation", lambda: place.pip_run(*isolated, number=1)
        yield "  with inprocess-build-deps", in_process


def print_matrix(reporter: Any) -> None:
    """Print what the tests have measured, in the form of ``EXPECTED``; a cell that differs by Python says how."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    pythons, missing = set(), set()
    for status in ("passed", "failed", "skipped"):
        for report in reporter.stats.get(status, ()):
            told = dict(getattr(report, "user_properties", ()))
            missing |= {told["no starts"]} if "no starts" in told else set()
            if "starts" in told:
                pythons.add(told["python"])
                for start, cell in told["starts"].items():
                    cells.setdefault((start, told["way"]), {})[told["python"]] = cell
    if not cells and not missing:
        return
    reporter.section("starts")
    rows: list[tuple[str, ...]] = [("", *WAYS)]
    rows += [(start, *(_merged(cells.get((start, way), {})) for way in WAYS)) for start in expected(WAYS[0])]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        reporter.write_line("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
    reporter.write_line(f"Pythons: {', '.join(sorted(pythons, key=pips.version_key)) or 'none'}")
    for reason in sorted(missing):
        reporter.write_line(reason)


def _merged(found: Mapping[str, str]) -> str:
    if len(set(found.values())) <= 1:
        return next(iter(found.values()), "-")
    return ", ".join(f"{python}: {found[python]}" for python in sorted(found, key=pips.version_key))


def describe_missing(python: str) -> str | None:
    """Return why a Python's starts cannot be measured here; None if they can."""
    found = pips.find_interpreter(python)
    if found is not None and found.parent.parent != Path("/usr"):
        return None
    reason = "neither on PATH nor in pyenv" if found is None else "the one here is the system's, which cannot be copied"
    elsewhere = "; `.ci/run --roots` measures Debian's" if python in DEBIAN_PYTHONS else ""
    return f"Python {python} is missing: {reason}{elsewhere}"


if sys.version_info < (3, 11):  # pragma: no cover
    raise RuntimeError("the integration tests need Python 3.11 or later")
