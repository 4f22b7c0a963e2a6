"""The table of findings. It is whole without the script, which adds search, filter and sorting."""

from __future__ import annotations

from ..audit.kinds import GROUPS
from .entry import Entry
from .markup import Html, element, scrolling, sheet
from .summary import Summary
from .words import count, short_time

_COLUMNS = (("time", "Time (UTC)"), ("code", "Code"), ("project", "Project"), ("index", "Index"), ("where", "Machine"))
_BY_COLUMN = tuple(enumerate(("Code", "Project", "Index", "Machine"), 1))
_ORDERS = (
    *(("0 -1", "Newest first"), ("0 1", "Oldest first")),
    *(
        (f"{place} {sign}", f"{words}{told}")
        for place, words in _BY_COLUMN
        for sign, told in ((1, ""), (-1, ", downwards"))
    ),
)


def draw_findings(summary: Summary) -> Html:
    """Return the section of the table."""
    entries = summary.newest()
    heading = element("h2", "Findings", id="findings", tabindex=-1)
    if not entries:
        told = "No finding is shown." if summary.findings else "Nothing was refused, dropped or found."
        return sheet("findings", heading, element("p", told, class_="empty"))
    extent = element("p", _extent(summary, len(entries)))
    table = scrolling("Table of findings", _table(entries))
    return sheet("findings", heading, extent, _controls(entries), table, class_="sheet findings")


def _extent(summary: Summary, shown: int) -> str:
    if shown == summary.findings:
        return f"All {count(shown, 'finding')} of the log, the newest first."
    return f"The newest {shown:,} of {count(summary.findings, 'finding')}; the counts above are of all of them."


def _controls(entries: list[Entry]) -> Html:
    """Return search, filter and order; hidden until the script is there."""
    codes: dict[str, int] = {}
    for entry in entries:
        codes[entry.code] = codes.get(entry.code, 0) + 1
    choices = [element("option", "All codes", value="")]
    choices += [element("option", f"{code} ({codes[code]:,})", value=code) for code in sorted(codes) if code]
    orders = [element("option", words, value=value) for value, words in _ORDERS]
    return element(
        "div",
        element("label", "Search", element("input", type="search", id="search", autocomplete="off", spellcheck="false"), class_="search"),
        element("label", "Code", element("select", *choices, id="filter"), class_="filter"),
        element("label", "Order", element("select", *orders, id="sort"), class_="sort"),
        element("output", id="shown", for_="search filter"),
        class_="controls",
        role="search",
        aria_label="The table of findings",
        hidden="",
    )  # fmt: skip


def _table(entries: list[Entry]) -> Html:
    heads = [element("th", words, scope="col", role="columnheader", class_=column) for column, words in _COLUMNS]
    heads.append(element("th", "Why", scope="col", role="columnheader", data_plain=""))
    return element(
        "table",
        element("thead", element("tr", *heads, role="row"), role="rowgroup"),
        element("tbody", *(_row(entry) for entry in entries), role="rowgroup"),
        class_="events cards",
        role="table",
        aria_labelledby="findings",
    )


def _row(entry: Entry) -> Html:
    index = entry.asked or entry.answered
    where = f"{entry.host} {entry.user}".strip()
    return element(
        "tr",
        _cell("Time", entry.time, short_time(entry.time) or element("span", "no time", class_="quiet")),
        _cell("Code", f"{entry.code or entry.event} {entry.group}", _code(entry)),
        _cell("Project", entry.name, _two(element("span", entry.name, class_="name"), entry.versions)),
        _cell("Index", index, _two(element("code", index), _answered(entry)) if index else None),
        _cell("Machine", where, _two(element("span", entry.host), entry.user)),
        _cell("Why", None, _why(entry)),
        role="row",
        data_code=entry.code,
    )


def _cell(label: str, key: str | None, content: Html | None) -> Html:
    return element("td", content, role="cell", data_label=label if content else None, data_key=key or None)


def _two(first: Html, under: str) -> Html:
    return element("div", first, element("span", under, class_="under") if under else None)


def _code(entry: Entry) -> Html:
    chip = element("span", entry.code or entry.event, class_=f"chip {entry.group}")
    words = GROUPS[entry.group].lower()
    return _two(chip, "" if entry.group == "shadowed" else words)


def _answered(entry: Entry) -> str:
    """Say who answered, where it was not a page of the index that was asked."""
    return f"answered by {entry.answered}" if entry.answered and not entry.answered.startswith(entry.asked or entry.answered) else ""  # fmt: skip


def _why(entry: Entry) -> Html:
    facts = [element("div", element("dt", label), element("dd", text)) for label, text in entry.facts]
    return element("details", element("summary", entry.message or "Details"), element("dl", *facts, class_="facts"))
