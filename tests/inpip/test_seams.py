"""The self-test: this pip passes, and a pip in which something is missing or renamed is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from indexguard.inpip import seams
from indexguard.inpip.children import BOOTSTRAP
from support.inpip_bench import Bench, altered

CHECK = """
import sys
sys.path.append(sys.argv[1])
from indexguard.errors import GuardError
from indexguard.inpip import seams
try:
    seams.check_pip("pip", "9.9")
except GuardError as error:
    print(error.code, [text for _, text in error.facts])
else:
    print("understood")
"""
SOURCE = Path(seams.__file__).parent.parent.parent


@pytest.fixture
def original(pip_module: Callable[[str], Any]) -> Path:
    """The folder of this environment's pip."""
    return Path(pip_module("_internal").__file__).parent.parent


def test_this_pip_is_understood(bench: Bench) -> None:
    assert bench.python("-c", CHECK, SOURCE).output == "understood\n"


PACKAGE_FINDER = "_internal/index/package_finder.py"


@pytest.mark.parametrize(
    ("case", "missing"),
    [
        (
            (PACKAGE_FINDER, "def find_all_candidates(", "def find_candidates("),
            "find_all_candidates(project_name)",
        ),
        (
            (PACKAGE_FINDER, "def process_project_url(", "def process("),
            "process_project_url(project_url, link_evaluator)",
        ),
        (
            ("_internal/operations/prepare.py", "def prepare_editable_requirement(", "def prepare_editable("),
            "prepare_editable_requirement(req)",
        ),
        (
            ("_internal/network/session.py", "def request(self, method", "def request(self, verb"),
            "request(method, url)",
        ),
        (
            ("_internal/resolution/legacy/resolver.py", "class Resolver(", "class OldResolver("),
            "Resolver.resolve(root_reqs)",
        ),
    ],
)
def test_a_pip_that_lacks_something(bench: Bench, original: Path, case: tuple[str, str, str], missing: str) -> None:
    pip = altered(bench.folder / "altered", original, *case)
    output = bench.python("-c", CHECK, SOURCE, paths=(pip,)).output
    assert output.startswith("pip-not-understood")
    assert missing in output


def test_a_pip_that_is_not_understood_installs_nothing_and_still_lists(
    bench: Bench, original: Path, tmp_path: Path
) -> None:
    folder = altered(tmp_path / "altered", original, PACKAGE_FINDER, "def find_all_candidates(", "def find_candidates(")
    paths = (folder, BOOTSTRAP)
    installed = bench.python("-m", "pip", "install", "--no-index", "--target", "target", "foo", paths=paths)
    assert installed.code == 1
    assert "pip-not-understood" in installed.output
    assert "PackageFinder.find_all_candidates(project_name)" in installed.output
    assert "Traceback" not in installed.output
    assert ("guard-failed", "pip-not-understood") in installed.codes
    for looking in ("list", "--version"):
        done = bench.python("-m", "pip", looking, paths=paths)
        assert (done.code, "pip-not-understood" in done.output) == (0, False)


def test_seams_are_shown_as_code() -> None:
    assert str(seams.FIND_ALL) == "PackageFinder.find_all_candidates(project_name)"


def test_a_class_that_this_pip_lacks() -> None:
    assert seams.FIND_ALL.find_class("json") is None


def test_a_method_without_signature_does_not_fit() -> None:
    # What C code brings has none: `type`'s own `__init__` of a class made so.
    assert not seams.has_parameters(7, seams.RESOLVE)  # the branch that no real pip reaches
    assert not seams.RESOLVE.is_in("json")
