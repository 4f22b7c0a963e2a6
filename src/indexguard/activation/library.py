"""Puts the guard into the standard library of an interpreter, and takes it away again.

``<stdlib>/_indexguard`` holds the guard, ``<stdlib>/sitecustomize.py`` starts it: the one place that is read at the start
of every virtual environment of that interpreter. No installer knows of it: the guard stays when the package is upgraded
or uninstalled.
"""

from __future__ import annotations

import ast
import codecs
import os
from dataclasses import replace
from pathlib import Path

from ..interpreters.python import Interpreter, InterpretersError, check_supported
from .journal import Journal, Report, locked
from .manifest import FILE, Hook, Manifest, read_manifest, sha256
from .payload import BLOCK_BEGIN, Payload, find_block, read_payload
from .release import (
    COMPILE_ONE,
    FOLDER,
    bytecode_of,
    explained,
    forget_bytecode,
    remove_bytecode,
    remove_files,
    remove_other_releases,
    run_compiler,
    store,
)

_SITECUSTOMIZE = "sitecustomize.py"
_HOOK = f"../{_SITECUSTOMIZE}"
"""From the private folder, so that the two may move together."""


def private_folder(python: Interpreter) -> Path:
    """Return where ``activate`` puts the guard for this interpreter and all its environments."""
    return Path(python.stdlib, FOLDER)


def activate(
    python: Interpreter, payload: Payload, *, require_policy: bool | None = None, dry_run: bool = False
) -> Report:
    """Guard all environments of an interpreter. A second run changes nothing; a failure leaves nothing behind.

    :param require_policy: whether a missing policy is a refusal; None leaves that as it is.
    :raises InterpretersError: it cannot be done.
    """
    check_supported(python)
    private = private_folder(python)
    with explained(private.parent), locked(private.parent), Journal(dry_run=dry_run) as journal:
        manifest = read_manifest(private)
        files = store(journal, private, payload, [python], require_policy=require_policy)
        hook = _hook(journal, python, payload, manifest)
        journal.write(private / FILE, Manifest(payload.version, payload.release, files, (hook,)).as_text())
        remove_other_releases(journal, private, manifest, payload)
    return journal.report


def deactivate(python: Interpreter, *, dry_run: bool = False) -> Report:
    """Remove exactly what ``activate`` wrote; what was changed since is kept and reported.

    :raises InterpretersError: it cannot be done.
    """
    private = private_folder(python)
    with explained(private.parent), locked(private.parent), Journal(dry_run=dry_run) as journal:
        manifest = read_manifest(private)
        for hook in manifest.hooks if manifest is not None else _orphans(python):
            remove_hook(journal, private, hook, python)
        if manifest is not None:
            remove_files(journal, private, manifest)
    return journal.report


# The start-up module in the standard library


def _hook(journal: Journal, python: Interpreter, payload: Payload, manifest: Manifest | None) -> Hook:
    """Have the standard library's ``sitecustomize`` start the guard; a foreign one gets a block and is never replaced."""
    path = Path(python.stdlib, _SITECUSTOMIZE)
    if Path(python.stdlib, "sitecustomize").is_dir():
        raise InterpretersError(f"{path.with_suffix('')} is a package, which indexguard does not change")
    before = next(iter(manifest.hooks), None) if manifest is not None else None
    if not path.exists():
        if path.is_symlink():
            raise InterpretersError(f"{path} is a link to a file that is not there; repair or remove it")
        return _own(journal, path, payload, python)
    content = path.read_bytes()
    if content == payload.sitecustomize or (before and before.kind == "file" and sha256(content) == before.sha256):
        return _own(journal, path, payload, python)
    hook = _block_hook(path, content, payload, before, python)
    if before is not None and before.kind == "file":
        journal.report.notes.append(f"{path} was changed since; only the guard's own lines in it are kept up")
    new = with_block(content, payload.block, path)
    if new != content:
        journal.write(path, new, verb="edit")
        _compile_again(journal, path, python)
        journal.report.notes.append(f"{path} is not indexguard's: a marked block was put into it")
    return hook


def _own(journal: Journal, path: Path, payload: Payload, python: Interpreter) -> Hook:
    journal.write(path, payload.sitecustomize)
    _compile_again(journal, path, python)
    return Hook(_HOOK, "file", sha256(payload.sitecustomize))


