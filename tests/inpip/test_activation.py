"""Activation: what a broken guard, a broken policy and a fault inside a wrapper do to pip."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

import indexguard
from support.inpip_bench import Bench, Done, altered

PACKAGE = Path(indexguard.__file__).parent
# Without `site`, so that no guard but the altered one starts.
RUN = """
import runpy, sys
folder, site, *sys.argv[1:] = sys.argv[1:]
sys.path[1:1] = [folder]
sys.path.append(site)
import _indexguard_hook
_indexguard_hook.install()
assert _indexguard_hook.__file__.startswith(folder)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def run_altered(bench: Bench, tmp_path: Path, pip_module: Callable[[str], Any]) -> Callable[..., Done]:
    """Runs pip with a guard in which one text is another."""
    site = Path(pip_module("_internal").__file__).parent.parent.parent

    def run(file: str, old: str, new: str, *args: str) -> Done:
        folder = tmp_path / "altered"
        if not folder.exists():
            altered(folder, PACKAGE, file, old, new)
            (folder / "_indexguard_hook.py").symlink_to(PACKAGE.parent / "_indexguard_hook.py")
        options = {"PIP_INDEX_URL": bench.corp.url, "PIP_EXTRA_INDEX_URL": bench.public.url}
        return bench.python("-S", "-c", RUN, folder, site, *args, paths=(), environ=options)

    return run


INSTALL = ("install", "--target", "target", "foo")
FAULTS = {
    "while the policy is read": ("policy/layers.py", "def find_layers(", "def find_layers(*a, **k): 1 / 0\ndef _x("),
    "while it is imported": (
        "decision/authority.py",
        "from __future__ import annotations\n",
        "raise ZeroDivisionError('now')\n",
    ),
    "in what wraps a page": ("inpip/filter/pages.py", "    page.take_links(links", "    page.take_links(1 / 0"),
    "in what wraps a request": (
        "inpip/filter/pages.py",
        "page.exchanges.append(response)",
        "page.exchanges.append(1 / 0)",
    ),
    "in what wraps a list": ("inpip/filter/finder.py", "self._sift(finder, search, found))", "1 / 0)"),
    "in the gate": (
        "inpip/gate/gate.py",
        "if req.link is None",
        "1 / 0\n        if req.link is None",
    ),
    "in what is told": ("inpip/speech/events.py", "    shadowed = {", "    shadowed = 1 / 0 or {"),
}


NO_RUN = ("inpip/mains.py", "from contextvars import", "from no_such_module import")
"""A part that is broken, and loaded with each command of pip."""


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_of_the_guard_stops_pip_with_a_clear_message(
    run_altered: Callable[..., Done], fault: tuple[str, str, str]
) -> None:
    done = run_altered(*fault, *INSTALL)
    assert (done.code, done.origins) == (1, {})
    assert "guard-broken" in done.output
    assert "ZeroDivisionError" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("inpip/__init__.py", "import functools\n", "import functools\nraise ZeroDivisionError('now')\n"),
        ("inpip/__init__.py", "def on_load(", "def on_no_load("),
        (
            "__init__.py",
            "__version__ =",
            "import sys\nif 'pip' in sys.modules: del sys.modules[__name__]\n__version__ =",
        ),
    ],
)
def test_a_fault_before_the_guard_is_loaded_is_recorded_too(
    run_altered: Callable[..., Done], file: str, old: str, new: str
) -> None:
    done = run_altered(file, old, new, *INSTALL)
    assert (done.code, done.origins) == (1, {})
    assert "guard-broken" in done.output
    assert "Traceback" not in done.output
    if file != "__init__.py":  # nothing of ours can be loaded then
        assert [(event["event"], event["code"]) for event in done.events] == [
            ("guard-failed", "guard-broken"),
            ("sealed", None),
        ]


def test_another_module_of_our_name_is_in_the_way(bench: Bench) -> None:
    program = "import sys, types\nsys.modules['indexguard'] = own = types.ModuleType('indexguard')\n"
    program += "from pip._internal.cli.main import main\ncode = main(['download', 'foo'])\n"
    program += "assert sys.modules['indexguard'] is own\nprint(code)"
    done = bench.python("-c", program, environ={"PIP_INDEX_URL": bench.public.url})
    assert "1" in done.output.splitlines()
    assert "another module named indexguard is in the way" in done.output
    assert ("guard-failed", "guard-broken") in done.codes


