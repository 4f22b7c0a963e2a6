"""A real pip in a child process, guarded by the source tree, and indexes on loopback that answer what a test wants."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from integration.harness.children import run_child, write_policy
from integration.harness.loopback import HTML, Answer, Handler, LoopbackIndex

from indexguard.inpip.children import BOOTSTRAP
from support.environments import clean_environ

if TYPE_CHECKING:
    from integration.harness.dists import Dist

Body = Union[Answer, bytes, str]


class Index(LoopbackIndex):
    """Answers what stands under a path, and 404 to all else."""

    def __init__(self) -> None:
        self.answers: dict[str, Body] = {}
        self.asked: list[str] = []

    def reply(self, request: Handler) -> Answer:
        """Remember the path, and answer."""
        self.asked.append(request.path)
        body = self.answers.get(request.path.partition("?")[0], (404, {}, b"not here"))
        if isinstance(body, tuple):
            return body
        return 200, HTML if isinstance(body, str) else {"Content-Type": "application/octet-stream"}, body

    def keep(self, dist: Dist, folder: str = "/files") -> str:
        """Keep a file; return its path."""
        path = f"{folder}/{dist.filename}"
        self.answers[path] = dist.content
        return path

    def list(self, name: str, *links: str) -> None:
        """Have the page of a name list these links."""
        anchors = "".join(f'<a href="{link}">file</a><br>\n' for link in links)
        self.answers[f"/simple/{name}/"] = f"<!DOCTYPE html><html><body>{anchors}</body></html>"

    def publish(self, *dists: Dist) -> None:
        """Offer distributions of one project, instead of any others of it."""
        self.list(dists[0].name, *(f"{self.keep(dist)}#sha256={dist.sha256}" for dist in dists))


@dataclass
class Done:
    """What a pip run did."""

    code: int
    output: str
    origins: dict[str, str]
    """For each module that was installed, the ORIGIN that it tells."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """The audit log's."""

    @property
    def codes(self) -> set[tuple[str, str | None]]:
        """What kinds of events were logged, with their codes."""
        return {(event["event"], event["code"]) for event in self.events}


@dataclass
class Bench:
    """Two indexes, and a guarded pip to try them with."""

    corp: Index
    public: Index
    folder: Path
    runs: int = 0

    @property
    def policy(self) -> str:
        """The policy that gives `acme` and `acme-*` to the one and everything else to the other."""
        return f"""
[indexes.corp]
url = "{self.corp.url}"
namespaces = ["acme"]
[indexes.public]
url = "{self.public.url}"
public = true
packages = ["*"]
"""

    def python(
        self, *args: str | Path, paths: tuple[str | Path, ...] = (BOOTSTRAP,), environ: dict[str, str] | None = None
    ) -> Done:
        """Run this interpreter in a clean environment, in a folder of its own, with these folders on its path."""
        self.runs += 1
        cwd, home = self.folder / f"run{self.runs}", self.folder / "home"
        cwd.mkdir()
        home.mkdir(exist_ok=True)
        path = os.pathsep.join(map(str, paths))
        done = run_child(
            [sys.executable, *map(str, args)],
            cwd=cwd,
            env=clean_environ(home, PYTHONPATH=path, PIP_CACHE_DIR=str(self.folder / "cache"), **(environ or {})),
        )
        origins = {
            file.stem: file.read_text(encoding="utf-8").partition("'")[2].partition("'")[0]
            for file in sorted((cwd / "target").glob("*.py"))
        }
        return Done(done.returncode, done.stdout + done.stderr, origins, self._events(home, cwd))

    def pip(self, *args: str | Path, policy: str | None = None, **environ: str) -> Done:
        """Run pip with both indexes, and a policy by its text (None: no policy at all)."""
        variables = {"PIP_INDEX_URL": self.corp.url, "PIP_EXTRA_INDEX_URL": self.public.url, **environ}
        if policy is not None:
            file = self.folder / f"policy{self.runs}.toml"
            variables["INDEXGUARD_POLICY"] = str(write_policy(file, f"version = 1\n{policy}"))
        return self.python("-m", "pip", *args, environ=variables)

    def install(self, *args: str | Path, policy: str | None = None, **environ: str) -> Done:
        """Run `pip install` into a folder of its own."""
        options = ("--target", "target", "--retries", "0", "--no-warn-conflicts")
        return self.pip("install", *options, *args, policy=policy, **environ)

    @staticmethod
    def _events(home: Path, cwd: Path) -> list[dict[str, Any]]:
        own = home / ".local" / "state" / "indexguard" / "log" / "audit.jsonl"
        log = Path("/var/log/indexguard/audit.jsonl") if os.geteuid() == 0 else own
        if not log.exists():
            return []
        # Root's log is one for all tests: of most lines it is enough to see that they are of another folder.
        lines = [it for it in log.read_text(encoding="utf-8").splitlines() if cwd.parent.name in it]
        return [event for event in map(json.loads, lines) if event["cwd"] == str(cwd)]


def altered(folder: Path, original: Path, file: str, old: str, new: str) -> Path:
    """Make a package that is `original`, by links, but for one text in one file; return what goes on the path."""
    here, there = folder / original.name, original
    *parents, name = Path(file).parts
    for part in [*parents, name]:
        here.mkdir(parents=True)
        for entry in there.iterdir():
            if entry.name not in ("__pycache__", part):
                (here / entry.name).symlink_to(entry)
        if part != name:
            here, there = here / part, there / part
    text = (there / name).read_text(encoding="utf-8")
    assert old in text, f"{file} holds no {old!r}"
    (here / name).write_text(text.replace(old, new), encoding="utf-8")
    return folder