def _block_hook(path: Path, content: bytes, payload: Payload, before: Hook | None, python: Interpreter) -> Hook:
    found = find_block(content)
    if found is not None and before is not None and before.kind == "block":
        return replace(before, sha256=sha256(payload.block))  # the foreign part was noted when the block came
    if found is not None:
        return Hook(_HOOK, "block", sha256(payload.block), rest=sha256(content[: found[0]] + content[found[1] :]))
    bytecode = bytecode_of(path, python)
    compiled = bytecode.read_bytes().hex() if bytecode.exists() else None
    return Hook(_HOOK, "block", sha256(payload.block), path.stat().st_mtime_ns, sha256(content), compiled)


def with_block(content: bytes, block: bytes, path: Path) -> bytes:
    """Return a start-up module with the guard's block, before everything that could fail or end it.

    :param path: for the error.
    :raises InterpretersError: it is no Python.
    """
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    block = block.replace(b"\n", newline)
    found = find_block(content)
    if found is not None:
        return content[: found[0]] + block + content[found[1] :]
    if BLOCK_BEGIN in content:
        raise InterpretersError(f"{path} holds a broken block of indexguard's; remove its lines by hand")
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    lines = content[len(mark) :].splitlines(keepends=True)
    at = _first_line(content, path)
    if at and not lines[at - 1].endswith((b"\n", b"\r")):
        lines[at - 1] += newline
    return b"".join([mark, *lines[:at], block, *lines[at:]])


def _first_line(content: bytes, path: Path) -> int:
    """Return how many lines come before the first statement that is neither the docstring nor from ``__future__``."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError) as error:
        raise InterpretersError(f"{path} is no Python that can be read ({error}); repair it first") from None
    at = 0
    for number, node in enumerate(body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            # After a line that both end on: what begins there belongs to it.
            return at if node.lineno > at else (node.end_lineno or at)
        at = node.end_lineno or at
    if not body:
        # Nothing but comments: after them, for one in the first two lines may name the encoding.
        return len(content.splitlines())
    return at


def remove_hook(journal: Journal, private: Path, hook: Hook, python: Interpreter | None = None) -> None:
    """Remove one file that starts the guard, or the block in it, unless it was changed.

    :param python: whose standard library a block is in.
    """
    path = Path(os.path.normpath(private / hook.path))
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    if hook.kind != "block":
        remove_bytecode(journal, path)
        if sha256(content) == hook.sha256:
            journal.remove(path)
        else:
            journal.report.kept.append(str(path))
        return
    found = find_block(content)
    if found is None:
        return
    if sha256(content[found[0] : found[1]].replace(b"\r\n", b"\n")) != hook.sha256:
        journal.report.kept.append(str(path))
        return
    _take_block_out(journal, path, content[: found[0]] + content[found[1] :], hook, python)


def _take_block_out(journal: Journal, path: Path, rest: bytes, hook: Hook, python: Interpreter | None) -> None:
    for end in (b"\r\n", b"\n"):
        if rest.endswith(end) and sha256(rest[: -len(end)]) == hook.rest:
            rest = rest[: -len(end)]  # what a last line without an end was given
            break
    remove_bytecode(journal, path)
    journal.write(path, rest, verb="edit")
    if sha256(rest) != hook.rest or hook.mtime_ns is None or journal.dry_run:
        return
    os.utime(path, ns=(path.stat().st_atime_ns, hook.mtime_ns))
    if hook.bytecode is not None and python is not None:
        bytecode = bytecode_of(path, python)
        journal.make_folder(bytecode.parent)
        journal.write(bytecode, bytes.fromhex(hook.bytecode))
        bytecode.chmod(path.stat().st_mode & 0o777 | 0o200)  # as importlib gives it


def _compile_again(journal: Journal, path: Path, python: Interpreter) -> None:
    """Have the bytecode of a start-up module be that of its text."""
    bytecode = bytecode_of(path, python)
    if bytecode.exists() and not any(change.path == str(path) for change in journal.report.changes):
        return
    before = bytecode.read_bytes() if bytecode.exists() else None

    def undo() -> None:
        if before is not None:
            bytecode.write_bytes(before)
        else:
            forget_bytecode(path.parent, [path.name], python)

    if journal.note("compile", path, undo):
        run_compiler(python, COMPILE_ONE, path)


def _orphans(python: Interpreter) -> tuple[Hook, ...]:
    """Return the hook of a standard library whose private folder is gone: only one that is exactly ours."""
    path = Path(python.stdlib, _SITECUSTOMIZE)
    payload = read_payload()
    if not path.exists():
        return ()
    content = path.read_bytes()
    if content == payload.sitecustomize:
        return (Hook(_HOOK, "file", sha256(content)),)
    return (Hook(_HOOK, "block", sha256(payload.block)),) if find_block(content) else ()
