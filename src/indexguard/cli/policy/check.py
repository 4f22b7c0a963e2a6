"""``indexguard check``: every fault of a policy, and what a careful reader would ask about it."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import POLICY_UNREADABLE, Fault, PolicyError
from ...logs.opening import explain
from ...policy.layers import survey_layers
from ...policy.model import Layer
from ...policy.reader import MAX_BYTES, read_policy
from ...policy.sections import read_certificates
from ...policy.serving.typosquat import read_names
from ...policy.trust import Trust, find_distrust
from ..console import GREEN, RED, YELLOW, Console
from ..files import open_named
from ..parsing import BadInputError, Command
from .lints import WARNING, Lint, lint_policy

_FAULT = "fault"


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options and arguments of this command."""
    group.add_argument("--strict", action="store_true", help="exit with 1 for notes, too")
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("file", metavar="FILE", nargs="?", help="a policy file, - for standard input; else all layers")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Check one file, or all layers; 1 for warnings, with --strict for notes too, 2 for faults.

    :raises BadInputError: the file cannot be read.
    """
    layers, faulty = _survey() if arguments.file is None else _check_file(arguments.file)
    more = [] if arguments.file in (None, "-") or faulty else _find_distrust(Path(arguments.file))
    if any(lint.level == _FAULT for lint in more):
        faults = [Fault("", lint.message) for lint in more]
        layers, faulty = (), [PolicyError(arguments.file, faults, POLICY_UNREADABLE)]
    checked = [(layer, [*more, *lint_policy(layer.policy)]) for layer in layers]
    if arguments.json:
        console.json({"policies": [*map(describe_fault, faulty), *(_passed(layer, lints) for layer, lints in checked)]})
    else:
        _print(checked, faulty, console)
    if faulty:
        return 2
    levels = {lint.level for _, lints in checked for lint in lints}
    return 1 if WARNING in levels or (arguments.strict and levels) else 0


def _find_distrust(path: Path) -> list[Lint]:
    """Return why pip would not trust a file where it lies: a fault in a place that pip reads, else a warning."""
    try:
        found = find_distrust(str(path), path.stat(), Trust.of(None, sys.base_prefix), "file")
        is_read = any(place.path is not None and _is_same(path, place.path) for place in survey_layers().places)
    except OSError:  # such as a pipe of the shell: it is nowhere
        return []
    level = _FAULT if is_read else WARNING
    return [Lint("", f"pip would refuse it there: {fault.message}", level) for fault in found if path.is_file()]


def _is_same(path: Path, place: str) -> bool:
    try:
        return path.samefile(place)
    except OSError:
        return False


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
        warns = any(lint.level == WARNING for lint in lints)
        console.line(f"{layer.path}: {_summarise(layer)}", YELLOW if warns else GREEN)
        for lint in lints:
            console.wrapped(f"{lint.level:<7}  {lint}", YELLOW if lint.level == WARNING else None, indent="  ")
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
    if file != "-" and policy.typosquat is not None:
        policy = replace(policy, typosquat=read_names(policy.typosquat, shown, "file", None))
    certificates = read_certificates(policy, "file", None) if file != "-" else {}
    if policy.advisories is not None and file != "-":
        policy.advisories.check_sources(file, None, "file")
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
        "lints": [{"level": lint.level, "key": lint.key, "message": lint.message} for lint in lints],
    }


def describe_fault(error: PolicyError) -> dict[str, Any]:
    """Return a file that cannot be used, and why, for a machine."""
    faults = [{"key": fault.key, "message": fault.message, "suggestion": fault.suggestion} for fault in error.faults]
    return {"file": error.path, "code": error.code, "faults": faults, "lints": []}


COMMAND = Command.of("check", add_options, run)
