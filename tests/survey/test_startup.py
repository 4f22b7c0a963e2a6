"""What an interpreter does when it starts: real interpreters, real environments, real files in them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest

from indexguard import __version__
from indexguard.activation.library import activate, deactivate
from indexguard.activation.payload import read_payload
from indexguard.activation.seeding import seed_text, write_seed
from indexguard.standalone import startup_probe
from indexguard.survey import ownership, startup
from indexguard.survey.ownership import Owner
from indexguard.survey.startup import Shadow, Startup, StartupHook, survey
from support.activated import find, look
from support.bases import Base
from support.environments import Environment, clean_environ

SOURCE = Path(startup.__file__).resolve().parents[2]
PTH = "import _indexguard_hook; _indexguard_hook.install()\n"


def record_digest(content: bytes) -> str:
    """Return a digest as it stands in a RECORD."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def install_guard(site: Path) -> None:
    """Bring the guard in as an editable install does."""
    (site / "a.pth").write_text(f"{SOURCE}\n")
    (site / "indexguard.pth").write_text(PTH)


def kinds(startup: Startup, via: str = "sitecustomize") -> list[tuple[str, str]]:
    """Return kind and state of the hooks of one way, in order."""
    return [(hook.kind, hook.state) for hook in startup.hooks if hook.via == via]


# The guard


def test_nothing_is_there(environment: Environment, home: Path) -> None:
    found = look(environment.python, home)
    assert found.executable == str(environment.python)
    assert (found.prefix, found.is_environment) == (str(environment.root), True)
    assert found.implementation == "cpython"
    assert environment.site.parent.name == "python" + found.version.rpartition(".")[0]
    assert found.site_folders == (str(environment.site),)
    assert (found.hook, found.isolated, found.impostor, found.guard_version, found.cost) == (None,) * 5
    assert (found.hooks, found.path_files, found.shadows) == ((), (), ())


def test_guard_is_live(environment: Environment, home: Path) -> None:
    install_guard(environment.site)
    found = look(environment.python, home, runs=2)
    assert found.hook == found.isolated == str(SOURCE / "_indexguard_hook.py")
    assert found.hook_is_known
    assert found.guard_version == __version__
    assert found.hooks == (
        StartupHook(str(environment.site / "indexguard.pth"), "pth", "runs", None, (PTH.strip(),), "indexguard"),
    )
    assert found.hooks[0].is_ours
    assert [hook.path for hook in found.path_files] == [str(environment.site / "a.pth")]
    assert found.cost is not None
    assert 0 < found.cost < 1000


def test_survey_leaves_nothing(newest: Environment, home: Path) -> None:
    install_guard(newest.site)
    (newest.site / "sitecustomize.py").touch()
    before = sorted(newest.root.rglob("*"))
    look(newest.python, home, runs=1)
    assert sorted(newest.root.rglob("*")) == before


def test_stdlib_hook_reaches_environments(any_base: Base) -> None:
    python = any_base.venv("environment")
    activate(any_base.python, read_payload())
    for each in (any_base.executable, python):
        found = look(each, any_base.home, runs=1)
        release = any_base.stdlib / "_indexguard" / read_payload().release
        assert found.hook == found.isolated == str(release / "_indexguard_hook.py")
        assert (found.hook_is_known, found.guard_version) == (True, __version__)
        assert found.sitecustomize == str(any_base.stdlib / "sitecustomize.py")
        assert kinds(found) == [("stdlib", "runs")]
        assert found.cost is not None


def test_stdlib_hook_chains(base: Base) -> None:
    activate(base.python, read_payload())
    environment = Environment(base.venv("environment").parent.parent)
    (environment.site / "sitecustomize.py").touch()
    found = look(environment.python, base.home)
    assert kinds(found) == [("stdlib", "runs"), ("foreign", "chained")]
    assert found.sitecustomize == str(base.stdlib / "sitecustomize.py")
    (environment.site / "sitecustomize.py").write_text("raise ValueError(5)\n")
    found = look(environment.python, base.home)
    assert kinds(found) == [("stdlib", "runs"), ("foreign", "failed")]
    assert found.hook is not None


