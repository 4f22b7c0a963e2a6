"""``indexguard status``: is pip guarded, here or in every Python of the machine, by which policies, and who proves it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from textwrap import indent
from typing import Any

from ...activation.seeding import read_registry, user_folder
from ...audit.output import other_sinks
from ...audit.place import log_path
from ...audit.sinks import find_obstacle
from ...demo.canary import HELD, Canary
from ...errors import escape
from ...interpreters.discovery import find_environments, find_interpreters
from ...policy.layers import LayersFound
from ...policy.log import LogSettings
from ...survey.pip_facts import PipFacts
from ...survey.state import AUDIT, GUARDED, NO_PIP, NOT_GUARDED, STOPPED, State, describe_hook, look_at
from ..console import BOLD, GREEN, RED, YELLOW, Console
from ..parsing import BadInputError, Command
from ..policy.check import describe_fault, print_faults
from ..policy.serving import describe_waiver, waivers_as_json

NOT_COVERED = (
    "python -S; interpreters and virtual environments that have no guard (`indexguard status --all` finds them);",
    "uv, poetry and other installers; whoever may write to this environment",
)
_SOON = 30
"""Days: a waiver that ends within them is marked."""
_STYLES = {GUARDED: GREEN, NO_PIP: GREEN, STOPPED: YELLOW, AUDIT: YELLOW, NOT_GUARDED: RED}


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--all", action="store_true", help="every Python and virtual environment found on this machine")
    group.add_argument("--prove", action="store_true", help="try the attack on each, on loopback")
    group.add_argument("--strict", action="store_true", help="with --all: one without any guard is a fault, too")
    group.add_argument(
        "--expect", metavar="audit", choices=("audit",), help="one whose policies are in audit mode is no fault"
    )
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="a Python, an environment, a folder of some")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the state; 1 if something that has to be guarded is not, 2 if it is and a policy stops it."""
    if arguments.all or arguments.paths:
        return _run_table(arguments, console)
    with _canary(arguments) as canary:
        state = look_at(sys.executable, is_expected=True, canary=canary)
    unguarded = _find_own_fault(state)
    if arguments.json:
        console.json({**_as_json(state), "this_process": unguarded})
    else:
        _print(state, console)
        if unguarded is not None:
            console.line(unguarded, RED)
    if not state.facts.is_guarded or (arguments.prove and not state.is_live) or unguarded is not None:
        return 1
    if state.only_audits and arguments.expect != AUDIT:
        return 1
    return 2 if state.layers.faults or state.facts.stopped is not None else 0


def _find_own_fault(state: State) -> str | None:
    """Return why a pip that were started as this process was would be unguarded, though its children are guarded.

    What stands before the guard on PYTHONPATH may take itself off again, as OpenTelemetry's start-up module does.
    """
    live = any(getattr(entry, "indexguard_hook", None) is True for entry in sys.meta_path)
    if live or state.startup.hook is None:
        return None
    first = getattr(sys.modules.get("sitecustomize"), "__file__", None)
    cause = f": {escape(first)} ran in the place of the guard's start-up module" if first else ""
    return f"not guarded: this process itself, and a pip that is started in the same way{cause}"


@contextmanager
def _canary(arguments: argparse.Namespace) -> Iterator[Canary | None]:
    if not arguments.prove:
        yield None
        return
    try:
        canary = Canary().__enter__()
    except OSError as error:
        raise BadInputError(f"--prove needs loopback and a temporary folder: {error}") from None
    with canary:
        yield canary


# A table, an interpreter or environment a row


def _run_table(arguments: argparse.Namespace, console: Console) -> int:
    named, found = _find(arguments)
    states = []
    with _canary(arguments) as canary:
        for path in (*named, *found):
            if sys.stderr.isatty() and not arguments.json:
                console.note(f"looking at {path}")
            is_expected = path in named or arguments.strict
            states.append(look_at(path, is_expected=is_expected, canary=canary))
    if arguments.json:
        log = _log_as_json(LogSettings())
        console.json({"interpreters": [state.as_json() for state in states], "log": log})
    else:
        _print_table(states, console, proved=arguments.prove)
    if any(state.is_expected and not state.is_live for state in states):
        return 1
    if any(state.is_live and state.only_audits for state in states) and arguments.expect != AUDIT:
        return 1
    return 2 if any(state.word == STOPPED for state in states) else 0


