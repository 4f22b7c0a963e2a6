"""Project names, the patterns that match them, and what file names claim.

Names compare after PEP 503 normalisation. A pattern is an exact name, a prefix ending in ``*``, or ``*`` alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import compress, islice
from typing import TYPE_CHECKING, NewType, cast

from .tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Name = NewType("Name", str)
"""A project name after PEP 503 normalisation."""

_PROJECT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME_AND_RANGE = re.compile(r"(?P<pattern>[^\s<>=!~(\[;@]*)\s*(?P<range>[<>=!~].*)?", re.DOTALL)
_NORMAL_BYTES = bytes(ord("-") if byte in b"_." else ord(chr(byte).lower()) for byte in range(128)) + bytes(128)
_END_OF_PART = re.compile(r"(?<![-_.])-")
_MANY_PARTS = 8
"""Between dashes, in the names of files: hardly one has more."""
_PYTHON_TAG = re.compile(r"-py\d")
_SEPARATORS = re.compile(r"[-_.]+")


@lru_cache(maxsize=512)  # the files of a page have few spellings
def normalise_name(name: str) -> Name:
    """Return the PEP 503 form of a project name: lower case, runs of ``-_.`` as one ``-``."""
    # What packaging.utils.canonicalize_name does; that module loads five others, and pip waits for them.
    return Name(_SEPARATORS.sub("-", name).lower())


class BareNames(NamedTuple):
    """Which entries of a list are bare project names."""

    places: Sequence[int]
    """Of the bare names, ascending."""
    names: Sequence[Name]
    """The normalised form of each of them."""
    others: Sequence[int]
    """The places of all other entries, ascending."""


def normalise_names(entries: Sequence[object]) -> BareNames:
    """Find the bare project names in a list and normalise them.

    The same as ``normalise_name`` for each. All go through each step at once: a policy may hold 100,000 names.
    """
    if not entries:
        return BareNames((), (), ())
    try:
        text = "\n".join(cast("Sequence[str]", entries))
    except TypeError:
        text = "\n".join([entry if isinstance(entry, str) else "" for entry in entries])
    if not text.isascii() or text.count("\n") != len(entries) - 1:
        # Someone's typing error, or an attempt at something: one at a time.
        text = "\n".join([str(entry) if _is_bare_name(entry) else "" for entry in entries])
    data = b"\n%b\n" % text.encode().translate(_NORMAL_BYTES)
    while b"--" in data:
        data = data.replace(b"--", b"-")
    lines = cast("list[Name]", data.decode().split("\n")[1:-1])
    # A dash at an end is none of a name's; without its other dashes a name is alphanumeric.
    solid = data.replace(b"\n-", b"\n*").replace(b"-\n", b"*\n").translate(None, b"-")
    if b"\n\n" not in solid and solid.translate(None, b"\n").isalnum():
        return BareNames(range(len(lines)), lines, ())
    is_bare = list(map(bytes.isalnum, solid.split(b"\n")[1:-1]))
    places = list(compress(range(len(lines)), is_bare))
    others = [place for place, bare in enumerate(is_bare) if not bare]
    return BareNames(places, list(compress(lines, is_bare)), others)


def _is_bare_name(entry: object) -> bool:
    return isinstance(entry, str) and _PROJECT_NAME.fullmatch(entry) is not None


class Pattern(NamedTuple):
    """What a policy entry matches.

    ``stem`` is normalised. An exact pattern matches its stem alone; any other matches every name that starts with it.
    """

    stem: str
    exact: bool

    @property
    def rank(self) -> tuple[bool, int]:
        """Exact beats prefix, a longer prefix beats a shorter one, ``*`` is last."""
        return (self.exact, len(self.stem))

    @property
    def is_catch_all(self) -> bool:
        """Whether this is ``*`` alone; a name is *claimed* when its rule is anything else."""
        return not self.exact and not self.stem

    def matches(self, name: Name) -> bool:
        """Tell whether a normalised name matches."""
        return name == self.stem if self.exact else name.startswith(self.stem)

    def __str__(self) -> str:
        return self.stem if self.exact else f"{self.stem}*"


def parse_pattern(text: str) -> Pattern:
    """Read an exact name, a prefix ending in ``*``, or ``*``.

    :raises ValueError: anything else: a ``*`` elsewhere, a regular expression, a negation, an empty text.
    """
    if text == "*":
        return Pattern("", exact=False)
    if text.endswith("*") and _PREFIX.fullmatch(text[:-1]):
        return Pattern(_SEPARATORS.sub("-", text[:-1]).lower(), exact=False)
    if _PROJECT_NAME.fullmatch(text):
        return Pattern(normalise_name(text), exact=True)
    raise ValueError(f"{text!r} is not a project name, a prefix ending in `*`, or `*`")


def split_entry(text: str) -> tuple[str, str]:
    """Split ``"numpy>=2,<3"`` into its pattern and its version range (empty where there is none).

    :raises ValueError: the text has another form, such as extras, a marker or a URL.
    """
    found = _NAME_AND_RANGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a name or pattern, with or without a version range")
    return found["pattern"], (found["range"] or "").strip()


_DISTRIBUTIONS = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".egg")
_ARCHIVES = (*_DISTRIBUTIONS, ".tar.lz", ".tar.lzma", ".tbz", ".txz", ".tlz", ".tar")


def find_version(filename: str, name: Name) -> str | None:
    """Return the version that a file of project ``name`` claims by its file name; None for another project's file.

    As tolerant as pip (20.3 to 26.3), which accepts any spelling of the name: what pip would take for a file of the
    project counts as offered, compatible with this platform or not.
    """
    if filename.endswith(".whl"):  # most files
        return _find_wheel_version(filename, name)
    ending = next(filter(filename.lower().endswith, _ARCHIVES), None)
    if ending is None:
        return None
    stem = filename[: -len(ending)]
    if ending == ".whl":
        return _find_wheel_version(filename, name)
    # The name itself may hold dashes: each may be the end of the name, as pip has it. None after another separator can,
    # and none behind more text than the name has: the time does not grow with the square of what a page sends.
    for dash in _END_OF_PART.finditer(stem):
        part = normalise_name(stem[: dash.start()])
        if part == name:
            version = stem[dash.end() :]
            # What begins with a tag is a version all the same, to pip < 24.1: one that PEP 440 does not know.
            return _PYTHON_TAG.split(version, maxsplit=1)[0] or version or None
        if len(part) > len(name):
            return None
    return None


def _find_wheel_version(filename: str, name: Name) -> str | None:
    distribution, _, rest = filename[: -len(".whl")].partition("-")
    return rest.partition("-")[0] if rest and normalise_name(distribution) == name else None


def find_names(filename: str) -> Collection[Name] | None:
    """Return the projects that ``find_version`` may take a file for; None where these are too many to be told."""
    ending = next(filter(filename.lower().endswith, _ARCHIVES), None)
    if ending is None:
        return ()
    stem = filename[: -len(ending)]
    if ending == ".whl":
        return (normalise_name(stem.partition("-")[0]),)
    ends = [dash.start() for dash in islice(_END_OF_PART.finditer(stem), _MANY_PARTS + 1)]
    return None if len(ends) > _MANY_PARTS else {normalise_name(stem[:end]) for end in ends}


def is_distribution(filename: str) -> bool:
    """Tell whether a file name is that of a wheel, sdist or egg."""
    return filename.endswith(_DISTRIBUTIONS)
