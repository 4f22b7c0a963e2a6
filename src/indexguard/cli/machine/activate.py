"""``indexguard activate`` and ``deactivate``: the guard in every environment of an interpreter, and away again."""

from __future__ import annotations

import argparse
import os
import sys
from functools import wraps
from pathlib import Path
from typing import Callable

from ...activation.account import activate_user, deactivate_user
from ...activation.journal import Report
from ...activation.library import activate, deactivate, private_folder
from ...activation.payload import read_payload
from ...activation.seeding import user_folder
from ...interpreters.discovery import find_interpreters
from ...interpreters.python import Interpreter, InterpretersError, ask, ask_interpreter, base_of, check_supported
from ..console import GREEN, RED, YELLOW, Console
from ..parsing import BadInputError, Command

_Run = Callable[[argparse.Namespace, Console], int]

_CHECK = "import sys; sys.exit(not any(hasattr(entry, 'indexguard_hook') for entry in sys.meta_path))"

_WHERE = (
    "import sys; hooks = [it.__module__ for it in sys.meta_path if getattr(it, 'indexguard_hook', None) is True]; "
    "print(sys.modules[hooks[0]].__file__ if hooks else '')"
)


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that both commands have."""
    group.add_argument(
        "--python", metavar="PATH", action="append", default=[], help="this interpreter; may be given several times"
    )
    group.add_argument("--all", action="store_true", help="every interpreter found (PATH, /usr, pyenv, conda, ...)")
    group.add_argument("--user", action="store_true", help="without root: for your own account only")
    group.add_argument("--dry-run", action="store_true", help="print each file, and change nothing")


def add_activate_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of ``activate``."""
    add_options(group)
    policy = group.add_mutually_exclusive_group()
    policy.add_argument(
        "--require-policy",
        action="store_true",
        default=None,
        help="have pip refuse to install where no policy is found",
    )
    policy.add_argument(
        "--no-require-policy", dest="require_policy", action="store_false", help="take --require-policy back"
    )


def _refusing(run: _Run) -> _Run:
    """Have a command tell what cannot be done as bad input."""

    @wraps(run)
    def refusing(arguments: argparse.Namespace, console: Console) -> int:
        try:
            return run(arguments, console)
        except InterpretersError as error:
            raise BadInputError(str(error)) from None

    return refusing


@_refusing
def run_activate(arguments: argparse.Namespace, console: Console) -> int:
    """Activate; 1 if one of several interpreters could not be done, or a guard is not live afterwards."""
    payload = read_payload()
    required, dry = arguments.require_policy, arguments.dry_run
    pythons = _choose(arguments, console)
    if arguments.user:
        report = activate_user(pythons, payload, require_policy=required, dry_run=dry)
        _tell(f"your account: {user_folder()}", report, console, dry_run=dry)
        live = [dry or _tell_live(python, console, isolated=False) for python in pythons]
        return 0 if all(live) else 1

    def one(python: Interpreter) -> bool:
        report = activate(python, payload, require_policy=required, dry_run=dry)
        _tell(_name(python), report, console, dry_run=dry)
        return dry or _tell_live(python, console, isolated=True)

    return _for_each(one, pythons, console, is_search=arguments.all)


@_refusing
def run_deactivate(arguments: argparse.Namespace, console: Console) -> int:
    """Deactivate; 1 if something was kept."""
    dry = arguments.dry_run
    if arguments.user:
        report = deactivate_user(dry_run=dry)
        _tell(f"your account: {user_folder()}", report, console, dry_run=dry)
        return 1 if report.kept else 0

    def one(python: Interpreter) -> bool:
        report = deactivate(python, dry_run=dry)
        _tell(_name(python), report, console, dry_run=dry)
        if not dry:
            _tell_still_guarded(python, console)
        return not report.kept

    return _for_each(one, _choose(arguments, console), console, is_search=arguments.all)


