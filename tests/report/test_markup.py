"""Text stays text."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.errors import escape
from indexguard.report.markup import Html, as_html, element, join
from support.report_events import HOSTILE


def test_element() -> None:
    assert element("td", "a", 5, None, class_="x", data_label="L", hidden="", title=None) == (
        '<td class="x" data-label="L" hidden>a5</td>'
    )


def test_elements_nest() -> None:
    assert element("p", element("b", "<")) == "<p><b>&lt;</b></p>"
    assert join([element("b"), "&"]) == "<b></b>&amp;"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_no_markup(text: str) -> None:
    written = element("p", text, title=text)
    assert written.count("<") == 2
    assert written.count('"') == 2
    assert "'" not in written


@given(st.text())
def test_text_reads_back_as_escaped(text: str) -> None:
    written = as_html(text)
    assert isinstance(written, Html)
    assert not set(written) & set("<>\"'")
    assert html.unescape(written) == escape(text)
    assert written.isprintable()
