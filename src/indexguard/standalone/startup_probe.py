"""Tells what an interpreter does when it starts, as JSON on standard output: run as a script, in a child process.

A child, because only a fresh interpreter shows what its start-up does. Run by path: nothing of ours is imported, and
nothing that is not in the standard library. What stands in files is told as text and never run; whose the files are is
for the parent (``startup.py``) to say. Python 3.9 to 3.17.

Usage: ``python startup_probe.py [hook]``; with ``hook``, only the live hook is told.

After ``site.py`` of Python 3.9 to 3.13, and PEP 829 (``.start`` files, Python 3.15; the end of import lines in 3.18).
"""

from __future__ import annotations

import json
import locale
import os
import re
import site
import stat
import sys
from importlib.machinery import PathFinder

if sys.path and os.path.abspath(sys.path[0] or ".") == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]  # the folder of this script, where nothing is to be found that start-up would not find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Version = tuple[int, int]

HERE = (sys.version_info[0], sys.version_info[1])
HIDES = (3, 13)
"""From this version on a path file may be hidden, and is decoded as UTF-8."""
STARTS = (3, 15)
"""From this version on ``.start`` files are read."""
NO_LINES = (3, 18)
"""From this version on import lines in path files are ignored."""

MAX_FILE = 1024 * 1024
"""Bytes of a file that are read: what is longer is no honest path file."""
MAX_LINES = 50
MAX_LINE = 500  # characters of a line that are told


def main(words: list[str]) -> dict[str, Any]:
    """Return what is asked: all, or with the word ``hook`` the live hook."""
    facts = look_at_hook()
    if words == ["hook"]:
        return facts
    facts.update(look_at_python())
    facts["hooks"] = [
        *(hook for folder in facts["site_folders"] for hook in look_at_folder(folder, HERE)),
        *judge("sitecustomize"),
        *judge("usercustomize", enabled=bool(site.ENABLE_USER_SITE)),
    ]
    facts["hook_modules"] = find_modules("_indexguard_hook")
    return facts


def look_at_hook() -> dict[str, Any]:
    """Tell which guard waits for pip: its module's file; and what only says that it is one."""
    told: dict[str, Any] = {"hook": None, "impostor": None}
    for entry in sys.meta_path:
        if getattr(entry, "indexguard_hook", None) is not True:
            continue
        name = str(getattr(entry, "__module__", None))
        module: Any = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if name == "_indexguard_hook" and getattr(module, "Finder", None) is entry and isinstance(file, str):
            told["hook"] = told["hook"] or os.path.abspath(file)
        else:
            told["impostor"] = told["impostor"] or f"{name} ({file})"
    return told


def look_at_python() -> dict[str, Any]:
    """Tell what interpreter this is, and where its start-up looks."""
    flags = {name: getattr(sys.flags, name) for name in dir(sys.flags) if not name.startswith(("_", "n_"))}
    return {
        "executable": sys.executable,
        "version": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "stdlib": os.path.dirname(os.path.abspath(os.__file__)),
        "flags": {name: int(value) for name, value in flags.items() if isinstance(value, int) and value},
        "path": path_entries(),
        "site_folders": find_site_folders(),
        "user_site": site.getusersitepackages(),
        "user_site_enabled": bool(site.ENABLE_USER_SITE),
    }


def find_site_folders() -> list[str]:
    """Return the folders whose path files are read, in that order: the environment's, the user's, the interpreter's."""
    folders = site.getsitepackages([sys.prefix]) if sys.prefix != sys.base_prefix else []
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    folders += site.getsitepackages()
    return [folder for folder in dict.fromkeys(map(os.path.abspath, folders)) if os.path.isdir(folder)]


# Path files and start files


