"""A release in a standard library: it is replaced, repaired, and what somebody changed in it is kept."""

from __future__ import annotations

import os
import shutil

import pytest

from indexguard.activation.library import activate, deactivate
from indexguard.activation.payload import Payload
from support.activated import FOREIGN, hook_in, newer, sitecustomize_of
from support.bases import Base, tree


def test_upgrade_replaces_the_copy(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    report = activate(base.python, newer(payload))
    assert f"indexguard {payload.version} was there before" in report.notes
    private = base.stdlib / "_indexguard"
    assert {path.name for path in private.iterdir()} == {
        "9.9.9-ffffffffffff",
        "current",
        "manifest.json",
        "__main__.py",
    }
    assert os.readlink(private / "current") == "9.9.9-ffffffffffff"
    assert "9.9.9-" in (hook_in(base, base.executable) or "")
    activate(base.python, payload)
    before = tree(base.stdlib)
    activate(base.python, newer(payload))
    activate(base.python, payload)
    after = tree(base.stdlib)
    assert after.keys() == before.keys()
    assert {path for path in before if before[path] != after[path] and not path.endswith(".pyc")} == set()


def test_upgrade_from_other_module_paths_leaves_none_of_them(any_base: Base, payload: Payload) -> None:
    any_base.run("-c", "pass")
    before = tree(any_base.stdlib)
    # As 0.1.0 had them: modules that are in rooms today, or are gone; and a version that is the same.
    paths = {"decision/authority.py": "decision.py", "survey/startup.py": "startup/survey.py"}
    names = {f"indexguard/{new}": f"indexguard/{old}" for new, old in paths.items()}
    files = {names.get(name, name): content for name, content in payload.files.items()}
    old = Payload(payload.version, files, "0" * 64, payload.main, payload.sitecustomize + b"# as it was\n")
    activate(any_base.python, old)
    release = any_base.stdlib / "_indexguard" / old.release
    assert (release / "indexguard" / "decision.py").is_file()
    any_base.run("-O", "-m", "py_compile", release / "indexguard" / "startup" / "survey.py")
    assert [*release.glob("indexguard/startup/__pycache__/survey.*.opt-1.pyc")]
    report = activate(any_base.python, payload)
    assert (report.kept, release.exists()) == ([], False)
    assert any_base.hook() == str(any_base.stdlib / "_indexguard" / payload.release / "_indexguard_hook.py")
    upgraded = tree(any_base.stdlib)
    assert [path for path in upgraded if old.release in path] == []
    assert (deactivate(any_base.python).kept, tree(any_base.stdlib)) == ([], before)


def test_damaged_copy_is_repaired(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    good = tree(base.stdlib)
    release = base.stdlib / "_indexguard" / payload.release
    (release / "_indexguard_hook.py").write_text("damaged")
    (release / "indexguard" / "decision" / "authority.py").unlink()
    (base.stdlib / "_indexguard" / "current").unlink()
    sitecustomize_of(base).unlink()
    activate(base.python, payload)
    repaired = tree(base.stdlib)
    assert {path for path in good if not path.endswith(".pyc") and good[path] != repaired.get(path)} == set()
    assert hook_in(base, base.venv("venv"))


def test_what_was_changed_since_is_kept(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    module = base.stdlib / "_indexguard" / payload.release / "indexguard" / "decision" / "authority.py"
    module.write_text("# mine")
    with sitecustomize_of(base).open("a") as file:
        file.write("import os\n")
    report = deactivate(base.python)
    assert sorted(report.kept) == sorted([str(module), str(sitecustomize_of(base))])
    assert module.read_text() == "# mine"
    assert hook_in(base, base.executable) is None, "the rest of the file runs, without a word"
    left = [path for path in (base.stdlib / "_indexguard").rglob("*") if path.is_file()]
    assert left == [module]


def test_own_file_that_was_changed_since_keeps_its_changes(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    with sitecustomize_of(base).open("a") as file:
        file.write("import os\n")
    report = activate(base.python, newer(payload))
    assert any("was changed since" in note for note in report.notes)
    assert sitecustomize_of(base).read_text().endswith("import os\n")
    assert "9.9.9-" in (hook_in(base, base.executable) or "")


def test_block_that_was_changed_is_kept(base: Base, payload: Payload) -> None:
    sitecustomize_of(base).write_text(FOREIGN)
    activate(base.python, payload)
    changed = (
        sitecustomize_of(base).read_text().replace("_start_indexguard()\n", "_start_indexguard(); print('x')\n", 1)
    )
    sitecustomize_of(base).write_text(changed)
    assert deactivate(base.python).kept == [str(sitecustomize_of(base))]
    assert sitecustomize_of(base).read_text() == changed


def test_block_whose_folder_is_gone_is_silent_and_can_be_removed(base: Base, payload: Payload) -> None:
    sitecustomize_of(base).write_text(FOREIGN)
    activate(base.python, payload)
    shutil.rmtree(base.stdlib / "_indexguard")
    assert base.hook() is None
    report = deactivate(base.python)
    assert report.kept == []
    assert sitecustomize_of(base).read_text() == FOREIGN


def test_own_file_whose_folder_is_gone_is_silent_and_can_be_removed(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    shutil.rmtree(base.stdlib / "_indexguard")
    assert base.hook() is None
    deactivate(base.python)
    assert not sitecustomize_of(base).exists()


@pytest.mark.parametrize("content", ["1 / 0", "", "def ", None])
def test_damaged_hook_breaks_nothing_but_a_pip_that_fetches(base: Base, payload: Payload, content: str | None) -> None:
    activate(base.python, payload)
    hook = base.stdlib / "_indexguard" / payload.release / "_indexguard_hook.py"
    hook.unlink()
    if content is not None:
        hook.write_text(content)
    done = base.run("-c", "print('goes on')")
    assert (done.stdout, done.stderr) == ("goes on\n", "")
    assert base.run("-m", "pip", "list").returncode == 0
    for command in ("install", "download", "wheel"):
        done = base.run("-m", "pip", command, "--no-index", "acme")
        assert done.returncode == 1
        assert done.stderr.startswith("ERROR: indexguard: guard-broken: the guard in ")
        assert "Traceback" not in done.stderr
    activate(base.python, payload)
    assert "No matching distribution found for acme" in base.run("-m", "pip", "download", "--no-index", "acme").stderr


def test_damaged_command_line_says_how_to_repair(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    (base.stdlib / "_indexguard" / payload.release / "indexguard" / "errors.py").unlink()
    done = base.run("-m", "_indexguard", "deactivate")
    assert done.returncode == 1
    assert done.stderr.startswith(f"indexguard: guard-broken: the copy in {base.stdlib / '_indexguard'} cannot run\n")
    assert "Traceback" not in done.stderr


def test_damaged_copy_does_not_become_the_next_one(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    module = base.stdlib / "_indexguard" / payload.release / "indexguard" / "decision" / "authority.py"
    module.write_text(module.read_text() + "# changed\n")
    done = base.run("-m", "_indexguard", "activate")
    assert done.returncode == 2
    assert "is damaged or was changed" in done.stderr
    assert (base.stdlib / "_indexguard" / "current").resolve().name == payload.release
    activate(base.python, payload)
    assert base.run("-m", "_indexguard", "activate").returncode == 0
