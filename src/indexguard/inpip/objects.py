"""The objects of pip that the guard touches, with what it touches of them: the same in every pip from 20.3 to 26.3.

Types alone: other modules import them for the type checker, and no pip run loads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Union

if TYPE_CHECKING:
    from typing import Any

    Call = Callable[..., Any]
    """Calls pip's own method, with the arguments that it was called with but for those that are given by name."""


class Link(Protocol):
    """A file, or a page, by its URL."""

    url: str
    url_without_fragment: str
    filename: str
    file_path: str
    egg_fragment: str | None
    comes_from: object
    """The final URL of the page that lists it; of a file that no page lists, an option's or a file's name, or None."""
    hash_name: str | None
    hash: object
    """Text; a JSON page may give any value (pip >= 22.2 takes it as it is)."""
    is_vcs: bool
    is_wheel: bool


class Candidate(Protocol):
    """A file of a project, as the finder found it."""

    version: object
    link: Link


class Scope(Protocol):
    """Where a finder looks."""

    index_urls: Sequence[str]
    find_links: Sequence[str]

    def get_index_urls_locations(self, project_name: str) -> Sequence[str]:
        """Return the URLs of a project's pages."""


class Response(Protocol):
    """What a server answered."""

    url: str
    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str | None
    is_redirect: bool

    def json(self) -> object:
        """Return its content, read as JSON."""


Exchange = Union[Response, BaseException]
"""What became of one request."""


class Session(Protocol):
    """What pip asks servers with."""

    pip_trusted_origins: Iterable[tuple[str, int | None]]
    auth: Any

    def get(self, url: str, *, headers: Mapping[str, str]) -> Response:
        """Send a GET request."""

    def get_adapter(self, url: str) -> Any:
        """Return what sends the requests for a URL."""


class LinkCollector(Protocol):
    """What a finder reads pages with."""

    session: Session


class Finder(Protocol):
    """Looks for the files of projects."""

    search_scope: Scope
    _link_collector: LinkCollector


class Evaluator(Protocol):
    """Judges links for one project."""

    project_name: str


class BestCandidate(Protocol):
    """What a finder made of one requirement."""

    best_candidate: Candidate | None


class Requirement(Protocol):
    """A requirement, of the user or of a distribution."""

    name: str | None
    link: Link | None
    original_link: Link | None
    comes_from: Requirement | str | None
    constraint: bool
    hash_options: dict[str, list[str]]
    satisfied_by: object
    """What is installed already and will do; None where there is none, or it is not to stay."""
    local_file_path: str | None


class Distribution(Protocol):
    """What a requirement was prepared into; of pkg_resources in pip <= 21.1."""

    version: object


class Options(Protocol):
    """What a command of pip was told; those that install nothing lack most of it."""

    target_dir: str | None


class Scheme(Protocol):
    """Where the parts of a wheel go."""

    purelib: str
    platlib: str
    scripts: str


class Resolved(Protocol):
    """What a resolver arrived at."""

    requirements: Mapping[str, Requirement]


class CacheEntry(Protocol):
    """A wheel in pip's cache."""

    link: Link


class VenvEnvironment(Protocol):
    """A build environment in a venv (pip >= 26.2)."""

    lib_dirs: Sequence[str]


class VirtualEnvironment(Protocol):
    """A build environment of folders."""

    _site_dir: str
