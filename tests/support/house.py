"""The house's figures and rules, measured on a source tree; standard library only.

``python -m tests.support.house [ROOT]`` prints each with its limit, then file and line of what misses it; the exit code
is 1 on a miss. A *code line* holds code: no blank line, no comment, no string that stands alone.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

from .house_run import loaded_files
from .house_tree import Source, Tree, called, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROJECT = Path(__file__).resolve().parent.parent.parent

MAX_MODULES = 15
"""In one folder; ``__init__.py`` does not count."""
MAX_MODULE = 400
"""Code lines."""
MAX_FUNCTION = 50
"""Code lines."""
MIN_MODULE = 50
"""Code lines: each file costs an import. What is smaller is printed only."""
MAX_ANY = 90
"""Mentions of ``Any`` in the code of ``inpip``: 243 before the house was built. The figure only falls."""
MAX_LOADED = 4860
"""4,417 before the house was built, 3,600 in it; raised for what every run has to ask since: redirects, a second import."""
MAX_SRC = 23_000
"""12,854 before the house was built; raised with what has been built in it."""
MAX_TESTS = 34_000
"""Tests and integration together: 23,809 before the house was built; raised with what has been built in it."""

ORDINARY = {
    ("indexguard.cli.log.summary", "refused"): "the head of a column",
    ("indexguard.cli.log.summary", "selected"): "the head of a column",
    ("indexguard.report.entry", "refused"): "a group of the report's own, which holds several kinds",
    ("indexguard.report.entry", "shadowed"): "a group of the report's own",
    ("indexguard.report.table", "shadowed"): "a group of the report's own",
}
"""By module and word, why the name of a kind is an ordinary word there."""


class Figure(NamedTuple):
    """One figure of a tree."""

    name: str
    value: int
    limit: int | None
    """None: it is only printed."""
    offenders: list[str]

    @property
    def is_missed(self) -> bool:
        """Whether the limit is exceeded."""
        return self.limit is not None and self.value > self.limit

    def __str__(self) -> str:
        limit, verdict = ("", "") if self.limit is None else (f"{self.limit:,}", "MISSED" if self.is_missed else "met")
        return f"{self.name:<58} {self.value:>7,} {limit:>7}  {verdict}".rstrip()


def _none(name: str, offenders: Iterable[str]) -> Figure:
    found = list(offenders)
    return Figure(name, len(found), 0, found)


def circles(tree: Tree) -> Figure:
    """Modules that import each other in a circle."""
    edges = [(arrow.source, arrow.target, arrow.where) for arrow in tree.arrows]
    return _none("import circles among modules", _find_circles(edges))


def circles_of_siblings(tree: Tree) -> Figure:
    """Modules and rooms side by side whose contents import each other in a circle."""
    rooms: dict[str, list[tuple[str, str, str]]] = {}
    for arrow in tree.arrows:
        room, one, other = arrow.siblings
        if one and other:
            rooms.setdefault(room, []).append((f"{room}.{one}", f"{room}.{other}", arrow.where))
    found = (circle for edges in rooms.values() for circle in _find_circles(edges))
    return _none("import circles among siblings of a room", found)


def _find_circles(edges: list[tuple[str, str, str]]) -> Iterator[str]:
    reached: dict[str, set[str]] = {}
    for one, other, _ in edges:
        reached.setdefault(one, set()).add(other)
    # Whoever reaches one reaches all that this one reaches.
    for middle in list(reached):
        for others in reached.values():
            if middle in others:
                others.update(reached[middle])
    rings = {frozenset(it for it in reached[one] if one in reached.get(it, ())) for one in reached}
    for ring in sorted(map(sorted, filter(None, rings))):
        inside = sorted(where for one, other, where in edges if one in ring and other in ring)
        yield "\n    ".join([", ".join(ring), *inside])


def arrows_upward(tree: Tree) -> Figure:
    """Imports against the order of the layers."""
    found = []
    for arrow in tree.arrows:
        room, one, other = arrow.siblings
        layers = [re.split(r"[|:]", re.sub(r"[() ]", "", layer)) for layer in tree.layers.get(room, [])]
        floors = {name: number for number, names in enumerate(layers) for name in names}
        if one in floors and other in floors:
            is_beside = floors[one] == floors[other] and "|" in tree.layers[room][floors[one]]
            if is_beside or floors[one] > floors[other]:
                found.append(arrow.where)
    return _none("arrows upward, by the layers of pyproject.toml", found)


def hidden_arrows(tree: Tree) -> Figure:
    """Imports by a call with the name of one of our modules."""
    return _none("arrows hidden in a call", (arrow.where for arrow in tree.arrows if arrow.hidden))


def crowded_folders(tree: Tree) -> Figure:
    """Folders with too many modules."""
    folders = [source.shown.rpartition("/")[0] for source in tree.every if not source.is_package]
    counts = {folder: folders.count(folder) for folder in sorted(set(folders))}
    found = (f"{folder}: {count} modules" for folder, count in counts.items() if count > MAX_MODULES)
    return _none(f"folders with more than {MAX_MODULES} modules", found)


def long_modules(tree: Tree) -> Figure:
    """Modules with too many lines."""
    found = (f"{it.shown}:1: {len(it.code)} code lines" for it in tree.every if len(it.code) > MAX_MODULE)
    return _none(f"modules over {MAX_MODULE} code lines", found)


def long_functions(tree: Tree) -> Figure:
    """Functions with too many lines."""
    found = []
    for source, node in _functions(tree.every):
        lines = len(source.code.intersection(range(node.lineno, (node.end_lineno or 0) + 1)))
        if lines > MAX_FUNCTION:
            found.append(source.at(node, f"{node.name}: {lines} code lines"))
    return _none(f"functions over {MAX_FUNCTION} code lines", found)


def _functions(sources: Iterable[Source]) -> Iterator[tuple[Source, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield source, node


def anys(tree: Tree) -> Figure:
    """Mentions of ``Any`` in ``inpip``; its import is none."""
    inside = [source for source in tree.package.values() if source.is_in("inpip")]
    nodes = ((source, node) for source in inside for node in ast.walk(source.tree))
    found = [source.at(it, "Any") for source, it in nodes if "Any" in (getattr(it, "id", ""), getattr(it, "attr", ""))]
    return Figure("`Any` in inpip", len(found), MAX_ANY, found)


def loaded_lines(tree: Tree) -> Figure:
    """Code lines that a pip run loads in which nothing is refused."""
    paths = {path.resolve() for path in (loaded_files(tree.root) if tree.loaded is None else tree.loaded)}
    rows = {it.shown: len(it.code) for it in tree.sources["src"] if it.path.resolve() in paths}
    name = f"code lines loaded in a quiet pip run ({len(rows)} modules)"
    return Figure(name, sum(rows.values()), MAX_LOADED, [f"{shown}: {count}" for shown, count in rows.items()])


def src_lines(tree: Tree) -> Figure:
    """Code lines of what is shipped."""
    return _lines("code lines of src", tree, ("src",), MAX_SRC)


def test_lines(tree: Tree) -> Figure:
    """Code lines of what tests it."""
    return _lines("code lines of tests and integration", tree, ("tests", "integration"), MAX_TESTS)


def _lines(name: str, tree: Tree, tops: Iterable[str], limit: int) -> Figure:
    counts = {top: sum(len(source.code) for source in tree.sources[top]) for top in tops}
    return Figure(name, sum(counts.values()), limit, [f"{top}: {count:,}" for top, count in counts.items()])


def small_modules(tree: Tree) -> Figure:
    """Modules that hardly earn their file."""
    rows = {it.shown: len(it.code) for it in tree.package.values() if not it.is_package}
    found = [f"{shown}: {count}" for shown, count in rows.items() if count < MIN_MODULE]
    return Figure(f"modules of src under {MIN_MODULE} code lines", len(found), None, found)


def stray_findings(tree: Tree) -> Figure:
    """Findings that are made outside of the heart."""
    found = []
    for source in (source for source in tree.package.values() if not source.is_in("decision")):
        for node in (node for node in ast.walk(source.tree) if isinstance(node, ast.Call)):
            is_changed = called(node) == "_replace" and any(keyword.arg == "code" for keyword in node.keywords)
            if is_changed or called(node) == "Finding":
                found.append(source.at(node, f"{called(node)}(...)"))
    return _none("findings made outside decision", found)


def stray_words(tree: Tree) -> Figure:
    """Kinds and codes as literals, outside of where they stand once and of the heart.

    One without a dash is an ordinary word too: it counts where it is compared, recorded, or listed with its like.
    """
    words = set(words_of(tree))
    found = []
    for source in (source for source in tree.package.values() if not source.is_in("audit.kinds", "errors", "decision")):
        for node, word in ((node, text_of(node)) for node in ast.walk(source.tree)):
            if word not in words or isinstance(source.parents[node], ast.Expr):
                continue
            if "-" in word or (_is_meant(source.parents[node], words) and (source.module, word) not in ORDINARY):
                found.append(source.at(node, repr(word)))
    return _none("kinds and codes as literals elsewhere", found)


def words_of(tree: Tree) -> Iterator[str]:
    """Return every code and every kind, from where they stand once."""
    for node in (node for source in tree.package.values() for node in ast.walk(source.tree)):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and ast.unparse(node).startswith(
            ("CODES =", "EventKind =", "EventKind:")
        ):
            yield from filter(None, map(text_of, ast.walk(node)))


def _is_meant(parent: ast.AST, words: set[str]) -> bool:
    if isinstance(parent, ast.Call):
        return "record" in called(parent)
    listed = getattr(parent, "keys", getattr(parent, "elts", []))  # of a dict; of a tuple, a list or a set
    return isinstance(parent, ast.Compare) or (bool(listed) and all(text_of(it) in words for it in listed))


def silent_raises(tree: Tree) -> Figure:
    """Public functions that raise, and do not say so."""
    found = []
    for source, node in _functions(tree.package.values()):
        owner = source.parents[node]
        holders = [it for it in (node, owner) if isinstance(it, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))]
        is_public = all(it.name == "__init__" or not it.name.startswith("_") for it in holders)
        docs = "".join(ast.get_docstring(it) or "" for it in holders)
        if is_public and isinstance(owner, (ast.ClassDef, ast.Module)) and _raises(node) and ":raises " not in docs:
            found.append(source.at(node, f"{node.name} raises, and its docstring has no `:raises`"))
    return _none("public functions that raise and do not say so", found)


def _raises(node: ast.AST) -> bool:
    inside = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, inside)]
    return any(isinstance(child, ast.Raise) or _raises(child) for child in children)


RULES: tuple[Callable[[Tree], Figure], ...] = (
    circles,
    circles_of_siblings,
    arrows_upward,
    hidden_arrows,
    crowded_folders,
    long_modules,
    long_functions,
    anys,
    loaded_lines,
    src_lines,
    test_lines,
    stray_findings,
    stray_words,
    silent_raises,
    small_modules,
)


def main() -> int:
    """Print every figure, then what misses its limit; return 1 on a miss."""
    tree = Tree(Path(sys.argv[1]).resolve() if sys.argv[1:] else PROJECT)
    figures = [rule(tree) for rule in RULES]
    sys.stdout.write(f"{'figure':<58} {'value':>7} {'limit':>7}\n" + "".join(f"{figure}\n" for figure in figures))
    for figure in figures:
        if figure.is_missed or figure.limit is None:
            sys.stdout.write(f"\n{figure.name}:\n" + "".join(f"  {line}\n" for line in figure.offenders))
    return int(any(figure.is_missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
