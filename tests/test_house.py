"""The rules that keep the house: each holds for this tree, and each is seen to fail on a small tree that breaks it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from support import house
from support.house import PROJECT, RULES, Figure
from support.house_tree import Tree

Rule = Callable[[Tree], Figure]
PACKAGE = "src/indexguard"

LAYERS = """
[[tool.importlinter.contracts]]
type = "layers"
containers = ["indexguard"]
layers = [
  "(cli)",
  "(inpip) | (logs)",  # beside each other, and strangers
  "(errors) : (patterns)",
]

[[tool.importlinter.contracts]]
type = "forbidden"
"""
WORDS = {
    "errors.py": 'CODES = (LOCAL_PATH := "local-path",)\n',
    "audit/kinds.py": 'EventKind = Literal["refused", "sealed"]\n"""``refused``: ..."""\n',
    "decision/a.py": 'Finding("local-path")\n',
}

# For each rule the files of a tree that breaks it, below the package where they name no other place, and the offenders.
BROKEN: dict[Rule, tuple[dict[str, str], list[str]]] = {
    house.circles: (
        {
            "a.py": "if TYPE_CHECKING:\n    from .b import B\n",
            "b.py": "def late():\n    import indexguard.room.c\n",
            "room/c.py": "from ..a import *\nfrom .. import d\n",
            "d.py": "import ast\n",
        },
        [
            f"""indexguard.a, indexguard.b, indexguard.room.c
    {PACKAGE}/a.py:2: indexguard.a -> indexguard.b
    {PACKAGE}/b.py:2: indexguard.b -> indexguard.room.c
    {PACKAGE}/room/c.py:1: indexguard.room.c -> indexguard.a"""
        ],
    ),
    house.circles_of_siblings: (
        {
            "one/a.py": "from indexguard.two import b\n",
            "two/b.py": "",
            "two/c.py": "from ..one.d import d\n",
            "one/d.py": "from . import e\n",
            "one/e.py": "",
        },
        [
            f"""indexguard.one, indexguard.two
    {PACKAGE}/one/a.py:1: indexguard.one.a -> indexguard.two.b
    {PACKAGE}/two/c.py:1: indexguard.two.c -> indexguard.one.d"""
        ],
    ),
    house.arrows_upward: (
        {
            "pyproject.toml": LAYERS,
            "cli/a.py": "from ..logs import a\nfrom ..errors import b\n",
            "logs/a.py": "from ..cli import a\nfrom ..inpip import b\n",
            "inpip/b.py": "",
            "errors.py": "from .patterns import c\n",
            "patterns.py": "",
        },
        [
            f"{PACKAGE}/logs/a.py:1: indexguard.logs.a -> indexguard.cli.a",
            f"{PACKAGE}/logs/a.py:2: indexguard.logs.a -> indexguard.inpip.b",
        ],
    ),
    house.hidden_arrows: (
        {
            "a.py": 'importlib.import_module("json")\nimportlib.import_module("indexguard.b")\nopen("indexguard.b")\n',
            "b.py": "",
        },
        [f"{PACKAGE}/a.py:2: indexguard.a -> indexguard.b"],
    ),
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
    house.loaded_lines: ({"loaded.py": "a = 1\n" * 3601, "cold.py": "a = 1\n"}, [f"{PACKAGE}/loaded.py: 3601"]),
    house.src_lines: ({"a.py": "a = 1\n" * 12_877}, ["src: 12,877"]),
    house.test_lines: (
        {"tests/a.py": "a = 1\n" * 23_559, "integration/a.py": "a = 1\n"},
        ["tests: 23,559", "integration: 1"],
    ),
    house.stray_findings: (
        {
            "decision/a.py": 'Finding("a")\n',
            "a.py": 'verdict.Finding("a")\nfinding._replace(code="a")\nplace._replace(key="a")\n',
        },
        [f"{PACKAGE}/a.py:1: Finding(...)", f"{PACKAGE}/a.py:2: _replace(...)"],
    ),
    house.stray_words: (
        {
            **WORDS,
            "a.py": '"""local-path"""\nfact("local-path")\nfact("refused", "sealed")\nrun.record("sealed")\n',
            "b.py": 'a == "refused"\nb = {"refused": 1, "sealed": 2}\nc = {"refused": 1, "time": 2}\nd = ("sealed", e)\n',
            "report/table.py": 'entry.group == "shadowed"\n',
        },
        [
            f"{PACKAGE}/a.py:2: 'local-path'",
            f"{PACKAGE}/a.py:4: 'sealed'",
            f"{PACKAGE}/b.py:1: 'refused'",
            f"{PACKAGE}/b.py:2: 'refused'",
            f"{PACKAGE}/b.py:2: 'sealed'",
        ],
    ),
    house.silent_raises: (
        {
            "a.py": "def f():\n    raise A\n\ndef _f():\n    raise A\n\ndef g():\n    def h():\n        raise A\n",
            "b.py": 'class A:\n    """:raises A: always"""\n\n    def __init__(self):\n        raise A\n',
            "c.py": "class A:\n    def f(self):\n        if self:\n            raise A\n",
        },
        [
            f"{PACKAGE}/a.py:1: f raises, and its docstring has no `:raises`",
            f"{PACKAGE}/c.py:2: f raises, and its docstring has no `:raises`",
        ],
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
    assert figure.offenders == offenders


def test_every_rule_with_a_limit_is_seen_to_fail() -> None:
    assert set(RULES) - set(BROKEN) == {house.small_modules}


def test_the_rules_see_the_tree(tree: Tree) -> None:
    assert {"indexguard.errors", "indexguard.inpip", "indexguard.inpip.run"} <= set(tree.package)
    assert {"indexguard", "indexguard.inpip"} <= set(tree.layers)
    assert {"refused", "not-asked", "unknown-index", "guard-broken"} <= set(house.words_of(tree))
    assert len(tree.arrows) > len(tree.package)
