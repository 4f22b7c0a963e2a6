"""The kinds of events, each once: what each means, how grave it is, and which belong together."""

from __future__ import annotations

from typing import Literal

EventKind = Literal[
    "refused", "shadowed", "known-shadow", "redirected", "selected", "not-asked", "probed", "dropped", "noticed", "waived",
    "would-refuse", "guard-failed", "sealed",
]  # fmt: skip
"""What happened:

* ``refused``: an index, a reference or the whole run was refused.
* ``shadowed``: a public index offers a name that belongs to another one; its files were dropped.
* ``known-shadow``: the same of a project that the policy knows of (``shadow.known``); its files were dropped (routine).
* ``redirected``: a page came from an index that may not serve the name, or was to come from one.
* ``selected``: pip chose this file.
* ``not-asked``: an index was not consulted, because the name belongs to another one (routine).
* ``probed``: an index was asked for squatters only, and offers none, or did not answer (routine).
* ``dropped``: single files of an index that may serve the name; the name goes on.
* ``noticed``: a policy has something of a project or a file told, and nothing was kept from pip; ``code`` says what.
* ``waived``: a ``[[waive]]`` has lifted an objection to a file; ``code`` says which, ``rule`` names the waiver.
* ``would-refuse``: a layer in audit mode would have refused or dropped; ``code`` says what.
* ``guard-failed``: the guard itself could not do its work.
* ``sealed``: the run is over; ``seal`` says how many events it wrote.
"""

REFUSED: EventKind = "refused"
SHADOWED: EventKind = "shadowed"
KNOWN: EventKind = "known-shadow"
REDIRECTED: EventKind = "redirected"
SELECTED: EventKind = "selected"
NOT_ASKED: EventKind = "not-asked"
PROBED: EventKind = "probed"
DROPPED: EventKind = "dropped"
NOTICED: EventKind = "noticed"
WAIVED: EventKind = "waived"
WOULD_REFUSE: EventKind = "would-refuse"
GUARD_FAILED: EventKind = "guard-failed"
SEALED: EventKind = "sealed"

SEVERITIES: dict[str, int] = {
    SHADOWED: 8, GUARD_FAILED: 8, REFUSED: 7, REDIRECTED: 6, WOULD_REFUSE: 5,
    DROPPED: 3, NOTICED: 3, WAIVED: 2, NOT_ASKED: 1, PROBED: 1, KNOWN: 1, SELECTED: 0, SEALED: 0,
}  # fmt: skip
"""How much an event deserves attention, by its kind: 0 (routine) to 10, the scale of CEF."""
UNKNOWN_SEVERITY = 5
"""That of a kind which a later version has added: it must not vanish."""
NOTABLE = 2
"""Below this severity an event is routine, and no finding."""

ROUTINE = frozenset(kind for kind, severity in SEVERITIES.items() if severity < NOTABLE)
"""Events that are no finding."""
REFUSING = (REFUSED, SHADOWED, REDIRECTED, GUARD_FAILED)
"""The kinds of events that kept something from the user."""
REFUSALS = (REFUSED, REDIRECTED, GUARD_FAILED)
"""Those of them after which something is not installed: a shadowed name goes on with its own index's files, or is refused."""

GROUPS = {SHADOWED: "Shadowed name", REFUSED: "Refused", DROPPED: "Files dropped", "observed": "Only told"}
"""What can happen to a name, in the order of the report: the key and its words."""
GROUP_OF: dict[str, str] = {SHADOWED: SHADOWED, DROPPED: DROPPED, WOULD_REFUSE: "observed", NOTICED: "observed",
                            WAIVED: "observed"}  # fmt: skip
"""The group of a finding by its kind; every other one is refused."""

KIND_OF_CODE: dict[str, EventKind] = {
    "shadowed-name": SHADOWED,
    "redirected": REDIRECTED,
    "claimed-elsewhere": NOT_ASKED,
}
"""The kind of event that an objection makes, where its code alone says so."""
