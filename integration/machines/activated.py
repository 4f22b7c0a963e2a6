"""A machine of its own for activation: a base interpreter that may be changed, a home, two indexes, and a policy."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.harness.children import run_child
from integration.harness.dists import normalised, origin_of_text
from integration.machines.bases import copy_base
from integration.machines.state import grounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.machines.state import Ground

_RUN_LIMIT = 300  # seconds after which a program that hangs is killed and the test fails
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Attacked:
    """What an attack has come to."""

    installed: str | None
    """``INDEX VERSION`` of acme-core."""
    done: Done

    @property
    def is_held(self) -> bool:
        """Whether the guard kept the attacker's file away and said so."""
        return self.installed == "corp 1.0" and "indexguard" in self.done.stdout + self.done.stderr


class Machine:
    """A base interpreter with pip, and who uses it."""

    def __init__(self, folder: Path, ground: Ground, python: str) -> None:
        self.folder = folder
        self.ground = ground
        self.base = copy_base(python, folder / "base")
        self.transcript: list[str] = []
        self._count = 0

    @property
    def stdlib(self) -> Path:
        """The base's standard library."""
        (found,) = (self.folder / "base").glob("lib/python3*")
        return found

    def run(self, *words: str | Path, **environ: str) -> Done:
        """Run a program with nothing of the real user's; what it prints goes into the transcript."""
        command = [str(word) for word in words]
        done = run_child(command, cwd=self.ground.cwd, env={**self.ground.variables(), **environ}, timeout=_RUN_LIMIT)
        said = (done.stdout + done.stderr).replace(str(self.folder), "…").replace(str(self.ground.folder), "~")
        shown = shlex.join(command).replace(str(self.folder), "…").replace(str(self.ground.folder), "~")
        self.transcript.append(f"$ {shown}\n{said}[exit {done.returncode}]")
        return done

    def succeed(self, *words: str | Path, **environ: str) -> Done:
        """Run a program that must succeed."""
        done = self.run(*words, **environ)
        assert done.returncode == 0, self.transcript[-1]
        return done

    def venv(self, name: str, *options: str, python: Path | None = None) -> Path:
        """Make a virtual environment with pip, and return its Python."""
        self.succeed(python or self.base, "-m", "venv", *options, self.folder / name)
        return self.folder / name / "bin" / "python"

    def attack(self, *command: str | Path, **environ: str) -> Attacked:
        """Have a pip install a name that both indexes offer.

        :param command: what runs pip, its options included.
        """
        self._count += 1
        target = self.ground.folder / "out" / str(self._count)
        options = ["--index-url", self.ground.corp.url, "--extra-index-url", self.ground.public.url]
        done = self.run(*command, "install", "--target", target, "acme-core", *options, **environ)
        texts = {path.stem: path.read_text(encoding="utf-8") for path in target.glob("*.py")}
        found = {normalised(stem): origin_of_text(text) for stem, text in texts.items()}
        return Attacked(found.get("acme-core"), done)


@contextmanager
def machine(folder: Path, python: str) -> Iterator[Machine]:
    """Set a machine up; its indexes are gone afterwards."""
    with grounds() as ground:
        yield Machine(folder, ground, python)
