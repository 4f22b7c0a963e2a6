"""The rows of the attack bench: what ``policy.toml``, ``world.toml`` and one file of ``rows/`` mean together.

A row file holds what both halves share (every key of a scenario file, see ``integration.harness.scenario``) and:

``title``       what the table calls it
``note``        what is not alike on all pips and pages, for the table
``[attack]``    what the attack adds; a row without it is a control
``[benign]``    what is added instead in the benign twin, with a ``title`` of its own; it must pass under the guard

Each half may hold ``[….html]``: what it adds where pages tell no upload time. Of the world, the row and the half, tables are
joined and lists appended; of anything else the last counts. The policy is always that of ``policy.toml``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.harness.case import cases
from integration.harness.scenario import Expected, Scenario, ScenarioError, make_scenario, parse

if TYPE_CHECKING:
    import pytest

    from integration.harness.case import Case

HERE = Path(__file__).parent
POLICY, WORLD, ROWS = HERE / "policy.toml", HERE / "world.toml", HERE / "rows"
CI_PIPS = ("20.3.4", "26.3")
"""Where CI plays the rows."""
PAGES = {"html": "", "json": ">=22.2"}
"""The forms of pages, and the pips that ask for them: to an older one an index with both gives HTML."""


@dataclass(frozen=True)
class Form:
    """One row with pages of one form."""

    attack: Scenario | None
    """None in the control."""
    benign: Scenario


@dataclass(frozen=True)
class Row:
    """One file."""

    title: str
    note: str
    twin: str
    """What the benign twin is."""
    forms: Mapping[str, Form]
    """By the names of ``PAGES``."""


@functools.cache
def find_rows() -> dict[str, Row]:
    """Return every row by its name, in the order of the table.

    :raises ScenarioError: one of them has a fault, or there is none.
    """
    paths = sorted(ROWS.glob("*.toml"))
    if not paths:
        raise ScenarioError(f"no row in {ROWS}")
    return {path.stem: read_row(path.stem, path.read_text(encoding="utf-8")) for path in paths}


def read_row(name: str, text: str) -> Row:
    """Return the row of one file.

    :raises ScenarioError: unknown or missing keys, wrong types, or a half that cannot fail.
    """
    values = parse(name, text)
    title, note = values.pop("title", None), values.pop("note", "")
    attack, benign = values.pop("attack", None), values.pop("benign", None)
    twin = benign.pop("title", None) if isinstance(benign, dict) else None
    if not isinstance(title, str) or not isinstance(note, str) or not isinstance(twin, str):
        raise ScenarioError(f"{name}: a row needs a title, and a [benign] with a title")
    shared = {**values, "description": title}
    forms = {
        form: Form(
            None if attack is None else _half(f"{name}-{form}", shared, attack, form, attack=True),
            _half(f"{name}-{form}" if attack is None else f"{name}-{form}-benign", shared, benign, form, attack=False),
        )
        for form in PAGES
    }
    if any(form in half for form in PAGES for half in (attack or {}, benign)) and not note:
        raise ScenarioError(f"{name}: pages of one form add something, and no note says so")
    if any(it.benign.guarded.exit != 0 or not it.benign.guarded.installed for it in forms.values()):
        raise ScenarioError(f"{name}: the benign twin must pass under the guard, and say what it installs")
    return Row(title, note, twin, forms)


def _half(name: str, shared: Mapping[str, Any], own: Mapping[str, Any], form: str, *, attack: bool) -> Scenario:
    if {"policy", "attack"} & {*shared, *own}:
        raise ScenarioError(f"{name}: all rows have one policy")
    only = {key: value for key, value in own.items() if key not in PAGES}
    values = _join(parse(WORLD.name, WORLD.read_text(encoding="utf-8")), shared, only, own.get(form, {}))
    values["policy"] = {"text": POLICY.read_text(encoding="utf-8")}
    values["indexes"] = {key: {**index, "json": form == "json"} for key, index in values["indexes"].items()}
    if not attack:
        values = _join(values, {"guarded": {"lacks": ["indexguard:"]}})  # without a word
    return make_scenario(name, {"attack": attack, "pip": PAGES[form], "resolvers": ["new"], **values})


def _join(*layers: Mapping[str, Any]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = joined.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                joined[key] = _join(old, value)
            elif isinstance(old, list) and isinstance(value, list) and key != "command":
                joined[key] = old + value
            else:
                joined[key] = value
    return joined


def row_cases(config: pytest.Config) -> list[Case]:
    """Return the first half of every row on the pips that are asked for; with pages of a form that the pip asks for."""
    forms = [form for row in find_rows().values() for form in row.forms.values()]
    every = cases(config, [form.attack or form.benign for form in forms], CI_PIPS)
    return [it for it in every if it.scenario.inapplicable(it.cell.pip, it.cell.python, it.cell.resolver) is None]


def twin_of(case: Case) -> Scenario | None:
    """Return the benign twin of an attack, or None for the control, which is one itself."""
    forms = [form for row in find_rows().values() for form in row.forms.values()]
    return next((form.benign for form in forms if form.attack is case.scenario), None)


# The table

_ALIKE = "no"
_HEAD = "| attack | without the guard | with the guard | benign twin, with the guard | differs by pip or page |\n|---|---|---|---|---|"


def render() -> str:
    """Return the table as Markdown: what the files expect, and each run holds."""
    return "\n".join([_HEAD, *map(_line, find_rows().values())])


def _line(row: Row) -> str:
    form = row.forms["json"]
    attack, benign = form.attack, _installed(form.benign.guarded)
    if attack is None:
        return f"| {row.title} | | | {row.twin}: {benign} | {row.note or _ALIKE} |"
    codes = sorted({f"`{event['code']}`" for event in attack.guarded.events})
    ended = "refused" if attack.guarded.exit else f"held: {_installed(attack.guarded)}"
    cells = [
        row.title,
        _installed(attack.unguarded),
        f"{ended} ({', '.join(codes)})",
        f"{row.twin}: {benign}",
        row.note or _ALIKE,
    ]
    return f"| {' | '.join(cells)} |"


def _installed(expected: Expected) -> str:
    return ", ".join(f"`{name}` {told}" for name, told in (expected.installed or {}).items())
