"""The timeline as a picture of bars, and as a table for those who do not see it."""

from __future__ import annotations

from datetime import timedelta

from ..audit.kinds import GROUPS
from .markup import Html, element, scrolling, sheet
from .summary import Summary
from .timeline import Bar
from .words import count

_HEIGHT = 100
_ROUND = (*range(1, 11), 12, 14, *range(16, 31, 2), *range(35, 101, 5))
_LEAST = 1.5
"""Height of a bar that is there at all."""


def draw_timeline(summary: Summary) -> Html:
    """Return the section of the timeline."""
    bars, outside = summary.timeline.bars()
    heading = element("h2", "Findings over time", id="over-time")
    if not bars:
        return sheet("over-time", heading, element("p", "No finding with a time.", class_="empty"))
    left_out = _left_out(outside, summary.undated)
    return sheet(
        "over-time",
        heading,
        element("p", f"One bar is {_step(bars[0])}, UTC."),
        element("ul", *(element("li", GROUPS[group], class_=group) for group in GROUPS if summary.groups[group]), class_="legend"),
        element("figure", _plot(bars), element("figcaption", left_out, class_="more") if left_out else None),
        _table(bars),
    )  # fmt: skip


def _left_out(outside: int, undated: int) -> str:
    parts = [f"{count(outside, 'finding')} outside of this time"] if outside else []
    parts += [f"{count(undated, 'finding')} without a time"] if undated else []
    return f"Not shown: {' and '.join(parts)}." if parts else ""


def _plot(bars: list[Bar]) -> Html:
    top = _round_up(max(sum(bar.counts) for bar in bars))
    grid = [element("line", x1=0, x2=len(bars), y1=height, y2=height) for height in (0, _HEIGHT // 2, _HEIGHT)]
    picture = element(
        "svg",
        *grid,
        *(_column(place, bar, top) for place, bar in enumerate(bars)),
        viewBox=f"0 0 {len(bars)} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=_description(bars),
    )
    # The words are HTML, not part of the picture: it is stretched, and on a phone they would be too small to read.
    scale = element("div", *(element("span", text) for text in _scale(top)), class_="scale", aria_hidden="true")
    ends = [bars[0], bars[len(bars) // 2], bars[-1]]
    is_long = bars[-1].start - bars[0].start > timedelta(days=4)
    labels = [bar.start.isoformat(" ")[:10] if is_long else f"{bar.start:%m-%d %H:%M}" for bar in ends]
    axis = element("div", *(element("span", label) for label in labels), class_="axis", aria_hidden="true")
    return element("div", scale, picture, axis, class_="plot")


def _description(bars: list[Bar]) -> str:
    sums = [sum(bar.counts) for bar in bars]
    span = f"from {_label(bars[0])} to {_label(bars[-1])}"
    return f"{count(sum(sums), 'finding')} {span}, at most {max(sums):,} in one bar. The table below has the numbers."


def _scale(top: int) -> list[str]:
    half = f"{top // 2:,}" if top % 2 == 0 else ""
    return [f"{top:,}", half, "0"]


def _column(place: int, bar: Bar, top: int) -> Html | None:
    """Return one bar, its groups upon each other."""
    if not any(bar.counts):
        return None
    parts, base = [], float(_HEIGHT)
    for group, number in zip(GROUPS, bar.counts):
        if number:
            height = max(_LEAST, number * _HEIGHT / top)
            base -= height
            parts.append(
                element("rect", x=f"{place + 0.12:.2f}", y=f"{base:.2f}", width="0.76", height=f"{height:.2f}", class_=group)
            )  # fmt: skip
    return element("g", element("title", _told(bar)), *parts)


def _told(bar: Bar) -> str:
    numbers = [f"{number:,} {GROUPS[group].lower()}" for group, number in zip(GROUPS, bar.counts) if number]
    return f"{_label(bar)}: {', '.join(numbers)}"


def _table(bars: list[Bar]) -> Html:
    """Return the same numbers as a table, folded away."""
    rows = [
        element("tr", element("th", _label(bar), scope="row"), *(element("td", f"{number:,}", class_="number") for number in bar.counts))
        for bar in reversed(bars) if any(bar.counts)
    ]  # fmt: skip
    heads = [element("th", words, scope="col", class_="number") for words in GROUPS.values()]
    head = element("thead", element("tr", element("th", "From (UTC)", scope="col"), *heads))
    table = scrolling("Findings over time, as a table", element("table", head, element("tbody", *rows)))
    return element("details", element("summary", "The numbers as a table"), table, class_="numbers")


def _step(bar: Bar) -> str:
    minutes = round((bar.end - bar.start).total_seconds()) // 60
    for size, unit in ((7 * 1440, "week"), (1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0 and minutes:
            return f"one {unit}" if minutes == size else f"{minutes // size} {unit}s"
    return "as long as the calendar allows"


def _label(bar: Bar) -> str:
    """Return the beginning of a bar: the day if that is exact, else the minute."""
    is_long = (bar.end - bar.start).total_seconds() >= 24 * 3600
    return bar.start.isoformat(" ")[: 10 if is_long else 16]


def _round_up(number: int) -> int:
    """Return the next number of few digits."""
    zeros = "0" * (len(str(number)) - 2)
    return next(rounded for step in _ROUND if (rounded := int(f"{step}{zeros}")) >= number)
