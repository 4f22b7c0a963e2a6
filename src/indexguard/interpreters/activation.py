"""Puts the guard into the standard library of an interpreter, and takes it away again.

``<stdlib>/_indexguard`` holds the guard, ``<stdlib>/sitecustomize.py`` starts it: the one place that is read at the start
of every virtual environment of that interpreter. No installer knows of it: the guard stays when the package is upgraded
or uninstalled.
"""

from __future__ import annotations

import ast
import codecs
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from .journal import Change, Journal, locked
from .manifest import FILE, Hook, Manifest, read_manifest, sha256
from .payload import BLOCK_BEGIN, Payload, find_block
from .python import Interpreter, InterpretersError, check_supported
from .seeding import CURRENT

FOLDER = "_indexguard"
"""The private folder's name in a standard library."""
REQUIRE_POLICY = "require-policy"
"""The file in a private folder that makes a missing policy a refusal."""

_SITECUSTOMIZE = "sitecustomize.py"
_HOOK = f"../{_SITECUSTOMIZE}"
"""From the private folder, so that the two may move together."""
_REQUIRED = b"Written by `indexguard activate --require-policy`: pip installs nothing without a policy.\n"
_COMPILE_SECONDS = 300
_COMPILE = "import compileall, sys; sys.exit(not compileall.compile_dir(sys.argv[1], quiet=2))"
_COMPILE_ONE = "import py_compile, sys; py_compile.compile(sys.argv[1], doraise=True)"


@dataclass
class Report:
    """What was done, or with a dry run would be."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the user should know: a sentence each."""
    kept: list[str] = field(default_factory=list)
    """Files that were changed since they were written, and are left where they are."""


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
    report = Report()
    with explained(private.parent), locked(private.parent), Journal(dry_run=dry_run) as journal:
        manifest = read_manifest(private)
        files = store(journal, private, payload, [python], require_policy=require_policy)
        hook = _hook(journal, python, payload, manifest, report)
        write_manifest(journal, private, Manifest(payload.version, payload.release, files, (hook,)))
        remove_other_releases(journal, private, manifest, payload, report)
        report.changes = journal.changes
    return report


def deactivate(python: Interpreter, *, dry_run: bool = False) -> Report:
    """Remove exactly what ``activate`` wrote; what was changed since is kept and reported.

    :raises InterpretersError: it cannot be done.
    """
    private = private_folder(python)
    report = Report()
    with explained(private.parent), locked(private.parent), Journal(dry_run=dry_run) as journal:
        manifest = read_manifest(private)
        hooks = manifest.hooks if manifest is not None else _orphans(python)
        for hook in hooks:
            remove_hook(journal, private, hook, report, python)
        if manifest is not None:
            remove_files(journal, private, manifest, report)
        report.changes = journal.changes
    return report


class explained:  # noqa: N801  # a context manager, as contextlib's
    """Turns what the system refuses into an error that says what was refused, and what to do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            where = error.filename or self._folder
            hint = "; run it as the owner of that folder, or use `indexguard activate --user`"
            text = f"cannot change {where}: {error.strerror}{hint if isinstance(error, PermissionError) else ''}"
            raise InterpretersError(f"{text} (nothing has been changed)") from error


# The private folder


def store(
    journal: Journal,
    private: Path,
    payload: Payload,
    pythons: list[Interpreter],
    *,
    require_policy: bool | None,
) -> dict[str, str]:
    """Write a release into a private folder, compile it, and have ``current`` lead to it.

    :return: what the manifest says of the files.
    :raises InterpretersError: it cannot be compiled.
    """
    release = private / payload.release
    wanted = {f"{payload.release}/{name}": content for name, content in payload.files.items()}
    wanted["__main__.py"] = payload.main
    if require_policy or (require_policy is None and (private / REQUIRE_POLICY).exists()):
        wanted[REQUIRE_POLICY] = _REQUIRED
    elif (private / REQUIRE_POLICY).exists():
        journal.remove(private / REQUIRE_POLICY)
    for name, content in wanted.items():
        path = private / name
        journal.make_folder(path.parent)
        journal.write(path, content)
    for python in pythons:
        compile_all(journal, python, release, [name for name in payload.files if name.endswith(".py")])
    journal.link(private / CURRENT, payload.release)
    return {name: sha256(content) for name, content in wanted.items()}


def write_manifest(journal: Journal, private: Path, manifest: Manifest) -> None:
    """Write the manifest of a private folder."""
    journal.write(private / FILE, manifest.as_text())


def remove_other_releases(
    journal: Journal, private: Path, before: Manifest | None, payload: Payload, report: Report
) -> None:
    """Remove the release that was in use before. A pip that is running from it refuses what it has not yet loaded."""
    if before is None or before.release == payload.release:
        return
    files = {name: digest for name, digest in before.files.items() if name.startswith(f"{before.release}/")}
    _remove_listed(journal, private, files, report)
    report.notes.append(f"indexguard {before.version} was there before")


def remove_files(journal: Journal, private: Path, manifest: Manifest, report: Report) -> None:
    """Remove a private folder's files, as the manifest lists them, and the folder if nothing else is in it."""
    if os.path.islink(private / CURRENT) and os.readlink(private / CURRENT) == manifest.release:
        journal.remove(private / CURRENT)
    _remove_listed(journal, private, manifest.files, report)
    journal.remove(private / FILE)
    journal.remove_folder(private)


