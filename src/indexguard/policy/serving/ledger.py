"""The table ``[ledger]``: which memory a policy asks, and what becomes of a run without it. Values alone."""

from __future__ import annotations

from ...tuples import NamedTuple


class LedgerSettings(NamedTuple):
    """What ``[ledger]`` says; a policy with ``first-seen`` and no such table has the usual ones."""

    path: str | None = None
    """As it is written: absolute, or relative to the policy; None for the usual place."""
    trusts_user: bool = False
    """Whether a ledger that this user may write counts in a layer of the machine or interpreter (``trust = "user"``)."""
    max_size: int | None = None
    """Bytes; None for the usual size."""
    blocks: bool = False
    """Whether pip stops without its ledger (``on-failure = "block"``). Counts in a layer that enforces."""


USUAL_LEDGER = LedgerSettings()
