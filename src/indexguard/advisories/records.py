"""One advisory record in OSV's JSON form, and what it says of projects of PyPI.

OSV schema 1.7.4, and what the records of the OpenSSF malicious-packages repository hold beside it: the digests of whole
files under ``affected[].database_specific.indicators.package_integrity``. Other digests there are none of files that
pip fetches: those of single files in them (``evidence_files``), and of the reports (``malicious-packages-origins``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..patterns import Name, normalise_name
from ..tuples import NamedTuple
from ..versions import parse_version

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,199}")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_EVENTS = ("introduced", "fixed", "last_affected")
MAX_RECORD = 16 * 1024 * 1024
"""Characters of one record; a larger one does not count."""
_LARGE = "it is too large for a record"
_NESTED = "its arrays and objects are nested too deeply"
_BLANKS = re.compile(r"[ \t\r\n]*")
_ANSWER = re.compile(r'\{[ \t\r\n]*"vulns"[ \t\r\n]*:[ \t\r\n]*\[')
_MARKS = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
"""What ends and begins strings, arrays and objects, and what is none of that in a string."""
_DECODER = json.JSONDecoder()
_FIRST = "0"
"""Before every version."""

Event = tuple[str, str]
"""``introduced``, ``fixed`` or ``last_affected``, and a version."""


class NoRecordError(ValueError):
    """A text that is no record; says why, as one clause."""


class Affected(NamedTuple):
    """What a record says of one project."""

    name: Name
    versions: tuple[str, ...] = ()
    ranges: tuple[tuple[Event, ...], ...] = ()
    sha256: tuple[str, ...] = ()
    """Of files, whatever their name and place; lower-case hexadecimal."""

    def affects(self, version: str) -> bool:
        """Tell whether a version is one that the record means.

        As the policy has it for denials: a local version (``1.0+local``) is covered by its public one, and a version that
        PEP 440 cannot parse lies in every range.
        """
        if version in self.versions:
            return True
        parsed = parse_version(version)
        if parsed is None:
            return bool(self.ranges)
        listed = [it for it in map(parse_version, self.versions) if it is not None]
        # A listed version that is no local one covers its local ones, as `==` does.
        is_listed = any(parsed == it or (it.local is None and it.public == parsed.public) for it in listed)
        return is_listed or any(_is_within(events, version) for events in self.ranges)


class Record(NamedTuple):
    """One record; without ``affected`` it is about other ecosystems than PyPI."""

    id: str
    modified: str
    """A moment in UTC as text, comparable with others."""
    is_withdrawn: bool
    affected: tuple[Affected, ...]


def read_records(content: bytes, tell: Callable[[str], None] | None = None) -> list[Record]:
    """Return the records of one JSON text: one object, a list of them, or the ``vulns`` of an answer of OSV's service.

    :param tell: is given why an entry of a list cannot be read, one by one; the others count. None: that is an error.
    :raises NoRecordError: it is none.
    """
    trees, is_list = _find_trees(content)
    found = []
    for number, tree in enumerate(trees):
        try:
            found.append(_read_record(tree))
        except NoRecordError as error:  # noqa: PERF203  # nearly all texts hold one record
            if tell is None or not is_list:
                raise
            tell(f"[{number}]: {error}")
    return found


def _find_trees(content: bytes) -> tuple[Iterator[object], bool]:
    """Return the entries of a text, and whether they are those of a list.

    :raises NoRecordError: it is no JSON.
    """
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        start = _skip(text, 0)
        if text.startswith("[", start):
            return _split(text, start + 1), True
        if len(text) > MAX_RECORD:  # to parse it takes many times the memory of the text
            answer = _ANSWER.match(text, start)
            if answer is not None:
                return _split(text, answer.end(), is_whole=False), True
            return iter([NoRecordError(_LARGE)]), False
        tree = json.loads(text)
    except UnicodeDecodeError:
        raise NoRecordError("it is not UTF-8") from None
    except RecursionError:
        raise NoRecordError(_NESTED) from None
    except ValueError:  # also a number of more digits than this Python converts
        raise NoRecordError("it is not JSON") from None
    if isinstance(tree, dict) and "id" not in tree and isinstance(tree.get("vulns"), list):
        return iter(tree["vulns"]), True
    return iter([tree]), False


def _split(text: str, place: int, *, is_whole: bool = True) -> Iterator[object]:
    """Yield the entries of a list, and what is wrong with one as a ``NoRecordError``; one that is cut off as far as it goes.

    :param place: behind the bracket.
    :param is_whole: whether nothing may follow the list.
    """
    window, start = text[:0], 0
    place = _skip(text, place)
    while not text.startswith("]", place):
        # No more is parsed at once than two records may have.
        if place + MAX_RECORD >= start + len(window) < len(text):
            start, window = place, text[place : place + 2 * MAX_RECORD]
        tree: object
        try:
            tree, end = _DECODER.raw_decode(window, place - start)
            end += start
            problem = _LARGE if end - place > MAX_RECORD else ""
        except RecursionError:
            end, problem = _find_end(text, place), _NESTED
        except ValueError:
            end, problem = _find_end(text, place), _LARGE
            if end - place <= MAX_RECORD:
                yield NoRecordError("it is not JSON, and what follows is not read")
                return
        yield NoRecordError(problem) if problem else tree
        place = _skip(text, end)
        if text.startswith(",", place):
            place = _skip(text, place + 1)
        elif not text.startswith("]", place):
            yield NoRecordError("it is not JSON: the list has no end")
            return
    if is_whole and _skip(text, place + 1) != len(text):
        yield NoRecordError("it is not JSON: something follows the list")


def _find_end(text: str, place: int) -> int:
    """Return where an array, an object or a string ends that is not parsed."""
    depth, is_inside = 0, False
    for found in _MARKS.finditer(text, place):
        mark = found[0]
        if mark == '"':
            is_inside = not is_inside
        elif not is_inside and len(mark) == 1:
            depth += 1 if mark in "{[" else -1
        if depth <= 0 and not is_inside:
            return found.end()
    return len(text)


def _skip(text: str, place: int) -> int:
    """Return where something other than white space follows."""
    found = _BLANKS.match(text, place)
    return place if found is None else found.end()


def _read_record(tree: object) -> Record:
    if isinstance(tree, NoRecordError):
        raise tree
    if not isinstance(tree, dict):
        raise NoRecordError("it is no record: expected an object")
    found = tree.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise NoRecordError("it has no `id`, or one that is none")
    withdrawn = tree.get("withdrawn")
    if withdrawn is not None and not isinstance(withdrawn, str):
        raise NoRecordError("`withdrawn` is no text")
    modified = tree.get("modified")
    # Moments of UTC compare as texts, once none ends in what is greater than a digit: 46Z is before 46.5Z.
    moment = modified.rstrip("Zz") if isinstance(modified, str) and modified.isprintable() else ""
    affected = tree.get("affected")
    if affected is None:
        affected = []
    if not isinstance(affected, list):
        raise NoRecordError("`affected` is no list")
    read = tuple(it for number, entry in enumerate(affected) if (it := _read_affected(entry, number)) is not None)
    return Record(found, moment, bool(withdrawn), read)


def _read_affected(entry: object, number: int) -> Affected | None:
    """Return what is said of a project of PyPI; None for one of another ecosystem."""
    package = entry.get("package") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(package, dict):
        raise NoRecordError(f"`affected[{number}]` has no `package`")
    ecosystem, name = package.get("ecosystem"), package.get("name")
    if ecosystem != "PyPI":
        return None
    if not isinstance(name, str) or not name or not name.isprintable() or " " in name:
        raise NoRecordError(f"`affected[{number}].package` has no `name`")
    versions = entry.get("versions")
    if versions is None:
        versions = []
    if not isinstance(versions, list) or not all(isinstance(it, str) for it in versions):
        raise NoRecordError(f"`affected[{number}].versions` is no list of texts")
    ranges = entry.get("ranges")
    if ranges is None:
        ranges = []
    if not isinstance(ranges, list):
        raise NoRecordError(f"`affected[{number}].ranges` is no list")
    read = (_read_range(it, f"affected[{number}].ranges") for it in ranges)
    return Affected(
        normalise_name(name),
        tuple(dict.fromkeys(versions)),
        tuple(events for events in read if events),
        _find_digests(entry),
    )


def _read_range(entry: object, key: str) -> tuple[Event, ...]:
    """Return the events of a range; none of a range of commits."""
    if not isinstance(entry, dict) or not isinstance(entry.get("events"), list):
        raise NoRecordError(f"`{key}` holds what is no range")
    if entry.get("type") == "GIT":
        return ()
    events = []
    for event in entry["events"]:
        if not isinstance(event, dict) or not all(isinstance(event.get(kind, ""), str) for kind in _EVENTS):
            raise NoRecordError(f"`{key}` holds an event that is none")
        events += [(kind, event[kind]) for kind in _EVENTS if kind in event]
    return tuple(events)


def _find_digests(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return the digests of whole files. Each database has its own form here: what is not known is passed over."""
    found: dict[str, None] = {}
    place: object = entry
    for key in ("database_specific", "indicators", "package_integrity"):
        place = place.get(key) if isinstance(place, dict) else None
    for file in place if isinstance(place, list) else ():
        hashes = file.get("hashes") if isinstance(file, dict) else None
        digest = hashes.get("sha256") if isinstance(hashes, dict) else None
        if isinstance(digest, str) and _SHA256.fullmatch(digest):
            found[digest.lower()] = None
    return tuple(found)


def _is_within(events: tuple[Event, ...], version: str) -> bool:
    """Tell whether a version that PEP 440 knows lies in a range (OSV schema, "Evaluation").

    An end that PEP 440 cannot parse is none: what is denied too much is seen, and can be waived.
    """
    parsed = parse_version(version)
    ordered = []
    for kind, text in events:
        place = None if text == _FIRST else parse_version(text)
        if place is None and kind != "introduced":
            continue
        # At one version what ends comes before what begins anew.
        ordered.append((place, ("fixed", "introduced", "last_affected").index(kind), kind))
    ordered.sort(key=lambda it: (it[0] is not None, it[0] if it[0] is not None else parsed, it[1]))
    is_in = False
    for place, _, kind in ordered:
        if kind == "introduced":
            is_in = is_in or place is None or (parsed is not None and parsed >= place)
        elif parsed is not None and place is not None and (parsed >= place if kind == "fixed" else parsed > place):
            is_in = False
    return is_in
