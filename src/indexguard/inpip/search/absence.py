"""What an index answers for names that it does not have, where that is not 404: asked only where it matters.

Some servers answer 403 for everything that they do not have (object storage, some registries); others do so where a
login has expired. What tells them apart is judged once a run and index, and never by the order of the names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from ...decision.absence import is_shared, says_not_here
from ...decision.authority import Authority
from ...patterns import Name, is_distribution
from ...policy.identity import find_location
from ..run import Run
from .page import Page
from .searches import Searches
from .simple_page import PageReader, is_sign_in, text_of

if TYPE_CHECKING:
    from ..objects import Finder, Response

_FORBIDDEN, _OK = 403, 200
_MOST = 100
"""How many pages are asked for at most, to see one that lists a file."""
_HEADERS = {"Accept": "application/vnd.pypi.simple.v1+json, text/html; q=0.1", "Cache-Control": "max-age=0"}


def is_not_here(
    run: Run,
    finder: Finder,
    searches: Searches,
    page: Page,
    authority: Authority,
    *,
    names: Iterable[Name],
    alone: bool,
) -> bool:
    """Tell whether the status of a failed index says that it does not have the name, beside 404 and 410.

    :param authority: what the layers say of the name.
    :param names: what the user requested, all at once.
    :param alone: whether the rule that holds without a policy counts the failure.
    """
    status = page.status
    if status is None or page.probing or not page.is_index:
        return False
    if alone and status == _FORBIDDEN:
        return forbids_unknown(run, finder, searches, page, names)
    if not says_not_here(authority, page.asked, status):
        return False
    own = [name for name in names if run.authority(name).ask(page.asked).refusal is None]
    return not is_shared(authority) or shows_something(run, finder, searches, page, own)


def forbids_unknown(run: Run, finder: Finder, searches: Searches, page: Page, names: Iterable[Name]) -> bool:
    """Tell whether an index answers 403 for whatever it does not have, and not because it lets this pip see nothing.

    It is asked for one name that nobody can have registered. If it answers 403 to that too, and its root or the page of
    a requested name lists something, then 403 means "not here".

    :param page: of that index, which answered 403.
    :param names: what the user requested, all at once: what has been met so far would depend on their order.
    """
    with searches.lock:
        known = searches.absences.get(("forbids", page.place))
        if known is None:
            nobody = f"indexguard-probe-{os.urandom(8).hex()}"
            answer = _ask(run, finder, searches, page, f"{_root_of(page)}{nobody}/")
            is_usual = answer is not None and answer.status_code == _FORBIDDEN
            known = is_usual and shows_something(run, finder, searches, page, names)
            searches.absences["forbids", page.place] = known
        return known


def shows_something(run: Run, finder: Finder, searches: Searches, page: Page, names: Iterable[Name]) -> bool:
    """Tell whether an index has shown this pip something: a listing, or the page of a requested name with a file."""
    with searches.lock:
        known = searches.absences.get(("shows", page.place))
        if known is None:
            root = _root_of(page)
            pages = [root, *(f"{root}{name}/" for name in sorted(names)[:_MOST])]
            known = any(_lists_something(_ask(run, finder, searches, page, url), root) for url in pages)
            searches.absences["shows", page.place] = known
        return known


def _root_of(page: Page) -> str:
    return page.page_url.rstrip("/").rpartition("/")[0] + "/"


def _ask(run: Run, finder: Finder, searches: Searches, page: Page, url: str) -> Response | None:
    """Send one request, as for squatters: without retries and without a prompt for a password."""
    asked = Page(page.url, url, run.locate(page.url), is_index=True, probing=True)
    try:
        with searches.fetching(asked):
            answer: Response = finder._link_collector.session.get(url, headers=_HEADERS)  # noqa: SLF001  # as pip does
    except Exception:  # noqa: BLE001  # whatever it is, it shows nothing
        return None
    return answer


def _lists_something(answer: Response | None, root: str) -> bool:
    if answer is None or answer.status_code != _OK:
        return False
    base, place = find_location(root), find_location(answer.url)
    if base is None or place is None or not place.is_at_or_under(base):
        return False  # another place's: a sign-in page, say
    if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower().endswith("json"):
        return _lists_json(answer)
    reader = PageReader()
    try:
        reader.feed(text_of(answer))
    except AssertionError:  # html.parser's own, at a broken declaration
        return False
    if reader.is_portal and not reader.has_version:
        return False
    for link in reader.links:
        try:
            url = urljoin(answer.url, link)
            filename = unquote(urlsplit(url).path.rpartition("/")[2])
        except ValueError:
            continue
        found = find_location(url)
        is_name = found is not None and bool(found.segments) and found.parent == base and not urlsplit(url).query
        if is_distribution(filename) or (is_name and not is_sign_in(url, "")):
            return True
    return False


def _lists_json(answer: Response) -> bool:
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        return False
    lists = [told.get("projects"), told.get("files")] if isinstance(told, dict) else []
    return any(isinstance(each, list) and bool(each) for each in lists)
