"""The guard in a standard library: real interpreters, each a copy that the test may change."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from integration.harness.children import run_child

from indexguard.activation import journal, library, release
from indexguard.activation.library import activate, deactivate, with_block
from indexguard.activation.manifest import read_manifest
from indexguard.activation.payload import BLOCK_BEGIN, Payload, find_block
from indexguard.interpreters.python import InterpretersError
from support.activated import FOREIGN, RAN, hook_in, newer, sitecustomize_of
from support.bases import Base, tree

# What it does


def test_environments_made_before_and_after_are_guarded(any_base: Base, payload: Payload) -> None:
    before = any_base.venv("before")
    assert hook_in(any_base, before) is None
    activate(any_base.python, payload)
    after = any_base.venv("after")
    shared = any_base.venv("shared", "--system-site-packages")
    expected = str(any_base.stdlib / "_indexguard" / payload.release / "_indexguard_hook.py")
    for python in (any_base.executable, before, after, shared):
        for options in ((), ("-I",), ("-E",), ("-s",), ("-B",)):
            assert hook_in(any_base, python, *options) == expected
    assert hook_in(any_base, after, "-S") is None, "nothing can start under -S"


def test_deactivated_it_is_as_before(any_base: Base, payload: Payload) -> None:
    any_base.run("-c", "pass")
    before = tree(any_base.stdlib)
    report = activate(any_base.python, payload)
    assert {change.verb for change in report.changes} == {"make", "write", "link", "compile"}
    assert tree(any_base.stdlib) != before
    any_base.run("-O", "-c", "import sys; sys.path.insert(0, sys.prefix); import indexguard")
    report = deactivate(any_base.python)
    assert (report.kept, tree(any_base.stdlib)) == ([], before)
    assert deactivate(any_base.python).changes == []


def test_second_run_changes_nothing(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    before = tree(base.stdlib), {path: path.lstat().st_mtime_ns for path in base.stdlib.rglob("*")}
    assert activate(base.python, payload).changes == []
    assert before == (tree(base.stdlib), {path: path.lstat().st_mtime_ns for path in base.stdlib.rglob("*")})


def test_dry_run_names_each_file_and_changes_nothing(base: Base, payload: Payload) -> None:
    before = tree(base.stdlib)
    told = activate(base.python, payload, dry_run=True)
    assert tree(base.stdlib) == before
    done = activate(base.python, payload)
    assert [change for change in told.changes if change.verb != "compile"] == [
        change for change in done.changes if change.verb != "compile"
    ]
    before = tree(base.stdlib)
    told = deactivate(base.python, dry_run=True)
    assert tree(base.stdlib) == before
    done = deactivate(base.python)
    files = {change.path for change in done.changes if Path(change.path).suffix in (".py", ".json", ".txt")}
    assert files
    assert files <= {change.path for change in told.changes}


def test_nothing_is_left_to_the_umask(base: Base, payload: Payload) -> None:
    before = os.umask(0o077)
    try:
        activate(base.python, payload)
    finally:
        os.umask(before)
    for path in [sitecustomize_of(base), *(base.stdlib / "_indexguard").rglob("*")]:
        wanted = 0o755 if path.is_dir() else 0o644
        assert path.is_symlink() or stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_its_bytecode_is_used(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    before = tree(base.stdlib / "_indexguard")
    program = "import sys; sys.path.insert(0, 'X'); import pip._internal.index.package_finder"
    assert base.run("-c", program).returncode == 0
    assert tree(base.stdlib / "_indexguard") == before, "a module was not compiled, or compiled wrongly"


# What is there already


def test_foreign_file_gets_a_block_and_is_never_replaced(any_base: Base, payload: Payload) -> None:
    path = sitecustomize_of(any_base)
    path.write_text(FOREIGN)
    path.chmod(0o640)
    os.utime(path, ns=(10**18, 10**18 + 7))
    any_base.run("-m", "py_compile", path)
    before = tree(any_base.stdlib)
    report = activate(any_base.python, payload)
    assert any("a marked block was put into it" in note for note in report.notes)
    assert path.read_text().startswith(FOREIGN.partition("import os")[0] + "# >>> indexguard")
    venv = any_base.venv("venv")
    assert hook_in(any_base, venv)
    assert Base(venv, any_base.home).run("-c", RAN).stdout == "ran\n"
    assert activate(any_base.python, payload).changes == []
    report = deactivate(any_base.python)
    assert report.kept == []
    assert tree(any_base.stdlib) == before
    assert path.stat().st_mtime_ns == 10**18 + 7


def test_block_goes_through_a_link_as_debian_has_it(base: Base, payload: Payload, tmp_path: Path) -> None:
    real = tmp_path / "etc" / "sitecustomize.py"
    real.parent.mkdir()
    real.write_text(FOREIGN)
    sitecustomize_of(base).symlink_to(real)
    activate(base.python, payload)
    assert sitecustomize_of(base).is_symlink()
    assert BLOCK_BEGIN in real.read_bytes()
    assert hook_in(base, base.venv("venv"))
    deactivate(base.python)
    assert (real.read_text(), sitecustomize_of(base).is_symlink()) == (FOREIGN, True)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# only a comment",
        b"# -*- coding: latin-1 -*-\n# \xe9\nimport os\n",
        b"import os",
        b'"""doc"""; import os\nimport sys\n',
        b"'''doc\nof two lines'''\r\nfrom __future__ import annotations\r\nimport os\r\n",
        b"\xef\xbb\xbfimport os\n",
        b"\nimport os\n\n\nif True:\n    pass",
        b"from __future__ import annotations",
    ],
)
def test_block_leaves_the_rest_as_it_is(base: Base, payload: Payload, text: bytes) -> None:
    path = sitecustomize_of(base)
    path.write_bytes(text)
    activate(base.python, payload)
    if text:
        found = find_block(path.read_bytes())
        assert found
    assert hook_in(base, base.executable)
    deactivate(base.python)
    assert path.read_bytes() == text


def test_raising_foreign_file_does_not_take_the_guard_away(base: Base, payload: Payload) -> None:
    sitecustomize_of(base).write_text("raise RuntimeError('boom')\n")
    activate(base.python, payload)
    done = base.run("-c", "import sys; print(any(hasattr(it, 'indexguard_hook') for it in sys.meta_path))")
    assert done.stdout == "True\n"
    assert "boom" in done.stderr


@pytest.mark.parametrize("text", ["this is no Python\n", "# >>> indexguard: half a block\nimport os\n"])
def test_foreign_file_that_cannot_take_a_block_is_refused(base: Base, payload: Payload, text: str) -> None:
    sitecustomize_of(base).write_text(text)
    base.run("-c", "pass")
    before = tree(base.stdlib)
    with pytest.raises(InterpretersError, match=r"sitecustomize\.py"):
        activate(base.python, payload)
    assert tree(base.stdlib) == before


def test_foreign_package_and_dangling_link_are_refused(base: Base, payload: Payload) -> None:
    folder = base.stdlib / "sitecustomize"
    folder.mkdir()
    with pytest.raises(InterpretersError, match="is a package"):
        activate(base.python, payload)
    folder.rmdir()
    sitecustomize_of(base).symlink_to("nowhere")
    with pytest.raises(InterpretersError, match="a link to a file that is not there"):
        activate(base.python, payload)


def test_it_chains_to_what_it_stands_before(any_base: Base, payload: Payload) -> None:
    activate(any_base.python, payload)
    venv = any_base.venv("venv")
    (site,) = venv.parent.parent.glob("lib/python3*/site-packages")
    (site / "sitecustomize.py").write_text(f"{FOREIGN}NAME = __name__, __spec__.origin\n")
    assert hook_in(any_base, venv)
    done = Base(venv, any_base.home).run("-c", f"{RAN}; import sitecustomize; print(*sitecustomize.NAME)")
    assert done.stdout == f"ran\nsitecustomize {site / 'sitecustomize.py'}\n"
    (site / "sitecustomize.py").write_text("raise RuntimeError('boom')")
    done = Base(venv, any_base.home).run("-c", "print('goes on')")
    assert done.stderr.startswith("Error in sitecustomize")
    assert "boom" in done.stderr
    assert done.stdout == "goes on\n"


def test_one_on_pythonpath_that_chains_is_not_run_twice(base: Base, payload: Payload, tmp_path: Path) -> None:
    # As ddtrace and newrelic chain: the folder stays on the path, and what it finds next is ours.
    activate(base.python, payload)
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "os.environ['RUNS'] = os.environ.get('RUNS', '') + 'x'\n"
        "from importlib.machinery import PathFinder\n"
        "from importlib.util import module_from_spec\n"
        "spec = PathFinder.find_spec('sitecustomize', [it for it in sys.path if it != os.path.dirname(__file__)])\n"
        "spec.loader.exec_module(module_from_spec(spec))\n"
    )
    path = str(tmp_path / "first")
    assert hook_in(base, base.executable, PYTHONPATH=path)
    assert base.run("-c", "import os; print(os.environ['RUNS'])", PYTHONPATH=path).stdout == "x\n"


# Failures


@pytest.mark.parametrize("verb", ["_replace", "_link"])
def test_failure_half_way_leaves_nothing(
    base: Base, payload: Payload, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    sitecustomize_of(base).write_text(FOREIGN)
    base.run("-c", "pass")
    before = tree(base.stdlib)
    real = getattr(journal, verb)
    calls = count_calls(activate, base, payload, monkeypatch, verb)
    assert calls
    for failing in sorted({1, min(2, calls), calls // 2 or 1, calls}):
        made = 0

        def fail(*args: Any, failing: int = failing) -> None:
            nonlocal made
            made += 1
            if made == failing:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(args[0]))
            real(*args)

        monkeypatch.setattr(journal, verb, fail)
        with pytest.raises(InterpretersError, match=r"No space left on device \(nothing has been changed\)"):
            activate(base.python, payload)
        monkeypatch.setattr(journal, verb, real)
        assert tree(base.stdlib) == before


def count_calls(call: Any, base: Base, payload: Payload, monkeypatch: pytest.MonkeyPatch, verb: str) -> int:
    """Return how often a whole run calls one function of the journal."""
    real = getattr(journal, verb)
    calls = 0

    def count(*args: Any) -> None:
        nonlocal calls
        calls += 1
        real(*args)

    monkeypatch.setattr(journal, verb, count)
    call(base.python, payload)
    deactivate_calls = calls
    monkeypatch.setattr(journal, verb, real)
    deactivate(base.python)
    return deactivate_calls


def test_failing_compiler_leaves_nothing(base: Base, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(base.stdlib)
    monkeypatch.setattr(release, "_COMPILE", "raise SystemExit('no')")
    with pytest.raises(InterpretersError, match=r"does not compile .*: no"):
        activate(base.python, payload)
    assert tree(base.stdlib) == before


def test_failed_upgrade_leaves_the_old_release_live(
    base: Base, payload: Payload, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(base.python, payload)
    before = tree(base.stdlib)

    def fail(*_args: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(journal, "_link", fail)
    with pytest.raises(InterpretersError, match="Read-only file system"):
        activate(base.python, newer(payload))
    assert tree(base.stdlib) == before
    assert payload.release in (base.hook() or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write here")
def test_without_the_right_to_write_it_says_what_to_do(base: Base) -> None:
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(library.__file__).parents[2])!r})
from indexguard.activation.library import activate
from indexguard.activation.payload import read_payload
from indexguard.interpreters.python import InterpretersError, ask_interpreter
python, payload = ask_interpreter({str(base.executable)!r}), read_payload()
os.setuid(65534)
try:
    activate(python, payload)
except InterpretersError as error:
    print(error)
"""
    for folder in (base.home.parent, *base.home.parent.parents):
        if folder != Path("/tmp") and folder.stat().st_uid == 0 and len(folder.parts) > 2:  # noqa: S108  # not ours
            folder.chmod(0o755)
    done = run_child([sys.executable, "-c", program])
    assert "cannot change " in done.stdout, done.stderr
    assert "use `indexguard activate --user`" in done.stdout
    assert not (base.stdlib / "_indexguard").exists()


