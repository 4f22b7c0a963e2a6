"""What counts as a page of an index, what it offers, and what is remembered of it."""

from __future__ import annotations

from datetime import date
from typing import Any, Callable

import pytest

from indexguard.decision.authority import Authority
from indexguard.decision.verdict import Finding
from indexguard.errors import clean
from indexguard.inpip.search.page import Page
from indexguard.inpip.search.search import Search
from indexguard.inpip.search.simple_page import find_foreign, is_sign_in
from indexguard.patterns import Name, is_distribution
from indexguard.policy.identity import parse_location

URL = "https://corp.example/simple/"
NAME = Name("acme-core")
HTML = "text/html; charset=utf-8"
JSON = "application/vnd.pypi.simple.v1+json"

Response = Callable[..., Any]
Link = Callable[..., Any]


@pytest.fixture
def response(pip_module: Callable[[str], Any]) -> Response:
    """Makes a response of pip's own requests."""

    def make(body: str = "", status: int = 200, content_type: str | None = HTML, url: str = f"{URL}acme-core/") -> Any:
        made = pip_module("_vendor.requests.models").Response()
        made.status_code, made.url, made.encoding = status, url, "utf-8"
        made._content = body.encode()  # noqa: SLF001  # as requests itself fills it
        if content_type is not None:
            made.headers["Content-Type"] = content_type
        return made

    return make


@pytest.fixture
def link(pip_module: Callable[[str], Any]) -> Link:
    """Makes one of pip's links."""
    return lambda url, page=f"{URL}acme-core/": pip_module("_internal.models.link").Link(url, comes_from=page)


def open_page(url: str = URL) -> Page:
    return Page(url, f"{url}acme-core/", parse_location(url), is_index=True)


def search_for() -> Search:
    return Search(NAME, Authority([], NAME, date(2026, 1, 1)))


SIMPLE = [
    "<!DOCTYPE html><html><head><title>Links for acme-core</title></head><body><h1>Links for acme-core</h1></body></html>",
    '<html><head><title>Simple Index</title><meta name="api-version" value="2"></head><body></body></html>',
    '<meta name="pypi:repository-version" content="1.1"><h1>acme</h1><a href="/legal">terms</a> and text',
    "<style>body { color: red }</style><h2>acme-core</h2>\n\n",
]
FOREIGN = [
    '<html><body><form action="/login"><input name="user"></form></body></html>',
    '<a href="https://portal.example/terms">terms</a>',
    "<p>Please sign in to the guest network.</p>",
    "<script>location = 'https://portal.example'</script>",
    '<meta http-equiv="Refresh" content="0; url=https://portal.example">',
    "plain words",
    "<h1>Welcome</h1> sign in",
    '<img src="logo.png">',
    "</h1></h1>words after headings that never began",
]


@pytest.mark.parametrize("body", SIMPLE)
def test_a_page_without_files(response: Response, body: str) -> None:
    assert find_foreign(response(body), lists_files=False, is_index=True) is None


@pytest.mark.parametrize("body", FOREIGN)
def test_a_captive_portal_is_no_page(response: Response, body: str) -> None:
    assert "captive portal" in str(find_foreign(response(body), lists_files=False, is_index=True))


@pytest.mark.parametrize("encoding", ["undefined", "idna", "no-such", "utf-8\0", "utf-16", "latin-1", None])
def test_a_page_may_say_of_its_encoding_what_it_likes(response: Response, encoding: str | None) -> None:
    page = response(SIMPLE[1])
    page.encoding = encoding
    found = find_foreign(page, lists_files=False, is_index=True)
    assert (found is None) is (encoding != "utf-16")


def test_a_declaration_that_breaks_the_parser_is_no_page(response: Response) -> None:
    assert "captive portal" in str(find_foreign(response("<![x y[words"), lists_files=False, is_index=True))


def test_what_pip_could_read_as_json_is_a_page(response: Response) -> None:
    page = '{"meta": {"api-version": "1.0"}, "name": "acme-core", "files": []}'
    assert find_foreign(response(page, content_type=JSON), lists_files=False, is_index=True) is None
    for other in ("{}", '{"files": []}', '{"meta": {"api-version": 1}, "files": []}', "[]", "{", "[" * 10_000):
        found = find_foreign(response(other, content_type=JSON), lists_files=False, is_index=True)
        assert found == "JSON that is no simple index page"
    assert find_foreign(None, lists_files=False, is_index=True) is None


