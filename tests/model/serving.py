"""What the policy's description allows to be served, whoever serves it: the second writing, as ``model.policy``.

A sentence in quotation marks is the description's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from packaging.version import Version  # noqa: TID251, TID253  # not the guard's: the model stands alone

from model.web import PYPI_URL, File, Seen, normal, place_of, plain

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
FILE_KEYS = ("min-age", "formats", "require-hashes")
"""What is asked of files."""
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def find_term(policy: Mapping[str, Any], entry: Mapping[str, Any], index: str, key: str) -> Any:
    """The text: "precedence entry > index > defaults; its `min-age` holds for `public` indexes only"."""
    table = policy["indexes"][index]
    for place in (entry, table):
        if key in place:
            return place[key]
    urls = [table["url"]] if isinstance(table["url"], str) else table["url"]
    is_pypi = any(place_of(PYPI_URL if url == "pypi" else url) == place_of(PYPI_URL) for url in urls)
    if key == "min-age" and not table.get("public", is_pypi):
        return None
    return policy.get("defaults", {}).get(key)


def find_objections(
    policy: Mapping[str, Any],
    entry: Mapping[str, Any],
    index: str,
    file: File,
    *,
    pinned: bool,
    seen: Iterable[Seen] = (),
) -> set[str]:
    """Return the codes by which one layer has a file dropped.

    :param entry: the table of the name's entry; empty where it is a text.
    :param pinned: whether the requirement carries a hash, or none is asked of it.
    :param seen: what the ledger remembers.
    """
    codes = set()
    remembered = find_seen(policy, index, file, seen)
    if remembered is not None and remembered.sha256 not in (None, file.sha256):
        codes.add("hash-changed")
    formats = find_term(policy, entry, index, "formats")
    if formats is not None and ("wheel" if file.filename.endswith(".whl") else "sdist") not in formats:
        codes.add("format-not-allowed")
    hashes = find_term(policy, entry, index, "require-hashes")
    if (hashes == "index" and file.sha256 is None) or (hashes == "pinned" and not pinned):
        codes.add("hash-missing")
    first_seen = None if remembered is None else remembered.first_seen
    if is_young(find_term(policy, entry, index, "min-age"), file.uploaded, first_seen):
        codes.add("too-young")
    return {code for code in codes if not is_waived(policy, code, file)}


def find_seen(policy: Mapping[str, Any], index: str, file: File, seen: Iterable[Seen]) -> Seen | None:
    """The text: "the memory of (name, version, file, sha256, index, first seen)"; an index is all of its URLs."""
    if "ledger" not in policy:
        return None
    urls = policy["indexes"][index]["url"]
    own = {plain(url) for url in ([urls] if isinstance(urls, str) else urls)}
    found = [
        it for it in seen if it.index in own and it.project == normal(file.project) and it.filename == file.filename
    ]
    return min(found, key=lambda it: datetime.fromisoformat(it.first_seen), default=None)


def find_latest(times: Iterable[str | None]) -> str | None:
    """Return when a file was uploaded that a page lists several times: what speaks against it counts."""
    known = list(times)
    return None if None in known else max(filter(None, known), key=datetime.fromisoformat)


def is_young(wanted: Any, uploaded: str | None, first_seen: str | None = None) -> bool:
    """The text: "younger files are dropped"; a file from the future is young."""
    table = wanted if isinstance(wanted, Mapping) else {"for": wanted}
    if wanted is None or set(table["for"][:-1]) == {"0"}:
        return False
    if uploaded is None:
        # The text: "No ledger, or never seen: young."
        unknown = table.get("unknown", "drop")
        if unknown != "first-seen" or first_seen is None:
            return bool(unknown != "allow")
        uploaded = first_seen
    span = timedelta(hours=int(table["for"][:-1]) * _HOURS[table["for"][-1]])
    return bool(NOW - datetime.fromisoformat(uploaded) < span)


def is_waived(policy: Mapping[str, Any], code: str, file: File) -> bool:
    """The text: "lifts one code … for exact names with a version"."""
    for waiver in policy.get("waive", ()):
        pins = [text.split("==") for text in waiver["packages"]]
        covers = any(name == file.project and Version(version) == Version(file.version) for name, version in pins)
        # The text: "`hash-changed` … lifted only by `sha256 = […]`".
        covers = covers and file.sha256 in waiver.get("sha256", [file.sha256])
        if covers and waiver["code"] == code and waiver["expires"] >= NOW.date():
            return True
    return False


def find_mismatched(pages: Iterable[Iterable[File]]) -> set[str]:
    """The text: "two permitted sources give one file name different sha256 -> hash-mismatch, both dropped"."""
    told: dict[str, list[set[str]]] = {}
    for files in pages:
        digests: dict[str, set[str]] = {}
        for file in files:
            if file.sha256 is not None:
                digests.setdefault(file.filename, set()).add(file.sha256)
        for filename, found in digests.items():
            told.setdefault(filename, []).append(found)
    return {filename for filename, found in told.items() if len(found) > 1 and len(set.union(*found)) > 1}
