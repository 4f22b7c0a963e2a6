"""``indexguard status``: is this interpreter's pip guarded, by which policies, and where is that recorded."""

from __future__ import annotations

import argparse
from textwrap import indent
from typing import Any

from ..audit.writer import find_obstacle, log_path
from ..policy.layers import LayersFound, survey_layers
from .check import describe_fault, print_faults
from .console import GREEN, RED, YELLOW, Console, columns
from .parsing import Command
from .pip_facts import PipFacts, ask_pip

NOT_COVERED = (
    "python -S; interpreters and virtual environments that have no guard of their own;",
    "uv, poetry and other installers; whoever may write to this environment",
)


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the state; 1 if pip is not guarded, 2 if it is and a policy stops it."""
    facts = ask_pip()
    found = survey_layers()
    if arguments.json:
        console.json(_as_json(facts, found))
    else:
        _print(facts, found, console)
    if not facts.is_guarded:
        return 1
    return 2 if found.faults or facts.stopped is not None else 0


def _as_json(facts: PipFacts, found: LayersFound) -> dict[str, Any]:
    path = log_path()
    return {
        "guarded": facts.is_guarded,
        "guard": facts.live,
        "stopped": None if facts.stopped is None else dict(facts.stopped),
        "problem": facts.problem,
        "pip": facts.pip or None,
        "python": facts.python or None,
        "executable": facts.executable or None,
        "indexes": [facts.show(url) for url in facts.indexes],
        "places": [vars(place) for place in found.places],
        "layers": [
            {"layer": layer.kind, "file": layer.path, "sha256": layer.sha256, "mode": layer.policy.mode}
            for layer in found.layers
        ],
        "policy_faults": [describe_fault(error) for error in found.faults],
        "built_in_rule": None if found.faults else found.builtin_rule_applies,
        "log": {"file": str(path), "obstacle": find_obstacle(path)},
        "not_covered": " ".join(NOT_COVERED),
    }


def _print(facts: PipFacts, found: LayersFound, console: Console) -> None:
    _print_guard(facts, found, console)
    if facts.problem is None:
        console.line("indexes that pip is configured with:")
        for url in facts.indexes or ("none",):
            console.line(f"  {facts.show(url)}")
    _print_layers(found, console)
    path = log_path()
    obstacle = find_obstacle(path)
    if obstacle is None:
        console.line(f"audit log: {path} (can be written)")
    else:
        console.line(f"audit log: {path} cannot be written: {obstacle}", YELLOW)
    console.line("not covered: " + NOT_COVERED[0])
    console.line("             " + NOT_COVERED[1])


def _print_guard(facts: PipFacts, found: LayersFound, console: Console) -> None:
    if facts.problem is not None:
        console.line(f"not guarded: {facts.problem}", RED)
        return
    which = f"pip {facts.pip} of {facts.executable} (Python {facts.python})"
    if facts.is_guarded and facts.stopped is None:
        console.line(f"guarded: {which}", GREEN)
    elif facts.is_guarded:
        console.line(f"guarded, and stopped: {which}", YELLOW)
    else:
        console.line(f"not guarded: {which}", RED)
    if facts.live is not None:
        console.line(f"  by {facts.live}")
    if facts.stopped is not None:
        # An error of pip < 22.0 has no code of its own; it stands in the text.
        text = facts.stopped["text"] or ""
        code = next((error.code for error in found.faults if error.code in (facts.stopped["code"] or text)), None)
        console.lines(
            f"  {code}: nothing can be installed until the faults below are repaired" if code else indent(text, "  ")
        )
    elif not facts.is_guarded:
        console.line(f"  a pip that starts there does not load indexguard; install it with {facts.executable} -m pip")


def _print_layers(found: LayersFound, console: Console) -> None:
    loaded = {layer.kind: layer for layer in found.layers}
    rows = []
    for place in found.places:
        layer = loaded.get(place.kind)
        state = place.state if layer is None else f"{layer.policy.mode}, sha256 {layer.sha256[:12]}"
        rows.append((place.kind, state, place.path or ""))
    console.line("policy layers:")
    for line in columns(rows):
        console.line(line)
    print_faults(found.faults, console)
    if found.faults:
        return
    if found.builtin_rule_applies:
        console.line("built-in rule: in force; a name that more than one remote index offers is refused")
    else:
        console.line("built-in rule: not in force, a policy decides")


COMMAND = Command(
    name="status",
    summary="say whether this interpreter's pip is guarded",
    description=(
        "Starts a child pip of this interpreter and looks whether the guard took charge of it; lists the policy\n"
        "layers found, the audit log, and what is not covered."
    ),
    example="indexguard status",
    usage="[-h] [--json]",
    add_options=add_options,
    run=run,
    exit_codes="Exit codes: 0 guarded, 1 not guarded, 2 guarded, and stopped by a policy that cannot be used.",
)
