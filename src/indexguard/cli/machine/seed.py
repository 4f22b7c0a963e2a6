"""``indexguard seed``: a path line to the account's guard in virtual environments that are there already."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...activation.journal import Journal
from ...activation.release import explained
from ...activation.seeding import (
    CURRENT,
    SEED,
    check_inside,
    find_site,
    is_trusted,
    remove_seed,
    user_folder,
    write_seed,
)
from ...interpreters.python import InterpretersError
from ..console import GREEN, RED, Console
from ..parsing import BadInputError, Command
from .activate import is_live


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--remove", action="store_true", help="take the path line away again")
    group.add_argument("--dry-run", action="store_true", help="print each file, and change nothing")
    group.add_argument(
        "paths", metavar="PATH", nargs="+", type=Path, help="a virtual environment: its folder or Python"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Seed; 1 if one of several environments could not be seeded, or one is not live afterwards.

    :raises BadInputError: there is no guard to lead to, or the only environment could not be seeded.
    """
    private = user_folder()
    if private is None:
        raise BadInputError("this user has no home folder (HOME is not set)")
    if not arguments.remove and not (private / CURRENT).is_dir():
        raise BadInputError(f"there is no guard in {private} to lead to; run `indexguard activate --user` first")
    if not arguments.remove and not is_trusted(private):
        raise BadInputError(f"{private} belongs to another user; what lies there may not run in your environments")
    fine = [_one(path, private, arguments, console) for path in arguments.paths]
    return 0 if all(fine) else 1


def _one(path: Path, private: Path, arguments: argparse.Namespace, console: Console) -> bool:
    try:
        site = find_site(path.absolute())
        check_inside(site.parents[2], site)
        with explained(site), Journal(dry_run=arguments.dry_run) as journal:
            if arguments.remove:
                remove_seed(site / SEED, journal)
            else:
                write_seed(site, private, journal)
    except InterpretersError as error:
        if len(arguments.paths) == 1:
            raise BadInputError(str(error)) from None
        console.note(f"indexguard: {error}", RED)
        return False
    for change in journal.report.changes:
        console.line(f"{path}: {'would ' if arguments.dry_run else ''}{change.verb} {change.path}")
    if not journal.report.changes:
        console.line(f"{path}: nothing to change")
    if arguments.remove or arguments.dry_run:
        return True
    python = site.parents[2] / "bin" / "python"
    live = is_live(str(python)) and is_live(str(python), "-I")
    if live:
        console.line(f"{path}: live", GREEN)
    else:
        console.line(f"{path}: not live: {python} does not start the guard; `indexguard status {path}` says more", RED)
    return live


COMMAND = Command.of("seed", add_options, run)
