"""Debian's own pip in a Debian of its own: what an image build does with the guard. Only with ``--roots``.

Each root is made once by debootstrap or mmdebstrap from a mirror of the machine's own apt sources and kept in the tests'
cache folder. A test works on a copy, through chroot, without mounts; the roots share the machine's loopback interface,
where the scripted indexes are.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration import pips
from integration.dists import normalised, origin_of_text
from integration.scenario import find_scenarios
from integration.stage import Outcome, Stage, mismatches, staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integration.scenario import Expected

_SCENARIOS = ("higher-version-on-public", "public-parent-needs-claimed-name")
"""One that goes on with the internal file, one that is refused."""
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
_POLICY = "/etc/indexguard/policy.toml"
_LOG = "/var/log/indexguard/audit.jsonl"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APT_HELPER = Path("/usr/lib/apt/apt-helper")
_RUN_LIMIT = 300  # seconds after which a program that hangs in a root is killed and the test fails


@dataclass(frozen=True)
class Recipe:
    """How a root is made."""

    release: str
    tool: str
    options: tuple[str, ...]

    def command(self, folder: Path, mirror: str) -> list[str]:
        """Return the command that makes the root in ``folder``."""
        # In a mount namespace of its own: what the tool mounts goes with it, however it ends.
        words = ["nice", "unshare", "--mount", self.tool, *self.options, f"--include={_PACKAGES}"]
        return [*words, self.release, str(folder), mirror]


RECIPES = (
    Recipe("bookworm", "debootstrap", ("--variant=minbase", "--force-check-gpg")),
    Recipe("trixie", "mmdebstrap", ("--variant=essential",)),
)


@dataclass(frozen=True)
class Root:
    """A copy of a Debian root, ours to change."""

    folder: Path

    def inside(self, path: str) -> Path:
        """Return where the root's absolute ``path`` is for us."""
        return self.folder / path.lstrip("/")

    def run(self, *words: str, cwd: str = "/", environment: Mapping[str, str] | None = None) -> Done:
        """Run a program of the root, with nothing of the machine's environment."""
        variables = {"HOME": "/root", "LANG": "C.UTF-8", "PATH": _PATH, **(environment or {})}
        return subprocess.run(
            ["/usr/bin/env", "chroot", str(self.folder), "/usr/bin/env", "-C", cwd, *words],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_RUN_LIMIT,
        )

    def pip(self, *words: str) -> Done:
        """Run Debian's pip, which must succeed, without an index."""
        done = self.run("pip", *words, environment={"PIP_ROOT_USER_ACTION": "ignore", "PIP_NO_CACHE_DIR": "1"})
        assert done.returncode == 0, f"pip {shlex.join(words)}:\n{done.stdout}{done.stderr}"
        return done

    def installed(self) -> dict[str, str]:
        """Return ``ORIGIN VERSION`` by project of what pip put where Debian's pip puts things."""
        found = {}
        for path in self.inside("/usr/local/lib").glob("python3.*/dist-packages/*.py"):
            text = path.read_text(encoding="utf-8")
            if text.startswith("ORIGIN = "):
                found[normalised(path.stem)] = origin_of_text(text)
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return the whole audit log of the root."""
        log = self.inside(_LOG)
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    def write_policy(self, text: str) -> None:
        """Put a machine policy into the root."""
        path = self.inside(_POLICY)
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)

    def paths(self) -> set[str]:
        """Return every path in the root."""
        return {
            f"/{Path(where, name).relative_to(self.folder)}"
            for where, folders, files in os.walk(self.folder)
            for name in (*folders, *files)
        }


Done = subprocess.CompletedProcess[str]


def find_obstacle(recipe: Recipe) -> str | None:
    """Return why this machine cannot make the root, or None if it can; the mirror is another question."""
    if os.geteuid() != 0:
        return "only root may make a Debian root and chroot into it"
    tools = ("nice", "unshare", "chroot", "cp", "apt-get", recipe.tool)
    missing = [tool for tool in tools if shutil.which(tool) is None]
    missing += [str(path) for path in (_APT_HELPER,) if not path.exists()]
    if missing:
        return f"missing: {', '.join(missing)}"
    trial = subprocess.run(["/usr/bin/env", "unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    return None if trial.returncode == 0 else f"unshare --mount failed: {trial.stderr.strip()}"


def find_mirror(release: str, folder: Path) -> str | None:
    """Return the URL of the first of the machine's apt sources that offers this Debian release, or None.

    :param folder: for what is downloaded.
    """
    listing = ["/usr/bin/env", "apt-get", "indextargets", "--format", "$(REPO_URI)"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=False).stdout
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
            done = subprocess.run(recipe.command(made, mirror), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
                pytest.fail(f"{recipe.tool} failed:\n{last.replace(mirror, '<mirror>')}", pytrace=False)
            made.rename(kept)
        shutil.rmtree(copy, ignore_errors=True)
        try:
            subprocess.run(["/usr/bin/env", "cp", "-a", "--reflink=auto", kept, copy], check=True)
            yield Root(copy)
        finally:
            shutil.rmtree(copy)


@pytest.fixture(params=RECIPES, ids=lambda recipe: recipe.release)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    recipe: Recipe = request.param
    obstacle = find_obstacle(recipe)
    if obstacle is not None:
        pytest.skip(obstacle)
    with copied_root(recipe, tmp_path) as copy:
        yield copy


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[list[Stage]]:
    """The scenarios with their indexes up."""
    chosen = {scenario.name: scenario for scenario in find_scenarios() if scenario.name in _SCENARIOS}
    with ExitStack() as stack:
        yield [stack.enter_context(staged(chosen[name], tmp_path / name, None)) for name in _SCENARIOS]


def _run(root: Root, stage: Stage) -> Outcome:
    """Run the scenario with Debian's pip into Debian's own site, look, and remove what came."""
    cwd = f"/srv/{stage.scenario.name}"
    root.inside(cwd).mkdir(exist_ok=True)
    for index in stage.indexes.values():
        index.requests.clear()
    seen = len(root.events())
    pip_variables = {key: value for key, value in stage.environment().items() if key.startswith("PIP_")}
    addresses = [stage.indexes[name].url for name in stage.scenario.configured]
    options = ["--index-url", addresses[0], *(word for url in addresses[1:] for word in ("--extra-index-url", url))]
    done = root.run(
        *("pip", *map(stage.fill, stage.scenario.command), "--break-system-packages", *options),
        cwd=cwd,
        environment={**pip_variables, "COLUMNS": "200"},
    )
    installed = root.installed()
    if installed:
        root.pip("uninstall", "--break-system-packages", "--yes", *installed)
    assert root.installed() == {}
    return Outcome(
        command=shlex.join(map(str, done.args)),
        exit=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        installed=installed,
        events=tuple(event for event in root.events()[seen:] if event["cwd"] == cwd),
        asked=frozenset(
            f"{name}:{asked}"
            for name, index in stage.indexes.items()
            for asked in index.asked_names() | index.fetched_files()
        ),
    )


def _check(half: str, expected: Expected, outcome: Outcome) -> None:
    found = mismatches(expected, outcome)
    if found:
        pytest.fail("\n".join([f"{half}:", *(f"  - {item}" for item in found), outcome.report()]), pytrace=False)


def test_debian_pip_is_guarded_from_install_to_uninstall(
    root: Root, stages: list[Stage], request: pytest.FixtureRequest
) -> None:
    guard_wheel: Path = request.getfixturevalue("guard_wheel")  # not built where there is no root
    version = root.pip("--version").stdout.split()[1]
    # The attack, as on any Debian.
    for stage in stages:
        assert stage.scenario.attack
        _check("unguarded", stage.scenario.expected(version, "new")[0], _run(root, stage))
    assert root.events() == []
    before = root.paths()

    # Debian's pip installs the guard.
    shutil.copy2(guard_wheel, root.inside("/srv"))
    wheel = f"/srv/{guard_wheel.name}"
    root.pip("install", "--break-system-packages", "--no-index", wheel)

    # The same attack, and the machine's policy.
    for stage in stages:
        root.write_policy(stage.fill(stage.scenario.policy.text or ""))
        outcome = _run(root, stage)
        _check("guarded", stage.scenario.expected(version, "new")[1], outcome)
        blocked = [event for event in outcome.events if event["code"] == "shadowed-name"]
        assert blocked
        for event in blocked:
            assert (event["rule"]["layer"], event["rule"]["file"]) == ("machine", _POLICY)
            assert [(layer["layer"], layer["file"]) for layer in event["policy"]] == [("machine", _POLICY)]
            assert (event["pip"], event["executable"]) == (version, "/usr/bin/python3")

    status = root.run("indexguard", "status")
    assert status.returncode == 0, status.stdout + status.stderr
    assert status.stdout.startswith(f"guarded: pip {version} of /usr/bin/python3 ")
    assert re.search(rf"^ *machine +enforce, .* {re.escape(_POLICY)}$", status.stdout, re.MULTILINE), status.stdout
    assert f"audit log: {_LOG} (can be written)\n" in status.stdout

    # And away again: policy and log are the administrator's, everything else is gone.
    root.pip("uninstall", "--break-system-packages", "--yes", "indexguard")
    after = root.paths()
    assert after - before == {_POLICY, _LOG, *(str(Path(path).parent) for path in (_POLICY, _LOG)), wheel}
    assert before - after <= {"/usr/local/bin"}  # pip takes a folder away with the last file in it
    assert root.pip("--version").stderr == ""
    for stage in stages:
        outcome = _run(root, stage)
        _check("uninstalled", stage.scenario.expected(version, "new")[0], outcome)
        assert "indexguard" not in outcome.output
        assert outcome.events == ()
