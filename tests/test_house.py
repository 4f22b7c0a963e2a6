"""The rules that keep the house: each holds for this tree, and each is seen to fail on a small tree that breaks it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from integration.harness.cases import read_cases

from support import house
from support.house import PROJECT, RULES, Figure
from support.house_tree import Tree

Rule = Callable[[Tree], Figure]
PACKAGE = "src/indexguard"

# For each rule the files of a tree that breaks it, below the package where they name no other place, and the offenders.
BROKEN: dict[Rule, tuple[dict[str, str], list[str]]] = {
    **{getattr(house, name): (case["files"], case["offenders"]) for name, case in read_cases(__file__).items()},
    house.crowded_folders: (
        {f"{folder}/a{number}.py": "" for folder, count in (("full", 15), ("tests", 16)) for number in range(count)},
        ["tests: 16 modules"],
    ),
    house.long_modules: (
        {"a.py": '"""Text."""\n\n# comment\n' + "a = 1\n" * 400, "b.py": "a = 1\n" * 401},
        [f"{PACKAGE}/b.py:1: 401 code lines"],
    ),
    house.long_functions: (
        {"a.py": 'def f():\n    """Text."""\n' + "    a = 1\n" * 49, "tests/b.py": "\ndef f():\n" + "    a = 1\n" * 50},
        ["tests/b.py:2: f: 51 code lines"],
    ),
    house.anys: (
        {"a.py": "a: Any\n", "inpip/b.py": "from typing import Any\n" + "a: dict[str, Any]\n" * 91},
        [f"{PACKAGE}/inpip/b.py:{number}: Any" for number in range(2, 93)],
    ),
    house.loaded_lines: (
        {"loaded.py": "a = 1\n" * (house.MAX_LOADED + 1), "cold.py": "a = 1\n"},
        [f"{PACKAGE}/loaded.py: {house.MAX_LOADED + 1}"],
    ),
    house.src_lines: ({"a.py": "a = 1\n" * (house.MAX_SRC + 1)}, [f"src: {house.MAX_SRC + 1:,}"]),
    house.test_lines: (
        {"tests/a.py": "a = 1\n" * house.MAX_TESTS, "integration/a.py": "a = 1\n"},
        [f"tests: {house.MAX_TESTS:,}", "integration: 1"],
    ),
}


@pytest.fixture(scope="module")
def tree() -> Tree:
    """This tree."""
    return Tree(PROJECT)


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(tree: Tree, rule: Rule) -> None:
    figure = rule(tree)
    assert not figure.is_missed, "\n".join([str(figure), *figure.offenders])


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_tree_that_breaks_the_rule_is_seen(tmp_path: Path, rule: Rule) -> None:
    files, offenders = BROKEN[rule]
    for name, text in files.items():
        is_elsewhere = name.startswith(("tests/", "integration/", "pyproject"))
        path = tmp_path / ("" if is_elsewhere else PACKAGE) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for folder in (tmp_path / PACKAGE, path.parent):
            if not is_elsewhere:
                (folder / "__init__.py").touch()
    figure = rule(Tree(tmp_path, loaded=[tmp_path / PACKAGE / "loaded.py"]))
    assert figure.is_missed
    assert figure.offenders == [line.replace("PACKAGE", PACKAGE) for line in offenders]


def test_every_rule_with_a_limit_is_seen_to_fail() -> None:
    assert set(RULES) - set(BROKEN) == {house.small_modules}


def test_the_rules_see_the_tree(tree: Tree) -> None:
    assert {"indexguard.errors", "indexguard.inpip", "indexguard.inpip.run"} <= set(tree.package)
    assert {"indexguard", "indexguard.inpip"} <= set(tree.layers)
    assert {"refused", "not-asked", "unknown-index", "guard-broken"} <= set(house.words_of(tree))
    assert len(tree.arrows) > len(tree.package)
