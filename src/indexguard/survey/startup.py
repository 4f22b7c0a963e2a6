"""The survey of one interpreter's start: which guard is live there, what else runs, what runs in the guard's place.

It starts children of the interpreter (``startup_probe.py``): only a start shows what a start does. They run what every
start of that interpreter runs, and change nothing. What they tell, and what stands in files, is anybody's text: it is
never evaluated, and whoever prints it escapes it (``errors.escape``). It is no proof, either: code that runs at a start
can answer in the child's name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..activation.manifest import Manifest, read_manifest, sha256
from ..activation.payload import BLOCK_BEGIN, find_block
from ..activation.release import FOLDER
from ..activation.seeding import CURRENT, SEED, is_seed
from ..audit.redaction import redact_text
from ..errors import escape
from ..interpreters.python import Answer, InterpretersError, ask
from .ownership import DPKG, Owner, find_owners, read_bounded

_PACKAGE = Path(__file__).resolve().parent.parent
_PROBE = str(_PACKAGE / "standalone" / "startup_probe.py")
_HOOK = _PACKAGE.parent / "_indexguard_hook.py"
_START = _PACKAGE / "standalone" / "start" / "sitecustomize.py"
_BOOTSTRAP = _PACKAGE / "standalone" / "bootstrap" / "sitecustomize.py"
_PTH = "indexguard.pth"
_PTH_TEXT = b"import _indexguard_hook; _indexguard_hook.install()\n"
_TIMEOUT = 60  # seconds, for each child
_RUNS = 3
_TIMED = """
import os, sys, time
path, block = sys.argv[1:]
code = compile(block, path, "exec")
started = time.perf_counter_ns()
exec(code, {"__name__": "sitecustomize", "__file__": path})
print(time.perf_counter_ns() - started)
"""

_STDLIB = ("stdlib", "stdlib-block")
OURS = ("indexguard", "seed", *_STDLIB, "bootstrap")
"""The kinds of start-up hooks that are the guard's own."""


@dataclass(frozen=True)
class StartupHook:
    """A file that Python reads at its start, or would read."""

    path: str
    via: str
    """``pth``, ``start``, ``sitecustomize`` or ``usercustomize``."""
    state: str
    """``runs``; ``chained``: the one that runs calls it; ``shadowed``: another one runs in its place; ``skipped``;
    ``failed``: it ended with an error; ``inert``: it is the guard's, and what it leads to is not there."""
    reason: str | None = None
    """Why it is in that state, in words."""
    lines: tuple[str, ...] = ()
    """What Python executes of a path file or start file: each line and their number bounded; none of a module."""
    kind: str = "foreign"
    """``indexguard``: the path file of the package. ``seed``: a path file of an account's guard. ``stdlib``: the start-up
    module of ``indexguard activate``; ``stdlib-block``: its block, in a file that is otherwise somebody's.
    ``bootstrap``: what a guarded pip hands to its children. ``imitation``: looks like the guard's and is not, be it made
    so or changed. ``paths``: a path file without import lines, which runs nothing. ``foreign``: all others."""
    owner: Owner | None = None
    """What has installed it; None if nothing says so."""
    entry: str | None = None
    """The entry of ``sys.path`` that a module was found at."""

    @property
    def is_ours(self) -> bool:
        """Whether it is the guard's, to the letter."""
        return self.kind in OURS


@dataclass(frozen=True)
class Shadow:
    """Something that keeps a hook of the guard's from being read."""

    variable: str | None
    """The environment variable that brings it in; None for what stands on ``sys.path`` without one."""
    path: str
    """The folder or file that is read instead."""
    text: str
    """What that means."""


@dataclass(frozen=True)
class Startup:
    """What an interpreter does when it starts."""

    executable: str
    """As it says; as it was asked for if it does not start."""
    problem: str | None = None
    """Why nothing else is known; None if all is."""
    version: str = ""
    implementation: str = ""
    prefix: str = ""
    base_prefix: str = ""
    stdlib: str = ""
    flags: Mapping[str, int] = field(default_factory=dict)
    """Those of ``sys.flags`` that are set, without the ``-B`` of the survey itself."""
    hook: str | None = None
    """The file of the hook that waits for pip; None if none does."""
    hook_is_known: bool = False
    """Whether that file is this version's, or as the RECORD or the manifest of its own installation says."""
    guard_version: str | None = None
    """Of the package beside the hook."""
    isolated: str | None = None
    """The file of the hook that waits for pip with ``-I``: no environment variable, nothing of the user's."""
    impostor: str | None = None
    """What says in ``sys.meta_path`` that it is the hook, and is not."""
    sitecustomize: str | None = None
    """The file of the one that ran first."""
    usercustomize: str | None = None
    hooks: tuple[StartupHook, ...] = ()
    """In the order in which Python reads them."""
    path_files: tuple[StartupHook, ...] = ()
    """Path files that run nothing."""
    shadows: tuple[Shadow, ...] = ()
    site_folders: tuple[str, ...] = ()
    cost: float | None = None
    """Milliseconds that the guard takes at each start; None if no hook is live, or if it could not be measured."""

    @property
    def is_environment(self) -> bool:
        """Whether it is a virtual environment's."""
        return self.prefix != self.base_prefix


