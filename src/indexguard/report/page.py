"""The page: one HTML file, of ASCII characters, that loads nothing and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from string import Template

from ..audit.kinds import GROUPS, NOT_ASKED, SELECTED
from .concerns import draw_machines, draw_strays
from .lists import draw_lists, draw_shadows
from .markup import Html, as_html, element, join
from .summary import Summary
from .table import draw_findings
from .timeline_drawing import draw_timeline
from .words import at_least, count, long_list, short_time

MARK = '<meta name="generator" content="indexguard report">'
"""Stands near the beginning of every page."""
MAX_SOURCES = 5


def render_page(
    summary: Summary,
    *,
    made: datetime,
    sources: Sequence[str] = (),
    foreign: int = 0,
    unread: Sequence[str] = (),
    only: Sequence[str] = (),
) -> str:
    """Return the whole page.

    :param made: now, in UTC.
    :param sources: what was read, for the reader.
    :param foreign: how many lines were left out, because they are no events.
    :param unread: those of the sources that could not be read to their end.
    :param only: what the events were chosen by, in words; by default these are all of the log.
    """
    style, script = _read("page.css"), _read("page.js")
    page = Template(_read("page.html")).substitute(
        title=as_html(_title(summary)),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        covers=_covers(summary, only),
        body=join(
            [
                _tiles(summary),
                draw_shadows(summary),
                draw_machines(summary),
                draw_strays(summary),
                draw_timeline(summary),
                draw_lists(summary),
                draw_findings(summary),
            ]
        ),
        footer=_footer(made, sources, foreign, unread),
    )
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _read(name: str) -> str:
    return files("indexguard.report").joinpath(name).read_text(encoding="ascii")


def _hash(text: str) -> str:
    """Return what allows exactly this text in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("ascii")).digest()).decode("ascii")


def _title(summary: Summary) -> str:
    what = f"indexguard: {count(summary.findings, 'finding')} on {count(len(summary.hosts), 'machine')}"
    return f"{what}, {summary.first[:10]} to {summary.last[:10]}" if summary.first else what


def _covers(summary: Summary, only: Sequence[str]) -> Html:
    """Say what the page covers."""
    span = [short_time(summary.first), " to ", short_time(summary.last), " UTC"] if summary.first else ["no time"]
    rows: list[tuple[str, Sequence[Html | str]]] = [
        ("From", span),
        ("Machines", [long_list(summary.hosts)]),
        ("Users", [long_list(summary.users)]),
    ]
    if only:
        rows.append(("Only", ["; ".join(only)]))
    return element(
        "dl",
        *(element("div", element("dt", label), element("dd", *content)) for label, content in rows),
        class_="covers",
    )


def _tiles(summary: Summary) -> Html:
    events, not_asked = summary.groups, count(summary.kinds[NOT_ASKED], "index", "indexes")
    shadows = at_least(len(summary.shadows), is_full=summary.more_shadows)
    runs = at_least(len(summary.runs), is_full=summary.runs.is_full)
    runs_with_findings = at_least(len(summary.runs_with_findings), is_full=summary.runs_with_findings.is_full)
    tiles = [
        ("shadowed", "Shadowed names", shadows, "a public index offers a name of yours"),
        ("refused", "Refusals", f"{sum(summary.concerns.refusals.values()):,}", "names, references and whole runs"),
        ("dropped", "Files dropped", f"{events['dropped']:,}", "events; the name went on"),
        ("observed", GROUPS["observed"], f"{events['observed']:,}", "events; nothing was kept from pip"),
        ("runs", "Runs with findings", runs_with_findings, f"of {runs} pip runs"),
        ("chosen", "Files chosen", f"{summary.kinds[SELECTED]:,}", f"{not_asked} not asked"),
    ]
    return element(
        "section",
        element("h2", "In figures", class_="spoken"),
        element("ul", *(_tile(*tile) for tile in tiles), class_="tiles"),
    )


def _tile(kind: str, label: str, number: str, note: str) -> Html:
    return element(
        "li",
        element("span", label, class_="label"),
        element("span", number, class_="number"),
        element("span", note, class_="note"),
        class_=kind if number == "0" else f"{kind} some",
    )


def _footer(made: datetime, sources: Sequence[str], foreign: int, unread: Sequence[str]) -> Html:
    read = f" from {_some(sources)}" if sources else ""
    left_out = f"{count(foreign, 'line')} left out, not a whole event of this version of the log." if foreign else ""
    return join(
        [
            element("p", f"Made {made:%Y-%m-%d %H:%M} UTC by indexguard report{read}. All times are UTC."),
            element("p", left_out) if left_out else None,
            element("p", f"Not read to the end: {_some(unread)}.") if unread else None,
            element("p", "This page loads nothing from any network. It names machines, users and folders: share it with care."),
        ]
    )  # fmt: skip


def _some(paths: Sequence[str]) -> str:
    """Return the first of some paths, and how many others there are."""
    more = len(paths) - MAX_SOURCES
    return ", ".join(paths[:MAX_SOURCES]) + (f" and {count(more, 'more file')}" if more > 0 else "")
