"""The folder that a child's path may hold: it starts the guard, and the `sitecustomize` that it stands before."""

from __future__ import annotations

from pathlib import Path

from indexguard.inpip.children import BOOTSTRAP
from support.inpip_bench import Bench

LOOK = """
import sys
print("watches:", sum(getattr(entry, "indexguard_hook", False) is True for entry in sys.meta_path))
print("is:", sys.modules["sitecustomize"].__file__)
"""


def other_sitecustomize(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return folder


def test_it_starts_the_guard_once(bench: Bench) -> None:
    done = bench.python("-c", LOOK + "import _indexguard_bootstrap; _indexguard_bootstrap.install()" + LOOK)
    assert done.code == 0
    assert done.output.count("watches: 1\n") == 2


def test_it_runs_the_sitecustomize_that_it_stands_before(bench: Bench, tmp_path: Path) -> None:
    other = other_sitecustomize(tmp_path / "other", "print('other runs')")
    done = bench.python("-c", LOOK, paths=(BOOTSTRAP, other))
    assert done.output == f"other runs\nwatches: 1\nis: {other / 'sitecustomize.py'}\n"


def test_a_sitecustomize_that_raises_is_pythons_business(bench: Bench, tmp_path: Path) -> None:
    other = other_sitecustomize(tmp_path / "other", "raise RuntimeError('not mine')")
    done = bench.python("-c", LOOK, paths=(BOOTSTRAP, other))
    assert "RuntimeError: not mine" in done.output
    assert "watches: 1\n" in done.output


def test_it_guards_a_pip(bench: Bench) -> None:
    done = bench.install("acme-core", policy=bench.policy)
    assert (done.code, done.origins) == (0, {"acme_core": "corp"})
