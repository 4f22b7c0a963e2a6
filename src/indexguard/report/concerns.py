"""What deserves a look beside the findings: machines that nothing is enforced on, and files of another index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import cut
from ..logs.concerns import Count
from .entry import MAX_LINE, MAX_NAME, TIME
from .markup import Html, element, scrolling, sheet
from .summary import Summary
from .words import count, short_time

MAX_SHOWN = 50


def draw_machines(summary: Summary) -> Html | None:
    """Return the section of the machines whose runs had no policy, or only such in audit mode; None without one."""
    rows = [([host, state], own) for (host, state), own in summary.concerns.by_machine()]
    told = "What a policy would have refused was installed there. Leave them with --without-policy or --audit."
    title = "Machines without policy or only audit"
    return _section("unenforced", element("p", told), title, ("Machine", "State"), rows)


def draw_strays(summary: Summary) -> Html | None:
    """Return the section of the files that did not come from their name's own index; None without one."""
    rows = [([it.name, it.version, it.place], own) for it, own in summary.concerns.by_stray()]
    told = (
        "pip chose them although a policy gives the name to another index: it was in audit mode, or of another layer."
    )
    title = "Files that did not come from the name's own index"
    return _section("strays", element("p", told), title, ("Name", "Version", "From"), rows)


def _section(
    key: str, told: Html, title: str, heads: Sequence[str], rows: Sequence[tuple[list[str], Count]]
) -> Html | None:
    if not rows:
        return None
    labels = (*heads, "Events", "First seen", "Last seen")
    table = element(
        "table",
        element("thead", element("tr", *(element("th", words, scope="col", role="columnheader") for words in labels), role="row"), role="rowgroup"),
        element("tbody", *(_row(labels, [*texts, f"{own.events:,}", *map(_time, (own.first, own.last))]) for texts, own in rows[:MAX_SHOWN]), role="rowgroup"),
        class_="names cards",
        role="table",
        aria_labelledby=key,
    )  # fmt: skip
    more = len(rows) - MAX_SHOWN
    rest = element("p", f"and {count(more, 'row')} more", class_="more") if more > 0 else None
    return sheet(key, element("h2", title, id=key), told, scrolling(title, table), rest)


def _time(time: str) -> Html | str:
    # To the second: a table may have other fractions than the line that it was made from.
    return short_time(f"{time[:19]}Z") if TIME.fullmatch(time) else cut(time, MAX_NAME)


def _row(labels: Sequence[str], cells: Iterable[Html | str]) -> Html:
    first, *others = (it if isinstance(it, Html) else element("span", cut(it, MAX_LINE), class_="name") for it in cells)
    return element(
        "tr",
        element("th", first, scope="row", role="rowheader"),
        *(element("td", cell, data_label=label, role="cell") for label, cell in zip(labels[1:], others)),
        role="row",
    )
