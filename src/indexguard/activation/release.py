"""A release of the guard in its private folder: stored, compiled, listed file by file, and removed again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..interpreters.python import Interpreter, InterpretersError, ask
from .journal import Journal
from .manifest import FILE, Manifest, sha256
from .payload import Payload
from .seeding import CURRENT

FOLDER = "_indexguard"
"""The private folder's name in a standard library."""

REQUIRE_POLICY = "require-policy"
"""The file in a private folder that makes a missing policy a refusal."""

_REQUIRED = b"Written by `indexguard activate --require-policy`: pip installs nothing without a policy.\n"

_COMPILE_SECONDS = 300

_COMPILE = "import compileall, sys; sys.exit(not compileall.compile_dir(sys.argv[1], quiet=2))"

COMPILE_ONE = "import py_compile, sys; py_compile.compile(sys.argv[1], doraise=True)"


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that says what was refused, and what to do.

    :raises InterpretersError: in the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        hint = "; run it as the owner of that folder, or use `indexguard activate --user`"
        text = f"cannot change {error.filename or folder}: {error.strerror}"
        text += hint if isinstance(error, PermissionError) else ""
        raise InterpretersError(f"{text} (nothing has been changed)") from error


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


def remove_other_releases(journal: Journal, private: Path, before: Manifest | None, payload: Payload) -> None:
    """Remove the release that was in use before. A pip that is running from it refuses what it has not yet loaded."""
    if before is None or before.release == payload.release:
        return
    files = {name: digest for name, digest in before.files.items() if name.startswith(f"{before.release}/")}
    _remove_listed(journal, private, files)
    journal.report.notes.append(f"indexguard {before.version} was there before")


def remove_files(journal: Journal, private: Path, manifest: Manifest) -> None:
    """Remove a private folder's files, as the manifest lists them, and the folder if nothing else is in it."""
    if os.path.islink(private / CURRENT) and os.readlink(private / CURRENT) == manifest.release:
        journal.remove(private / CURRENT)
    _remove_listed(journal, private, manifest.files)
    journal.remove(private / FILE)
    journal.remove_folder(private)


def _remove_listed(journal: Journal, private: Path, files: dict[str, str]) -> None:
    for name, digest in files.items():
        path = private / name
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        remove_bytecode(journal, path)
        if sha256(content) != digest or path.is_symlink():
            journal.report.kept.append(str(path))
        else:
            journal.remove(path)
    folders = {private / parent for name in files for parent in Path(name).parents if str(parent) != "."}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        journal.remove_folder(folder)


def remove_bytecode(journal: Journal, module: Path) -> None:
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
    missing = [name for name in modules if not bytecode_of(release / name, python).exists()]
    if not missing or not journal.note("compile", release, lambda: forget_bytecode(release, missing, python)):
        return
    run_compiler(python, _COMPILE, release)


def forget_bytecode(release: Path, modules: list[str], python: Interpreter) -> None:
    """Remove what an interpreter has compiled of these modules of a folder."""
    for name in modules:
        path = bytecode_of(release / name, python)
        with suppress(FileNotFoundError):
            path.unlink()
        with suppress(OSError):
            path.parent.rmdir()


def bytecode_of(module: Path, python: Interpreter) -> Path:
    """Return where an interpreter keeps the bytecode of a module."""
    return module.parent / "__pycache__" / f"{module.stem}.{python.cache_tag}.pyc"


def run_compiler(python: Interpreter, program: str, path: Path) -> None:
    """Compile a folder's modules, or one, for everybody to read.

    :raises InterpretersError: it failed.
    """
    command = [python.executable, "-I", "-S", "-c", program, str(path)]
    before = os.umask(0o022)
    try:
        answer = ask(command, seconds=_COMPILE_SECONDS, late=f"{python.executable} did not compile {path}")
    finally:
        os.umask(before)
    if answer.exit_code != 0:
        raise InterpretersError(f"{python.executable} does not compile {path}: {answer.last_words}")