@pytest.mark.parametrize(
    ("status", "headers", "body", "reason"),
    [
        (204, {}, "", "status 204, which is no page"),
        (302, {}, SIMPLE[0], "status 302, which is no page"),
        (200, {}, " \n", "an empty answer"),
        (200, {"Content-Length": "100000"}, SIMPLE[0], "the answer was cut off"),
        (200, {"Content-Length": "100000", "Content-Encoding": "gzip"}, SIMPLE[0], None),
        (200, {"Content-Length": "9" * 9999}, SIMPLE[0], "the answer was cut off"),
        (200, {"Content-Length": "many"}, SIMPLE[0], None),
        (200, {"Refresh": "0; url=https://portal.example/"}, SIMPLE[0], "(a captive portal?)"),
        (203, {}, SIMPLE[0], None),
    ],
)
def test_what_pip_takes_for_a_page_and_is_none(
    response: Response, status: int, headers: dict[str, str], body: str, reason: str | None
) -> None:
    made = response(body, status=status)
    made.headers.update(headers)
    for lists_files in (True, False):
        for is_index in (True, False):
            found = find_foreign(made, lists_files=lists_files, is_index=is_index)
            assert found == reason if reason is None else reason in str(found)


def test_a_page_of_other_projects_files(response: Response) -> None:
    listing = '<h1>Index of /</h1><a href="other-1.0.zip">other-1.0.zip</a> 2026-01-01'
    for is_index in (True, False):
        assert find_foreign(response(listing), lists_files=True, is_index=is_index) is None
        found = find_foreign(response(listing + "<form>"), lists_files=True, is_index=is_index)
        assert (found is None) is not is_index


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (404, None),
        (410, None),
        (401, "status 401: is its login missing, wrong or expired?"),
        (403, "status 403: is its login missing, wrong or expired?"),
        (429, "status 429"),
        (500, "status 500"),
        (503, "status 503"),
        (200, "not a simple index page: content type text/html; charset=utf-8"),
        (304, "not a simple index page: content type text/html; charset=utf-8"),
    ],
)
def test_an_answer_that_is_no_page(response: Response, status: int, failure: str | None) -> None:
    page = open_page()
    page.exchanges.append(response(status=status))
    assert page.find_failure(NAME) == failure


def test_an_answer_without_content_type(response: Response) -> None:
    page = open_page()
    page.exchanges.append(response(content_type=None))
    assert page.find_failure(NAME) == "not a simple index page: content type missing"


def test_no_answer_at_all() -> None:
    page = open_page()
    assert page.find_failure(NAME) == "pip did not ask it (not https, and not a trusted host?)"
    assert open_page("file:///wheels/").find_failure(NAME) is None
    page.exchanges.append(ConnectionError("to https://user:secret@corp.example/\n\x1b[31mrefused"))
    failure = page.find_failure(NAME)
    assert failure == r"to https://corp.example/ \x1b[31mrefused"


@pytest.mark.parametrize(
    ("href", "body", "fails"),
    [
        ("/f/acme_core-1.0-py3-none-any.whl", FOREIGN[0], False),
        ("/f/other-1.0.tar.gz", FOREIGN[0], True),
        ("/f/other-1.0.tar.gz", FOREIGN[1], False),
        ("/f/acme-core-1.0.win32.exe", FOREIGN[0], False),
        ("https://portal.example/terms", FOREIGN[0], True),
        (None, FOREIGN[0], True),
        (None, SIMPLE[1], False),
    ],
)
def test_a_page_that_pip_could_read(
    response: Response, link: Link, href: str | None, body: str, *, fails: bool
) -> None:
    page = open_page()
    page.exchanges.append(response(body))
    page.take_links([] if href is None else [link(href)])
    failure = page.find_failure(NAME)
    assert failure == ("the answer is not a simple index page (a captive portal?)" if fails else None)


def test_a_local_page_never_fails(link: Link) -> None:
    page = open_page("file:///wheels/")
    page.take_links([link("https://portal.example/terms")])
    assert page.is_local
    assert page.find_failure(NAME) is None


@pytest.mark.parametrize(
    ("href", "version"),
    [
        ("acme_core-1.0-py3-none-any.whl", "1.0"),
        ("Acme.Core-1.0-cp311-cp311-win_amd64.whl", "1.0"),
        ("acme-core-1.0.tar.gz#sha256=00", "1.0"),
        ("acme%2Dcore-1.0.zip", "1.0"),
        # pip believes the fragment, not the file name.
        ("anything.zip#egg=acme-core-9.0", "9.0"),
        ("anything.tar.gz#sha256=00&egg=acme_core-9.0", "9.0"),
        ("acme-core-1.0.tar.gz#egg=other-9.0", None),
        ("acme_corex-1.0-py3-none-any.whl", None),
        ("acme-core-1.0.exe", None),
    ],
)
def test_what_a_page_offers(link: Link, href: str, version: str | None) -> None:
    page = open_page()
    page.take_links([link(f"https://corp.example/f/{href}")])
    assert [found for found, _ in page.offered(NAME)] == ([] if version is None else [version])


