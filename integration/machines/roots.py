"""Debian roots to change and to throw away: what is in a base image, without an image.

Each root is made once by debootstrap or mmdebstrap from a mirror of the machine's own apt sources and kept in the tests'
cache folder. A test works on a copy, through chroot, without mounts; the roots share the machine's loopback interface,
where the scripted indexes are.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.harness import pips
from integration.harness.children import QUIET_PIP, run_child, write_policy
from integration.harness.dists import Dist, normalised, origin_of_text
from integration.harness.scripted_index import ScriptedIndex, two_indexes
from integration.machines.activated import Attacked
from integration.machines.state import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POLICY = "/etc/indexguard/policy.toml"
LOG = "/var/log/indexguard/audit.jsonl"
TEMPORARY = "/tmp"  # noqa: S108  # of a root
_PACKAGES = ("python3", "python3-pip", "python3-venv", "ca-certificates")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APT_HELPER = Path("/usr/lib/apt/apt-helper")
_RUN_LIMIT = 300  # seconds after which a program that hangs in a root is killed and the test fails


@dataclass(frozen=True)
class Recipe:
    """How a root is made."""

    release: str
    tool: str
    options: tuple[str, ...]
    pythons: tuple[str, ...]
    """Its Pythons, such as ``3.11``; the first is ``python3``, and the packages of the others are named by us."""

    def command(self, folder: Path, mirror: str) -> list[str]:
        """Return the command that makes the root in ``folder``."""
        more = (name for python in self.pythons[1:] for name in (f"python{python}", f"python{python}-venv"))
        packages = ",".join((*_PACKAGES, *more))
        # In a mount namespace of its own: what the tool mounts goes with it, however it ends.
        words = ["nice", "unshare", "--mount", self.tool, *self.options, f"--include={packages}"]
        return [*words, self.release, str(folder), mirror]


RECIPES = (
    Recipe("bookworm", "debootstrap", ("--variant=minbase", "--force-check-gpg"), ("3.11",)),
    Recipe("trixie", "mmdebstrap", ("--variant=essential",), ("3.13",)),
    # Not released yet: what its mirror says is valid for a week, and the clock of this machine may be another one's.
    Recipe(
        "forky",
        "mmdebstrap",
        ("--variant=essential", '--aptopt=Acquire::Check-Valid-Until "false"'),
        ("3.14", "3.15"),
    ),
)


@dataclass(frozen=True)
class Account:
    """Who runs a program in a root."""

    name: str
    uid: int
    home: str


ADMINISTRATOR = Account("root", 0, "/root")
DEVELOPER = Account("developer", 1000, "/home/developer")
"""One whom ``Root.add`` gives a passwd entry and a home."""
STRANGER = Account("stranger", 54321, "/")
"""A user id as container platforms draw it: no passwd entry, and a home that is not the user's."""