def test_unreadable_manifest_stops_before_anything_is_changed(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    manifest = base.stdlib / "_indexguard" / "manifest.json"
    for text in ("", "[]", '{"format": 2}', "{", "null", '{"format": 1, "files": {"../../x": ""}}'):
        manifest.write_text(text)
        before = tree(base.stdlib)
        with pytest.raises(InterpretersError, match=r"manifest\.json is not as `indexguard activate` writes it"):
            activate(base.python, payload)
        with pytest.raises(InterpretersError, match=r"manifest\.json is not as `indexguard activate` writes it"):
            deactivate(base.python)
        assert tree(base.stdlib) == before


def test_manifest_that_names_files_elsewhere_is_not_followed(base: Base, payload: Payload, tmp_path: Path) -> None:
    activate(base.python, payload)
    manifest = base.stdlib / "_indexguard" / "manifest.json"
    told = json.loads(manifest.read_text())
    precious = tmp_path / "precious.py"
    precious.write_text("x")
    told["files"]["../../../../precious.py"] = "0" * 64
    manifest.write_text(json.dumps(told))
    with pytest.raises(InterpretersError):
        deactivate(base.python)
    assert precious.exists()


def test_manifest_can_be_read_back(base: Base, payload: Payload) -> None:
    activate(base.python, payload, require_policy=True)
    manifest = read_manifest(base.stdlib / "_indexguard")
    assert manifest is not None
    assert manifest.as_text() == (base.stdlib / "_indexguard" / "manifest.json").read_bytes()
    assert str(base.stdlib) not in manifest.as_text().decode(), "an image that is moved must find its files"


def test_with_block_refuses_what_it_cannot_read() -> None:
    with pytest.raises(InterpretersError, match="is no Python that can be read"):
        with_block(b"def", b"", Path("x.py"))


# The package's own life


def test_require_policy_stays_until_it_is_taken_back(base: Base, payload: Payload) -> None:
    mark = base.stdlib / "_indexguard" / "require-policy"
    activate(base.python, payload)
    assert not mark.exists()
    activate(base.python, payload, require_policy=True)
    assert mark.exists()
    activate(base.python, newer(payload))
    assert mark.exists()
    activate(base.python, payload, require_policy=False)
    assert not mark.exists()
    before = tree(base.stdlib)
    activate(base.python, payload, require_policy=True)
    activate(base.python, payload, require_policy=False)
    assert tree(base.stdlib) == before


def test_it_can_be_run_where_no_package_is_installed(base: Base, payload: Payload) -> None:
    activate(base.python, payload)
    python = Base(base.venv("venv"), base.home)
    done = python.run("-m", "_indexguard", "--version")
    assert (done.stdout, done.stderr) == (f"indexguard {payload.version}\n", "")
    done = python.run("-m", "_indexguard", "deactivate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (base.stdlib / "_indexguard").exists()
    assert python.hook() is None
