"""The shadowed names, and what occurs most among the findings."""

from __future__ import annotations

from .markup import Html, element, scrolling, sheet
from .summary import Shadow, Summary, Tally
from .words import count, left_out, long_list, short_time

MAX_SHADOWS = 50
MAX_LISTED = 8

_WHAT_IT_MEANS = (
    "A public index offers a name that the policy gives to another index: somebody may be waiting for a pip without "
    "a guard. The one seen last comes first."
)


def draw_shadows(summary: Summary) -> Html:
    """Return the section of the shadowed names."""
    shown = summary.shadowed(MAX_SHADOWS)
    heading = element("h2", "Shadowed names", id="shadowed-names")
    if not shown:
        told = element("p", "No public index offered a name that belongs to another one.", class_="empty")
        return sheet("shadowed-names", heading, told)
    heads = ("Name", "Belongs to", "Offered by", "Newest there", "Events", "Machines", "First seen", "Last seen")
    table = element(
        "table",
        element("thead", element("tr", *(element("th", words, scope="col", role="columnheader") for words in heads), role="row"), role="rowgroup"),
        element("tbody", *(_shadow(shadow) for shadow in shown), role="rowgroup"),
        class_="names cards",
        role="table",
        aria_labelledby="shadowed-names",
    )  # fmt: skip
    unlisted = len(summary.shadows) - len(shown)
    more = element("p", f"and {count(unlisted, 'name')} more", class_="more") if unlisted else None
    told = element("p", _WHAT_IT_MEANS)
    return sheet("shadowed-names", heading, told, scrolling("Shadowed names", table), more)


def _shadow(shadow: Shadow) -> Html:
    observed = {shadow.events: "all in audit mode", 0: None}.get(shadow.observed, f"{shadow.observed:,} in audit mode")
    name = element("span", shadow.name, class_="name", data_search=shadow.name)
    return element(
        "tr",
        element("th", name, scope="row", role="rowheader"),
        _cell("Belongs to", _several(shadow.owners)),
        _cell("Offered by", _several(shadow.offered_by)),
        _cell("Newest", _several(shadow.versions)),
        _cell("Events", element("span", f"{shadow.events:,}", element("span", observed, class_="under") if observed else None)),
        _cell("Machines", element("span", long_list(shadow.hosts, shown=2))),
        _cell("First seen", short_time(shadow.first)),
        _cell("Last seen", short_time(shadow.last)),
        role="row",
    )  # fmt: skip


def _cell(label: str, content: Html) -> Html:
    return element("td", content, data_label=label, role="cell")


def _several(texts: set[str]) -> Html:
    return element("span", *(element("code", text, class_="line") for text in sorted(texts)))


def draw_lists(summary: Summary) -> Html:
    """Return the section of what occurs most."""
    return element(
        "section",
        element("h2", "What occurs most among the findings", class_="spoken"),
        element(
            "div",
            _top("Names", summary.names),
            _top("Indexes asked", summary.indexes),
            _top("Codes", summary.codes),
            _top("Machines", summary.machines),
            class_="lists",
        ),
    )


def _top(title: str, tally: Tally) -> Html:
    top = tally.top(MAX_LISTED)
    most = top[0][1] if top else 1
    items = [_item(name, number, most) for name, number in top]
    more = f"and {left_out(tally, len(top))}" if len(tally) > len(top) else ""
    return element(
        "div",
        element("h3", title),
        element("ol", *items) if items else element("p", "none", class_="more"),
        element("p", more, class_="more") if more else None,
        class_="sheet",
    )


def _item(name: str, number: int, most: int) -> Html:
    bar = element(
        "svg",
        element("rect", width=f"{max(1, 100 * number / most):.1f}", height=4),
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return element("li", element("span", name, class_="name", data_search=name), element("span", f"{number:,}"), bar)