def look_at_folder(folder: str, version: Version) -> list[dict[str, Any]]:
    """Tell the path files and start files of a site folder, in the order of their names.

    :param version: of the Python whose rules hold.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [look_at_file(folder, name, version, names) for name in names if name.endswith((".pth", ".start"))]


def look_at_file(folder: str, name: str, version: Version, names: list[str]) -> dict[str, Any]:
    """Tell one of them: the lines that Python executes, or would, and why it does not.

    :param names: all names in the folder.
    """
    path = os.path.join(folder, name)
    via = name.rpartition(".")[2]
    content = read_file(path)
    reason = find_obstacle(path, name, version)
    if content is None:
        return {"path": path, "via": via, "state": "skipped", "reason": reason or "it cannot be read", "lines": []}
    lines = read_start(content) if via == "start" else read_pth(content, version)
    if reason is None and via == "start" and version < STARTS:
        reason = "Python 3.15 and later read it"
    elif reason is None and via == "pth" and lines:
        reason = find_switch(name, version, names)
    state = "runs" if reason is None else "skipped"
    if reason is None and len(content) == MAX_FILE:
        reason = f"it runs whole, but only its first {MAX_FILE} bytes were looked at"
    return {"path": path, "via": via, "state": state, "reason": reason, "lines": shorten(lines)}


def find_obstacle(path: str, name: str, version: Version) -> str | None:
    """Return why Python passes a file over, whatever stands in it (``site.addsitedir`` and ``site.addpackage``)."""
    try:
        entry = os.lstat(path)
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if not is_file:
        return "it is no file"
    if hides(version) and name.startswith("."):
        return "its name starts with a dot"
    if hides(version) and is_marked(entry):
        return "it is marked as hidden"
    return None


def is_marked(entry: object) -> bool:
    """Tell whether a file has the flag by which macOS hides it: all that lies in a folder `.venv` may have it."""
    return bool(getattr(entry, "st_flags", 0) & stat.UF_HIDDEN)


def hides(version: Version) -> bool:
    """Tell whether hidden files are passed over: from 3.13 on, and where that was brought into an older version."""
    # gh-113659. Asked, not looked up: distributions bring it in as they like.
    return version >= HIDES or (version == HERE and "UF_HIDDEN" in site.addpackage.__code__.co_names)


def find_switch(name: str, version: Version, names: list[str]) -> str | None:
    """Return what switches the import lines of a path file off (PEP 829)."""
    if version >= NO_LINES:
        return "Python 3.18 and later ignore import lines"
    start = name[: -len("pth")] + "start"
    return f"{start} stands in its place" if version >= STARTS and start in names else None


def read_pth(content: bytes, version: Version) -> list[str]:
    """Return the lines of a path file that Python executes; all others are paths."""
    text = decode(content, version)
    # What ends a line is not the same: str.splitlines knows form feeds and U+2028 too, text files do not.
    lines = text.splitlines() if version >= HIDES else re.split(r"\r\n|\r|\n", text)
    return [line for line in lines if line.startswith(("import ", "import\t"))]


def read_start(content: bytes) -> list[str]:
    """Return the entry points of a start file (PEP 829)."""
    lines = [line.strip() for line in content.decode("utf-8-sig", "replace").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def decode(content: bytes, version: Version) -> str:
    """Return a path file's text as this Python reads it: before 3.13 a byte order mark makes an import line a path."""
    if version >= HIDES:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    return content.decode(locale.getpreferredencoding(do_setlocale=False), "replace")


def shorten(lines: list[str]) -> list[str]:
    """Return lines fit to be told."""
    return [line if len(line) <= MAX_LINE else line[:MAX_LINE] + "..." for line in lines[:MAX_LINES]]


def read_file(path: str) -> bytes | None:
    """Return a file's content, bounded; None for what is no file or cannot be read. Never waits for a pipe."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(number, "rb") as file:
            return file.read(MAX_FILE) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except OSError:
        return None


# Start-up modules


def path_entries() -> list[str]:
    """Return the entries of the path, each once; start-up files may have put other things there than text."""
    entries: list[Any] = [*sys.path]
    return list(dict.fromkeys(entry for entry in entries if isinstance(entry, str)))


def find_modules(name: str) -> list[dict[str, Any]]:
    """Return where a module lies on the path, each with the path's entry; the first is what an import takes."""
    found = []
    for entry in path_entries():
        try:
            spec = PathFinder.find_spec(name, [entry])
        except Exception:  # noqa: BLE001, S112  # the path hooks are anybody's
            continue
        # A folder without an __init__.py has no origin, and gives way to any module.
        if spec is not None and spec.has_location and spec.origin is not None:
            found.append({"entry": os.path.abspath(entry), "path": os.path.abspath(spec.origin)})
    return found


def loaded_file(name: str) -> str | None:
    """Return the file of a module that is loaded; an empty text if it has none, None if it is not loaded."""
    module = sys.modules.get(name)
    if module is None:
        return None
    file = getattr(module, "__file__", None)
    return os.path.abspath(file) if isinstance(file, str) else ""


def judge(name: str, *, enabled: bool = True) -> list[dict[str, Any]]:
    """Say of each start-up module of a name whether it runs. Python runs the first, which may call one that follows.

    :param enabled: whether Python looks for a module of that name at start-up.
    """
    found = find_modules(name)
    loaded = loaded_file(name)
    states: list[tuple[str, str | None]]
    if not enabled and loaded is None:
        states = [("skipped", "Python reads nothing of the user's here")] * len(found)
    else:
        states = find_states([hook["path"] for hook in found], loaded)
        if loaded is not None and not any(is_same(hook["path"], loaded) for hook in found):
            found.insert(0, {"entry": None, "path": loaded})
            states.insert(0, ("runs", "it is not on sys.path: another finder has loaded it, or the path was changed"))
    return [
        {**hook, "via": name, "state": state, "reason": reason, "lines": []}
        for hook, (state, reason) in zip(found, states)
    ]


def find_states(paths: list[str], loaded: str | None) -> list[tuple[str, str | None]]:
    """Return state and reason for each of the modules of one name, in the order of the path.

    :param loaded: the file that ``sys.modules`` has under that name.
    """
    at = next((number for number, path in enumerate(paths) if loaded and is_same(path, loaded)), None)
    states: list[tuple[str, str | None]] = [("shadowed", None) for _ in paths]
    if states and at is not None:
        states[0] = ("runs", None)
        if at > 0:
            states[at] = ("chained", "the one before it calls it")
    elif states and loaded is None:
        states[0] = ("failed", "it raised an error, or took itself out of sys.modules")
    return states


def is_same(one: str, other: str) -> bool:
    """Tell whether two paths lead to one file."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


if __name__ == "__main__":
    # Not with print: start-up may have put something else in the place of sys.stdout. After a line break, because it may
    # have printed half a line.
    with open(1, "wb", closefd=False) as out:
        out.write(b"\n" + json.dumps({"indexguard": main(sys.argv[1:])}).encode("ascii") + b"\n")
