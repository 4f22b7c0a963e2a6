"""`indexguard activate` in Debian roots, whoever runs pip there and however. Only with ``--roots``."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.machines.roots import (
    ADMINISTRATOR,
    DEVELOPER,
    LOG,
    POLICY,
    RECIPES,
    STRANGER,
    TEMPORARY,
    Field,
    add_official_python,
    copied_root,
    fields,
    find_obstacle,
    find_official_python,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.machines.activated import Attacked
    from integration.machines.roots import Account, Recipe, Root

_BEGIN, _END = "# >>> indexguard", "# <<< indexguard <<<\n"
_OPTIONS = ("-P", "-E", "-s", "-I")


@dataclass
class Debian:
    """One Python of a Debian root, and two indexes."""

    field: Field
    version: str
    """Such as ``3.11``."""

    @property
    def root(self) -> Root:
        """The root that it is in."""
        return self.field.root

    @property
    def python(self) -> str:
        """The interpreter."""
        return f"/usr/bin/python{self.version}"

    @property
    def stdlib(self) -> str:
        """Its standard library."""
        return f"/usr/lib/python{self.version}"

    @property
    def start(self) -> str:
        """The file behind its ``sitecustomize.py``."""
        return f"/etc/python{self.version}/sitecustomize.py"

    def venv(self, folder: str, *options: str, account: Account = ADMINISTRATOR) -> str:
        """Make a virtual environment with pip, and return its Python."""
        self.root.succeed(self.python, "-m", "venv", *options, folder, account=account)
        return f"{folder}/bin/python"

    def install(self, wheel: Path) -> str:
        """Install the guard, here one way and there the other, and return the command."""
        shutil.copy2(wheel, self.root.inside("/srv"))
        path = f"/srv/{wheel.name}"
        if self.version in ("3.11", "3.14"):
            # Into Debian's own Python, against PEP 668.
            self.root.succeed(self.python, "-m", "pip", "install", "--break-system-packages", "--no-index", path)
            return "/usr/local/bin/indexguard"
        python = self.venv("/opt/indexguard")
        self.root.succeed(python, "-m", "pip", "install", "--no-index", path)
        return "/opt/indexguard/bin/indexguard"

    def compile(self) -> None:
        """Compile what Debian has compiled for its default Python alone, so that no start writes any bytecode there."""
        for version in self.root.recipe.pythons:
            self.root.succeed(f"python{version}", "-m", "compileall", "-q", "/usr/lib/python3/dist-packages")

    def state(self) -> dict[str, tuple[object, ...]]:
        """Return all that there is of Debian's Pythons."""
        return self.root.state("/usr/lib/python3*", "/etc/python3*")

    def verified(self) -> str:
        """Return what dpkg finds changed of the packages that the standard library's beginning is from."""
        return self.root.run("dpkg", "--verify", f"libpython{self.version}-minimal").stdout


def _is_free(attacked: Attacked) -> bool:
    return attacked.installed == "public 99.0" and "indexguard" not in attacked.done.stdout + attacked.done.stderr


def _differences(
    before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]
) -> dict[str, tuple[object, object]]:
    paths = sorted({*before, *after})
    return {path: (before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path)}


_EACH = [(recipe, python) for recipe in RECIPES for python in recipe.pythons]


@pytest.fixture(params=_EACH, ids=[f"{recipe.release}-{python}" for recipe, python in _EACH])
def debian(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Debian]:
    recipe: Recipe
    recipe, version = request.param
    obstacle = find_obstacle(recipe, "bwrap")
    if obstacle is not None:
        pytest.skip(obstacle)
    with copied_root(recipe, tmp_path) as root, fields(root) as field:
        yield Debian(field, version)


