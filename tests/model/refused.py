"""What the policy's description never lets in, written down a second time, as ``model.policy``.

A sentence in quotation marks is the description's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.specifiers import SpecifierSet  # noqa: TID251, TID253  # not the guard's: the model stands alone

from model.serving import is_waived
from model.web import PYPI_FILES, PYPI_URL, File, Place, Record, normal, place_of


def find_refused(
    views: Iterable[tuple[Mapping[str, Any], str | None, bool]],
    records: Iterable[Record],
    file: File,
    place: Place | None,
    *,
    is_listed: bool,
) -> set[str]:
    """Return the codes by which a file never comes in.

    :param views: each policy, the index of it that the place belongs to, and whether it claims the name.
    :param place: of the page that lists the file, else of its URL.
    """
    codes, known = set(), list(records)
    for policy, owner, claimed in views:
        public = counts(policy, owner, place, is_listed=is_listed, claimed=claimed)
        codes |= find_denied(policy, file) | find_advised(policy, known, file, is_public=public)
    return codes


def find_denied(policy: Mapping[str, Any], file: File) -> set[str]:
    """The text: "never, from anywhere, direct and local included; beats every allow"."""
    for table in policy.get("deny", ()):
        for entry in table["packages"]:
            pattern = re.split("[<>=!~]", entry, maxsplit=1)[0]
            stem = normal(pattern.rstrip("*"))
            is_named = file.project.startswith(stem) if pattern.endswith("*") else file.project == stem
            if is_named and SpecifierSet(entry[len(pattern) :]).contains(file.version, prereleases=True):
                return {"denied"}
    return set()


def find_advised(policy: Mapping[str, Any], records: Iterable[Record], file: File, *, is_public: bool) -> set[str]:
    """The text: "versions in a `MAL-` record are denied, and so is a file whose sha256 a record names".

    :param is_public: what ``counts`` says.
    """
    if "advisories" not in policy:
        return set()
    live = [it for it in records if not it.withdrawn and it.ecosystem == "PyPI" and it.id.startswith("MAL-")]
    if file.sha256 is not None and any(file.sha256 in it.sha256 for it in live):
        return {"advisory"}  # "lifted only by `sha256 = […]`", which no waiver here has
    named = [it for it in live if normal(it.project) == file.project and _is_meant(it, file.version)]
    return {"advisory"} if named and is_public and not is_waived(policy, "advisory", file) else set()


def _is_meant(record: Record, version: str) -> bool:
    if record.all_versions:
        return True
    return any(SpecifierSet(f"=={listed}").contains(version, prereleases=True) for listed in record.versions)


def counts(
    policy: Mapping[str, Any], owner: str | None, place: Place | None, *, is_listed: bool, claimed: bool
) -> bool:
    """The text: "They count for files of public indexes (`indexes` names others)", and for "unclaimed names".

    :param owner: the index that the place of the page, or of the URL of what no index lists, belongs to.
    """
    named = policy.get("advisories", {}).get("indexes", ())
    if owner is not None:
        table = policy["indexes"][owner]
        urls = [table["url"]] if isinstance(table["url"], str) else table["url"]
        is_pypi = any(place_of(PYPI_URL if url == "pypi" else url) == place_of(PYPI_URL) for url in urls)
        if table.get("public", is_pypi) or owner in named:
            return True
    public = place_of(PYPI_URL)
    if is_listed:
        # Without [indexes] there is no public index but the one that goes without saying.
        return "indexes" not in policy and public is not None and place is not None and public.holds(place)
    return not claimed


def place_of_file(url: str) -> Place | None:
    """Return the identity of a URL that no index lists: the public index's file host is the index's own."""
    place, public = place_of(url), place_of(PYPI_URL)
    if place is not None and public is not None and (place.scheme, place.host) == ("https", PYPI_FILES):
        return public._replace(segments=(*public.segments, *place.segments))
    return place
