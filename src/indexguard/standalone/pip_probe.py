"""Tells what pip is like here, as JSON on standard output: run as a script, in a child process, by the command line.

A child, because only a fresh interpreter shows whether its start-up puts the guard into pip. Nothing of ours is imported:
whether ``indexguard`` is there, and which one, is for the start-up hook to say. Needs pip 20.3.4 or newer.

Usage: ``python pip_probe.py [NUMBER ...] [=NUMBER ...] [NUMBER:NUMBER:NAME,NAME ...]``; with numbers, what those configured
indexes list is told too, and looked at unless there is a ``=``; with two and names, which files of these names both have.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import threading
import time
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

if sys.path and os.path.abspath(sys.path[0] or ".") == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]  # the folder of this script, where pip and its libraries are not to find anything

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_SECONDS = 8
LISTING_SECONDS = 20

ASKING_SECONDS = 60
"""How long the pages of all listed projects may take together."""
ASKERS = 8

MAX_PAGE = 4 * 1024 * 1024
"""Bytes of a root page that are read: what is longer is no list of internal names."""
MAX_ASKED = 1000
"""Of an index that lists more names none is looked at: it is taken for a mirror."""
MAX_HOPS = 6

ARCHIVES = (
    ".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar", ".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg",
    ".metadata", ".asc", ".hash", ".sha256", ".provenance",
)  # fmt: skip
CUT = ("..", "..>", "\N{HORIZONTAL ELLIPSIS}")
"""How the text of a link ends that a directory listing has cut."""

HASHES = ("sha256", "sha384", "sha512")
"""What tells that two files are one."""

FILES, EMPTY, MISSPELT, STRAY, ABSENT = "files", "empty", "misspelt", "stray", "absent"
ELSEWHERE = "it sends to another host"
LATE = "no answer in time"


def main(arguments: list[str]) -> dict[str, Any]:
    """Return all that the command line asks about pip. What cannot be found out stands in ``problem``."""
    facts: dict[str, Any] = {"python": sys.version.split()[0], "executable": sys.executable, "problem": None}
    try:
        import pip
    except ImportError as error:
        facts["problem"] = f"this Python has no pip: {error}"
        return facts
    facts["pip"] = pip.__version__
    try:
        from pip._internal.commands import create_command
        from pip._internal.models.index import PyPI
    except ImportError as error:
        facts["problem"] = f"pip {pip.__version__} is not as indexguard knows pip (20.3.4 to 26.3): {error}"
        return facts
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            command: Any = create_command("install")
            # As pip would: its option parser reads PIP_* and every pip.conf.
            options, _ = command.parse_args([])
        # As pip itself does where its cache folder is not usable (no home): the probe leaves nothing in it, either.
        options.cache_dir = None
        session = open_session(command, options)
    except SystemExit:  # a pip.conf that is none, a value that it refuses
        facts["problem"] = f"pip does not start: {said.getvalue()}"
        return facts
    except Exception as error:  # noqa: BLE001  # whatever it is, nothing more can be known
        facts["problem"] = f"pip does not start: {type(error).__name__}: {error}"
        return facts
    urls = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    facts["indexes"] = [hide_credentials(url) for url in urls]
    facts["find_links"] = [hide_credentials(url) for url in options.find_links]
    facts["trusted_hosts"] = [hide_credentials(host) for host in options.trusted_hosts]
    facts["pypi"] = PyPI.simple_url
    facts["guard"] = look_at_guard(command, options, session)
    numbers = {int(text.lstrip("=")): not text.startswith("=") for text in arguments if ":" not in text}
    facts["listings"] = list_all(command, options, {number: urls[number] for number in numbers}, numbers)
    pairs = {text: text.split(":") for text in arguments if ":" in text}
    facts["comparisons"] = {
        text.rpartition(":")[0]: compare(command, options, (urls[int(one)], urls[int(other)]), names.split(","))
        for text, (one, other, names) in pairs.items()
    }
    return facts


def open_session(command: Any, options: Any) -> Any:
    """Return a session with pip's own settings and credentials that neither waits long nor asks anybody."""
    session = command._build_session(options, retries=1, timeout=CONNECT_SECONDS)  # noqa: SLF001  # pip 20.3 to 26.3
    session.auth.prompting = False
    return session


