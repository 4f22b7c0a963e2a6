"""HTML made of elements: what is not an element is text and is escaped, so that no text of a log becomes markup."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Union

from ..errors import escape

_VOID = frozenset({"input"})
"""The elements of the page that have no end."""


class Html(str):
    """Text that is HTML already. Only this module and the page's own files make it."""

    __slots__ = ()


Child = Union[str, int, None]
"""What may stand in an element: another one, a text, a number. None is nothing."""


def element(tag: str, *children: Child, **attributes: str | int | None) -> Html:
    """Return an element.

    :param attributes: an underscore is a dash (``data_label``), one at the end is left out (``class_``); None is left
        out, an empty text is a bare attribute.
    """
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + (f'="{as_html(value)}"' if value != "" else "")
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{written}>" if tag in _VOID else f"<{tag}{written}>{join(children)}</{tag}>")


def sheet(name: str, heading: Html, *parts: Child, class_: str = "sheet") -> Html:
    """Return a section of the page, under its heading.

    :param name: the id of the heading.
    """
    return element("section", heading, *parts, class_=class_, aria_labelledby=name)


def scrolling(label: str, table: Html) -> Html:
    """Return a table in a region of its own, which scrolls where the page is narrow."""
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def join(children: Iterable[Child]) -> Html:
    """Return elements and texts one after the other."""
    return Html("".join(as_html(child) for child in children))


def as_html(child: Child) -> Html:
    """Return an element as it is, a text escaped: for HTML, and what cannot be seen or turns the direction of reading."""
    if child is None:
        return Html()
    if isinstance(child, Html):
        return child
    return Html(html.escape(escape(str(child)), quote=True))
