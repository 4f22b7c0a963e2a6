"""What is said at the end of a run in which layers in audit mode would have refused or dropped something."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import escape
from ..reports import report_observed

_MOST_REPORTED = 100
"""How many names a run reports to the one that it is part of."""
_MANY = 12
"""How many it names to the user."""


def tell_observed(observed: Mapping[str, str], run: str, *, has_file: bool) -> str:
    """Return the line; a run that is part of a build reports it to the pip above, whose user sees no other output.

    :param observed: names, each with a code; the empty one is about no name.
    :param run: the id of the run.
    :param has_file: whether its events are in the file of this user's log.
    """
    for name, code in [*observed.items()][:_MOST_REPORTED]:
        report_observed(code, name)
    names = sorted(escape(name) for name in observed if name)
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    what = f" of {', '.join(names[:_MANY])}{more}" if names else ""
    where = f"`indexguard log --audit --run {run}` shows" if has_file else "the audit log says"
    return f"indexguard: audit mode: a policy would have refused or dropped files{what}; {where} more"
