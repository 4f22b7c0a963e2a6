"""The kinds of events, each once."""

from __future__ import annotations

from typing import Literal

EventKind = Literal[
    "refused", "shadowed", "redirected", "selected", "not-asked", "dropped", "would-refuse", "guard-failed", "sealed"
]
"""What happened:

* ``refused``: an index, a reference or the whole run was refused.
* ``shadowed``: a public index offers a name that belongs to another one; its files were dropped.
* ``redirected``: a page came from an index that may not serve the name.
* ``selected``: pip chose this file.
* ``not-asked``: an index was not consulted, because the name belongs to another one (routine).
* ``dropped``: single files of an index that may serve the name; the name goes on.
* ``would-refuse``: a layer in audit mode would have refused or dropped; ``code`` says what.
* ``guard-failed``: the guard itself could not do its work.
* ``sealed``: the run is over; ``seal`` says how many events it wrote.
"""
