"""The rule that holds without a policy: whatever layer is in audit, each of its findings is enforced, or logged, as it says."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from indexguard.decision import outcome
from indexguard.decision.authority import Authority
from indexguard.decision.verdict import Finding
from indexguard.patterns import Name
from indexguard.policy.layers import LAYER_KINDS, LayersFound
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy

INDEXES = '[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n'
TEXTS = [f'version = 1\nmode = "{mode}"\n{rest}' for mode in ("enforce", "audit") for rest in (INDEXES, "")]


def read(kind: str, text: str) -> Layer:
    return Layer(kind, f"/{kind}.toml", "0", read_policy(text.encode(), f"/{kind}.toml"))


def find(layers: tuple[Layer, ...]) -> dict[str, list[Finding]]:
    """Return every objection to a thing that the rule is about, by its code."""
    found = LayersFound((), layers)
    applies, audited = found.builtin_rule_applies, found.builtin_rule_audited
    authority = Authority(layers, Name("acme"), date(2026, 1, 1))
    guard_file = outcome.find_guard_file(["/a"], audited=audited)
    assert guard_file is not None
    return {
        "ambiguous-name": [outcome.find_ambiguous(audited=audited)] if applies or audited else [],
        "index-failed": outcome.find_failures(authority, built_in=applies or audited, audited=audited),
        "name-mismatch": [it for it in [outcome.find_mismatch(authority, built_in=applies, audited=audited)] if it],
        "guard-file": [guard_file],
    }


LAYERS = st.lists(
    st.tuples(st.sampled_from(LAYER_KINDS), st.sampled_from(TEXTS)), max_size=4, unique_by=lambda it: it[0]
)


@given(LAYERS)
def test_whatever_the_rule_enforces_stays_enforced_beside_an_audit_layer_of_a_user(told: list[tuple[str, str]]) -> None:
    layers = tuple(read(kind, text) for kind, text in told)
    without = tuple(layer for layer in layers if layer.enforces or layer.kind in ("machine", "interpreter"))
    for code, findings in find(without).items():
        if any(finding.enforced for finding in findings):
            assert any(finding.enforced for finding in find(layers)[code]), code


@given(LAYERS)
def test_a_layer_of_all_users_in_audit_has_the_rule_logged_and_never_off(told: list[tuple[str, str]]) -> None:
    layers = tuple(read(kind, text) for kind, text in told)
    if any(layer.policy.indexes and layer.enforces for layer in layers):
        return  # a policy decides
    is_audited = any(layer.kind in ("machine", "interpreter") and not layer.enforces for layer in layers)
    for code, findings in find(layers).items():
        assert findings, code
        assert any(finding.enforced for finding in findings) is not is_audited, code


def test_where_a_policy_enforces_a_foreign_name_and_a_guard_file_are_refused_all_the_same() -> None:
    for more in ((), (read("machine", TEXTS[2]),), (read("environment", TEXTS[3]),)):
        found = find((*more, read("user", TEXTS[0])))
        assert [finding.enforced for finding in found["name-mismatch"] + found["guard-file"]] == [True, True]
        assert found["ambiguous-name"] == []