def test_cost_is_without_what_runs_beside_the_guard(base: Base) -> None:
    counted = base.home / "starts"
    counting = f"with open({str(counted)!r}, 'a') as file:\n    file.write('.')\n"
    (base.stdlib / "sitecustomize.py").write_text(counting)
    activate(base.python, read_payload())
    environment = base.venv("environment")
    counted.write_text("")
    look(base.executable, base.home)
    seen = counted.read_text()
    found = look(base.executable, base.home, runs=2)
    assert kinds(found) == [("stdlib-block", "runs")]
    assert found.cost is not None
    assert counted.read_text() == 2 * seen  # measuring has not run their lines
    # The same with a start-up module that ours calls.
    deactivate(base.python)
    (base.stdlib / "sitecustomize.py").unlink()
    activate(base.python, read_payload())
    (Environment(environment.parent.parent).site / "sitecustomize.py").write_text(counting)
    counted.write_text("")
    look(environment, base.home)
    seen = counted.read_text()
    found = look(environment, base.home, runs=2)
    assert kinds(found) == [("stdlib", "runs"), ("foreign", "chained")]
    assert found.cost is not None
    assert counted.read_text() == 2 * seen


def test_block_in_a_foreign_module(base: Base) -> None:
    (base.stdlib / "sitecustomize.py").write_text("import sys\n")
    activate(base.python, read_payload())
    found = look(base.executable, base.home)
    assert kinds(found) == [("stdlib-block", "runs")]
    assert found.hook_is_known
    text = (base.stdlib / "sitecustomize.py").read_text()
    replace(base.stdlib / "sitecustomize.py", text + "raise ValueError\n")
    found = look(base.executable, base.home)
    assert kinds(found) == [("stdlib-block", "runs")]
    assert find(found, "sitecustomize.py").reason is not None


def replace(path: Path, text: str) -> None:
    """Replace a file whose content is a hard link's."""
    path.unlink()
    path.write_text(text)


def test_empty_module_is_nobodys_where_our_own_cannot_be_read(
    newest: Environment, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (newest.site / "sitecustomize.py").touch()
    monkeypatch.setattr(startup, "_START", tmp_path / "missing")
    assert kinds(look(newest.python, home)) == [("foreign", "runs")]


def test_hook_of_another_version_is_known_by_its_record(newest: Environment, home: Path) -> None:
    content = (SOURCE / "_indexguard_hook.py").read_bytes() + b"# of another version\n"
    hook = newest.site / "_indexguard_hook.py"
    hook.write_bytes(content)
    (newest.site / "indexguard.pth").write_text(PTH)
    (newest.site / "indexguard").mkdir()
    (newest.site / "indexguard" / "__init__.py").write_text('"""About."""\n__version__ = "0.0.9"\n')
    info = newest.site / "indexguard-0.0.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: indexguard\nVersion: 0.0.9\n")
    (info / "RECORD").write_text(f"_indexguard_hook.py,{record_digest(content)},1\nindexguard.pth,,\n")
    found = look(newest.python, home)
    assert (found.hook_is_known, found.guard_version, found.shadows) == (True, "0.0.9", ())
    assert found.hooks[0].owner == Owner("indexguard", "0.0.9", "record")
    hook.write_bytes(content + b"import os\n")
    assert not look(newest.python, home).hook_is_known


def test_module_of_another_version_is_known_by_its_manifest(base: Base) -> None:
    payload = read_payload()
    other = payload.sitecustomize.replace(b"import sys\n", b"import sys  # as it was\n", 1)
    activate(base.python, type(payload)("0.0.1", payload.files, payload.digest, payload.main, other))
    assert kinds(look(base.executable, base.home)) == [("stdlib", "runs")]
    replace(base.stdlib / "sitecustomize.py", other.decode().replace("# as it was", "# as it is not"))
    assert kinds(look(base.executable, base.home)) == [("imitation", "runs")]
    (base.stdlib / "_indexguard" / "manifest.json").write_text("{}")
    replace(base.stdlib / "sitecustomize.py", other.decode())
    assert kinds(look(base.executable, base.home)) == [("imitation", "runs")]


def test_module_whose_folder_is_gone_is_inert(base: Base) -> None:
    activate(base.python, read_payload())
    (base.stdlib / "_indexguard" / "current").unlink()
    found = look(base.executable, base.home)
    assert found.hook is None
    assert kinds(found) == [("stdlib", "inert")]