@pytest.mark.parametrize("looking", ["list", "--version"])
@pytest.mark.parametrize("fault", [FAULTS["while it is imported"], NO_RUN], ids=["activation", "the run"])
def test_what_fetches_nothing_goes_on(
    run_altered: Callable[..., Done], fault: tuple[str, str, str], looking: str
) -> None:
    done = run_altered(*fault, looking)
    assert (done.code, "guard-broken" in done.output) == (0, False)


def test_without_its_runs_the_guard_refuses(run_altered: Callable[..., Done]) -> None:
    done = run_altered(*NO_RUN, *INSTALL)
    assert (done.code, done.origins, "guard-broken" in done.output) == (1, {}, True)
    assert "Traceback" not in done.output


def test_a_fault_after_the_installation_is_told_and_undoes_nothing(run_altered: Callable[..., Done]) -> None:
    line = "        if status == 0 and self.run.built_in"
    done = run_altered("inpip/activation.py", line, f"        1 / 0\n{line}", *INSTALL)
    assert (done.code, done.origins) == (0, {"foo": "public"})
    assert "ZeroDivisionError" in done.output
    assert "Traceback" not in done.output


def test_a_part_that_is_missing(run_altered: Callable[..., Done]) -> None:
    done = run_altered("inpip/filter/finder.py", "from .pages import", "from .no_such_part import", *INSTALL)
    assert (done.code, done.origins) == (1, {})
    assert "guard-broken" in done.output
    assert "Traceback" not in done.output


def test_without_a_fault_the_altered_guard_is_a_guard(run_altered: Callable[..., Done]) -> None:
    done = run_altered("inpip/speech/words.py", "_MANY = 12\n", "_MANY = 13\n", *INSTALL)
    assert (done.code, done.origins) == (0, {"foo": "public"})


@pytest.mark.parametrize(
    ("policy", "code"),
    [("mode = 7", "policy-invalid"), ("[indexes", "policy-invalid"), (None, "policy-missing")],
)
def test_a_policy_that_cannot_be_used(bench: Bench, policy: str | None, code: str) -> None:
    missing = {} if policy is not None else {"INDEXGUARD_POLICY": str(bench.folder / "missing.toml")}
    done = bench.install("foo", policy=policy, **missing)
    assert (done.code, done.origins) == (1, {})
    assert code in done.output
    assert "Traceback" not in done.output
    assert ("guard-failed", code) in done.codes
    assert bench.pip("list", policy=policy, **missing).code == 0


def test_a_refusal_in_a_build_child_is_the_last_word_of_the_parent(bench: Bench) -> None:
    folder = bench.folder / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["acme-tool"]\nbuild-backend = "backend"\nbackend-path = ["."]\n', encoding="utf-8"
    )
    bench.public.answers["/simple/acme-tool/"] = '<!DOCTYPE html><a href="/f/acme-tool-1.0.tar.gz">x</a>'
    done = bench.install(folder, policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    last = done.output.rstrip().splitlines()[-12:]
    assert any("shadowed-name" in line for line in last)
    assert any("acme-tool" in line for line in last)
    parents = {event["parent_run"] for event in done.events}
    assert len(parents - {None}) == 1


def test_nothing_is_wrapped_by_a_pip_that_fetches_nothing(bench: Bench) -> None:
    code = "import sys, runpy; sys.argv = ['pip', '--version']\ntry: runpy.run_module('pip', run_name='__main__')\n"
    code += "except SystemExit: print('loaded:', sorted(name for name in sys.modules if name.startswith('indexguard')))"
    assert "loaded: ['indexguard', 'indexguard.inpip']" in bench.python("-c", code).output


def test_what_a_refusal_needs_is_loaded_before_anything_is_installed(bench: Bench) -> None:
    told = "atexit.register(lambda: print('loaded', *(name for name in sys.modules if name.startswith('indexguard.inpip.'))))"
    program = f"import atexit, runpy, sys; {told}; runpy.run_module('pip', run_name='__main__', alter_sys=True)"
    options = {"PIP_INDEX_URL": bench.public.url, "PIP_NO_DEPS": "1"}
    for command, is_loaded in (("download", False), ("install", True)):
        done = bench.python("-c", program, command, "foo", *(["--target", "x"] if is_loaded else []), environ=options)
        loaded = set(done.output.rpartition("loaded ")[2].split())
        for cold in ("failing", "filter.ambiguous", "reports", "search.simple_page", "speech.refusal", "speech.words"):
            assert (f"indexguard.inpip.{cold}" in loaded) == is_loaded
