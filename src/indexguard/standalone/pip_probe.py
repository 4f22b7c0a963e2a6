"""Tells what pip is like here, as JSON on standard output: run as a script, in a child process, by the command line.

A child, because only a fresh interpreter shows whether its start-up puts the guard into pip. Nothing of ours is imported:
whether ``indexguard`` is there, and which one, is for the start-up hook to say. Needs pip 20.3.4 or newer.

Usage: ``python pip_probe.py [NUMBER ...]``; with numbers, the root pages of those configured indexes are listed too.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys

if sys.path and os.path.abspath(sys.path[0] or ".") == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]  # the folder of this script, where pip and its libraries are not to find anything

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_SECONDS = 8
LISTING_SECONDS = 20

MAX_PAGE = 4 * 1024 * 1024
"""Bytes of a root page that are read: what is longer is no list of internal names."""


def main(numbers: list[int]) -> dict[str, Any]:
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
    facts["listings"] = list_all(command, options, [(number, urls[number]) for number in numbers])
    return facts


def open_session(command: Any, options: Any) -> Any:
    """Return a session with pip's own settings and credentials that neither waits long nor asks anybody."""
    session = command._build_session(options, retries=1, timeout=CONNECT_SECONDS)  # noqa: SLF001  # pip 20.3 to 26.3
    session.auth.prompting = False
    return session


def list_all(command: Any, options: Any, indexes: list[tuple[int, str]]) -> dict[str, dict[str, Any]]:
    """Read the root pages of several indexes side by side; one that dribbles or hangs costs ``LISTING_SECONDS`` at most."""
    import threading
    import time

    found: dict[str, dict[str, Any]] = {}

    def list_one(number: int, url: str) -> None:
        listing = list_projects(open_session(command, options), url)
        found[str(number)] = listing

    threads = [threading.Thread(target=list_one, args=each, daemon=True) for each in indexes]
    for thread in threads:
        thread.start()
    end = time.monotonic() + LISTING_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = {"names": None, "problem": f"it did not answer within {LISTING_SECONDS} seconds"}
    return {str(number): found.get(str(number), late) for number, _ in indexes}


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


def list_projects(session: Any, url: str) -> dict[str, Any]:
    """Return the names on an index's root page (PEP 503, PEP 691), read with pip's own session and credentials."""
    root = url.rstrip("/") + "/"
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    try:
        response = session.get(root, headers={"Accept": accept}, stream=True)
        response.raise_for_status()
        content = b""
        for chunk in response.iter_content(65536):
            content += chunk
            if len(content) > MAX_PAGE:
                return {"names": None, "problem": "its list of names is too long to be one of internal names"}
    except Exception as error:  # noqa: BLE001  # whatever it is, the index told no names
        # Not its text, which may hold the URL with credentials.
        status = getattr(getattr(error, "response", None), "status_code", None)
        return {"names": None, "problem": f"HTTP {status}" if status else f"no answer ({type(error).__name__})"}
    if hide_credentials(response.url).split("://")[1].split("/")[0] != without_credentials(root).split("/")[0]:
        return {"names": None, "problem": "it sends to another host"}
    try:
        return {"names": read_names(content, response.headers.get("Content-Type", ""), response.url), "problem": None}
    except (ValueError, KeyError, TypeError):
        return {"names": None, "problem": "its root page is not a list of names"}


def read_names(content: bytes, content_type: str, url: str) -> list[str]:
    """Return the project names on a root page, JSON or HTML.

    :raises ValueError: the page is not what its type says; also KeyError, TypeError.
    """
    if "json" in content_type:
        names = [project["name"] for project in json.loads(content)["projects"]]
        return sorted({name for name in names if is_name(name)})
    import posixpath
    from html.parser import HTMLParser
    from urllib.parse import unquote, urljoin, urlsplit

    base = urlsplit(url).path.rstrip("/") + "/"
    found = set()

    class Anchors(HTMLParser):
        href = None

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "a":
                self.href = dict(attrs).get("href")

        def handle_data(self, data: str) -> None:
            # The text of the anchor, if it is also where the anchor leads: a project's page is right below the root.
            name = data.strip().rstrip("/")
            if self.href is None or not is_name(name):
                return
            path = unquote(urlsplit(urljoin(url, self.href)).path).rstrip("/")
            if posixpath.dirname(path) + "/" == base and normal(posixpath.basename(path)) == normal(name):
                found.add(name)

        def handle_endtag(self, tag: str) -> None:
            if tag == "a":
                self.href = None

    parser = Anchors()
    parser.feed(content.decode("utf-8", "replace"))
    parser.close()
    return sorted(found)


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
    print(json.dumps(main([int(number) for number in sys.argv[1:]])))  # noqa: T201  # the answer