def _remove_listed(journal: Journal, private: Path, files: dict[str, str], report: Report) -> None:
    for name, digest in files.items():
        path = private / name
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        _remove_bytecode(journal, path)
        if sha256(content) != digest or path.is_symlink():
            report.kept.append(str(path))
        else:
            journal.remove(path)
    folders = {private / parent for name in files for parent in Path(name).parents if str(parent) != "."}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        journal.remove_folder(folder)


def _remove_bytecode(journal: Journal, module: Path) -> None:
    """Remove what any Python has compiled of a module, and the folder for that if it is empty then."""
    if module.suffix != ".py":
        return
    cache = module.parent / "__pycache__"
    if cache.is_dir():
        for path in sorted(cache.glob(f"{module.stem}.*.pyc")):
            journal.remove(path)
        journal.remove_folder(cache)


def compile_all(journal: Journal, python: Interpreter, release: Path, modules: list[str]) -> None:
    """Compile the release's modules with the interpreter that will run them.

    An image is often read-only later, and its users are not those who made it.

    :raises InterpretersError: the interpreter cannot.
    """
    missing = [name for name in modules if not _bytecode(release / name, python).exists()]
    if not missing or not journal.note("compile", release, lambda: _forget_bytecode(release, missing, python)):
        return
    _run_compiler(python, _COMPILE, release)


def _forget_bytecode(release: Path, modules: list[str], python: Interpreter) -> None:
    for name in modules:
        path = _bytecode(release / name, python)
        with suppress(FileNotFoundError):
            path.unlink()
        with suppress(OSError):
            path.parent.rmdir()


def _bytecode(module: Path, python: Interpreter) -> Path:
    return module.parent / "__pycache__" / f"{module.stem}.{python.cache_tag}.pyc"


def _run_compiler(python: Interpreter, program: str, path: Path) -> None:
    """Compile a folder's modules, or one, for everybody to read.

    :raises InterpretersError: it failed.
    """
    command = [python.executable, "-I", "-S", "-c", program, str(path)]
    before = os.umask(0o022)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMPILE_SECONDS, check=False
        )
    except subprocess.SubprocessError as error:
        raise InterpretersError(f"{python.executable} does not compile {path}: {error}") from None
    finally:
        os.umask(before)
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise InterpretersError(f"{python.executable} does not compile {path}: {last or done.returncode}")


# The start-up module in the standard library


def _hook(journal: Journal, python: Interpreter, payload: Payload, manifest: Manifest | None, report: Report) -> Hook:
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
        report.notes.append(f"{path} was changed since; only the guard's own lines in it are kept up")
    new = with_block(content, payload.block, path)
    if new != content:
        journal.write(path, new, verb="edit")
        _compile_again(journal, path, python)
        report.notes.append(f"{path} is not indexguard's: a marked block was put into it")
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
    bytecode = _bytecode(path, python)
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


def remove_hook(journal: Journal, private: Path, hook: Hook, report: Report, python: Interpreter | None = None) -> None:
    """Remove one file that starts the guard, or the block in it, unless it was changed.

    :param python: whose standard library a block is in.
    """
    path = Path(os.path.normpath(private / hook.path))
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    if hook.kind != "block":
        _remove_bytecode(journal, path)
        if sha256(content) == hook.sha256:
            journal.remove(path)
        else:
            report.kept.append(str(path))
        return
    found = find_block(content)
    if found is None:
        return
    if sha256(content[found[0] : found[1]].replace(b"\r\n", b"\n")) != hook.sha256:
        report.kept.append(str(path))
        return
    _take_block_out(journal, path, content[: found[0]] + content[found[1] :], hook, python)


def _take_block_out(journal: Journal, path: Path, rest: bytes, hook: Hook, python: Interpreter | None) -> None:
    for end in (b"\r\n", b"\n"):
        if rest.endswith(end) and sha256(rest[: -len(end)]) == hook.rest:
            rest = rest[: -len(end)]  # what a last line without an end was given
            break
    _remove_bytecode(journal, path)
    journal.write(path, rest, verb="edit")
    if sha256(rest) != hook.rest or hook.mtime_ns is None or journal.dry_run:
        return
    os.utime(path, ns=(path.stat().st_atime_ns, hook.mtime_ns))
    if hook.bytecode is not None and python is not None:
        bytecode = _bytecode(path, python)
        journal.make_folder(bytecode.parent)
        journal.write(bytecode, bytes.fromhex(hook.bytecode))
        bytecode.chmod(path.stat().st_mode & 0o777 | 0o200)  # as importlib gives it


def _compile_again(journal: Journal, path: Path, python: Interpreter) -> None:
    """Have the bytecode of a start-up module be that of its text."""
    bytecode = _bytecode(path, python)
    if bytecode.exists() and not any(change.path == str(path) for change in journal.changes):
        return
    had_folder = bytecode.parent.exists()
    before = bytecode.read_bytes() if bytecode.exists() else None

    def undo() -> None:
        if before is not None:
            bytecode.write_bytes(before)
            return
        bytecode.unlink()
        if not had_folder:
            bytecode.parent.rmdir()

    if journal.note("compile", path, undo):
        _run_compiler(python, _COMPILE_ONE, path)


def _orphans(python: Interpreter) -> tuple[Hook, ...]:
    """Return the hook of a standard library whose private folder is gone: only one that is exactly ours."""
    from .payload import read_payload  # noqa: PLC0415  # only here

    path = Path(python.stdlib, _SITECUSTOMIZE)
    payload = read_payload()
    if not path.exists():
        return ()
    content = path.read_bytes()
    if content == payload.sitecustomize:
        return (Hook(_HOOK, "file", sha256(content)),)
    return (Hook(_HOOK, "block", sha256(payload.block)),) if find_block(content) else ()
