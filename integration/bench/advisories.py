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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.bench.processes import run_for_peak, run_timed
from integration.bench.ratios import interleave, spread_of
from integration.bench.report import Result
from integration.bench.served import StaticIndex
from integration.bench.startup import count_all
from integration.harness.dists import Dist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integration.bench.ratios import Cost
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
    with no_indexes_left():
        return [result for what, source in sources.items() for result in _measure(setting, folder, what, source)]


def _measure(setting: Setting, folder: Path, what: str, source: Path) -> list[Result]:
    with StaticIndex([Dist("acme-core", "1.0", "corp")]) as index:
        text = f'[indexes.corp]\nurl = "{index.url}"\npublic = true\npackages = ["*"]\n'
        name = source.name.replace(".", "-")
        plain = setting.write_policy(f"{name}-without", text)
        guided = setting.write_policy(f"{name}-with", f'{text}[advisories]\npaths = ["{source}"]\n')
        words = ["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet", f"--dest={folder / 'got'}"]
        command: list[str | Path] = [setting.guarded.python, *words, f"--index-url={index.url}", "acme-core"]
        first = run_timed(command, setting.environ(guided), folder)
        environs = {policy.stem: setting.environ(policy) for policy in (plain, guided)}
        runs = {stem: functools.partial(run_timed, command, environ, folder) for stem, environ in environs.items()}
        taken = interleave(runs, setting.rounds or 30)
        counts = [
            count_all(command, environ, folder, 1) if setting.with_valgrind else None for environ in environs.values()
        ]
        made = max(_indexes(), key=lambda path: path.stat().st_mtime_ns)
        made.unlink()
        peak = run_for_peak(command, setting.environ(guided), folder) / 2**20
    without, with_them = taken[plain.stem], taken[guided.stem]
    note = f"the first run's peak is {peak:.0f} MB; of a run, {spread_of([it.wall for it in without]).median:.2f} s"
    return [
        Result(_WHAT, f"{what}: first run (wall)", spread_of([first.wall]), unit=" s", digits=1, note=note),
        Result(_WHAT, f"{what}: first run (CPU)", spread_of([first.cpu]), 20, unit=" s", digits=1),
        Result(_WHAT, f"{what}: first run, peak", spread_of([peak]), 200, unit=" MB", digits=0),
        *more_rows(f"{what}: more than without", without, with_them, counts),
    ]


def more_rows(
    measure: str, without: Sequence[Cost], with_them: Sequence[Cost], counts: Sequence[list[float] | None]
) -> list[Result]:
    """Return what a run pays more, in milliseconds; by instructions, if they are counted, that is what has to be met.

    What else runs on a machine makes CPU time longer, too: so that of the quickest run without is what instructions
    are told in.
    """
    plain, guided = counts
    rows = []
    for kind, field in (("wall", 0), ("CPU", 1)):
        more = [(other[field] - it[field]) * 1e3 for it, other in zip(without, with_them, strict=True)]
        target = 5 if kind == "CPU" and (plain is None or guided is None) else None
        rows.append(Result(_WHAT, f"{measure} ({kind})", spread_of(more), target, unit=" ms"))
    if plain is not None and guided is not None:
        quickest = min(cost.cpu for cost in without) * 1e3
        more = [(other / it - 1) * quickest for it, other in zip(plain, guided, strict=True)]
        note = f"{plain[0] / 1e6:.1f} M -> {guided[0] / 1e6:.1f} M instructions, of which {quickest:.0f} ms execute the first"
        rows.append(Result(_WHAT, f"{measure} (by instructions)", spread_of(more), 5, unit=" ms", note=note))
    return rows


def _folder() -> Path:
    """Return where indexes are kept: root's where all of this machine look, else this user's, whatever HOME says."""
    own = Path(pwd.getpwuid(os.geteuid()).pw_dir, ".cache/indexguard/advisories")
    return Path("/var/lib/indexguard/advisories") if os.geteuid() == 0 else own


def _indexes() -> set[Path]:
    return set(_folder().glob("*.index"))


@contextmanager
def no_indexes_left() -> Iterator[None]:
    """Take away the indexes that are new at the end, and the folders if nothing else is there."""
    before = _indexes()
    try:
        yield
    finally:
        for path in _indexes() - before:
            path.unlink()
        with suppress(OSError):
            _folder().rmdir()
            _folder().parent.rmdir()
