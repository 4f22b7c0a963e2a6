"""The guard in one account, without root: a private folder in the home, and path files that lead to it.

The user's site-packages gets one, so that the interpreter itself is guarded; environments that it makes get one each.
"""

from __future__ import annotations

from pathlib import Path

from ..interpreters.python import Interpreter, InterpretersError, check_supported
from .journal import Journal, Report, locked
from .library import remove_hook
from .manifest import FILE, Hook, Manifest, read_manifest, sha256
from .payload import Payload
from .release import explained, remove_files, remove_other_releases, store
from .seeding import REGISTRY, SEED, is_changed, put_seed, read_registry, remove_seed, user_folder


def activate_user(
    pythons: list[Interpreter], payload: Payload, *, require_policy: bool | None = None, dry_run: bool = False
) -> Report:
    """Guard interpreters for this account, and the environments that they make from now on.

    :param pythons: base interpreters, whose user site-packages get a path file.
    :raises InterpretersError: it cannot be done.
    """
    private = _private()
    for python in pythons:
        check_supported(python)
    with explained(private), Journal(dry_run=dry_run, folder_mode=0o700) as journal:
        journal.make_folder(private)
        with locked(private):
            manifest = read_manifest(private)
            files = store(journal, private, payload, pythons, require_policy=require_policy)
            hooks = {hook.path: hook for hook in (manifest.hooks if manifest is not None else ())}
            for python in pythons:
                hook = _user_site(journal, private, python)
                hooks[hook.path] = hook
            folders = sorted({*_made(journal, private), *(manifest.folders if manifest is not None else ())})
            new = Manifest(payload.version, payload.release, files, tuple(hooks.values()), tuple(folders))
            journal.write(private / FILE, new.as_text())
            remove_other_releases(journal, private, manifest, payload)
    return journal.report


def deactivate_user(*, dry_run: bool = False) -> Report:
    """Remove the private folder of this account, its path files, and the seeds that are known.

    :raises InterpretersError: it cannot be done.
    """
    private = _private()
    if not private.is_dir():
        return Report()
    with explained(private), locked(private), Journal(dry_run=dry_run) as journal:
        manifest = read_manifest(private)
        for seed in read_registry(private):
            if not is_changed(seed):
                remove_seed(seed, journal)
            else:
                journal.report.kept.append(str(seed))
        for hook in manifest.hooks if manifest is not None else ():
            remove_hook(journal, private, hook)
        journal.remove(private / REGISTRY)
        if manifest is not None:
            remove_files(journal, private, manifest)
            for folder in sorted(manifest.folders, key=len, reverse=True):
                journal.remove_folder(Path(folder))
    return journal.report


def _made(journal: Journal, private: Path) -> list[str]:
    """Return the folders outside of the private one that were made for it and for the path files."""
    made = [Path(change.path) for change in journal.report.changes if change.verb == "make"]
    return [str(path) for path in made if private != path and private not in path.parents]


def _private() -> Path:
    private = user_folder()
    if private is None:
        raise InterpretersError("this user has no home folder (HOME is not set)")
    return private


def _user_site(journal: Journal, private: Path, python: Interpreter) -> Hook:
    path = Path(python.user_site, SEED)
    journal.make_folder(path.parent)
    return Hook(str(path), "seed", sha256(put_seed(journal, path, private)))
