"""Who asks for a name, and how many indexes: what few runs need to know."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ...decision.outcome import is_one_of_several
from ...policy.identity import is_remote_page
from ..run import Run
from ..seams import pip_module

if TYPE_CHECKING:
    from types import FrameType

    from ..objects import Finder


def has_several(run: Run, finder: Finder) -> bool:
    """Tell whether pip is configured with more than one remote index; a remote page of --find-links counts too."""
    scope = finder.search_scope
    places = ((run.locate(url), url) for url in (*scope.index_urls, *filter(is_remote_page, scope.find_links)))
    return is_one_of_several(place or url for place, url in places if not (place is not None and place.is_local))


def is_self_check(root: str) -> bool:
    """Tell whether pip itself is what asks, for a newer pip: no other caller is in that module (pip 20.3 to 26.3).

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    module = f"{root}._internal.self_outdated_check"
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the functions there have other names in each pip
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back
    return frame is not None


def is_of_login(root: str, error: Exception) -> bool:
    """Tell whether an exception comes from the question for a login: a prompt without input, a keyring that fails.

    Those end pip by themselves, and are no fault of the index. What a broken connection raises there is one.

    :param root: ``pip``, or ``pipenv.patched.pip``.
    """
    module, trace = f"{root}._internal.network.auth", error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") != module:
        trace = trace.tb_next
    request_error: type[Exception] = pip_module(root, "_vendor.requests").RequestException
    return trace is not None and not isinstance(error, request_error)