def _find(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return what was named, and what was found beside it.

    :raises BadInputError: a path leads to no Python.
    """
    named = []
    for given in arguments.paths:
        # Absolute, as what is found below it; not resolved: an environment's Python is a link.
        path = given if given.is_file() else Path(os.path.abspath(given))
        all_of_it = () if path.is_file() else find_environments({}, folder=path, more=[path])
        below = [each for each in all_of_it if path in (Path(each), *Path(each).absolute().parents)]
        below += [str(path)] if path.is_file() else []
        if not below:
            raise BadInputError(f"{given} is neither a Python nor a virtual environment, and none is below it")
        named += below
    if not arguments.all:
        return list(dict.fromkeys(named)), []
    found = [*find_interpreters(), *find_environments(more=_seeded())]
    return list(dict.fromkeys(named)), [each for each in found if each not in named]


def _seeded() -> list[Path]:
    """Return the environments that the account's own guard has put path lines into."""
    private = user_folder()
    seeds = [] if private is None else read_registry(private)
    # ENVIRONMENT/lib/pythonX.Y/site-packages/SEED
    return [seed.parent.parent.parent.parent for seed in seeds]


def _print_table(states: list[State], console: Console, *, proved: bool) -> None:
    width = max((len(state.word) for state in states), default=0)
    console.line(f"{'state':<{width}}  Python", BOLD)
    for state in states:
        console.line(f"{state.word:<{width}}  {state.path}", _STYLES.get(state.word))
        for fact in _facts(state, proved=proved):
            console.wrapped(fact, indent=" " * (width + 2))
        for note in state.notes():
            console.wrapped(note, YELLOW, indent=" " * (width + 2))
    _print_hooks(states, console)
    _print_log(LogSettings(), console)


def _facts(state: State, *, proved: bool) -> Iterator[str]:
    """Yield what a row says below the path of the Python: lines for a terminal of a usual width."""
    if state.startup.problem is not None:
        return
    cost = "" if state.startup.cost is None else f", start {state.startup.cost:.1f} ms"
    pip = f", pip {state.facts.pip}" if state.facts.pip else ""
    yield f"{state.startup.version or 'version not known'}{pip}, by {state.source}{cost}"
    yield f"policy: {state.policy}"
    if proved:
        yield f"canary: {'-' if state.proof is None or state.has_no_pip else state.proof.result}"


def _print_hooks(states: list[State], console: Console) -> None:
    """List what else runs when these Pythons start, each file once: people are asked about it (ATT&CK T1546.018)."""
    own = dict.fromkeys(describe_hook(hook) for state in states for hook in state.own_hooks())
    foreign = dict.fromkeys(describe_hook(hook) for state in states for hook in state.foreign_hooks())
    for title, lines in (("indexguard's start-up hooks:", own), ("other start-up hooks:", foreign)):
        console.line(title)
        for line in lines or ("none",):
            console.wrapped(line, indent="  ")


def _print_log(settings: LogSettings, console: Console) -> None:
    """Say for each place that events go to whether it takes them."""
    told = _log_as_json(settings)
    if "file" not in settings.sinks:
        console.line("audit log: no file, the policy sends it elsewhere")
    elif told["obstacle"] is None:
        console.line(f"audit log: {told['file']} (can be written)")
    else:
        console.line(f"audit log: {told['file']} cannot be written: {told['obstacle']}", YELLOW)
    for sink in told["sinks"]:
        if sink["obstacle"] is None:
            console.line(f"  and to {sink['sink']}")
        else:
            console.line(f"  and to {sink['sink']}, which cannot be reached: {sink['obstacle']}", YELLOW)


def _log_as_json(settings: LogSettings) -> dict[str, Any]:
    path = log_path()
    sinks = [{"sink": sink.name, "obstacle": sink.find_obstacle()} for sink in other_sinks(settings)]
    has_file = "file" in settings.sinks
    return {
        "file": str(path) if has_file else None,
        "obstacle": find_obstacle(path) if has_file else None,
        "sinks": sinks,
    }


# This interpreter alone, with more words


def _as_json(state: State) -> dict[str, Any]:
    facts, found, told = state.facts, state.layers, state.as_json()
    return {
        "guarded": facts.is_guarded,
        "guard": facts.live,
        "stopped": told["stopped"],
        "problem": facts.problem,
        "pip": told["pip"],
        "python": facts.python or None,
        "executable": facts.executable or None,
        "indexes": [facts.show(url) for url in facts.indexes],
        "places": [place._asdict() for place in found.places],
        "layers": told["layers"],
        "policy_faults": [describe_fault(error) for error in found.faults],
        "built_in_rule": told["built_in_rule"],
        "waivers": waivers_as_json(found.layers, datetime.now(timezone.utc).date()),
        "log": _log_as_json(_log_settings(found)),
        "interpreter": told,
        "not_covered": " ".join(NOT_COVERED),
    }


def _print(state: State, console: Console) -> None:
    facts, found = state.facts, state.layers
    _print_guard(facts, found, console)
    _print_start(state, console)
    if facts.problem is None:
        console.line("indexes that pip is configured with:")
        for url in facts.indexes or ("none",):
            console.line(f"  {facts.show(url)}")
    _print_layers(found, console)
    _print_log(_log_settings(found), console)
    _print_hooks([state], console)
    console.wrapped("not covered: " + " ".join(NOT_COVERED))


def _log_settings(found: LayersFound) -> LogSettings:
    return LogSettings.combine(layer.policy.log for layer in found.layers)


def _print_guard(facts: PipFacts, found: LayersFound, console: Console) -> None:
    if facts.problem is not None:
        console.line(f"not guarded: {facts.problem}", RED)
        return
    which = f"pip {facts.pip} of {facts.executable} (Python {facts.python})"
    if facts.is_guarded and facts.stopped is None and not found.faults and found.only_audits:
        console.line(f"guarded, in audit mode: {which}", YELLOW)
    elif facts.is_guarded and facts.stopped is None:
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
        console.wrapped(
            f"a pip that starts there does not load indexguard; install it with {facts.executable} -m pip", indent="  "
        )


def _print_start(state: State, console: Console) -> None:
    startup = state.startup
    if startup.hook is not None:
        isolated = "also with -I" if startup.isolated is not None else "not with -I"
        cost = "" if startup.cost is None else f"; {startup.cost:.1f} ms of each start of Python"
        console.wrapped(f"started by {state.source} ({startup.hook}), {isolated}{cost}", indent="  ")
    if state.proof is not None:
        style = GREEN if state.proof.result == HELD else RED
        console.wrapped(f"canary: {state.proof.result} {state.proof.reason}".rstrip(), style, indent="  ")
    for note in state.notes():
        if note != state.facts.problem:
            console.wrapped(note, YELLOW, indent="  ")


def _print_layers(found: LayersFound, console: Console) -> None:
    loaded = {layer.kind: layer for layer in found.layers}
    rows = []
    for place in found.places:
        layer = loaded.get(place.kind)
        state = place.state if layer is None else f"{layer.policy.mode}, sha256 {layer.sha256[:12]}"
        rows.append((place.kind, state, place.path or ""))
    console.line("policy layers:")
    console.table(rows)
    print_faults(found.faults, console)
    if found.faults:
        return
    _print_waivers(found, console)
    if found.builtin_rule_applies:
        console.wrapped("built-in rule: in force; a name that more than one remote index offers is refused")
    elif found.builtin_rule_audited:
        console.line("built-in rule: audited; what it would refuse is only logged")
    else:
        console.line("built-in rule: not in force, a policy decides")


def _print_waivers(found: LayersFound, console: Console) -> None:
    """List what policies have waived, with the days that are left."""
    today = datetime.now(timezone.utc).date()
    for layer in found.layers:
        for waiver in () if layer.policy.serving is None else layer.policy.serving.waivers:
            style = YELLOW if waiver.days_left(today) <= _SOON else None
            console.wrapped(f"waiver: {describe_waiver(waiver, today)}, in {layer.path}", style)


COMMAND = Command.of("status", add_options, run)