def _choose(arguments: argparse.Namespace, console: Console) -> list[Interpreter]:
    if arguments.all and arguments.python:
        raise BadInputError("--all and --python exclude each other")
    if not arguments.all:
        return [_base(path) for path in arguments.python or [sys.executable]]
    found: dict[str, Interpreter] = {}
    for path in find_interpreters():
        python = _try(path, console)
        if python is not None:
            found.setdefault(os.path.realpath(python.stdlib), python)
    if not found:
        raise BadInputError("no Python was found that the guard supports; name one with --python")
    return list(found.values())


def _try(path: str, console: Console) -> Interpreter | None:
    try:
        return _base(path)
    except InterpretersError as error:
        console.note(f"left out: {error}", YELLOW)
        return None


def _base(path: str) -> Interpreter:
    python = base_of(ask_interpreter(path))
    check_supported(python)
    return python


def _for_each(
    one: Callable[[Interpreter], bool], pythons: list[Interpreter], console: Console, *, is_search: bool
) -> int:
    # Where several were named, or looked for, what cannot be done with one is no reason to leave the others.
    if len(pythons) == 1 and not is_search:
        return 0 if one(pythons[0]) else 1

    def attempt(python: Interpreter) -> bool:
        try:
            return one(python)
        except InterpretersError as error:
            console.note(f"{_name(python)}: {error}", RED)
            return False

    return 0 if all(list(map(attempt, pythons))) else 1  # each is tried


def _name(python: Interpreter) -> str:
    return f"{python.executable} (Python {python.dotted}): {private_folder(python)}"


def _tell(name: str, report: Report, console: Console, *, dry_run: bool) -> None:
    console.line(name)
    if dry_run:
        for change in report.changes:
            console.line(f"  would {change.verb} {change.path}")
    else:
        for verb, count in _counts(report).items():
            console.line(f"  {verb}: {count}")
    if not report.changes:
        console.line("  nothing to change")
    for note in report.notes:
        console.line(f"  note: {note}")
    for path in report.kept:
        console.line(f"  kept, because it was changed since it was written: {path}", YELLOW)


def _counts(report: Report) -> dict[str, str]:
    words = {"write": "written", "edit": "edited", "link": "linked", "compile": "compiled", "remove": "removed"}
    counts = {}
    for verb, word in words.items():
        paths = [change.path for change in report.changes if change.verb == verb]
        if paths:
            counts[word] = paths[0] if len(paths) == 1 else f"{len(paths)} files"
    return counts


def _tell_live(python: Interpreter, console: Console, *, isolated: bool) -> bool:
    """Start the interpreter and see. What PYTHONPATH may shadow is for ``status`` to say, hence isolated."""
    live = is_live(python.executable, *(["-I"] if isolated else []))
    if live:
        console.line("  live: every Python that starts there starts the guard", GREEN)
    else:
        console.line(f"  not live: {python.executable} does not start the guard; `indexguard status` says more", RED)
    return live


def _tell_still_guarded(python: Interpreter, console: Console) -> None:
    """Say that the guard goes on where a package, or the account's own hook, brings it in."""
    try:
        hook = ask([python.executable, "-c", _WHERE]).stdout.strip()
    except InterpretersError:
        return
    if not hook:
        return
    private = user_folder()
    if private is not None and private in Path(hook).parents:
        way = "`indexguard deactivate --user` removes that"
    else:
        way = f"an installed package: `{python.executable} -m pip uninstall indexguard` removes that"
    console.wrapped(f"still guarded, by {hook}, {way}", YELLOW, indent="  ")


def is_live(python: str, *options: str) -> bool:
    """Start an interpreter and tell whether it has the start-up hook."""
    try:
        return ask([python, *options, "-c", _CHECK]).exit_code == 0
    except InterpretersError:
        return False


ACTIVATE = Command.of("activate", add_activate_options, run_activate)
DEACTIVATE = Command.of("deactivate", add_options, run_deactivate)