def test_debian_python_is_guarded_from_activation_to_deactivation(
    debian: Debian, request: pytest.FixtureRequest
) -> None:
    guard_wheel: Path = request.getfixturevalue("guard_wheel")  # not built where there is no root
    root, attack, python = debian.root, debian.field.attack, debian.python
    root.add(DEVELOPER)
    before = debian.venv("/srv/venvs/before")
    _check_as_debian_has_it(debian, before)

    guard = debian.install(guard_wheel)
    dry = root.succeed(guard, "activate", "--python", python, "--dry-run")
    assert f"would edit {debian.stdlib}/sitecustomize.py\n" in dry.stdout
    debian.compile()
    state, text = debian.state(), root.inside(debian.start).read_text(encoding="utf-8")
    done = root.succeed(guard, "activate", "--python", python, "--require-policy")
    assert "  live: every Python that starts there starts the guard\n" in done.stdout
    assert root.succeed(guard, "activate", "--python", python).stdout.splitlines()[1] == "  nothing to change"
    _check_block(debian, state, text)

    # Nobody has written a policy yet.
    attacked = attack(before, "-m", "pip")
    assert (attacked.installed, attacked.done.returncode) == (None, 1)
    assert "policy-missing" in attacked.done.stderr
    # A venv's own pip is installed by pip. That its words are not passed on is the venv module's way; the log has them.
    assert root.run(python, "-m", "venv", "/srv/venvs/none").returncode == 1
    assert root.events()[-1]["code"] == "policy-missing"
    shutil.rmtree(root.inside("/srv/venvs/none"))
    root.write_policy(debian.field.policy)

    after = debian.venv("/srv/venvs/after")
    open_ = debian.venv("/srv/venvs/open", "--system-site-packages")
    starts = [[before], [after], [open_], [python], [python, "-I"], *([after, option] for option in _OPTIONS)]
    for words in starts:
        attacked = attack(*words, "-m", "pip")
        assert attacked.is_held, attacked.done
    assert attack("/srv/venvs/before/bin/pip").is_held
    assert attack(after, "-m", "pip", environment={"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}).is_held
    shadowed = [event for event in root.events() if event["code"] == "shadowed-name"]
    assert {event["rule"]["file"] for event in shadowed} == {POLICY}
    assert {before, after, open_, python} <= {event["executable"] for event in shadowed}

    _check_accounts(debian, after)
    _check_read_only(debian, after)
    _check_status(debian, guard)

    done = root.succeed(after, "-m", "_indexguard", "deactivate")
    assert "removed: " in done.stdout
    left = _differences(state, debian.state())
    assert left == {}, left
    assert debian.verified() == ""
    for venv in (before, after):
        attacked = attack(venv, "-m", "pip")
        assert _is_free(attacked), attacked.done
        assert root.succeed(venv, "-c", "pass").stderr == ""


def _check_as_debian_has_it(debian: Debian, before: str) -> None:
    """Its own site is not pip's, and the attack works."""
    managed = debian.root.run(debian.python, "-m", "pip", "install", "acme-core", *debian.field.options)
    assert "externally-managed-environment" in managed.stderr
    for start in (before, debian.python):
        attacked = debian.field.attack(start, "-m", "pip")
        assert _is_free(attacked), attacked.done
    assert debian.verified() == ""


def _check_block(debian: Debian, state: dict[str, tuple[object, ...]], text: str) -> None:
    """Debian's start-up file has a block, behind the link that leads to it; beside it is only what is the guard's."""
    link = debian.root.inside(f"{debian.stdlib}/sitecustomize.py")
    assert link.is_symlink()
    new = debian.root.inside(debian.start).read_text(encoding="utf-8")
    head, _, rest = new.partition(_BEGIN)
    assert head + rest.partition(_END)[2] == text
    changed = _differences(state, debian.state())
    foreign = [path for path in changed if not path.startswith(f"{debian.stdlib}/_indexguard")]
    bytecode = f"{debian.stdlib}/__pycache__/sitecustomize.cpython-{debian.version.replace('.', '')}.pyc"
    assert {debian.start} <= set(foreign) <= {debian.start, bytecode}
    assert state[debian.start][:3] == debian.state()[debian.start][:3], "mode and owner are as they were"
    # A changed configuration file, which the administrator may change; no other.
    assert debian.verified().split() == ["??5??????", "c", debian.start]


def _check_accounts(debian: Debian, after: str) -> None:
    """One that has a home, and one that nobody has made."""
    root, attack = debian.root, debian.field.attack
    own = debian.venv(f"{DEVELOPER.home}/own", account=DEVELOPER)
    for python in (own, after, debian.python):
        attacked = attack(python, "-m", "pip", account=DEVELOPER)
        assert attacked.is_held, attacked.done
    assert "audit log" not in attacked.done.stderr
    events = root.events(f"{DEVELOPER.home}/.local/state/indexguard/log/audit.jsonl")
    assert {own, after, debian.python} <= {event["executable"] for event in events}

    own = debian.venv(f"{TEMPORARY}/stranger", account=STRANGER)
    for python in (own, after, debian.python):
        attacked = attack(python, "-m", "pip", account=STRANGER)
        assert attacked.is_held, attacked.done
        assert (
            attacked.done.stderr.count("the audit log /.local/state/indexguard/log/audit.jsonl cannot be written") == 1
        )
    shutil.rmtree(root.inside(f"{TEMPORARY}/stranger"))


def _check_read_only(debian: Debian, after: str) -> None:
    """Nothing of the root can be written: not the log either, which is told."""
    root, attack = debian.root, debian.field.attack
    seen = len(root.events())
    for account in (ADMINISTRATOR, DEVELOPER):
        touched = root.run("touch", f"{debian.stdlib}/written", read_only=True, account=account)
        assert "Read-only file system" in touched.stderr
        for python in (after, debian.python):
            attacked = attack(python, "-m", "pip", read_only=True, account=account)
            assert attacked.is_held, attacked.done
            assert "cannot be written: Read-only file system" in attacked.done.stderr
    assert len(root.events()) == seen
    assert root.inside(LOG).exists()


def _check_status(debian: Debian, guard: str) -> None:
    """Every Python and environment in which something of the guard is proves that it is live."""
    done = debian.root.run(guard, "status", "--all", "--prove", "--json", "/srv/venvs")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["path"]: row for row in json.loads(done.stdout)["interpreters"]}
    assert {f"/srv/venvs/{name}" for name in ("before", "after", "open")} <= set(rows)
    expected = [row for row in rows.values() if row["expected"]]
    assert all(row["live"] and row["proof"]["result"] == "held" for row in expected)
    # In Debian's own file the guard's lines are timed apart.
    assert all(isinstance(row["startup_milliseconds"], float) for row in expected)
    for name in ("before", "after"):
        assert rows[f"/srv/venvs/{name}"]["by"].startswith("stdlib hook ")
    others = [row for row in rows.values() if not row["expected"]]
    assert {row["state"] for row in others} <= {"no guard"}, "another Python of the root"
    told = debian.root.run("/srv/venvs/after/bin/python", "-m", "_indexguard", "status")
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("guarded: pip ")


def test_python_in_usr_local_is_guarded_and_so_is_debians_beside_it(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As in the official images: a Python of its own in /usr/local, which is ``python3``, and Debian's behind it."""
    recipe, prefix = RECIPES[0], find_official_python()
    obstacle = find_obstacle(recipe, "tar")
    if obstacle is None and prefix is None:
        obstacle = "missing: a Python of its own prefix, neither the system's nor a virtual environment's"
    if obstacle is not None or prefix is None:
        pytest.skip(obstacle or "")
    guard_wheel: Path = request.getfixturevalue("guard_wheel")
    with copied_root(recipe, tmp_path) as root, fields(root) as field:
        add_official_python(root, prefix)
        root.add(DEVELOPER)
        root.write_policy(field.policy)
        for name, python in (("before", "python3"), ("debians", "/usr/bin/python3")):
            root.succeed(python, "-m", "venv", f"/srv/{name}")
        starts = [f"/srv/{name}/bin/python" for name in ("before", "debians")] + ["python3", "/usr/bin/python3"]
        for start in starts:
            attacked = field.attack(start, "-m", "pip")
            assert _is_free(attacked), attacked.done

        shutil.copy2(guard_wheel, root.inside("/srv"))
        root.succeed("python3", "-m", "pip", "install", "--no-index", f"/srv/{guard_wheel.name}")
        root.run("python3", "-m", "compileall", "-q", "/usr/local/lib")  # not all in a standard library can be compiled
        state = root.state("/usr/local/lib", "/usr/lib/python3*", "/etc/python3*")
        done = root.succeed("indexguard", "activate", "--all")
        assert done.stdout.count("  live: every Python that starts there starts the guard\n") == 2
        root.succeed("python3", "-m", "venv", "/srv/after")
        for start in ("/srv/after/bin/python", *starts):
            for account in (ADMINISTRATOR, DEVELOPER):
                attacked = field.attack(start, "-I", "-m", "pip", account=account)
                assert attacked.is_held, attacked.done
        root.succeed("python3", "-m", "indexguard", "status", "--all", "--prove", "--strict", "/srv")

        root.succeed("indexguard", "deactivate", "--all")
        left = _differences(state, root.state("/usr/local/lib", "/usr/lib/python3*", "/etc/python3*"))
        assert left == {}, left
        assert _is_free(field.attack("/srv/before/bin/python", "-m", "pip"))
