"""The facts of one pip run that never change."""

from __future__ import annotations

from datetime import date

from ..decision.authority import Authority
from ..decision.outcome import Settings
from ..patterns import Name
from ..policy.identity import PYPI, Location, locate
from ..policy.model import Layer
from ..tuples import NamedTuple


class Run(NamedTuple):
    """One pip run."""

    root: str
    """``pip``, or ``pipenv.patched.pip``."""
    layers: tuple[Layer, ...]
    """The policy layers, with the public index's own address replaced by the token ``pypi``."""
    settings: Settings
    built_in: bool
    """Whether the rule that holds without a policy is enforced."""
    pypi: Location | None
    """The public index as the running pip knows it."""
    pypi_files: str | None
    """The host of its files, likewise."""
    today: date
    """In UTC."""
    policy_places: tuple[str, ...] = ()
    """The folders and files that policies are read from, or would be."""
    audits_built_in: bool = False
    """Whether that rule is only logged: a layer of the machine or the interpreter is in audit mode."""

    def locate(self, url: str) -> Location | None:
        """Return the identity of a URL; at or under the running pip's own public index, that of the token ``pypi``."""
        return locate(url, self.pypi)

    def locate_locked(self, url: str) -> Location | None:
        """Return the identity of a URL that a lock file names: on the public index's file host, the token's too."""
        location = self.locate(url)
        if location is not None and location.scheme == "https" and location.host == self.pypi_files:
            return Location(PYPI.scheme, PYPI.host, PYPI.port, location.segments)
        return location

    def locate_hop(self, url: str) -> Location | None:
        """Return the identity of a URL that a download is led to: on the public index's hosts, the token's."""
        location = self.locate_locked(url)
        if location is not None and self.pypi is not None and location[:3] == self.pypi[:3]:
            return Location(PYPI.scheme, PYPI.host, PYPI.port, location.segments)
        return location

    def authority(self, name: Name) -> Authority:
        """Return what the layers say of a name."""
        return Authority(self.layers, name, self.today)
