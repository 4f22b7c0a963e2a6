"""The attack that the guard is about, played on this machine with the running pip: ``indexguard demo``.

Two indexes on loopback offer the same name. pip installs from the wrong one; with the guard it does not. The guard that
is put to the test is the installation that this package belongs to.
"""

from __future__ import annotations

from .environment import UnavailableError
from .play import Act, Attempt, Outcome, play
from .telling import run

__all__ = ["Act", "Attempt", "Outcome", "UnavailableError", "play", "run"]