@dataclass(frozen=True)
class Root:
    """A copy of a Debian root, ours to change."""

    folder: Path
    recipe: Recipe

    def inside(self, path: str) -> Path:
        """Return where the root's absolute ``path`` is for us."""
        return self.folder / path.lstrip("/")

    def run(
        self,
        *words: str,
        cwd: str = "/",
        environment: Mapping[str, str] | None = None,
        account: Account = ADMINISTRATOR,
        read_only: bool = False,
    ) -> Done:
        """Run a program of the root, with nothing of the machine's environment.

        :param read_only: nothing can be written but in ``TEMPORARY``.
        """
        variables = {"HOME": account.home, "LANG": "C.UTF-8", "PATH": _PATH, **(environment or {})}
        if read_only:
            open_ = ["--bind", str(self.inside(TEMPORARY)), TEMPORARY]
            mounts = ["--ro-bind", str(self.folder), "/", *open_, "--dev", "/dev"]
            taking = ["setpriv", f"--reuid={account.uid}", f"--regid={account.uid}", "--clear-groups"]
            start = ["bwrap", *mounts, "--chdir", cwd, *taking]
        else:
            ids = f"--userspec={account.uid}:{account.uid}"
            start = ["chroot", ids, "--groups=", str(self.folder), "/usr/bin/env", "-C", cwd]
        return run_child(["/usr/bin/env", "nice", *start, *words], env=variables, timeout=_RUN_LIMIT)

    def succeed(self, *words: str, **how: Any) -> Done:
        """Run a program as ``run`` does; it must succeed."""
        done = self.run(*words, **how)
        assert done.returncode == 0, f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def pip(self, *words: str) -> Done:
        """Run Debian's pip, which must succeed, without an index."""
        return self.succeed("pip", *words, environment=QUIET_PIP)

    def installed(self) -> dict[str, str]:
        """Return ``ORIGIN VERSION`` by project of what pip put where Debian's pip puts things."""
        found = {}
        for path in self.inside("/usr/local/lib").glob("python3.*/dist-packages/*.py"):
            text = path.read_text(encoding="utf-8")
            if text.startswith("ORIGIN = "):
                found[normalised(path.stem)] = origin_of_text(text)
        return found

    def events(self, log: str = LOG) -> list[dict[str, Any]]:
        """Return a whole audit log of the root."""
        path = self.inside(log)
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def write_policy(self, text: str) -> None:
        """Put a machine policy into the root."""
        write_policy(self.inside(POLICY), text)

    def add(self, account: Account) -> None:
        """Give a user a passwd entry and a home."""
        with self.inside("/etc/passwd").open("a", encoding="utf-8") as file:
            file.write(f"{account.name}:x:{account.uid}:{account.uid}::{account.home}:/bin/sh\n")
        self.inside(account.home).mkdir()
        os.chown(self.inside(account.home), account.uid, account.uid)

    def paths(self) -> set[str]:
        """Return every path in the root."""
        return {
            f"/{Path(where, name).relative_to(self.folder)}"
            for where, folders, files in os.walk(self.folder)
            for name in (*folders, *files)
        }

    def state(self, *patterns: str) -> dict[str, tuple[object, ...]]:
        """Return what is at and below some folders: by path mode, owner, and a file's time and SHA-256, a link's target."""
        found = {}
        for top in (each for pattern in patterns for each in self.folder.glob(pattern.lstrip("/"))):
            for path in (top, *top.rglob("*")):
                entry = path.lstat()
                content: tuple[object, ...] = ()
                if path.is_symlink():
                    content = (os.readlink(path),)
                elif path.is_file():
                    # When bytecode was written is nobody's business; the time of the source stands in it.
                    time = None if path.suffix == ".pyc" else entry.st_mtime_ns
                    content = (time, sha256(path.read_bytes()).hexdigest())
                found[f"/{path.relative_to(self.folder)}"] = (entry.st_mode, entry.st_uid, entry.st_gid, *content)
        return found


Done = subprocess.CompletedProcess[str]


@dataclass
class Field:
    """A root, and two indexes that offer one name."""

    root: Root
    corp: ScriptedIndex
    public: ScriptedIndex
    _count: int = field(default=0, init=False)

    @property
    def policy(self) -> str:
        """A policy for the two."""
        return STRICT.format(corp=self.corp.url, public=self.public.url)

    @property
    def options(self) -> list[str]:
        """What has pip look at both."""
        return ["--index-url", self.corp.url, "--extra-index-url", self.public.url]

    def attack(
        self, *command: str, environment: Mapping[str, str] | None = None, account: Account = ADMINISTRATOR, **how: Any
    ) -> Attacked:
        """Have a pip install the name into a new folder.

        :param command: what runs pip, its options included.
        :param how: for ``Root.run``.
        """
        self._count += 1
        target = f"{TEMPORARY}/attack-{self._count}"
        words = [*command, "install", "--target", target, "acme-core", *self.options]
        done = self.root.run(*words, environment={**QUIET_PIP, **(environment or {})}, account=account, **how)
        texts = (path.read_text(encoding="utf-8") for path in self.root.inside(target).glob("acme_core.py"))
        return Attacked(next(map(origin_of_text, texts), None), done)


@contextmanager
def fields(root: Root) -> Iterator[Field]:
    """Start the two indexes; one more name of the internal ones, ``acme-ghost``, is on the public index alone."""
    public = [Dist("acme-core", "99.0", "public"), Dist("acme-ghost", "99.0", "public")]
    with two_indexes([Dist("acme-core", "1.0", "corp")], public) as indexes:
        yield Field(root, *indexes)


