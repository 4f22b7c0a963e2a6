"""The page as a parser of HTML sees it."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from indexguard.errors import escape
from indexguard.report.lists import MAX_LISTED, MAX_SHADOWS
from indexguard.report.page import MARK, render_page
from indexguard.report.summary import MAX_SHADOWS as MAX_TOLD
from indexguard.report.summary import Summary
from support.report_events import HOSTILE, PUBLIC, event, hostile_event, shadowed

MADE = datetime(2026, 11, 26, 4, 12, tzinfo=timezone.utc)
_VOID = {"meta", "input"}


class Page(HTMLParser):
    """What is in a page: its elements and texts; complains of elements that are closed out of order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.comments: list[str] = []
        self.contents: dict[str, str] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        if self.open[-1:] in (["style"], ["script"], ["title"]) and "svg" not in self.open:
            self.contents[self.open[-1]] = self.contents.get(self.open[-1], "") + data
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        """A comment."""
        self.comments.append(data)

    def tags(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of the elements of this name."""
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def shown(self) -> str:
        """All texts, one after the other."""
        return " ".join(" ".join(self.texts).split())


def page_of(*events: dict[str, Any], rows: int = 100, sources: list[str] | None = None, foreign: int = 0) -> Page:
    """Return the page of these events."""
    summary = Summary(rows)
    summary.add_all(events)
    return Page(render_page(summary, made=MADE, sources=sources or [], foreign=foreign))


def test_content() -> None:
    page = page_of(shadowed(), event("selected", None, host="ws-ada"), event(), sources=["audit.jsonl"], foreign=2)
    assert page.contents["title"] == "indexguard: 2 findings on 2 machines, 2026-11-20 to 2026-11-20"
    assert "Made 2026-11-26 04:12 UTC by indexguard report from audit.jsonl." in page.shown
    assert "2 lines left out" in page.shown
    assert "Machines build-7, ws-ada Users root" in page.shown
    assert "All 2 findings of the log" in page.shown
    for words in (
        "Shadowed names",
        "Findings over time",
        "Indexes asked",
        "refused `acme-core`",
        "indexes.corp.namespaces[0]",
    ):
        assert words in page.shown


def test_shadowed_names_come_first() -> None:
    page = page_of(shadowed())
    places = [page.text.index(f'id="{name}"') for name in ("shadowed-names", "over-time", "findings")]
    assert places == sorted(places)


def test_figures() -> None:
    page = page_of(
        *(shadowed(name, run=name) for name in ("a", "b", "c")),
        *(event(run=f"{number}") for number in range(1200)),
        event(run="17", code="direct-url"),  # one refused install of one name is one refusal
        event("dropped", "version-not-allowed", run="a"),
        *[event("selected", None, run="z")] * 2,
        event("not-asked", "claimed-elsewhere", run="z"),
        rows=0,
    )
    for tile in (
        "Shadowed names 3",
        "Refusals 1,200",
        "Files dropped 1",
        "Only told 0",
        "Runs with findings 1,203 of 1,204 pip runs",
        "Files chosen 2 1 index not asked",
    ):
        assert tile in page.shown


def test_more_than_can_be_told_apart_is_marked() -> None:
    page = page_of(*(shadowed(f"acme-{number}", versions=[]) for number in range(MAX_TOLD + 1)), rows=0)
    assert f"Shadowed names {MAX_TOLD:,}+" in page.shown


def test_empty_log() -> None:
    page = page_of()
    assert page.contents["title"] == "indexguard: 0 findings on 0 machines"
    assert "Nothing was refused, dropped or found." in page.shown
    assert "No public index offered a name that belongs to another one." in page.shown
    assert page.tags("table") == []


def test_begins_with_its_mark() -> None:
    assert MARK in page_of().text[:2000]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_everywhere(text: str) -> None:
    plain = page_of(hostile_event("harmless"))
    page = page_of(hostile_event(text), sources=[text])
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [list(attributes) for _, attributes in page.elements] == [
        list(attributes) for _, attributes in plain.elements
    ]
    assert page.contents["style"] == plain.contents["style"]
    assert page.contents["script"] == plain.contents["script"]
    assert page.comments == []
    assert page.shown.count(" ".join(escape(text).split())) > 20


def test_nothing_of_the_log_is_in_style_or_script() -> None:
    assert "harmless" not in "".join(page_of(hostile_event("harmless")).contents[name] for name in ("style", "script"))


def test_ascii_only_and_no_character_that_turns_the_text() -> None:
    page = page_of(event(message="\u202eabc\u05d0\U0001f40d\u200f"))
    assert page.text.isascii()
    assert "\\u202eabc\u05d0\U0001f40d\\u200f" in page.shown


def test_policy_forbids_network_and_allows_just_these_scripts() -> None:
    page = page_of(shadowed())
    (policy,) = (tag["content"] for tag in page.tags("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    hashes = {
        name: "'sha256-" + base64.b64encode(hashlib.sha256(page.contents[name].encode()).digest()).decode() + "'"
        for name in ("style", "script")
    }
    assert rules == {
        "default-src": "'none'",
        "style-src": hashes["style"],
        "script-src": hashes["script"],
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_loads_nothing() -> None:
    page = page_of(shadowed(), event())
    assert not {"link", "img", "iframe", "object", "embed", "base", "form", "image", "use"} & {
        tag for tag, _ in page.elements
    }
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {"src", "srcset", "action", "style", "background"} & names
    assert not any(name.startswith("on") for name in names)
    assert [tag["href"] for tag in page.tags("a")] == ["#findings"]
    assert "url(" not in page.contents["style"]
    assert "@import" not in page.contents["style"]


def test_landmarks_and_headings() -> None:
    page = page_of(shadowed(), event())
    tags = [tag for tag, _ in page.elements]
    for landmark in ("header", "main", "footer", "h1"):
        assert tags.count(landmark) == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert page.tags("html") == [{"lang": "en"}]


def test_ids_are_unique_and_references_meet_them() -> None:
    page = page_of(shadowed(), event())
    ids = [value for _, attributes in page.elements for name, value in attributes.items() if name == "id"]
    assert len(set(ids)) == len(ids)
    for _, attributes in page.elements:
        for reference in ("aria-labelledby", "for"):
            assert set((attributes.get(reference) or "").split()) <= set(ids)


def test_tables_keep_their_meaning_where_they_are_drawn_as_cards() -> None:
    page = page_of(shadowed(), event())
    roles = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}
    start = page.text.index('class="names cards"')
    for part in (
        page.text[start : page.text.index("</table>", start)],
        page.text[page.text.index('class="events cards"') :],
    ):
        for tag, role in roles.items():
            assert all(
                f'role="{role}"' in found for found in re.findall(rf"<{tag}\b[^>]*>", part.partition("</table>")[0])
            )


def test_controls_wait_for_the_script() -> None:
    page = page_of(event())
    (controls,) = (tag for tag in page.tags("div") if tag.get("class") == "controls")
    assert "hidden" in controls
    assert page.text.count("<label") == 3


def test_filter_offers_the_codes_of_the_table() -> None:
    page = page_of(event(code="direct-url"), event(code="direct-url"), shadowed(), event("selected", None))
    values = [tag["value"] for tag in page.tags("option")]
    assert values[:3] == [None, "direct-url", "shadowed-name"]  # a bare attribute is an empty text
    assert "direct-url (2)" in page.shown


def test_table_is_bounded_and_says_so() -> None:
    page = page_of(*(event(seq=number) for number in range(1, 31)), rows=7)
    assert "The newest 7 of 30 findings; the counts above are of all of them." in page.shown
    assert len([tag for tag in page.tags("tr") if "data-code" in tag]) == 7
    assert "No finding is shown." in page_of(event(), rows=0).shown


def test_lists_are_bounded_and_say_so() -> None:
    names = [f"acme-{number:04}" for number in range(MAX_SHADOWS + 30)]
    page = page_of(*map(shadowed, names), rows=0)
    assert f"and {len(names) - MAX_LISTED} others" in page.shown
    assert "and 30 names more" in page.shown
    shadows = page.text[: page.text.index('id="unenforced"')].count('role="rowheader"')
    assert shadows == MAX_SHADOWS


def test_what_deserves_a_look_beside_the_findings() -> None:
    layer = {"layer": "machine", "file": "p", "sha256": "0", "mode": "audit"}
    chosen = {"version": "99.0", "file": "f", "hash": None, "url": "u", "index": PUBLIC, "origin": "other"}
    page = page_of(
        event("selected", None, host="audits", policy=[layer], chosen=chosen),
        event("selected", None, host="enforces", policy=[layer, {**layer, "mode": "enforce"}], chosen=None),
        event("selected", None, host="bare", policy=[]),
    )
    assert "Machines without policy or only audit" in page.shown
    assert "audits only audit 1" in page.shown
    assert "bare no policy 1" in page.shown
    assert "enforces only" not in page.shown
    assert "Files that did not come from the name's own index" in page.shown
    assert f"acme-core 99.0 {PUBLIC} 1" in page.shown
    assert "name's own index" not in page_of(event(policy=[{**layer, "mode": "enforce"}])).shown


def test_page_of_a_hostile_log_is_bounded() -> None:
    long = "<" * 900_000
    page = page_of(hostile_event(long))
    assert len(page.text) < 400_000


def test_timeline_has_a_description_and_a_table() -> None:
    page = page_of(
        shadowed(time="2026-11-20T08:30:00Z"), event(time="2026-11-20T08:45:00Z"), event(time="2026-11-20T08:45:01Z")
    )
    (picture,) = (tag for tag in page.tags("svg") if tag.get("role") == "img")
    assert picture["aria-label"] == (
        "3 findings from 2026-11-20 08:22 to 2026-11-20 08:45, at most 2 in one bar. The table below has the numbers."
    )
    assert "One bar is one minute, UTC." in page.shown
    assert "2026-11-20 08:45: 2 refused" in page.shown


def test_findings_outside_of_the_timeline_are_told() -> None:
    events = [event(time=f"2026-11-20T{hour:02}:{minute:02}:00Z") for hour in range(10) for minute in range(60)]
    page = page_of(*events, event(time="1970-01-01T00:00:00Z"), event(time="soon"), rows=1)
    assert "Not shown: 1 finding outside of this time and 1 finding without a time." in page.shown


def test_time_is_machine_readable() -> None:
    page = page_of(event())
    assert {"datetime": "2026-11-20T08:30:00.123Z"} in page.tags("time")
    assert "2026-11-20 08:30:00" in page.shown


def test_answer_from_elsewhere_is_told() -> None:
    elsewhere = "https://other.example/acme-core/"
    assert f"answered by {elsewhere}" in page_of(event(index_answered=elsewhere)).shown
    assert "answered by" not in page_of(event()).shown


def test_files_of_the_page_are_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in ("page.html", "page.css", "page.js"):
            assert archive.read(f"indexguard/report/{name}")
