"""``indexguard log who-from``: which index did what is installed come from?"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ...audit.kinds import SEALED, SELECTED
from ...logs.query import Wanted, name_pattern
from ...logs.record import table, tables, text, texts
from ...patterns import normalise_name, parse_pattern
from ..console import GREEN, YELLOW, Console, count
from ..parsing import BadInputError, Command
from .source import add_file_option, add_times, read_events

INSTALLED, FOR_A_BUILD, UNKNOWN = "installed", "for a build", "chosen"
_USES = {
    "install": INSTALLED,
    "download": "downloaded",
    "wheel": "built into a wheel",
    "lock": "locked",
    **dict.fromkeys(
        ("index", "list", "search", "show", "check", "freeze", "inspect", "cache", "config", "debug", "hash", "help",
         "completion", "uninstall"),
        "looked up",
    ),
}  # fmt: skip
"""What pip's commands do with the files that they choose."""
_INSTALLS = (INSTALLED, FOR_A_BUILD, UNKNOWN)
_ONLY_RESOLVES = ("pip-compile", "pip-compile.exe")
_DRY_RUN, _SHORTEST = "--dry-run", len("--dr")
_WITH_VALUE = frozenset({
    "--python", "--log", "--log-file", "--local-log", "--keyring-provider", "--proxy", "--retries", "--timeout",
    "--default-timeout", "--exists-action", "--trusted-host", "--cert", "--client-cert", "--cache-dir", "--use-feature",
    "--use-deprecated", "--resume-retries", "-m",
})  # fmt: skip
"""Options before pip's command whose value is a word of its own; and Python's."""
_ORIGINS = {
    "own": "the name's own",
    "other": "not the name's own",
    "none": "no policy says that it is the name's own",
}


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of this command."""
    group.add_argument("--prefix", metavar="PATH", help="only the environment with this sys.prefix")
    group.add_argument("--host", metavar="HOST", help="only this machine")
    add_times(group)
    add_file_option(group)
    group.add_argument("--all", action="store_true", help="also what was chosen and not installed: downloads, dry runs")
    group.add_argument("--json", action="store_true", help="print one JSON object")
    group.add_argument("names", metavar="NAME", nargs="+", help="a project, in any spelling; acme-* takes all of them")


@dataclass(frozen=True)
class Origin:
    """Where the files of one name in one environment came from."""

    name: str
    use: str
    """``installed``, ``for a build`` (a build requirement, in an environment of its own), ``chosen`` where the log does
    not tell; what installs nothing is ``downloaded``, ``built into a wheel``, ``locked``, ``tried`` (a dry run),
    ``resolved`` (pip-compile) or ``looked up``."""
    prefix: str
    """sys.prefix of pip's Python; of an older log the interpreter."""
    host: str