def find_obstacle(recipe: Recipe, *more: str) -> str | None:
    """Return why this machine cannot make the root, or None if it can; the mirror is another question.

    :param more: other tools that the test needs.
    """
    if os.geteuid() != 0:
        return "only root may make a Debian root and chroot into it"
    tools = ("nice", "unshare", "chroot", "cp", "apt-get", recipe.tool, *more)
    missing = [tool for tool in tools if shutil.which(tool) is None]
    missing += [str(path) for path in (_APT_HELPER,) if not path.exists()]
    if missing:
        return f"missing: {', '.join(missing)}"
    trial = run_child(["/usr/bin/env", "unshare", "--mount", "true"])
    return None if trial.returncode == 0 else f"unshare --mount failed: {trial.stderr.strip()}"


def find_mirror(release: str, folder: Path) -> str | None:
    """Return the URL of the first of the machine's apt sources that offers this Debian release, or None.

    :param folder: for what is downloaded.
    """
    listing = ["/usr/bin/env", "apt-get", "indextargets", "--format", "$(REPO_URI)"]
    listed = run_child(listing).stdout
    target = folder / "InRelease"
    for url in dict.fromkeys(line.strip() for line in listed.splitlines()):
        if not url.startswith(("http://", "https://")):
            continue
        # apt's own client: it knows the machine's proxies and logins.
        fetching = [str(_APT_HELPER), "download-file", f"{url.rstrip('/')}/dists/{release}/InRelease", str(target)]
        done = subprocess.run(fetching, cwd=folder, capture_output=True, check=False)
        if done.returncode != 0 or not target.exists():
            continue
        told = target.read_text(encoding="utf-8", errors="replace").splitlines()
        if {"Origin: Debian", "Label: Debian", f"Codename: {release}"} <= set(told):
            return url
    return None


@contextmanager
def copied_root(recipe: Recipe, scratch: Path) -> Iterator[Root]:
    """Hand out a copy of the cached root, which is made first if it is not there; the copy goes at the end."""
    folder = pips.cache_folder() / "roots"
    folder.mkdir(exist_ok=True)
    kept, made, copy = (folder / f"{recipe.release}{suffix}" for suffix in ("", ".part", ".copy"))
    with pips.locked(folder / "roots.lock"):
        if not kept.exists():
            mirror = find_mirror(recipe.release, scratch)
            if mirror is None:
                pytest.skip(f"missing: a mirror of Debian {recipe.release} among the machine's apt sources")
            shutil.rmtree(made, ignore_errors=True)
            done = run_child(recipe.command(made, mirror))
            if done.returncode != 0:
                last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
                pytest.fail(f"{recipe.tool} failed:\n{last.replace(mirror, '<mirror>')}", pytrace=False)
            made.rename(kept)
        shutil.rmtree(copy, ignore_errors=True)
        try:
            subprocess.run(["/usr/bin/env", "cp", "-a", "--reflink=auto", kept, copy], check=True)
            yield Root(copy, recipe)
        finally:
            shutil.rmtree(copy)


def find_official_python() -> Path | None:
    """Return the folder of a Python built for itself, as there is one in the official images' /usr/local, or None."""
    for minor in ("3.13", "3.12", "3.10", "3.9"):
        python = pips.find_interpreter(minor)
        prefix = None if python is None else python.parent.parent
        if prefix is not None and prefix not in (Path("/"), Path("/usr"), Path("/usr/local")):
            return prefix
    return None


def add_official_python(root: Root, prefix: Path) -> None:
    """Put a Python of this machine into a root's /usr/local; skip the test if it does not run there."""
    without = (
        "--exclude=*.a",
        "--exclude=__pycache__",
        "--exclude=lib/python3*/test",
        "--exclude=lib/python3*/site-packages/[!p]*",
    )
    archive = root.inside(f"{TEMPORARY}/python.tar")
    packing = ["/usr/bin/env", "tar", "-C", str(prefix), *without, "-cf", str(archive), "bin", "lib"]
    subprocess.run(packing, check=True)
    subprocess.run(
        ["/usr/bin/env", "tar", "--no-same-owner", "-C", root.inside("/usr/local"), "-xf", archive], check=True
    )
    archive.unlink()
    root.succeed("ldconfig")
    done = root.run("python3", "-c", "import ensurepip, pip, ssl, sys, venv; print(sys.prefix)")
    if done.stdout != "/usr/local\n":
        pytest.skip(f"{prefix.name}: this machine's Python does not run in the root: {done.stderr[-200:]}")
