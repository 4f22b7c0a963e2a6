"""``indexguard check``: every fault of a policy, and what a careful reader would ask about it."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import PolicyError
from ...logs.opening import explain
from ...policy.layers import survey_layers
from ...policy.lints import Lint, lint_policy
from ...policy.model import Layer
from ...policy.reader import MAX_BYTES, read_policy
from ...policy.sections import read_certificates
from ..console import GREEN, RED, YELLOW, Console
from ..files import open_named
from ..parsing import BadInputError, Command


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options and arguments of this command."""
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("file", metavar="FILE", nargs="?", help="a policy file, - for standard input; else all layers")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Check one file, or all layers; 1 for lints, 2 for faults.

    :raises BadInputError: the file cannot be read.
    """
    layers, faulty = _survey() if arguments.file is None else _check_file(arguments.file)
    checked = [(layer, lint_policy(layer.policy)) for layer in layers]
    if arguments.json:
        console.json({"policies": [*map(describe_fault, faulty), *(_passed(layer, lints) for layer, lints in checked)]})
    else:
        _print(checked, faulty, console)
    if faulty:
        return 2
    return 1 if any(lints for _, lints in checked) else 0


def _survey() -> tuple[Sequence[Layer], Sequence[PolicyError]]:
    found = survey_layers()
    return found.layers, found.faults


def _check_file(file: str) -> tuple[Sequence[Layer], Sequence[PolicyError]]:
    try:
        return (read_layer(file),), ()
    except PolicyError as error:
        return (), (error,)


def _print(checked: Sequence[tuple[Layer, list[Lint]]], faulty: Sequence[PolicyError], console: Console) -> None:
    print_faults(faulty, console)
    for layer, lints in checked:
        console.line(f"{layer.path}: {_summarise(layer)}", YELLOW if lints else GREEN)
        for lint in lints:
            console.line(f"  lint   {lint}")
    if not checked and not faulty:
        console.line("no policy file found; `indexguard status` lists the places, `indexguard init` writes one")


def print_faults(faulty: Sequence[PolicyError], console: Console) -> None:
    """Print every fault of the files that cannot be used."""
    for error in faulty:
        console.line(f"{error.path}: {error.code}", RED)
        for fault in error.faults:
            console.lines(f"  fault  {fault}")


def read_layer(file: str) -> Layer:
    """Read one policy file, `-` for standard input.

    :raises BadInputError: it cannot be read.
    :raises PolicyError: it has faults.
    """
    try:
        if file == "-":
            if sys.stdin is None:
                raise BadInputError("cannot read standard input: it is closed")
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open_named(Path(file)) as stream:
                content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"cannot read {file}: {explain(error)}") from None
    shown = "standard input" if file == "-" else file
    policy = read_policy(content, shown)
    certificates = read_certificates(policy, "file", None) if file != "-" else {}
    return Layer("file", shown, hashlib.sha256(content).hexdigest(), policy, certificates)


def _summarise(layer: Layer) -> str:
    rules, indexes = len(layer.policy.rules), len(layer.policy.indexes)
    counted = f"{indexes} index{'' if indexes == 1 else 'es'}, {rules} pattern{'' if rules == 1 else 's'}"
    return f"no faults; mode {layer.policy.mode}, {counted}"


def _passed(layer: Layer, lints: list[Lint]) -> dict[str, Any]:
    return {
        "file": layer.path,
        "layer": layer.kind,
        "sha256": layer.sha256,
        "mode": layer.policy.mode,
        "code": None,
        "faults": [],
        "lints": [{"key": lint.key, "message": lint.message} for lint in lints],
    }


def describe_fault(error: PolicyError) -> dict[str, Any]:
    """Return a file that cannot be used, and why, for a machine."""
    faults = [{"key": fault.key, "message": fault.message, "suggestion": fault.suggestion} for fault in error.faults]
    return {"file": error.path, "code": error.code, "faults": faults, "lints": []}


COMMAND = Command.of("check", add_options, run)
