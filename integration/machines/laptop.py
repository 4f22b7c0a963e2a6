"""A laptop: an account without root that has run ``indexguard activate --user``, in a home that is thrown away.

Two indexes are up and a policy of the user's says which one a name belongs to, so that any pip that is started there
shows by what it installs whether it is guarded.
"""

from __future__ import annotations

import os
import subprocess
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.harness import pips
from integration.harness.children import QUIET_PIP, run_child, write_policy
from integration.harness.dists import Dist, origin_of_text
from integration.harness.scripted_index import two_indexes
from integration.machines.state import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERNAL, PUBLIC = "corp 1.0", "public 99.0"
"""What comes from the index that the policy names, and what an unguarded pip takes."""

_LIMIT = 300  # seconds
_PIP = "26.0.1"  # the newest that runs on each of the Pythons
_APP = "[console_scripts]\nacme = acme_core:__name__\n"  # pipx wants something to run


@dataclass(frozen=True)
class Laptop:
    """The account."""

    home: Path
    guard: Path
    """Where the guard lies unpacked; installed nowhere."""
    python: Path
    """What runs the guard's command."""
    indexes: tuple[str, str]
    pip: Path
    """A pip wheel, for environments that have none."""

    @property
    def private(self) -> Path:
        """The account's own copy of the guard."""
        return self.home / ".local" / "share" / "indexguard" / "hook"

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment: nothing of the machine's, and the two indexes as a company configures them."""
        return {
            "HOME": str(self.home),
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.indexes[0],
            "PIP_EXTRA_INDEX_URL": self.indexes[1],
            **QUIET_PIP,
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",  # virtualenv leaves a process behind that asks the public index
        }

    def run(self, *words: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run something there; it must succeed."""
        done = run_child(
            [str(word) for word in words], cwd=cwd or self.home, env={**self.environ, **environ}, timeout=_LIMIT
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def indexguard(self, *words: str | Path) -> str:
        """Run the guard's command, and return what it printed."""
        return self.run(self.python, "-m", "indexguard", *words, PYTHONPATH=str(self.guard)).stdout

    def attack(self, python: Path, target: Path, shadow: Path | None = None) -> str:
        """Have an environment's Python run pip once more, and return which file it took.

        The user's site-packages has no part in it: an environment may see that too.

        :param shadow: a folder with a ``sitecustomize`` that runs in the place of an activated one.
        """
        command = ("install", "--quiet", "--target", target, "acme-core")
        environ = {} if shadow is None else {"PYTHONPATH": str(shadow)}
        self.run(python, f"{self.pip}/pip", *command, cwd=None, PYTHONNOUSERSITE="1", **environ)
        return origin_in(target)


def origin_in(folder: Path) -> str:
    """Return which file was installed into a folder."""
    return origin_of_text((folder / "acme_core.py").read_text(encoding="utf-8"))


def _app(version: str, origin: str) -> Dist:
    more = ((f"acme_core-{version}.dist-info/entry_points.txt", _APP),)
    return Dist("acme-core", version, origin, more=more)


@contextmanager
def laptop(folder: Path, wheel: Path, pythons: list[Path], *, user: bool = True) -> Iterator[Laptop]:
    """Make the account, and activate the guard for the given base interpreters.

    :param user: for the account; otherwise in the interpreters themselves.
    """
    home, guard = folder / "home", folder / "guard"
    home.mkdir(mode=0o755)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(guard)
    with two_indexes([_app("1.0", "corp")], [_app("99.0", "public")]) as (corp, public):
        text = STRICT.format(corp=corp.url, public=public.url)
        write_policy(home / ".config" / "indexguard" / "policy.toml", text)
        made = Laptop(home, guard, pythons[-1], (corp.url, public.url), pips.pip_wheel(_PIP))
        made.indexguard("activate", *(["--user"] if user else []), *(f"--python={python}" for python in pythons))
        yield made
