"""Throw-away environments in which the demo runs pip: the running interpreter, the running pip, nothing of the caller's.

The guarded one gets the guard by a path line to the installation that this very module belongs to.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

from ..audit.run_context import DRILL
from ..errors import escape
from ..interpreters.python import Answer, InterpretersError, ask

HOOK_LINE = "import _indexguard_hook; _indexguard_hook.install()"
"""The import line of the .pth file that switches the guard on."""

PLAIN_PIP = {
    DRILL: "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_RETRIES": "0",
}
"""The variables of a pip that reads no configuration and tries everything once, as a drill."""

_TIMEOUT = 300  # seconds; a pip that talks to loopback needs one or two
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")  # without these some interpreters do not start
_PROBE = """
import json, sys, sysconfig
hooked = any(getattr(entry, "indexguard_hook", False) for entry in sys.meta_path)
print(json.dumps({"site": sysconfig.get_path("purelib"), "hooked": hooked}))
"""
_ASK_LOG = "import json; from indexguard.audit.place import log_path; print(json.dumps(str(log_path())))"


class UnavailableError(Exception):
    """The demo cannot be played here, whatever the guard may be worth; the text says why."""


def find_pip() -> Path:
    """Return the folder of the running interpreter's pip, which is not imported.

    :raises UnavailableError: there is none, or it is inside of a zip file.
    """
    spec = importlib.util.find_spec("pip")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec is not None else []
    for folder in folders:
        if (folder / "__init__.py").is_file():
            return folder
    raise UnavailableError(
        "this Python has no pip that the demo could run; install one, or run the demo with a Python that has pip"
    )


def find_pip_version(folder: Path) -> str:
    """Return the version that a pip folder states, or ``unknown``."""
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    return match[1] if match else "unknown"


def installation() -> Path:
    """Return the folder that holds the hook and the package that is running."""
    return Path(__file__).resolve().parents[2]


class Environment:
    """A virtual environment with the running pip, and with the guard if ``guarded``.

    :param folder: is created; everything, a HOME included, lies in it.
    :param pip: the folder of the pip, to which a link is made.
    :raises UnavailableError: the running interpreter makes no virtual environments.
    """

    def __init__(self, folder: Path, pip: Path, *, guarded: bool) -> None:
        self.folder = folder
        for name in ("home", "tmp", "plain", "runs"):
            (folder / name).mkdir(parents=True)
        self._guarded = guarded
        self._python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        try:
            venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False).create(folder / "venv")
            found = self._start(["-c", _PROBE], folder).read_json()
        except (OSError, ValueError, subprocess.SubprocessError, InterpretersError) as error:
            raise UnavailableError(f"this Python makes no virtual environment that works: {error}") from error
        self.site = Path(found["site"])
        self.hooked_from_outside = bool(found["hooked"])
        """Whether the guard is there although nobody put it into this environment."""
        (self.site / "pip").symlink_to(pip, target_is_directory=True)
        if guarded:
            lines = f"{installation()}\n{HOOK_LINE}\n"
            (self.site / "indexguard-demo.pth").write_text(lines, encoding="utf-8")

    def run_pip(self, arguments: list[str], policy: Path) -> tuple[Answer, Path]:
        """Run pip in a folder of its own; return how it ended, and that folder, which stands in the audit log.

        :raises UnavailableError: pip does not end.
        """
        cwd = self.folder / "runs" / str(len(list((self.folder / "runs").iterdir())))
        cwd.mkdir()
        try:
            return self._start(["-m", "pip", *arguments], cwd, policy), cwd
        except InterpretersError as error:
            raise UnavailableError(str(error)) from error

    def find_installed(self, module: str) -> tuple[str, str] | None:
        """Return version and origin of an installed module of the demo, and take it away again."""
        path = self.site / f"{module}.py"
        told = read_module(path)
        if not told:
            return None
        path.unlink()
        for info in self.site.glob(f"{module}-*.dist-info"):
            for file in info.iterdir():
                file.unlink()
            info.rmdir()
        return told["VERSION"], told["ORIGIN"]

    def find_log(self) -> Path | None:
        """Return where the guard writes its audit log when it runs here, or None if it does not say."""
        try:
            return Path(self._start(["-c", _ASK_LOG], self.folder).read_json())
        except (InterpretersError, TypeError, ValueError):
            return None

    def _start(self, arguments: list[str], cwd: Path, policy: Path | None = None) -> Answer:
        command = [str(self._python), *arguments]
        return ask(command, seconds=_TIMEOUT, late="pip did not end", environ=self._environ(policy), cwd=cwd)

    def _environ(self, policy: Path | None) -> dict[str, str]:
        """Return a whole environment: no variable of the caller plays a part in what pip does."""
        environ = {
            "PATH": os.defpath,
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONUTF8": "1",
            "PYTHONIOENCODING": "ascii:backslashreplace",
            **PLAIN_PIP,
        }
        environ.update({name: os.environ[name] for name in _KEPT if name in os.environ})
        if policy is not None:
            environ["INDEXGUARD_POLICY"] = str(policy)
        if not self._guarded:
            # `indexguard activate` hooks an interpreter by a sitecustomize in its standard library, which reaches this
            # environment too. One on PYTHONPATH stands before it: that is how pip is shown without the guard.
            (self.folder / "plain" / "sitecustomize.py").touch()
            environ["PYTHONPATH"] = str(self.folder / "plain")
        return environ


def read_module(path: Path) -> dict[str, str]:
    """Return what an installed module of the demo says of itself (VERSION, ORIGIN); nothing if it is not there."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return dict(re.findall(r"^(\w+) = '(.*)'$", text, re.MULTILINE))


def read_events(log: Path, cwd: Path, start: int) -> list[dict[str, Any]]:
    """Return the audit events that a pip run in ``cwd`` wrote after byte ``start`` of the log; none if there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            lines = file.read().splitlines()
    except OSError:
        return []
    events = [event for event in map(_parse, lines) if event is not None]
    return [event for event in events if event.get("cwd") == escape(str(cwd))]


def _parse(line: bytes) -> dict[str, Any] | None:
    # The log is everybody's: a line that somebody else tore is none of ours.
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
