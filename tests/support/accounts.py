"""The private folder of an account, without an activation: it leads to the guard of this tree."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import indexguard
from indexguard.activation.seeding import CURRENT, SEED, seed_text
from support.bases import hook_of
from support.bases import run as run_python

SOURCE = Path(indexguard.__file__).parents[1]


@dataclass(frozen=True)
class Account:
    """A home, and a guard in it that a test may break."""

    home: Path

    @property
    def private(self) -> Path:
        """Where ``indexguard activate --user`` puts the guard."""
        return self.home / ".local" / "share" / "indexguard" / "hook"

    @property
    def hook(self) -> str:
        """The file of the start-up hook, as a seed brings it."""
        return str(self.private / CURRENT / "_indexguard_hook.py")

    def give_guard(self) -> None:
        """Make the private folder."""
        release = self.private / "release"
        release.mkdir(parents=True)
        for name in ("_indexguard_hook.py", "indexguard"):
            (release / name).symlink_to(SOURCE / name)
        (self.private / CURRENT).symlink_to("release")

    def break_seeding(self, text: str) -> None:
        """Have another module in the place of what seeds."""
        package = self.private / "release" / "indexguard"
        package.unlink()
        (package / "activation").mkdir(parents=True)
        for folder in (package, package / "activation"):
            (folder / "__init__.py").touch()
        (package / "activation" / "seeding.py").write_text(text, encoding="utf-8")

    def guard_user_site(self, python: str | Path) -> None:
        """Have an interpreter start the guard by a seed in the user's site-packages."""
        site = Path(self.run(python, "-m", "site", "--user-site").stdout.strip())
        site.mkdir(parents=True, exist_ok=True)
        (site / SEED).write_text(seed_text(self.private), encoding="utf-8")

    def run(self, python: str | Path, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run an interpreter as this account."""
        return run_python(python, *words, home=self.home, environ=environ)

    def hook_of(self, python: str | Path, *options: str) -> str | None:
        """Return the file of the hook that an interpreter starts."""
        return hook_of(python, *options, home=self.home)


def seeds_of(private: Path) -> list[str]:
    """Return the lines of the list of seeds."""
    path = private / "seeds"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def make_environment(root: Path, python: str = "3.11", version: str = "3.11.7", key: str = "version") -> Path:
    """Make what looks like a virtual environment, and return its site-packages."""
    site = root / "lib" / f"python{python}" / "site-packages"
    site.mkdir(parents=True)
    (root / "bin").mkdir(exist_ok=True)
    (root / "pyvenv.cfg").write_text(f"home = {os.path.dirname(os.__file__)}\n{key} = {version}\n", encoding="utf-8")
    return site
