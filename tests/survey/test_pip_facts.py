"""The child that is asked about pip, with real pips."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from indexguard.policy.identity import PYPI
from indexguard.survey.pip_facts import PipFacts, ask_pip
from support.shell import ListingIndex, Shell

PIPS = ("20.3.4", "22.0.4", "24.0", "26.3")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on each of the pips that it asks for."""
    if "python" in metafunc.fixturenames:
        metafunc.parametrize("python", ["own", *PIPS], indirect=True, scope="module")


def test_configuration_as_pip_reads_it(shell: Shell, python: str, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://user:hunter2@corp.example/simple\n"
        "trusted-host = one.example\n  two.example:8443\n[install]\nfind-links = https://wheels.example/\n"
    )
    shell.configure(PIP_CONFIG_FILE=str(config), PIP_EXTRA_INDEX_URL="https://token@a.example/s?k=hunter2 file:///srv")
    facts = ask_pip(python=python)
    assert facts.problem is None
    assert facts.indexes == ("https://****@corp.example/simple", "https://****@a.example/s", "file:///srv")
    assert facts.find_links == ("https://wheels.example/",)
    assert facts.trusted_hosts == ("one.example", "two.example:8443")
    assert "hunter2" not in repr(facts)


def test_public_index_is_the_token(shell: Shell, python: str) -> None:
    del shell
    facts = ask_pip(python=python)
    (url,) = facts.indexes
    assert facts.locate(url) == PYPI
    assert facts.show(url) == "pypi"
    assert facts.show("https://other.example/simple") == "https://other.example/simple/"


@pytest.mark.parametrize("as_json", [False, True])
def test_root_page_is_read_with_pips_credentials(
    shell: Shell, indexes: list[ListingIndex], python: str, as_json: bool
) -> None:
    corp, _ = indexes
    corp.names, corp.as_json, corp.password = ["Acme_Core", "x", "-bad-", "a b"], as_json, "user:hunter2"
    shell.configure(PIP_EXTRA_INDEX_URL=f"{corp.url} {corp.url.replace('127', 'user:hunter2@127')}")
    facts = ask_pip([1, 2], python=python)
    assert facts.listings[1].problem == "HTTP 401"
    assert facts.listings[2].names == ("Acme_Core", "x")


def test_setting_that_pip_refuses(shell: Shell, python: str) -> None:
    shell.configure(PIP_TIMEOUT="nonsense")
    problem = ask_pip(python=python).problem
    assert problem is not None
    assert problem.startswith("pip does not start")


def test_file_that_is_no_configuration(shell: Shell, python: str, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    for text in ("[global]\nindex-url = https://user:hunter2@corp.example/\n[[[", "https://user:hunter2@corp.example/"):
        config.write_text(text)
        shell.configure(PIP_CONFIG_FILE=str(config))
        problem = str(ask_pip(python=python).problem)
        assert problem.startswith("pip does not start: ")
        assert str(config) in problem
        assert "hunter2" not in problem
        assert "\n" not in problem


def test_interpreter_without_pip(shell: Shell, tmp_path: Path) -> None:
    del shell
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    assert str(ask_pip(python=str(bare)).problem).startswith("this Python has no pip")


def test_interpreter_that_is_not_there() -> None:
    assert ask_pip(python="/nowhere/python") == PipFacts("/nowhere/python cannot be started: No such file or directory")


def test_folder_of_the_user_plays_no_part(shell: Shell) -> None:
    for name in ("pip.py", "json.py", "finder.py"):
        (shell.home / name).write_text("raise SystemExit('not me')")
    assert os.path.samefile(Path.cwd(), shell.home)
    assert ask_pip().problem is None