@dataclass
class Choices:
    """The last choice of each origin.

    A choice counts when its run has ended well; that of a run that failed installed nothing.
    """

    last: dict[Origin, dict[str, Any]] = field(default_factory=dict)
    failed: int = 0
    """Choices of runs that failed."""
    _open: dict[tuple[str, str], dict[Origin, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[dict[str, Any]]) -> Choices:
        """Read ``selected`` and ``sealed`` events."""
        found = cls()
        for event in events:
            run = (text(event, "host"), text(event, "run"))
            if event["event"] == SELECTED:
                found._open.setdefault(run, {})[find_origin(event)] = event
            elif event["event"] == SEALED and run in found._open:
                found._end(found._open.pop(run), table(event, "seal").get("exit"))
        for choices in found._open.values():
            found._end(choices, None)
        found._open.clear()
        return found

    def _end(self, choices: dict[Origin, dict[str, Any]], code: object) -> None:
        if isinstance(code, int) and code != 0:
            self.failed += len(choices)
            return
        for origin, event in choices.items():
            known = self.last.get(origin)
            if known is None or event["time"] >= known["time"]:
                self.last[origin] = event


def find_origin(event: dict[str, Any]) -> Origin:
    """Return what a ``selected`` event is the origin of."""
    use = FOR_A_BUILD if text(event, "parent_run") else _find_use(texts(event, "command"))
    prefix = text(event, "prefix") or text(event, "executable")
    return Origin(text(event, "name"), use, prefix, text(event, "host"))


def _find_use(command: Sequence[str]) -> str:
    """Return what a command line does with what it chooses."""
    if not command:
        return INSTALLED  # an older log
    words = iter(command[1:])
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif word in _USES:
            rest = list(words)
            options = rest[: rest.index("--")] if "--" in rest else rest
            # pip takes an option's beginning too.
            is_dry = any(len(each) >= _SHORTEST and _DRY_RUN.startswith(each) for each in options)
            return "tried" if is_dry and word == "install" else _USES[word]
    return "resolved" if PurePath(command[0]).name in _ONLY_RESOLVES else UNKNOWN


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Say where names came from; 1 if one of them was never chosen.

    :raises BadInputError: a NAME that is none, a log that cannot be read.
    """
    names = [_read_name(name) for name in arguments.names]
    wanted = name_pattern(names)
    chosen = Wanted.of({**vars(arguments), "drills": False})
    events = (
        event
        for event in read_events(arguments, console)
        if event["event"] == SEALED
        or (
            event["event"] == SELECTED
            and wanted.fullmatch(text(event, "name"))
            and chosen.matches(event)
            and arguments.host in (None, text(event, "host"))
            and arguments.prefix in (None, text(event, "prefix"))
        )
    )
    choices = Choices.of(events)
    rows = sorted(choices.last.items(), key=lambda item: (item[0].name, item[0].host, item[0].prefix, item[0].use))
    others = [] if arguments.all else sorted({origin.use for origin, _ in rows if origin.use not in _INSTALLS})
    left_out = sum(origin.use in others for origin, _ in rows)
    rows = [(origin, event) for origin, event in rows if origin.use not in others]
    missing = [name for name in names if not any(name_pattern([name]).fullmatch(origin.name) for origin, _ in rows)]
    if arguments.json:
        found = [_as_json(origin, event) for origin, event in rows]
        told = {"found": found, "missing": missing, "failed": choices.failed, "not_installed": left_out}
        console.json(told)
    else:
        for origin, event in rows:
            _print(origin, event, console)
    if left_out:
        console.note(
            f"{count(left_out, 'choice')} left out that installed nothing ({', '.join(others)}): --all shows them"
        )
    for name in missing:
        done = "chose" if arguments.all else "installed"
        console.note(f"{name}: the log has no run that {done} a file of it and ended well", YELLOW)
    if choices.failed:
        console.note(f"{count(choices.failed, 'choice')} of runs that failed left out")
    return 1 if missing else 0


def _read_name(name: str) -> str:
    """Return a name or pattern as the log has it.

    :raises BadInputError: it is neither.
    """
    try:
        parse_pattern(name)
    except ValueError as error:
        raise BadInputError(str(error)) from None
    return str(normalise_name(name))


def _file(event: dict[str, Any]) -> dict[str, Any]:
    """Return version, file, hash and index; an older log has them elsewhere."""
    chosen = table(event, "chosen")
    versions = texts(event, "versions")
    name, _, digest = text(event, "message").partition(" ")
    algorithm, _, value = digest.partition("=")
    return {
        "version": text(chosen, "version") or (versions[0] if versions else None),
        "file": text(chosen, "file") or name or None,
        "hash": text(chosen, "hash") or (f"{algorithm}:{value}" if value else None),
        "index": text(chosen, "index") or text(event, "index_asked") or None,
        "url": text(chosen, "url") or None,
        "origin": text(chosen, "origin") or None,
    }


def _as_json(origin: Origin, event: dict[str, Any]) -> dict[str, Any]:
    rule = table(event, "rule")
    return {
        **vars(origin),
        **_file(event),
        "index_answered": event.get("index_answered"),
        "time": event["time"],
        "run": text(event, "run"),
        "requested_by": texts(event, "requested_by"),
        "rule": rule or None,
        "policy": event.get("policy"),
    }


def _print(origin: Origin, event: dict[str, Any], console: Console) -> None:
    chosen = _file(event)
    rule = table(event, "rule")
    files = [text(policy, "file") for policy in tables(event, "policy")]
    decided = f"{text(rule, 'file')} {text(rule, 'key')}".strip() or ", ".join(files) or "no policy"
    facts = [
        ("file", chosen["file"]),
        ("hash", chosen["hash"]),
        (origin.use, f"{event['time']} by run {text(event, 'run')}"),
        ("in", f"{origin.prefix} on {origin.host}".strip()),
        ("required by", " > ".join(texts(event, "requested_by"))),
        ("index", _ORIGINS.get(chosen["origin"])),
        ("under", decided),
    ]
    console.line(
        f"{origin.name} {chosen['version'] or ''} from {chosen['index'] or 'a place that is not known'}", GREEN
    )
    console.table([(label, value) for label, value in facts if value])


COMMAND = Command.of("log who-from", add_options, run)
