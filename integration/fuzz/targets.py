"""The targets: each takes any bytes, runs the real code on them, and raises only where a promise is broken."""

from __future__ import annotations

import argparse
import functools
import io
import json
import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Callable, NoReturn

from indexguard.cli.console import Console
from indexguard.cli.log import events
from indexguard.cli.parsing import BadInputError
from indexguard.cli.policy.lints import lint_policy
from indexguard.errors import PolicyError
from indexguard.patterns import Name, normalise_name
from indexguard.policy.model import Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.rules import Rule

from .promises import check, check_printable
from .scene import HTML_TYPES, JSON_TYPES, check_scene, read_scene
from .stage import Stage

_WORD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]*")
_TODAY = date(2026, 6, 15)
_OPTIONS: tuple[list[str], ...] = (
    [],
    ["--json"],
    ["--name", "acme-core"],
    ["--code", "shadowed-name"],
    ["--since", "2026-01-01"],
    ["--last", "1"],
)


def fuzz_policy(data: bytes) -> None:
    """A policy file is read, or refused with faults that can be printed; what was read answers for every name.

    :raises BrokenPromiseError: it is not so.
    """
    try:
        policy = read_policy(data, "policy.toml")
    except PolicyError as error:
        check(bool(error.faults), "a refusal without a fault")
        check_printable("a fault", map(str, error.faults))
        check_printable("a line of the error", str(error).split("\n"))
        return
    check_printable("a finding", map(str, lint_policy(policy, _TODAY)))
    for word in ("acme", "acme-core", *(found.decode("ascii") for found in _WORD.findall(data)[:20])):
        _check_rule(policy, normalise_name(word))
        _check_rule(policy, normalise_name(f"{word}-x"))


def _check_rule(policy: Policy, name: Name) -> None:
    found = policy.rules.find(name)
    matching = [rule for rule in policy.rules if rule.pattern.matches(name)]
    check(found == max(matching, key=_rank, default=None), f"{name}: {found} was found; these match: {matching}")


def _rank(rule: Rule) -> tuple[bool, int]:
    return rule.pattern.exact, len(rule.pattern.stem)


def fuzz_html_page(data: bytes) -> None:
    """A page as HTML: see ``scene``.

    :raises BrokenPromiseError: a promise is broken.
    """
    _play(data, HTML_TYPES)


def fuzz_json_page(data: bytes) -> None:
    """A page as JSON: see ``scene``.

    :raises BrokenPromiseError: a promise is broken.
    """
    _play(data, JSON_TYPES)


def _play(data: bytes, types: tuple[str, ...]) -> None:
    stage = _pip_stage()
    scene = read_scene(data, types)
    check_scene(stage, scene, stage.play(scene.web, scene.policy, scene.name, scene.specifier))


@functools.cache
def _pip_stage() -> Stage:
    return Stage()


def fuzz_log(data: bytes) -> None:
    """Any file can be shown as a log: without control characters, and with ``--json`` as nothing but JSON.

    One without an event is refused, and says so.

    The first byte chooses the options of ``indexguard log``.

    :raises BrokenPromiseError: it is not so.
    """
    path, choices = _log_stage()
    path.write_bytes(data[1:])
    arguments = choices[data[0] % len(choices) if data else 0]
    out, err = io.StringIO(), io.StringIO()
    try:
        check(events.run(arguments, Console(out, err)) == 0, "the log was not read")
    except BadInputError as error:
        check_printable("a line of the error", str(error).split("\n"))
        check("there is no event in" in str(error), "the log was not read")
    for stream in (out, err):
        check_printable("a line of the output", stream.getvalue().split("\n"))
    if arguments.json:
        for line in out.getvalue().splitlines():
            json.loads(line, parse_constant=_refuse_constant)


def _refuse_constant(text: str) -> NoReturn:
    check(False, f"{text} is no JSON")
    raise AssertionError


@functools.cache
def _log_stage() -> tuple[Path, list[argparse.Namespace]]:
    """Return a file to be written for each input, and the options to choose from."""
    parser = argparse.ArgumentParser()
    events.add_options(parser.add_argument_group())
    path = Path(_folder().name, "audit.jsonl")
    return path, [parser.parse_args([*options, "--file", str(path)]) for options in _OPTIONS]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes when this process ends."""
    return tempfile.TemporaryDirectory(prefix="indexguard-fuzz-")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "policy": fuzz_policy,
    "html": fuzz_html_page,
    "json": fuzz_json_page,
    "log": fuzz_log,
}
"""By the names that the command line knows."""
