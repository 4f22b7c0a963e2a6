"""What comes of a whole name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..policy.identity import Location
from ..policy.model import Layer


@dataclass(frozen=True)
class Settings:
    """The settings that hold for a whole run: of all enforcing layers, the strictest."""

    abort_on_shadow: bool
    backtrack: bool
    """Whether pip may go on to other versions of a parent when nothing of a name is left."""

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> Settings:
        """Combine the layers: abort over drop, refuse over backtrack."""
        enforcing = [layer.policy for layer in layers if layer.enforces]
        return cls(
            abort_on_shadow=any(policy.shadow_action == "abort" for policy in enforcing),
            backtrack=bool(enforcing) and all(policy.when_nothing_left == "backtrack" for policy in enforcing),
        )


def sift_ambiguous(offers: Mapping[Location, Mapping[str, str | None]]) -> frozenset[str] | None:
    """Apply the rule that holds without any policy: a name that more than one remote index offers is refused.

    It is PEP 708's rule (rejected April 2026), which needs no configuration.

    :param offers: for each *answered* identity, the files that it offers under the name, each with its sha256 or None.
    :return: None where the name is not ambiguous; otherwise the file names that every index offers with the same
        sha256, which may be used all the same.
    """
    offering = [files for files in offers.values() if files]
    if len(offering) <= 1:
        return None
    first, *others = offering
    alike = frozenset(
        filename
        for filename, digest in first.items()
        if digest is not None and all(files.get(filename) == digest for files in others)
    )
    return None if all(len(files) == len(alike) for files in offering) else alike
