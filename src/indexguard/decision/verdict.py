"""What layers say of one thing: findings, and the verdict that they make together."""

from __future__ import annotations

from ..policy.model import Layer
from ..policy.rules import Rule
from ..tuples import NamedTuple


class Finding(NamedTuple):
    """One objection of one layer."""

    code: str
    """One of ``errors.CODES``."""
    layer: Layer | None
    """None for the built-in rule, which applies where no policy that enforces says whose a name is."""
    rule: Rule | None = None
    """The rule that decides the name in that layer; None where no rule matches."""
    probe: bool = False
    """Whether the index is still to be asked, for squatters only."""
    key: str = ""
    """The key that decides, where it is not the rule's own."""
    is_known: bool = False
    """Whether the policy knows of the squatter (``shadow.known``): dropped as ever, and routine."""
    meant: str = ""
    """The name that was probably meant, and how it was mistyped, in words (``typosquat``)."""
    audited: bool = False
    """Whether it is the built-in rule's where a layer in audit mode has that only logged."""
    detail: str = ""
    """What was found, in words that stand behind the key; empty where the key says it all."""

    @property
    def enforced(self) -> bool:
        """Whether the layer refuses; otherwise the finding is only logged."""
        return not self.audited if self.layer is None else self.layer.enforces


class Verdict(NamedTuple):
    """What all layers say together; without an enforced finding it is a pass."""

    findings: tuple[Finding, ...] = ()

    @property
    def refusal(self) -> Finding | None:
        """The first finding that is enforced."""
        for finding in self.findings:
            if finding.enforced:
                return finding
        return None

    @property
    def observed(self) -> tuple[Finding, ...]:
        """The findings of layers in audit mode."""
        return tuple(finding for finding in self.findings if not finding.enforced)

    def without(self, other: Verdict) -> Verdict:
        """Return this verdict without the findings of layers that have objected in ``other``."""
        objected = [finding.layer for finding in other.findings]
        if not objected or not self.findings:
            return self
        return Verdict(tuple(finding for finding in self.findings if finding.layer not in objected))

    @property
    def probes(self) -> bool:
        """Whether a refused index is to be asked for squatters: never-ask is stricter, and wins."""
        enforced = [finding for finding in self.findings if finding.enforced]
        return bool(enforced) and all(finding.probe for finding in enforced)


PASS = Verdict()
"""No layer objects."""
