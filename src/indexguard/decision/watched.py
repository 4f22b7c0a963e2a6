"""Which names are looked at, whether they are nearly others: those that only ``*`` matches."""

from __future__ import annotations

from ..policy.model import Layer
from .authority import Authority


def find_watching(authority: Authority) -> list[Layer]:
    """Return the layers in which only ``*`` matches the name, and that look whether it is nearly another one."""
    return [
        layer
        for layer, rule in authority.rules
        if rule is not None and rule.pattern.is_catch_all and layer.policy.typo_action != "off"
    ]