def survey(python: str, environ: Mapping[str, str] | None = None, *, runs: int = _RUNS, dpkg: Path = DPKG) -> Startup:
    """Start an interpreter several times and tell what it does. Never raises: what went wrong is the ``problem``.

    :param python: its path.
    :param environ: the environment that it is started in; by default that of this process.
    :param runs: how often the cost is measured, of which the lowest is told; 0 for not at all.
    :param dpkg: for tests: where Debian lists the files of its packages.
    """
    variables = dict(os.environ if environ is None else environ)
    try:
        told = _ask(python, [], variables)
        startup = _read(told, variables, dpkg)
    except InterpretersError as silence:
        return Startup(python, str(silence))
    except (KeyError, TypeError, ValueError, AttributeError):
        return Startup(python, "its start-up files answer in its place")
    return replace(startup, isolated=_ask_isolated(python, variables), cost=_measure(python, variables, startup, runs))


def _ask(python: str, options: list[str], environ: Mapping[str, str], *words: str) -> dict[str, Any]:
    answer = _run([python, "-B", *options, _PROBE, *words], environ)
    # From the end: start-up files may print before the answer, and what they leave to be done at exit after it.
    for line in reversed(answer.stdout.split("\n")):
        if line.startswith('{"indexguard": '):
            try:
                told = json.loads(line)["indexguard"]
            except (ValueError, RecursionError):
                continue
            if isinstance(told, dict):
                return told
    # After a fatal error, the state of the threads comes last.
    errors = re.findall(r"^[\w.]+(?:Error|Exception|Exit)\b.*", answer.stderr, re.MULTILINE)
    said = escape(redact_text(errors[-1] if errors else answer.last_words))
    raise InterpretersError(f"Python does not start: {said}")


def _ask_isolated(python: str, environ: Mapping[str, str]) -> str | None:
    try:
        hook = _ask(python, ["-I"], environ, "hook").get("hook")
    except InterpretersError:
        return None
    return hook if isinstance(hook, str) else None


def _run(command: list[str], environ: Mapping[str, str]) -> Answer:
    return ask(command, seconds=_TIMEOUT, late="Python did not start", environ=environ)


def _read(told: Mapping[str, Any], environ: Mapping[str, str], dpkg: Path) -> Startup:
    """Make a survey of what a child told."""
    hooks = [_classify(_hook(each)) for each in told["hooks"]]
    paths = [hook.path for hook in hooks] + [found["path"] for found in told["hook_modules"]]
    paths += [told["hook"]] if told["hook"] else []
    owners = find_owners(paths, [*told["site_folders"], *told["path"]], dpkg)
    hooks = _follow([replace(hook, owner=owners.get(hook.path)) for hook in hooks], live=told["hook"] is not None)
    same = ("executable", "version", "implementation", "prefix", "base_prefix", "stdlib", "hook", "impostor")
    return Startup(
        **{name: _text(told[name]) for name in same},
        flags={name: value for name, value in told["flags"].items() if name != "dont_write_bytecode"},
        hook_is_known=told["hook"] is not None and _is_known(told["hook"], owners.get(told["hook"])),
        guard_version=_read_version(told["hook"]),
        sitecustomize=_first(hooks, "sitecustomize"),
        usercustomize=_first(hooks, "usercustomize"),
        hooks=tuple(hook for hook in hooks if hook.kind != "paths"),
        path_files=tuple(hook for hook in hooks if hook.kind == "paths"),
        shadows=tuple(_find_shadows(told, hooks, owners, environ)),
        site_folders=tuple(told["site_folders"]),
    )


def _hook(told: Mapping[str, Any]) -> StartupHook:
    words = {name: _text(told[name]) for name in ("path", "via", "state", "reason")}
    return StartupHook(**words, lines=tuple(map(_text, told["lines"])), entry=_text(told.get("entry")))


def _text(value: Any) -> Any:
    """Return a text of an answer, or None: start-up files may have made it, and then it may be anything."""
    if value is not None and not isinstance(value, str):
        raise TypeError(value)
    return value