def list_all(
    command: Any, options: Any, urls: dict[int, str], is_looked_at: dict[int, bool]
) -> dict[str, dict[str, Any]]:
    """Read what several indexes list, side by side; one that dribbles or hangs costs some seconds, and no more.

    Each listing has its ``names``, or the ``problem`` in their place; ``sort_listing`` says what else.

    :param is_looked_at: of which the pages of all projects are asked for; the lists of the others are believed.
    """
    roots = {number: url.rstrip("/") + "/" for number, url in urls.items()}

    def read(number: int) -> dict[str, Any]:
        return read_root(open_session(command, options), roots[number])

    found = in_parallel(read, list(roots), len(roots), LISTING_SECONDS)
    late = {"problem": f"it did not answer within {LISTING_SECONDS} seconds"}
    listings = {number: found.get(number, late) for number in roots}
    questions = [
        (number, project)
        for number, listing in listings.items()
        if is_looked_at[number] and len(listing.get("projects", ())) <= MAX_ASKED
        for project in listing.get("projects", ())
    ]
    sessions = threading.local()

    def look(question: tuple[int, Project]) -> str:
        if not hasattr(sessions, "own"):
            sessions.own = open_session(command, options)
        number, project = question
        return look_at(sessions.own, (roots[number], listings[number]["url"]), project)

    verdicts = in_parallel(look, questions, ASKERS, ASKING_SECONDS)
    told = {}
    for number, listing in listings.items():
        otherwise = LATE if is_looked_at[number] else ABSENT
        own = {project: verdicts.get((number, project), otherwise) for project in listing.get("projects", ())}
        told[str(number)] = {"problem": listing.get("problem"), **sort_listing(listing, own)}
    return told


