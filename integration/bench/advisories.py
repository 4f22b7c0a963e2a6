"""What 100,000 advisory records cost a pip run: the first, which makes their index, and each one after it.

The records have the shape of those of the OpenSSF malicious-packages repository, and are made here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pwd
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.bench.processes import run_for_peak, run_timed
from integration.bench.ratios import interleave, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integration.bench.setting import Setting

RECORDS = 100_000
_WHAT = f"{RECORDS:,} advisory records"
_DETAILS = "On import the package sends variables of the environment to a server. " * 15


def make_record(
    name: str,
    record: str,
    versions: Sequence[str] = (),
    *,
    events: Sequence[Mapping[str, str]] = (),
    sha256: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return one record of a project.

    :param record: its identifier.
    :param events: of a range.
    :param sha256: of files.
    :param more: other keys of the record, such as ``withdrawn``; they replace those that are made here.
    """
    affected: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": name}}
    if versions:
        affected["versions"] = list(versions)
    if events:
        affected["ranges"] = [{"type": "ECOSYSTEM", "events": list(events)}]
    if sha256:
        files = [{"filename": f"{name}.whl", "hashes": {"md5": "0" * 32, "sha256": digest}} for digest in sha256]
        # The digest of a file within: not of one that pip fetches.
        within = [{"path": f"{name}/__init__.py", "sha256": hashlib.sha256(name.encode()).hexdigest(), "tlsh": ""}]
        affected["database_specific"] = {"indicators": {"evidence_files": within, "package_integrity": files}}
    origin = {"id": f"X-{record}", "sha256": "1" * 64, "source": "example", "versions": list(versions)}
    return {
        "schema_version": "1.7.4",
        "id": record,
        "published": "2026-09-03T17:00:47Z",
        "modified": "2026-09-04T00:47:46.156672516Z",
        "summary": f"Malicious code in {name} (PyPI)",
        "details": _DETAILS,
        "affected": [affected],
        "database_specific": {"malicious-packages-origins": [origin]},
        **more,
    }


def make_records(number: int) -> Iterator[tuple[str, str]]:
    """Yield the place of each record in the repository, and its text: one in seven of all versions, one in four of files."""
    for count in range(number):
        name, record = f"evil-{count}", f"MAL-2026-{count}"
        digests = [hashlib.sha256(f"{name} {file}".encode()).hexdigest() for file in range(2)]
        made = make_record(
            name,
            record,
            () if count % 7 == 0 else ("1.0", "1.1"),
            events=({"introduced": "0"},) if count % 7 == 0 else (),
            sha256=digests if count % 4 == 0 else (),
        )
        yield f"osv/malicious/pypi/{name}/{record}.json", json.dumps(made)


def write_folder(folder: Path, number: int) -> Path:
    """Write records as files, as a checkout has them."""
    for place, text in make_records(number):
        path = folder / place
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_zip(path: Path, number: int) -> Path:
    """Write records into one zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, text in make_records(number):
            archive.writestr(place, text)
    return path


def measure_advisories(setting: Setting) -> list[Result]:
    """Time a small download without records, the first with them, and those after it."""
    folder = setting.scratch("advisories")
    sources = {
        "a zip": write_zip(folder / "records.zip", RECORDS),
        "a folder": write_folder(folder / "records", RECORDS),
    }
    before = _indexes()
    try:
        return [result for what, source in sources.items() for result in _measure(setting, folder, what, source)]
    finally:
        _forget(before)


def _measure(setting: Setting, folder: Path, what: str, source: Path) -> list[Result]:
    with StaticIndex([Dist("acme-core", "1.0", "corp")]) as index:
        text = f'[indexes.corp]\nurl = "{index.url}"\npublic = true\npackages = ["*"]\n'
        name = source.name.replace(".", "-")
        plain = setting.write_policy(f"{name}-without", text)
        guided = setting.write_policy(f"{name}-with", f'{text}[advisories]\npaths = ["{source}"]\n')
        words = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet", f"--dest={folder / 'got'}"]
        command: list[str | Path] = [setting.guarded.python, *words, f"--index-url={index.url}", "acme-core"]
        first = run_timed(command, setting.environ(guided), folder).wall
        runs = {
            policy.stem: functools.partial(run_timed, command, setting.environ(policy), folder)
            for policy in (plain, guided)
        }
        taken = interleave(runs, setting.rounds or 30)
        made = max(_indexes(), key=lambda path: path.stat().st_mtime_ns)
        made.unlink()
        peak = run_for_peak(command, setting.environ(guided), folder) / 2**20
    pairs = list(zip(taken[plain.stem], taken[guided.stem], strict=True))
    note = f"the first run's peak is {peak:.0f} MB; of a run, {spread_of([it.wall for it, _ in pairs]).median:.2f} s"
    measures = {
        "wall": [other.wall - it.wall for it, other in pairs],
        "CPU": [other.cpu - it.cpu for it, other in pairs],
    }
    return [
        Result(_WHAT, f"{what}: first run", spread_of([first]), 20, unit=" s", digits=1, note=note),
        Result(_WHAT, f"{what}: first run, peak", spread_of([peak]), 200, unit=" MB", digits=0),
        *(
            Result(_WHAT, f"{what}: more than without ({measure})", spread_of([it * 1e3 for it in more]), 5, unit=" ms")
            for measure, more in measures.items()
        ),
    ]


def _folder() -> Path:
    """Return where indexes are kept: root's where all of this machine look, else this user's, whatever HOME says."""
    own = Path(pwd.getpwuid(os.geteuid()).pw_dir, ".cache/indexguard/advisories")
    return Path("/var/lib/indexguard/advisories") if os.geteuid() == 0 else own


def _indexes() -> set[Path]:
    return set(_folder().glob("*.index"))


def _forget(before: set[Path]) -> None:
    """Take away the indexes that are new, and the folders if nothing else is there."""
    for path in _indexes() - before:
        path.unlink()
    with suppress(OSError):
        _folder().rmdir()
        _folder().parent.rmdir()