def _first(hooks: Sequence[StartupHook], via: str) -> str | None:
    return next((hook.path for hook in hooks if hook.via == via and hook.state == "runs"), None)


# Whose a hook is


def _classify(hook: StartupHook) -> StartupHook:
    """Say whose a hook is by its text; a name says nothing. The guard's are looked at once more: do they lead anywhere?"""
    content = read_bounded(hook.path)
    is_file = hook.via in ("pth", "start")
    kind = _kind_of_file(hook, content) if is_file else _kind_of_module(hook.path, content or b"")
    hook = replace(hook, kind=kind)
    if kind == "seed" and hook.state == "runs" and content is not None:
        return _inert_without(hook, os.fsdecode(content.partition(b"\n")[0]))
    if kind in _STDLIB and hook.state in ("runs", "chained"):
        return _inert_without(hook, os.path.join(os.path.dirname(hook.path), FOLDER, CURRENT))
    return hook


def _inert_without(hook: StartupHook, folder: str) -> StartupHook:
    is_there = os.path.isfile(os.path.join(folder, "_indexguard_hook.py"))
    return hook if is_there else replace(hook, state="inert", reason=f"there is no guard in {folder}")


def _kind_of_file(hook: StartupHook, content: bytes | None) -> str:
    name = os.path.basename(hook.path)
    if hook.via == "pth" and content == _PTH_TEXT:
        return "indexguard"
    if name == SEED and content is not None and not os.path.islink(hook.path) and is_seed(content):
        return "seed"
    if name in (_PTH, SEED):
        return "imitation"
    if hook.via == "pth" and not hook.lines and content is not None:
        return "paths"
    is_alike = "indexguard" in name.lower() or b"_indexguard" in (content or b"")
    return "imitation" if is_alike else "foreign"


def _kind_of_module(path: str, content: bytes) -> str:
    """Return the kind of a start-up module: ours if its text is this version's, or as the manifest beside it says."""
    text = content.replace(b"\r\n", b"\n")
    own = read_bounded(_START)
    listed = _listed_hooks(os.path.join(os.path.dirname(path), FOLDER))
    if (content and content == own) or sha256(content) in listed:
        return "stdlib"
    if content and content == read_bounded(_BOOTSTRAP):
        return "bootstrap"
    block, known = _cut(text), _cut(own or b"")
    if block is not None and (block == known or sha256(block) in listed):
        return "stdlib-block"
    return "imitation" if BLOCK_BEGIN in content or b"_indexguard" in content else "foreign"


def _cut(content: bytes) -> bytes | None:
    found = find_block(content)
    return None if found is None else content[found[0] : found[1]]


def _listed_hooks(private: str) -> set[str]:
    manifest = _manifest(private)
    return set() if manifest is None else {hook.sha256 for hook in manifest.hooks}


def _manifest(private: str) -> Manifest | None:
    try:
        return read_manifest(Path(private))
    except InterpretersError:
        return None


def _follow(hooks: list[StartupHook], *, live: bool) -> list[StartupHook]:
    """Correct what a child cannot know: our own start-up module ran although the one that it called has failed."""
    found = [number for number, hook in enumerate(hooks) if hook.via == "sitecustomize"]
    if not found or not live:
        return hooks
    first = hooks[found[0]]
    if first.kind not in _STDLIB or first.state != "failed":
        return hooks
    if first.kind == "stdlib" and len(found) > 1:
        hooks[found[1]] = replace(hooks[found[1]], state="failed", reason=first.reason)
        hooks[found[0]] = replace(first, state="runs", reason=None)
    else:
        hooks[found[0]] = replace(first, state="runs", reason="what follows the guard's lines in it raised an error")
    return hooks


def _is_known(hook: str, owner: Owner | None) -> bool:
    """Tell whether the live hook is one that we can answer for."""
    content = read_bounded(hook)
    if content is None:
        return False
    if content == read_bounded(_HOOK):
        return True
    if owner is not None and owner.name == "indexguard" and not owner.altered:
        return True
    release = os.path.dirname(os.path.realpath(hook))
    manifest = _manifest(os.path.dirname(release))
    name = f"{os.path.basename(release)}/_indexguard_hook.py"
    return manifest is not None and manifest.files.get(name) == sha256(content)


def _read_version(hook: str | None) -> str | None:
    if hook is None:
        return None
    content = read_bounded(os.path.join(os.path.dirname(hook), "indexguard", "__init__.py")) or b""
    found = re.search(rb"""^__version__\s*=\s*["']([0-9A-Za-z.+!_-]{1,64})["']""", content, re.MULTILINE)
    return found.group(1).decode("ascii") if found else None


# What stands in the way