def test_seed(newest: Environment, home: Path, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "current").symlink_to(SOURCE)
    write_seed(newest.site, private)
    found = look(newest.python, home)
    assert found.hook == str(private / "current" / "_indexguard_hook.py")
    assert found.hook_is_known
    assert find(found, "indexguard-seed.pth").kind == "seed"
    (private / "current").unlink()
    found = look(newest.python, home)
    assert found.hook is None
    assert find(found, "indexguard-seed.pth").state == "inert"


def test_nothing_of_the_users_with_a_seed_there(base: Base) -> None:
    python = base.python
    seed = Path(python.user_site, "indexguard-seed.pth")
    assert python.user_site.startswith(os.path.expanduser("~"))
    seed = base.home / seed.relative_to(Path.home())
    seed.parent.mkdir(parents=True)
    private = base.home / "private"
    private.mkdir()
    (private / "current").symlink_to(SOURCE)
    seed.write_text(seed_text(private))
    found = look(base.executable, base.home)
    assert (found.hook, found.isolated) == (str(private / "current" / "_indexguard_hook.py"), None)
    assert found.site_folders[0] == str(seed.parent)
    found = look(base.executable, base.home, PYTHONNOUSERSITE="1")
    assert found.hook is None
    assert found.shadows == (Shadow("PYTHONNOUSERSITE", str(seed), "is not read"),)
    assert found.flags["no_user_site"] == 1


# What looks like it


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("indexguard.pth", "import evil; import _indexguard_hook; _indexguard_hook.install()\n"),
        ("indexguard.pth", PTH + "import os\n"),
        ("indexguard.pth", ""),
        ("indexguard-seed.pth", "/nowhere/current\n"),
        ("indexguard-seed.pth", "/nowhere/current\nimport os\n"),
        ("indexguard-extra.pth", "import os\n"),
        ("zz.pth", "import os  # _indexguard_hook\n"),
        ("indexguard.start", "os:getcwd\n"),
    ],
)
def test_imitations(newest: Environment, home: Path, name: str, text: str) -> None:
    (newest.site / "evil.py").touch()
    (newest.site / name).write_text(text)
    hook = find(look(newest.python, home), name)
    assert (hook.kind, hook.is_ours) == ("imitation", False)


def test_text_counts_not_the_name(newest: Environment, home: Path, tmp_path: Path) -> None:
    (newest.site / "a.pth").write_text(f"{SOURCE}\n")
    (newest.site / "other.pth").write_text(PTH)
    (tmp_path / "seed").write_text(seed_text(tmp_path))
    (newest.site / "indexguard-seed.pth").symlink_to(tmp_path / "seed")
    found = look(newest.python, home)
    assert find(found, "other.pth").kind == "indexguard"
    assert find(found, "indexguard-seed.pth").kind == "imitation"


def test_module_that_looks_like_the_stdlib_hook(newest: Environment, home: Path) -> None:
    (newest.site / "sitecustomize.py").write_text("# >>> indexguard >>>\nimport os\n# <<< indexguard <<<\n")
    assert kinds(look(newest.python, home)) == [("imitation", "runs")]


def test_what_a_guarded_pip_hands_to_its_children(newest: Environment, home: Path) -> None:
    bootstrap = SOURCE / "indexguard" / "standalone" / "bootstrap"
    found = look(newest.python, home, PYTHONPATH=str(bootstrap))
    assert kinds(found)[0] == ("bootstrap", "runs")
    assert found.shadows == ()


def test_hook_that_is_none_of_ours(newest: Environment, home: Path) -> None:
    (newest.site / "_indexguard_hook.py").write_text(
        "import sys\nclass Finder:\n    indexguard_hook = True\n"
        "    find_spec = staticmethod(lambda *_: None)\ndef install(): sys.meta_path.insert(0, Finder)\n"
    )
    (newest.site / "indexguard.pth").write_text(PTH)
    found = look(newest.python, home)
    assert found.hook == str(newest.site / "_indexguard_hook.py")
    assert (found.hook_is_known, found.guard_version) == (False, None)
    text = "is loaded by path files in the place of the guard's hook"
    assert found.shadows == (Shadow(None, found.hook, text),)