def in_parallel(ask: Any, questions: list[Any], threads: int, seconds: float) -> dict[Any, Any]:
    """Return the answers to several questions that came in time.

    Not by an executor: that one waits at the end of the process for what hangs.
    """
    waiting = list(reversed(questions))
    found: dict[Any, Any] = {}
    end = time.monotonic() + seconds

    def work() -> None:
        with contextlib.suppress(IndexError):  # nothing waits any more
            while time.monotonic() < end:
                question = waiting.pop()
                found[question] = ask(question)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(min(threads, len(questions)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
    return dict(found)


def look_at_guard(command: Any, options: Any, session: Any) -> dict[str, Any]:
    """Make a package finder, as every install does, and see whether the guard took charge of it."""
    from pip._internal.exceptions import PipError
    from pip._internal.index.package_finder import PackageFinder

    stopped = None
    try:
        command._build_package_finder(options, session)  # noqa: SLF001  # as above
    except PipError as error:
        stopped = {"code": getattr(error, "reference", None), "text": str(error)}
    # The guard's wrapper; not its `__wrapped__`, which the lru_cache of old pips has too.
    wrapper = type(vars(PackageFinder).get("process_project_url"))
    return {
        "live": vars(PackageFinder).get("_indexguard_live"),
        "filters": wrapper.__module__.startswith("indexguard."),
        "stopped": stopped,
    }


class Project(NamedTuple):
    """What may be a project: a link of a root page, or a name in a JSON list."""

    name: str
    tail: str
    """What the link adds to the URL of the index; empty if it leads elsewhere, or nowhere."""
    shown: str
    """The link, fit to be shown; empty if there is none that leads anywhere."""


class Page(NamedTuple):
    """What an index answered."""

    url: str
    """Where it came from, after all redirects."""
    kind: str
    """The media type, in lower case."""
    body: bytes
    is_whole: bool
    goes_on: bool
    """Whether its header names a page that follows."""


def fetch(session: Any, url: str, roots: tuple[str, ...] = ("/",)) -> Page | str:
    """Return the page at a URL, or why there is none.

    :param roots: a redirect must stay on its host, and at or under the path of one of these.
    """
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    try:
        for _ in range(MAX_HOPS):
            response = session.get(url, headers={"Accept": accept}, stream=True, allow_redirects=False)
            with contextlib.closing(response):
                if not 300 <= response.status_code < 400:  # noqa: PLR2004  # HTTP's own numbers, here and below
                    return read_page(response, url)
                following = urljoin(url, response.headers.get("Location", ""))
            target = urlsplit(following)
            path = split_path(target.path)
            within = [split_path(urlsplit(root).path) for root in roots]
            if not is_same_host(target, urlsplit(url)) or not any(path[: len(own)] == own for own in within):
                return ELSEWHERE
            url = following
    except Exception as error:  # noqa: BLE001  # whatever it is, the index told no names
        # Not its text, which may hold the URL with credentials.
        return f"no answer ({type(error).__name__})"
    return "it sends on and on"


def read_page(response: Any, url: str) -> Page | str:
    """Return what came, of a list of names or files no more than ``MAX_PAGE`` bytes; or the status of an error."""
    if response.status_code >= 400:  # noqa: PLR2004
        return f"HTTP {response.status_code}"
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    goes_on = "next" in response.links
    if not kind.endswith(("html", "xml", "json")):
        return Page(url, kind, b"", is_whole=True, goes_on=goes_on)
    body = b""
    try:
        for chunk in response.iter_content(65536):
            body += chunk
            if len(body) > MAX_PAGE:
                return Page(url, kind, body, is_whole=False, goes_on=goes_on)
        # The urllib3 of most pips does not mind a connection that ends too early.
        is_whole = response.raw.tell() >= int(response.headers.get("Content-Length", 0))
    except Exception:  # noqa: BLE001  # of a broken chunk, a reset, a bad compression
        is_whole = False
    if not is_whole:
        return "it broke off its answer"
    return Page(url, kind, body, is_whole=True, goes_on=goes_on)


def read_root(session: Any, root: str) -> dict[str, Any]:
    """Return what a root page (PEP 503, PEP 691) lists: ``projects`` to be looked at, and what is none; or the ``problem``."""
    page = fetch(session, root)
    if isinstance(page, str):
        return {"problem": page}
    if not page.is_whole:
        return {"problem": "its list of names is too long to be one of internal names"}
    read: list[Project | str | None]
    try:
        if page.kind.endswith("json"):
            names = [project["name"] for project in json.loads(page.body)["projects"]]
            read = [Project(name, normal(name) + "/", name) for name in names]
            goes_on = False
        else:
            links = Anchors(page)
            goes_on = links.goes_on
            read = [read_anchor(href, text, links.base, (root, page.url)) for href, text in links.found]
    except (ValueError, KeyError, TypeError):
        return {"problem": "its root page is not a list of names"}
    unread = [text for text in read if isinstance(text, str)]
    if goes_on or page.goes_on:
        unread.append("the pages of its list that follow the first")
    found = {project.tail or project.shown or project.name: project for project in read if isinstance(project, Project)}
    projects = [project for project in found.values() if is_name(project.name) and not is_archive(project.shown)]
    left_out = [project.shown for project in found.values() if project not in projects]
    return {"url": page.url, "projects": projects, "left_out": left_out, "unread": unread}


def read_anchor(href: str | None, text: str, base: str, roots: tuple[str, str]) -> Project | str | None:
    """Return what a link of a root page may be: a project; a text that leads nowhere; None if it leads up or about.

    The target of a link tells, not its text: directory listings cut long texts.

    :param roots: the URL of the index, and that of the page that came.
    """
    text = text.strip().rstrip("/")
    try:
        target = urlsplit(urljoin(base, (href or "#").strip()))
        places = [urlsplit(root) for root in roots if is_same_host(target, urlsplit(root))]
    except ValueError:
        return Project(text, "", "") if is_name(text) else text or str(href)
    if href is None or href.strip().startswith("#") or target.scheme not in ("http", "https"):
        # The text is all that there is: the index will be asked for it.
        is_cut = text.endswith(CUT) and text.strip("".join(CUT)) != ""
        return Project(text, "", "") if is_name(text) else text if is_cut else None
    raw = [segment for segment in target.path.split("/") if segment]
    pages = raw[-1:] if raw and raw[-1].lower() in ("index.html", "index.htm") else []
    own = [unquote(segment) for segment in raw[: len(raw) - len(pages)]]
    bases = [split_path(place.path) for place in places]
    if any(own == path[: len(own)] for path in bases):
        return None
    if any(own[:-1] == path for path in bases):
        tail = "/".join(raw[-1 - len(pages) :]) + ("/" if target.path.endswith("/") else "")
        # The text only where it is another spelling of the same name: listings write it as its owner does.
        return Project(text if normal(text) == normal(own[-1]) else own[-1], tail, unquote(tail))
    return Project(text if is_name(text) or not own else own[-1], "", hide_credentials(target.geturl()))


def look_at(session: Any, roots: tuple[str, str], project: Project) -> str:
    """Return what is in the place of a project: ``FILES``, ``MISSPELT``, ``EMPTY``, ``STRAY``, ``ABSENT``, or why nobody knows.

    :param roots: the URL of the index, and that of the page that came for it.
    """
    verdicts = []
    asked = normal(project.name) + "/"  # as pip asks
    for tail in dict.fromkeys([asked, project.tail]):
        if not tail:
            continue
        page = fetch(session, roots[0] + tail, roots)
        verdict = page if isinstance(page, str) else judge_page(page, normal(project.name))
        if verdict == FILES:
            return FILES if tail == asked else MISSPELT
        verdicts.append(ABSENT if verdict in ("HTTP 404", "HTTP 410", ELSEWHERE) else verdict)
    for verdict in (STRAY, EMPTY):
        if verdict in verdicts:
            return verdict
    return next((verdict for verdict in verdicts if verdict != ABSENT), ABSENT)


def judge_page(page: Page, name: str) -> str:
    """Tell whether a page lists files of a project: ``FILES``, ``EMPTY`` if it lists nothing, else ``STRAY``."""
    if not page.is_whole:
        return FILES
    own = split_path(urlsplit(page.url).path)
    urls = []
    try:
        if page.kind.endswith("json"):
            urls = [urljoin(page.url, file["url"]) for file in json.loads(page.body)["files"]]
        elif page.kind.endswith(("html", "xml")):
            links = Anchors(page)
            urls = [urljoin(links.base, href.strip()) for href, _ in links.found if href is not None]
        else:
            return STRAY
        paths = [(url, split_path(urlsplit(url).path)) for url in urls]
    except (ValueError, KeyError, TypeError):
        return STRAY
    # What sorts the page, or leads upwards, is none of its entries.
    entries = [(url, path) for url, path in paths if path != own[: len(path)]]
    for url, path in entries:
        file = path[-1]
        if re.match(r"(?:git|hg|svn|bzr)\+", url) or (is_archive(file) and normal(file).startswith(f"{name}-")):
            return FILES
    return STRAY if entries else EMPTY


def compare(command: Any, options: Any, urls: tuple[str, str], names: list[str]) -> list[dict[str, Any]]:
    """Return for each name that two indexes have how many files both list, and whether those are the same.

    The second index is asked only for what the first one has.
    """
    roots = [url.rstrip("/") + "/" for url in urls]

    def look(name: str) -> dict[str, Any] | None:
        session = open_session(command, options)
        one, other = list_files(fetch(session, f"{roots[0]}{name}/"), name), {}
        if one:
            other = list_files(fetch(session, f"{roots[1]}{name}/"), name)
        if not one or not other:
            return None
        told: dict[str, Any] = {
            "name": name,
            "same": 0,
            "differ": [],
            "unknown": 0,
            "only": len(one.keys() - other.keys()),
        }
        for file in sorted(one.keys() & other.keys()):
            shared = one[file].keys() & other[file].keys()
            if not shared:
                told["unknown"] += 1
            elif all(one[file][key] == other[file][key] for key in shared):
                told["same"] += 1
            else:
                told["differ"].append(file)
        return told

    found = in_parallel(look, names, ASKERS, LISTING_SECONDS)
    return [found[name] for name in names if found.get(name) is not None]


def list_files(page: Page | str, name: str) -> dict[str, dict[str, str]]:
    """Return the files of a project on its page, each with the hashes that count."""
    if isinstance(page, str) or not page.is_whole:
        return {}
    try:
        if page.kind.endswith("json"):
            told = [(file["filename"], file["hashes"]) for file in json.loads(page.body)["files"]]
        else:
            links = [urlsplit(urljoin(page.url, href.strip())) for href, _ in Anchors(page).found if href is not None]
            told = [
                (unquote(link.path.rpartition("/")[2]), dict([link.fragment.split("=", 1)]))
                for link in links
                if "=" in link.fragment
            ]
            told += [(unquote(link.path.rpartition("/")[2]), {}) for link in links if "=" not in link.fragment]
        files = {str(file): {key: str(hashes[key]) for key in hashes if key in HASHES} for file, hashes in told}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {file: hashes for file, hashes in files.items() if is_archive(file) and normal(file).startswith(f"{name}-")}


def sort_listing(listing: dict[str, Any], verdicts: dict[Project, str]) -> dict[str, list[Any]]:
    """Return the ``names`` of an index, and what else its root page lists.

    ``left_out`` is no project of it; ``unread`` may be one, and cannot be read. Of the names, ``empty`` have no file,
    ``misspelt`` are not where pip asks, and of ``unsure`` the page did not come, for the reason given.
    """
    told: dict[str, list[Any]] = {"names": [], "empty": [], "misspelt": [], "unsure": [], "left_out": [], "unread": []}
    told["left_out"] += listing.get("left_out", ())
    told["unread"] += listing.get("unread", ())
    # An index whose pages are all missing tells nothing by them; where there are too many names, none was asked for.
    is_believed = len(verdicts) > MAX_ASKED or all(verdict == ABSENT for verdict in verdicts.values())
    for project, verdict in verdicts.items():
        if verdict == STRAY or (verdict == ABSENT and not (is_believed and project.tail)):
            told["left_out"] += [project.shown] if project.shown else []
        elif verdict in (FILES, MISSPELT, EMPTY, ABSENT) or project.tail:
            told["names"].append(project.name)
            if verdict in (EMPTY, MISSPELT):
                told[verdict].append(project.name)
            elif verdict not in (FILES, ABSENT) and not is_believed:
                told["unsure"].append([project.name, verdict])
        else:
            told["unread"].append(f"{project.shown or project.name} ({verdict})")
    return {key: sorted({json.dumps(value): value for value in values}.values()) for key, values in told.items()}


class Anchors(HTMLParser):
    """The links of an HTML page, each with its text."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.base = page.url
        self.goes_on = False
        self.found: list[tuple[str | None, str]] = []
        self._is_open = self._has_base = False
        self.feed(page.body.decode("utf-8", "replace"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a link, or the base of all links."""
        values = {key: value or "" for key, value in reversed(attrs)}
        if tag == "base" and "href" in values and not self._has_base:
            self._has_base = True
            self.base = urljoin(self.base, values["href"].strip())
        if tag in ("a", "link") and "next" in values.get("rel", "").lower().split():
            self.goes_on = True
        elif tag == "a":
            self._is_open = True
            self.found.append((values.get("href"), ""))

    def handle_data(self, data: str) -> None:
        """Add to the text of the link."""
        if self._is_open:
            href, text = self.found[-1]
            self.found[-1] = href, text + data

    def handle_endtag(self, tag: str) -> None:
        """End the link."""
        self._is_open = self._is_open and tag != "a"


def split_path(path: str) -> list[str]:
    """Return the segments of a path, decoded."""
    return [unquote(segment) for segment in path.split("/") if segment]


def is_same_host(one: SplitResult, other: SplitResult) -> bool:
    """Tell whether two URLs lead to one server; its http and its https are the same.

    :raises ValueError: a port is none.
    """
    usual = {"http": 80, "https": 443}
    ports = [url.port or usual.get(url.scheme) for url in (one, other)]
    is_upgrade = ports == [usual.get(one.scheme), usual.get(other.scheme)]
    return one.hostname == other.hostname and (ports[0] == ports[1] or is_upgrade)


def is_archive(name: str) -> bool:
    """Tell whether a link is that of a distribution, or of what is kept beside one."""
    return name.lower().endswith(ARCHIVES)


def is_name(text: object) -> bool:
    """Tell whether a text is a project name (PEP 508)."""
    return isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,198}[A-Za-z0-9])?", text) is not None


def normal(name: str) -> str:
    """Return the PEP 503 form of a name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_credentials(url: str) -> str:
    """Return what follows the scheme, without user and password."""
    rest = url.partition("://")[2]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    return authority.rpartition("@")[2] + rest[len(authority) :]


def hide_credentials(url: str) -> str:
    """Return a URL with each part before an ``@`` of its authority masked, and without query and fragment.

    The ``@`` themselves stay: a URL with several has no single reading, and the reader must be able to tell.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return re.sub(r"[^@]+@", "****@", url)
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    path = re.split("[?#]", rest[len(authority) :], maxsplit=1)[0]
    return scheme + mark + re.sub(r"[^@]+@", "****@", authority) + path


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))  # noqa: T201  # the answer