def _find_shadows(
    told: Mapping[str, Any], hooks: Sequence[StartupHook], owners: Mapping[str, Owner], environ: Mapping[str, str]
) -> list[Shadow]:
    """Return what would keep a hook of the guard's from being read.

    Not ``PYTHONSAFEPATH``: the folder that it keeps off the path comes there only after start-up.
    """
    entries = [os.path.abspath(entry) for entry in told["path"]]
    stdlib = entries.index(told["stdlib"]) if told["stdlib"] in entries else 0
    before = {entry: _variable(entry, environ) for entry in entries[:stdlib]}
    # One that comes first and calls ours (ddtrace and New Relic do, OpenTelemetry does not) is in nobody's way.
    runs = any(hook.kind in _STDLIB and hook.state in ("runs", "chained") for hook in hooks)
    shadows = [
        Shadow(before[hook.entry], hook.path, "runs in the place of the standard library's start-up module")
        for hook in hooks
        if hook.via == "sitecustomize" and hook.entry in before and not hook.is_ours and not runs
    ]
    # What path files import is looked for on the whole path, of which PYTHONPATH comes first.
    is_imported = any(hook.kind in ("indexguard", "seed") and hook.state == "runs" for hook in hooks)
    for found in told["hook_modules"][: int(is_imported)]:
        if not _is_known(found["path"], owners.get(found["path"])):
            text = "is loaded by path files in the place of the guard's hook"
            shadows.append(Shadow(before.get(found["entry"]), found["path"], text))
    return shadows + _by_variables(told, environ)


def _variable(entry: str, environ: Mapping[str, str]) -> str | None:
    given = environ.get("PYTHONPATH", "")
    try:
        return "PYTHONPATH" if given and entry in map(os.path.abspath, given.split(os.pathsep)) else None
    except OSError:  # an entry is relative, and the current folder is gone
        return None


def _by_variables(told: Mapping[str, Any], environ: Mapping[str, str]) -> list[Shadow]:
    shadows = []
    if environ.get("PYTHONHOME"):
        text = "the standard library, and its start-up module, are looked for there"
        shadows.append(Shadow("PYTHONHOME", environ["PYTHONHOME"], text))
    seed = os.path.join(told["user_site"], SEED)
    is_base = told["prefix"] == told["base_prefix"]
    if environ.get("PYTHONNOUSERSITE") and is_base and os.path.lexists(seed):
        shadows.append(Shadow("PYTHONNOUSERSITE", seed, "is not read"))
    return shadows


# What it costs


def _measure(python: str, environ: Mapping[str, str], startup: Startup, runs: int) -> float | None:
    """Return the milliseconds that the guard takes at a start, the least of some runs; None if they cannot be told."""
    if startup.hook is None:
        return None
    modules = [hook for hook in startup.hooks if hook.via == "sitecustomize" and hook.state in ("runs", "chained")]
    alone = [hook.kind for hook in modules] == ["stdlib"]
    block = None if alone else next((hook.path for hook in modules if hook.kind in _STDLIB), None)
    costs = [
        _measure_imports(python, environ, alone=alone) if block is None else _measure_block(python, environ, block)
        for _ in range(runs)
    ]
    return min((cost for cost in costs if cost is not None), default=None)


def _measure_imports(python: str, environ: Mapping[str, str], *, alone: bool) -> float | None:
    """Return what the import log says of our modules (``-X importtime``: own | with imports | name), without theirs.

    :param alone: the start-up module is ours. It loads the hook by its path: the hook's time is in its own.
    """
    names = {"_indexguard_hook", "sitecustomize"} if alone else {"_indexguard_hook"}
    try:
        answer = _run([python, "-B", "-X", "importtime", "-c", "pass"], environ)
    except InterpretersError:
        return None
    rows = re.findall(r"^import time:\s+([0-9]{1,12}) \|\s+[0-9]+ \|\s+(\S+)\s*$", answer.stderr, re.MULTILINE)
    costs = [int(own) for own, name in rows if name in names]
    return sum(costs) / 1000 if costs else None


def _measure_block(python: str, environ: Mapping[str, str], path: str) -> float | None:
    """Return what the guard's block takes, run alone: in the start-up module its time is not told from the others'.

    Only called for a block that is known to be ours, which each start of that Python runs as it is.
    """
    block = _cut((read_bounded(path) or b"").replace(b"\r\n", b"\n"))
    if block is None:
        return None
    try:
        answer = _run([python, "-B", "-S", "-c", _TIMED, path, block.decode("ascii")], environ)
    except (InterpretersError, UnicodeDecodeError):
        return None
    told = re.fullmatch(r"([0-9]{1,15})\s*", answer.stdout)
    return int(told.group(1)) / 1_000_000 if told else None