def test_finder_that_only_says_it_is_the_hook(newest: Environment, home: Path) -> None:
    (newest.site / "evil.py").write_text(
        "import sys\nclass Finder:\n    indexguard_hook = True\n"
        "    find_spec = staticmethod(lambda *_: None)\nsys.meta_path.insert(0, Finder)\n"
    )
    (newest.site / "evil.pth").write_text("import evil\n")
    found = look(newest.python, home)
    assert (found.hook, found.impostor) == (None, f"evil ({newest.site / 'evil.py'})")


# What else runs


def test_start_up_modules_in_order(newest: Environment, home: Path, tmp_path: Path) -> None:
    for folder in ("one", "two/sitecustomize", "three/sitecustomize"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "one" / "sitecustomize.py").touch()
    (tmp_path / "two" / "sitecustomize" / "__init__.py").touch()
    (newest.site / "sitecustomize.py").touch()
    (newest.site / "usercustomize.py").touch()
    entries = [str(tmp_path / name) for name in ("three", "two", "one")]
    found = look(newest.python, home, PYTHONPATH=os.pathsep.join(entries))
    assert [(hook.path, hook.state) for hook in found.hooks] == [
        (str(tmp_path / "two" / "sitecustomize" / "__init__.py"), "runs"),
        (str(tmp_path / "one" / "sitecustomize.py"), "shadowed"),
        (str(newest.site / "sitecustomize.py"), "shadowed"),
        (str(newest.site / "usercustomize.py"), "skipped"),
    ]
    assert found.sitecustomize == found.hooks[0].path
    assert found.usercustomize is None
    assert [(shadow.variable, shadow.path) for shadow in found.shadows] == [
        ("PYTHONPATH", found.hooks[0].path),
        ("PYTHONPATH", found.hooks[1].path),
    ]


def test_shadows_of_the_stdlib_hook(base: Base, tmp_path: Path) -> None:
    activate(base.python, read_payload())
    (tmp_path / "_indexguard_hook.py").touch()
    module = tmp_path / "sitecustomize.py"
    module.touch()
    found = look(base.executable, base.home, PYTHONPATH=str(tmp_path))
    assert found.hook is None
    assert found.isolated is not None
    assert kinds(found) == [("foreign", "runs"), ("stdlib", "shadowed")]
    # The start-up module does not look for the hook on the path; path files do.
    assert [(shadow.variable, shadow.path) for shadow in found.shadows] == [("PYTHONPATH", str(module))]
    install_guard(base.stdlib / "site-packages")
    found = look(base.executable, base.home, PYTHONPATH=str(tmp_path))
    assert [(shadow.variable, os.path.basename(shadow.path)) for shadow in found.shadows] == [
        ("PYTHONPATH", "sitecustomize.py"),
        ("PYTHONPATH", "_indexguard_hook.py"),
    ]
    (base.stdlib / "site-packages" / "indexguard.pth").unlink()
    # One that calls the next, as those of ddtrace and New Relic do, is in nobody's way.
    (tmp_path / "_indexguard_hook.py").unlink()
    module.write_text(
        "import importlib, os, sys\n"
        f"sys.path.remove({str(tmp_path)!r})\ndel sys.modules['sitecustomize']\n"
        f"importlib.import_module('sitecustomize')\nsys.path.insert(0, {str(tmp_path)!r})\n"
    )
    found = look(base.executable, base.home, PYTHONPATH=str(tmp_path))
    assert kinds(found) == [("foreign", "runs"), ("stdlib", "chained")]
    assert found.hook is not None
    assert found.shadows == ()


def test_another_standard_library(base: Base) -> None:
    home = str(base.executable.parent.parent)
    found = look(base.executable, base.home, PYTHONHOME=home)
    assert [(shadow.variable, shadow.path) for shadow in found.shadows] == [("PYTHONHOME", home)]


def test_module_that_is_not_on_the_path(newest: Environment, home: Path) -> None:
    (newest.site / "sitecustomize.py").touch()
    (newest.site / "other.py").touch()
    (newest.site / "a.pth").write_text("import sys, other; sys.modules['sitecustomize'] = other\n")
    found = look(newest.python, home)
    assert [(os.path.basename(hook.path), hook.state) for hook in found.hooks[1:]] == [
        ("other.py", "runs"),
        ("sitecustomize.py", "shadowed"),
    ]


