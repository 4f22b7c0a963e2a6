"""Where Pythons are found: made-up machines in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexguard.interpreters.discovery import find_environments, find_interpreters


def program(path: Path, content: bytes = b"\x7fELF") -> Path:
    """Make a file that looks like a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def environment(root: Path) -> Path:
    """Make a folder that looks like a virtual environment."""
    program(root / "bin" / "python")
    (root / "pyvenv.cfg").write_text("home = /usr/bin\n")
    return root


def test_interpreters_are_found_once_each(tmp_path: Path) -> None:
    home = tmp_path / "home"
    wanted = [
        program(tmp_path / "path" / "python3.11"),
        program(tmp_path / "usr" / "bin" / "python3.13"),
        program(tmp_path / "opt" / "conda" / "envs" / "data" / "bin" / "python3.12"),
        program(home / ".pyenv" / "versions" / "3.9.1" / "bin" / "python3.9"),
        program(home / ".local" / "share" / "uv" / "python" / "cpython-3.14" / "bin" / "python3.14t"),
        program(tmp_path / "elsewhere" / "bin" / "pypy3"),
    ]
    (tmp_path / "usr" / "bin" / "python3").symlink_to("python3.13")
    (tmp_path / "path" / "python").symlink_to(tmp_path / "usr" / "bin" / "python3")
    program(home / ".pyenv" / "shims" / "python3", b"#!/bin/sh")
    program(tmp_path / "usr" / "bin" / "python3-config")
    program(tmp_path / "usr" / "bin" / "python2.7")
    (tmp_path / "usr" / "bin" / "python3.8").symlink_to("nowhere")
    environment(tmp_path / "active")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{tmp_path / 'elsewhere'}\nnot a path\n")
    path = [tmp_path / "path", home / ".pyenv" / "shims", tmp_path / "active" / "bin", tmp_path / "missing"]
    environ = {"PATH": os.pathsep.join(map(str, path)) + ":relative::", "HOME": str(home)}
    found = find_interpreters(environ, root=tmp_path)
    assert sorted(os.path.realpath(each) for each in found) == sorted(map(str, wanted))
    assert len(found) == len(wanted)


def test_variables_lead_to_more(tmp_path: Path) -> None:
    wanted = [
        program(tmp_path / "pyenv" / "versions" / "3.10.1" / "bin" / "python3.10"),
        program(tmp_path / "conda" / "bin" / "python3.12"),
        program(tmp_path / "conda" / "envs" / "a" / "bin" / "python3.13"),
        program(tmp_path / "prefix" / "bin" / "python3"),
    ]
    environ = {
        "PYENV_ROOT": str(tmp_path / "pyenv"),
        "CONDA_EXE": str(tmp_path / "conda" / "bin" / "conda"),
        "CONDA_PREFIX": str(tmp_path / "prefix"),
    }
    assert sorted(find_interpreters(environ, root=tmp_path / "nothing")) == sorted(map(str, wanted))


def test_environments_are_found_once_each(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    wanted = [
        environment(project / ".venv"),
        environment(project / ".tox" / "py"),
        environment(home / ".virtualenvs" / "a"),
        environment(home / ".local" / "share" / "pipx" / "venvs" / "black"),
        environment(home / ".local" / "share" / "hatch" / "env" / "virtual" / "x" / "y" / "z"),
        environment(tmp_path / "active"),
        environment(tmp_path / "more" / "deep" / "inside"),
        environment(tmp_path / "workon" / "one"),
    ]
    (project / "venv").symlink_to(".venv")
    environment(tmp_path / "more" / "deep" / "inside" / "lib" / "nested")
    (tmp_path / "more" / "loop").symlink_to(tmp_path / "more")
    program(home / ".virtualenvs" / "broken" / "bin" / "python")
    environ = {
        "HOME": str(home),
        "PATH": str(tmp_path / "active" / "bin"),
        "VIRTUAL_ENV": str(tmp_path / "active"),
        "WORKON_HOME": str(tmp_path / "workon"),
    }
    found = set(find_environments(environ, folder=project, more=[tmp_path / "more"]))
    own = {each for each in found if not each.startswith(str(tmp_path))}  # the environment that runs the tests
    assert found - own == set(map(str, wanted))


@pytest.mark.parametrize("home", ["", "relative", "/nonexistent/\x00", "/dev/null"])
def test_odd_homes_are_no_fault(tmp_path: Path, home: str) -> None:
    environ = {"HOME": home, "PATH": ""}
    assert find_interpreters(environ, root=tmp_path) == ()
    assert [each for each in find_environments(environ, folder=tmp_path) if each.startswith(str(tmp_path))] == []


def test_what_cannot_be_read_is_no_fault(tmp_path: Path) -> None:
    closed = tmp_path / "usr" / "bin"
    closed.mkdir(parents=True)
    closed.chmod(0)
    try:
        assert find_interpreters({}, root=tmp_path) == ()
        assert find_environments({}, folder=closed, more=[closed, tmp_path / "missing"]) is not None
    finally:
        closed.chmod(0o755)


def test_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    active = environment(tmp_path / "active")
    assert str(active) in find_environments({"VIRTUAL_ENV": str(active)})


def test_folder_that_may_be_listed_and_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    # What such a folder does to anybody but root.
    monkeypatch.setattr(Path, "is_dir", refuse)
    monkeypatch.setattr(Path, "is_symlink", refuse)
    (tmp_path / "some").mkdir()
    found = find_environments({}, folder=tmp_path, more=[tmp_path])
    assert not [path for path in found if path.startswith(str(tmp_path))]
