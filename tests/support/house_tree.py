"""A source tree as the house's figures see it: its files, their code lines, and which module imports which."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TOPS = ("src", "tests", "integration")
_NO_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
_IMPORTS = frozenset({"__import__", "find_spec", "import_module", "pip_module", "run_module"})


def text_of(node: ast.AST | None) -> str | None:
    """Return what a literal string holds; None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def called(node: ast.Call) -> str:
    """Return the name of the function that is called, without what it belongs to."""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


@dataclass
class Source:
    """One Python file."""

    path: Path
    shown: str
    """Its path from the root of the tree."""
    module: str
    """Its dotted name; empty where it lies in no package of ``src``."""

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.path.read_bytes())

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def code(self) -> set[int]:
        """The numbers of the lines that hold code: no comment, and no string that stands alone."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.path.read_text(encoding="utf-8")).readline):
            if token.type not in _NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Expr) and text_of(node.value) is not None:
                lines.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
        return lines

    @property
    def is_package(self) -> bool:
        """Whether it is an ``__init__.py``."""
        return self.path.name == "__init__.py"

    def at(self, node: ast.AST, text: str) -> str:
        """Say where something is."""
        return f"{self.shown}:{getattr(node, 'lineno', 1)}: {text}"

    def is_in(self, *rooms: str) -> bool:
        """Whether it is one of these modules of ``indexguard``, or lies in one of these rooms."""
        return any(f"{self.module}.".startswith(f"indexguard.{room}.") for room in rooms)


class Arrow(NamedTuple):
    """One import of a module of ours by another."""

    source: str
    target: str
    where: str
    hidden: bool
    """Whether a call makes it, with the module's name in a string, which no other tool sees."""

    @property
    def siblings(self) -> tuple[str, str, str]:
        """The smallest room that holds both ends, and which of its members each is in; empty: it is the room itself."""
        one, other = self.source.split("."), self.target.split(".")
        same = next(
            (at for at, (here, there) in enumerate(zip(one, other)) if here != there), min(len(one), len(other))
        )
        return ".".join(one[:same]), "".join(one[same : same + 1]), "".join(other[same : same + 1])


@dataclass
class Tree:
    """A source tree.

    :param loaded: the files that a quiet pip run loads; None: a run tells.
    """

    root: Path
    loaded: Iterable[Path] | None = None
    sources: dict[str, list[Source]] = field(init=False, repr=False)
    """By folder of the top; ``_vendor`` is left out."""

    def __post_init__(self) -> None:
        self.sources = {top: list(self._find(top)) for top in TOPS}

    def _find(self, top: str) -> Iterator[Source]:
        for path in sorted((self.root / top).rglob("*.py")):
            *folders, name = path.relative_to(self.root / top).with_suffix("").parts
            packages = [self.root.joinpath(top, *folders[: at + 1], "__init__.py") for at in range(len(folders))]
            is_module = top == "src" and all(package.exists() for package in packages)
            module = ".".join(folders if name == "__init__" else [*folders, name]) if is_module else ""
            if "_vendor" not in folders:
                yield Source(path, path.relative_to(self.root).as_posix(), module)

    @property
    def every(self) -> list[Source]:
        """All files."""
        return [source for top in TOPS for source in self.sources[top]]

    @cached_property
    def package(self) -> dict[str, Source]:
        """The modules of ``indexguard``."""
        return {source.module: source for source in self.sources["src"] if source.module.split(".")[0] == "indexguard"}

    @cached_property
    def arrows(self) -> list[Arrow]:
        """Every import among them: at the top, in functions, and for type checkers alone."""
        return [
            Arrow(source.module, target, source.at(node, f"{source.module} -> {target}"), isinstance(node, ast.Call))
            for source in self.package.values()
            for node in ast.walk(source.tree)
            for target in dict.fromkeys(self._targets(source, node))
            if target in self.package and target != source.module
        ]

    def _targets(self, source: Source, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = source.module.split(".") if node.level else []
            del parts[len(parts) - node.level + source.is_package :]
            base = ".".join([*parts, *(node.module.split(".") if node.module else [])])
            names = (f"{base}.{alias.name}" for alias in node.names)
            yield from (name if name in self.package else base for name in names)
        elif isinstance(node, ast.Call) and called(node) in _IMPORTS:
            yield from (text_of(argument) or "" for argument in node.args)

    @cached_property
    def layers(self) -> dict[str, list[str]]:
        """Import-linter's layers in pyproject.toml: for each room its layers, the highest first."""
        file = self.root / "pyproject.toml"
        found = {}
        for contract in (file.read_text(encoding="utf-8") if file.exists() else "").split("[[")[1:]:
            lists = dict(re.findall(r"^(containers|layers) = (\[.*?\])$", contract, re.DOTALL | re.MULTILINE))
            if 'type = "layers"' in contract:
                # A list of strings is written alike in both languages.
                found.update(dict.fromkeys(ast.literal_eval(lists["containers"]), ast.literal_eval(lists["layers"])))
        return found
