"""Where the measurements run: one environment with the wheel installed, and copies that differ in its .pth alone."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.harness import pips
from integration.harness.children import write_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.harness.pips import Environment

_ROOT = Path(__file__).resolve().parent.parent.parent
_LOG = Path("/var/log/indexguard/audit.jsonl")
_DOES_NOTHING = "import sys\n"


@dataclass(frozen=True)
class Setting:
    """What all rows share."""

    folder: Path
    """Everything is written below it."""
    rounds: int | None
    """How many runs of each; None: as each row sees fit."""
    with_valgrind: bool
    guarded: Environment
    """The wheel installed, as its user has it."""
    unguarded: Environment
    """The same files without a .pth."""
    does_nothing: Environment
    """The same files with a .pth that does nothing."""
    no_bytecode: Environment
    """As ``guarded``, and the hook is compiled anew at each start."""
    earlier: Environment | None = None
    """An earlier wheel installed, to be shown beside this one; None: nothing is shown beside it."""

    def environ(self, policy: Path | None = None) -> dict[str, str]:
        """Return the variables of a child process: nothing of this machine's pip configuration, and the policy."""
        variables = {
            "HOME": str(self.folder),
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
        }
        if policy is not None:
            variables["INDEXGUARD_POLICY"] = str(policy)
        return variables

    def write_policy(self, name: str, text: str) -> Path:
        """Write a policy file and return its path."""
        return write_policy(self.folder / f"{name}.toml", f"version = 1\n{text}")

    def scratch(self, name: str) -> Path:
        """Return a new, empty folder."""
        path = self.folder / name
        path.mkdir()
        return path

    @property
    def subject(self) -> str:
        """What was measured, in one line: versions and the kind of machine."""
        found = sorted(self.guarded.site_packages.glob("indexguard-*.dist-info"))
        version = found[0].name.removesuffix(".dist-info").replace("-", " ")
        code = "import platform; print(platform.python_implementation(), platform.python_version())"
        python = subprocess.run([self.guarded.python, "-I", "-c", code], capture_output=True, text=True, check=True)
        system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        return f"{version}, pip {self.guarded.pip}, {python.stdout.strip()}, {system}"


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this tree with a pip that is not guarded; build requirements come from the registry.

    :raises RuntimeError: it cannot be built.
    """
    newest = pips.ALL_PIPS[-1]
    builder = pips.plain_environment(newest, pips.pythons_for(newest).found[-1])
    command: list[str | Path] = [builder.python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, _ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("indexguard-*.whl"))
    if done.returncode != 0 or not found:
        raise RuntimeError(f"the wheel cannot be built:\n{done.stdout}{done.stderr}")
    return found[0]


def make_setting(
    folder: Path,
    *,
    pip: str,
    python: str,
    wheel: Path | None,
    rounds: int | None,
    with_valgrind: bool,
    beside: Path | None = None,
) -> Setting:
    """Make the environments.

    :param beside: the wheel of an earlier version.
    :raises RuntimeError: something that is needed is not here, or a policy of this machine would take part.
    """
    plain = pips.plain_environment(pip, python)
    guarded = pips.guarded_environment(plain, wheel or build_wheel(folder), folder / "guarded")
    _check_no_policy(guarded)
    # All have the same files, so that `pip list` reads as many of them everywhere.
    unguarded = guarded.copy_to(folder / "unguarded")
    _pth(unguarded).unlink()
    does_nothing = guarded.copy_to(folder / "does-nothing")
    _pth(does_nothing).unlink()
    _pth(does_nothing).write_text(_DOES_NOTHING)
    no_bytecode = guarded.copy_to(folder / "no-bytecode")
    for compiled in no_bytecode.site_packages.glob("__pycache__/_indexguard_hook.*.pyc"):
        compiled.unlink()
    earlier = pips.guarded_environment(plain, beside, folder / "earlier") if beside else None
    return Setting(folder, rounds, with_valgrind, guarded, unguarded, does_nothing, no_bytecode, earlier)


@contextlib.contextmanager
def no_traces() -> Iterator[None]:
    """Take the audit log away at the end, if it was not there before and holds nothing but lines of ours.

    The log of root has one fixed place; the other users' lies in the home folder, which is the bench's own.
    """
    was_there = _LOG.exists()
    here = os.getpid()
    try:
        yield
    finally:
        if not was_there and _LOG.exists() and os.getpid() == here and _only_ours(_LOG.read_text(encoding="utf-8")):
            _LOG.unlink()
            with contextlib.suppress(OSError):  # not empty: somebody else's
                _LOG.parent.rmdir()


FOLDER_PREFIX = "indexguard-bench-"
"""How the bench's folder begins; the ``cwd`` of its lines in the audit log tells them by it."""


def _only_ours(text: str) -> bool:
    return all(FOLDER_PREFIX in json.loads(line)["cwd"] for line in text.splitlines())


def _pth(environment: Environment) -> Path:
    return environment.site_packages / "indexguard.pth"


def _check_no_policy(environment: Environment) -> None:
    code = "import sys; print(sys.base_prefix)"
    done = subprocess.run([environment.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    for base in ("/", done.stdout.strip()):
        path = Path(base, "etc", "indexguard", "policy.toml")
        if path.exists():
            raise RuntimeError(f"{path} would take part in every run; move it away first")


if sys.version_info < (3, 11):  # pragma: no cover - a clear word instead of a strange error
    raise RuntimeError("the benchmarks need Python 3.11 or later; what they measure may run on another")