def test_usercustomize(base: Base) -> None:
    (site,) = base.stdlib.glob("site-packages")
    (site / "usercustomize.py").write_text("raise ValueError\n")
    found = look(base.executable, base.home)
    assert [(hook.state, hook.via) for hook in found.hooks] == [("failed", "usercustomize")]
    (site / "usercustomize.py").write_text("")
    assert look(base.executable, base.home).usercustomize == str(site / "usercustomize.py")


# Interpreters that do not answer as they should


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import sys; sys.exit(3)", "does not start"),
        ("import os; os._exit(0)", "exit code 0"),
        ('import os; print(\'{"indexguard": {"hook": 5}}\', flush=True); os._exit(0)', "in its place"),
        ("import os; print('{\"indexguard\": [[[]]]}', flush=True); os._exit(0)", "exit code 0"),
        ("import os; print('{\"indexguard\": ' + '[' * 100000, flush=True); os._exit(0)", "exit code 0"),
    ],
)
def test_start_up_that_ends_it(newest: Environment, home: Path, text: str, problem: str) -> None:
    (newest.site / "evil.pth").write_text(f"import os; {text}\n")
    found = survey(str(newest.python), clean_environ(home))
    assert found.executable == str(newest.python)
    assert problem in (found.problem or "")


def test_start_up_that_talks(newest: Environment, home: Path) -> None:
    install_guard(newest.site)
    (newest.site / "loud.py").write_text(
        "import atexit, sys\nprint('half', end='')\nprint('all', file=sys.stderr)\n"
        "atexit.register(print, 'at the end')\n"
    )
    (newest.site / "loud.pth").write_text("import loud; loud.sys.stdout = open('/dev/null', 'w')\n")
    found = look(newest.python, home, runs=1)
    assert found.hook is not None
    assert found.cost is not None


def test_only_isolated_it_does_not_start(newest: Environment, home: Path) -> None:
    (newest.site / "evil.pth").write_text("import sys; sys.flags.isolated and sys.exit(3)\n")
    assert look(newest.python, home).isolated is None


def test_no_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho https://user:secret@example.com\033 >&2\nexit 3\n")
    script.chmod(0o755)
    said = survey(str(script)).problem or ""
    assert said.startswith("Python does not start: ")
    assert "secret" not in said
    assert "\033" not in said
    assert "No such file" in (survey(str(tmp_path / "missing")).problem or "")
    assert "cannot be started" in (survey("a\0b").problem or "")
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(startup, "_TIMEOUT", 0.2)
    assert "did not start within" in (survey(str(script)).problem or "")


def test_folder_that_is_gone(newest: Environment, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert look(newest.python, home, PYTHONPATH=str(tmp_path)).hooks == ()
    # With a relative entry Python itself may not start.
    survey(str(newest.python), clean_environ(home, PYTHONPATH="x"))


def test_odd_entries_of_the_path(newest: Environment, home: Path) -> None:
    (newest.site / "odd.pth").write_text("import sys; sys.path[:0] = [b'x', None, '\\udcff']\n")
    assert len(look(newest.python, home).hooks) == 1


def test_name_that_is_no_text(newest: Environment, home: Path) -> None:
    (newest.site / os.fsdecode(b"\xff\x1b.pth")).write_text("import os\n")
    (hook,) = look(newest.python, home).hooks
    assert os.fsencode(hook.path).endswith(b"\xff\x1b.pth")


def test_probe_runs_without_the_package(newest: Environment, home: Path) -> None:
    done = newest.run("-X", "importtime", startup_probe.__file__, cwd=home)
    assert json.loads(done.stdout.strip())["indexguard"]["hook"] is None
    assert "indexguard" not in done.stderr


def test_debian_of_this_machine(home: Path) -> None:
    module = next(Path("/usr/lib").glob("python3.*/sitecustomize.py"), None)
    python = None if module is None else Path("/usr/bin", module.parent.name)
    if module is None or python is None or not python.exists() or not ownership.DPKG.is_dir():
        pytest.skip("no Debian, or without its sitecustomize.py")
    owner = find(look(python, home), "sitecustomize.py").owner
    assert owner is not None
    assert owner.source == "dpkg"
    assert "python" in owner.name