def test_the_final_url(response: Response, link: Link) -> None:
    page = open_page("https://user:secret@corp.example/simple/")
    assert (page.shown, page.shown_answer) == (URL, None)
    page.exchanges.append(response(url="https://moved.example/acme-core/"))
    page.take_links([])
    assert page.shown_answer == "https://moved.example/acme-core/"
    page.take_links([link("https://x.example/a.whl", "https://user:secret@other.example/acme-core/")])
    assert page.shown_answer == "https://other.example/acme-core/"


def test_outcomes_in_words(response: Response) -> None:
    page = open_page()
    assert (page.was_asked, page.outcome) == (False, "not asked")
    page.exchanges.append(response(status=404))
    assert (page.was_asked, page.outcome) == (True, "has no such name (status 404)")
    page.take_links([])
    assert page.outcome == "answered"
    page.failure = "status 503"
    assert page.outcome == "failed: status 503"


def test_drops_of_one_reason_are_one() -> None:
    def files(*versions: str) -> list[tuple[str, Any]]:
        return [(version, None) for version in versions]

    search, first, second = search_for(), open_page(), open_page("https://other.example/")
    finding = Finding("redirected", None)
    search.drop(finding, first, files("1.0"))
    search.drop(finding, first, files("2.0", "2.0", "2.0"))
    search.drop(finding, first, [])
    search.drop(finding, second, files("1.0"))
    search.drop(finding, None, files("1.0"))
    search.drop(Finding("shadowed-name", None), first, files("1.0"))
    assert [(drop.page, drop.versions, drop.files) for drop in search.drops] == [
        (first, {"1.0", "2.0"}, 4),
        (second, {"1.0"}, 1),
        (None, {"1.0"}, 1),
        (first, {"1.0"}, 1),
    ]


def test_failures_count_only_where_something_enforces() -> None:
    search = search_for()
    failing, probed, fine = open_page(), open_page(), open_page()
    failing.failure = probed.failure = "status 503"
    probed.probing = True
    search.pages += [failing, probed, fine]
    assert search.failed == []
    search.failures_count = True
    assert search.failed == [failing]


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://login.corp.example/", True),
        ("https://corp.example/_signin?reply_to=/simple/acme-core/", True),
        ("https://corp.example/users/sign_in", True),
        ("https://corp.example/Account/LogOn.aspx", True),
        ("https://sso.corp.example/saml2/start", True),
        ("https://corp.example/simple/acme-core/", False),
        ("https://public.example/simple/oauthlib/", False),
        ("https://login-service.example/", False),
        ("https://[x/login", False),
    ],
)
def test_a_sign_in_page_by_its_url(url: str, *, is_one: bool) -> None:
    assert is_sign_in(url, "acme-core") is is_one


def test_a_project_whose_name_is_that_of_a_sign_in_page() -> None:
    assert not is_sign_in("https://public.example/simple/Log_In/", "log-in")
    assert is_sign_in("https://public.example/login/log-in/", "log-in")


def test_a_404_from_elsewhere_is_told_as_such(response: Response) -> None:
    page = open_page()
    page.exchanges.append(response(status=404))
    page.exchanges[0].url = f"{URL}Acme_Core/"  # type: ignore[union-attr]  # a response
    assert page.outcome == "has no such name (status 404)"
    page.exchanges[0].url = "https://u:p@public.example/simple/acme-core/?x=1"  # type: ignore[union-attr]  # as above
    told = "forwarded to https://public.example/simple/acme-core/, which has no such name (status 404)"
    assert page.outcome == told
    page.led_to = "https://u:p@public.example/simple/acme-core/?x=1"
    assert page.find_failure(NAME) is None
    assert page.outcome == "forwarded to https://public.example/simple/acme-core/, which was not asked"
    page.probing = True
    assert "where a probe does not follow" in str(page.find_failure(NAME))


def test_the_page_of_a_link(link: Link) -> None:
    search, page = search_for(), open_page()
    search.by_answer[f"{URL}acme-core/"] = page
    assert search.page_of(link("https://corp.example/a.whl")) is page
    assert search.page_of(link("https://corp.example/a.whl", None)) is None
    assert search.page_of(link("https://corp.example/a.whl", "-f")) is None


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("one\n two\t", "one two"),
        ("\x1b[31m\x00\u202e", r"\x1b[31m\x00\u202e"),
        ("http://u:p@h.example/ https://t@h.example", "http://h.example/ https://h.example"),
        ("x" * 300, "x" * 197 + "..."),
    ],
)
def test_foreign_text(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_distributions_by_file_name() -> None:
    assert all(map(is_distribution, ("a-1.whl", "a-1.tar.gz", "a-1.zip")))
    assert not is_distribution("a-1.exe")
