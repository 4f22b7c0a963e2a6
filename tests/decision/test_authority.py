"""The heart: each code and branch of the policy's decision table, and the laws that hold for every policy."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from indexguard.decision.authority import Authority
from indexguard.decision.outcome import Settings, sift_ambiguous
from indexguard.decision.verdict import PASS, Finding, Verdict
from indexguard.patterns import Name, Pattern, normalise_name, parse_range
from indexguard.policy.identity import PYPI, Location, find_reference, parse_location
from indexguard.policy.model import Layer, Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.rules import Rule
from support.strategies import (
    NAMES,
    STRANGER,
    TODAY,
    YESTERDAY,
    Offer,
    bare_policies,
    layer,
    layers,
    offers,
    policies,
    rules_of,
    spellings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CORP = parse_location("https://packages.corp.example/simple/")
MIRROR = parse_location("https://mirror.example/simple/")
FILES = parse_location("https://files.corp.example/acme/acme_core-1.0-py3-none-any.whl")
STORY = """
[indexes.corp]
url = ["https://packages.corp.example/simple/", "https://old.corp.example/"]
namespaces = ["acme"]
packages = ["billing-models>=2", { name = "old-tool", expires = 2026-06-14 }]
files-from = ["files.corp.example"]

[indexes.mirror]
url = "https://mirror.example/simple/"
packages = ["mirrored"]

[indexes.pypi]
url = "pypi"
packages = ["*", "pinned<2"]

[[merge]]
packages = ["torch"]
indexes = ["mirror", "pypi"]
"""


def read(text: str = STORY, number: int = 0) -> Layer:
    """Return the layer that a policy's text means."""
    return layer(read_policy(f"version = 1\n{text}".encode(), f"/policies/{number}.toml"), number)


def authority(name: str, *texts: str) -> Authority:
    """Return what policies, given as text, say of a name."""
    found = [read(text, number) for number, text in enumerate(texts or (STORY,))]
    return Authority(found, normalise_name(name), TODAY)


def codes(verdict: Verdict) -> list[str]:
    """Return the codes of a verdict's findings, in the order of the layers."""
    return [finding.code for finding in verdict.findings]


def page(index: Location, name: str) -> Location:
    """Return the page of a name on an index."""
    return index._replace(segments=(*index.segments, name))


@pytest.mark.parametrize(
    ("name", "asked", "code", "probe"),
    [
        ("acme", CORP, None, False),
        ("acme-core", CORP, None, False),
        ("acme-core", parse_location("https://old.corp.example"), None, False),
        ("acmecorp", PYPI, None, False),
        ("torch", MIRROR, None, False),
        ("torch", PYPI, None, False),
        ("acme-core", STRANGER, "unknown-index", False),
        ("acme-core", None, "unknown-index", False),
        ("requests", STRANGER, "unknown-index", False),
        # At or under is for answers: the index asked must be one of the policy's.
        ("acme-core", page(CORP, "team"), "unknown-index", False),
        ("acme-core", PYPI, "claimed-elsewhere", True),
        ("acme-core", MIRROR, "claimed-elsewhere", False),
        ("old-tool", PYPI, "claimed-elsewhere", True),
        ("torch", CORP, "claimed-elsewhere", False),
        # Only claimed names are looked for as squatters.
        ("requests", CORP, "claimed-elsewhere", False),
        ("old-tool", CORP, "entry-expired", False),
    ],
)
def test_which_index_may_be_asked(name: str, asked: Location | None, code: str | None, *, probe: bool) -> None:
    verdict = authority(name).ask(asked)
    assert codes(verdict) == ([code] if code else [])
    assert verdict.probes is probe
    assert (verdict.refusal is None) is (code is None)


def test_a_name_without_a_rule_is_asked_of_no_index() -> None:
    of_name = authority("requests", STORY.replace('"*", ', ""))
    assert codes(of_name.ask(PYPI)) == ["unmatched-name"]
    assert of_name.ask(PYPI).refusal == Finding("unmatched-name", of_name.rules[0][0])
    assert codes(of_name.ask(STRANGER)) == ["unknown-index"]
    assert not of_name.is_claimed


def test_only_claimed_names_are_looked_for_as_squatters() -> None:
    second = STORY + '[indexes.second]\nurl = "https://second.example/"\npublic = true\npackages = ["seconds"]'
    asked = parse_location("https://second.example/")
    assert authority("acme-core", second).ask(asked).probes
    assert not authority("requests", second).ask(asked).probes


def test_probe_never_keeps_the_name_in_the_house() -> None:
    verdict = authority("acme-core", STORY + '[shadow]\nprobe = "never"').ask(PYPI)
    assert (codes(verdict), verdict.probes) == (["claimed-elsewhere"], False)


def test_never_ask_wins_over_probe() -> None:
    never = STORY + '[shadow]\nprobe = "never"'
    assert not authority("acme-core", STORY, never).ask(PYPI).probes
    assert authority("acme-core", STORY, STORY).ask(PYPI).probes
    # A layer in audit mode only logs: it decides neither way.
    assert authority("acme-core", STORY, 'mode = "audit"\n' + never).ask(PYPI).probes
    assert not authority("acme-core", 'mode = "audit"\n' + STORY).ask(PYPI).probes


def test_the_last_day_of_an_entry() -> None:
    for day, code in ((date(2026, 6, 14), []), (date(2026, 6, 15), ["entry-expired"])):
        assert codes(Authority([read()], Name("old-tool"), day).ask(CORP)) == code


@pytest.mark.parametrize(
    ("name", "configured", "found"),
    [
        ("acme-core", [CORP], []),
        ("acme-core", [PYPI, parse_location("https://old.corp.example/")], []),
        ("acme-core", [PYPI, MIRROR], ["index-not-configured"]),
        ("acme-core", [STRANGER], ["index-not-configured"]),
        ("acme-core", [], ["index-not-configured"]),
        ("torch", [MIRROR], []),
        ("torch", [CORP], ["index-not-configured"]),
    ],
)
def test_the_index_of_a_name_must_be_configured(name: str, configured: list[Location], found: list[str]) -> None:
    assert codes(authority(name).configured(configured)) == found


def test_no_index_is_missing_for_a_name_without_a_rule() -> None:
    assert authority("requests", STORY.replace('"*", ', "")).configured([]) is PASS


@pytest.mark.parametrize(
    ("name", "answered", "found"),
    [
        ("acme-core", page(CORP, "acme-core"), []),
        ("acme-core", parse_location("https://old.corp.example/moved/acme-core/"), []),
        ("acme-core", page(PYPI, "acme-core"), ["redirected"]),
        ("acme-core", page(STRANGER, "acme-core"), ["redirected"]),
        ("acme-core", parse_location("https://packages.corp.example/simple-evil/acme-core/"), ["redirected"]),
        ("acme-core", None, ["redirected"]),
        ("requests", page(CORP, "requests"), ["redirected"]),
        ("torch", page(PYPI, "torch"), []),
    ],
)
def test_the_index_that_answered(name: str, answered: Location | None, found: list[str]) -> None:
    assert codes(authority(name).page(answered)) == found


def test_a_page_belongs_to_the_longest_url() -> None:
    nested = """
    [indexes.all]
    url = "https://host.example/"
    packages = ["*"]
    [indexes.team]
    url = "https://host.example/team/"
    packages = ["acme"]
    """
    answered = parse_location("https://host.example/team/acme/")
    assert authority("acme", nested).page(answered) is PASS
    assert codes(authority("foo", nested).page(answered)) == ["redirected"]
    assert codes(authority("acme", nested).page(parse_location("https://host.example/acme/"))) == ["redirected"]


def test_a_name_without_a_rule_is_not_called_redirected() -> None:
    # It was asked of no index, in no layer that enforces.
    assert authority("requests", STORY.replace('"*", ', "")).page(None) is PASS


@pytest.mark.parametrize(
    ("name", "version", "file", "found"),
    [
        ("acme-core", "1.0", FILES, []),
        ("acme-core", "1.0", page(CORP, "acme_core-1.0.whl"), ["file-elsewhere"]),
        ("acme-core", "1.0", None, ["file-elsewhere"]),
        ("billing-models", "2.0", FILES, []),
        ("billing-models", "2.1rc1", FILES, []),
        ("billing-models", "2.0+local", FILES, []),
        ("billing-models", "1.9", FILES, ["version-not-allowed"]),
        ("billing-models", "no version", FILES, ["version-not-allowed"]),
        ("billing-models", "1.9", None, ["version-not-allowed"]),
    ],
)
def test_files_of_a_page(name: str, version: str, file: Location | None, found: list[str]) -> None:
    check = authority(name).file_check(page(CORP, name))
    assert check is not None
    assert codes(check(version, file)) == found


def test_a_range_without_files_from() -> None:
    check = authority("pinned").file_check(page(PYPI, "pinned"))
    assert check is not None
    assert codes(check("1.0", None)) == []
    assert codes(check("2.0", None)) == ["version-not-allowed"]


def test_where_every_file_passes_there_is_no_check() -> None:
    assert authority("requests").file_check(page(PYPI, "requests")) is None
    assert authority("requests", STORY.replace('"*", ', "")).file_check(page(PYPI, "requests")) is None
    assert authority("acme-core").file_check(page(STRANGER, "acme-core")) is None


def test_where_files_are_looked_at() -> None:
    assert authority("acme-core").looks_at_files(page(CORP, "acme-core"))
    assert not authority("pinned").looks_at_files(page(PYPI, "pinned"))
    assert not authority("acme-core").looks_at_files(page(STRANGER, "acme-core"))
    assert not authority("requests", UNMATCHED).looks_at_files(page(CORP, "requests"))


def test_one_layer_says_one_thing_of_a_file() -> None:
    check = authority("billing-models", STORY, STORY.replace(">=2", "")).file_check(page(CORP, "billing-models"))
    assert check is not None
    for _ in ("first file", "second file of the same version"):
        assert codes(check("1.0", None)) == ["version-not-allowed", "file-elsewhere"]


def test_an_empty_files_from_is_not_the_default() -> None:
    index = replace(read().policy.indexes[0], files_from=())
    policy = Policy(indexes=(index,), rules=rules_of([Rule(Pattern("acme-core", exact=True), ("corp",), "key")]))
    check = Authority([layer(policy)], Name("acme-core"), TODAY).file_check(page(CORP, "acme-core"))
    assert check is not None
    assert codes(check("1.0", FILES)) == ["file-elsewhere"]


UNMATCHED = STORY.replace('"*", ', "")
BLOCK = 'local = "block"\n'


@pytest.mark.parametrize(
    ("name", "text", "requested", "local", "found"),
    [
        ("requests", STORY, True, False, []),
        ("requests", UNMATCHED, True, False, []),
        ("acme-core", STORY, True, False, ["direct-url"]),
        ("acme-core", STORY, True, True, []),
        ("old-tool", STORY, True, False, ["direct-url"]),
        ("requests", STORY, False, False, ["direct-url"]),
        ("requests", STORY, False, True, ["direct-url"]),
        ("requests", UNMATCHED, False, False, ["direct-url"]),
        ("acme-core", STORY, False, True, ["direct-url"]),
        ("acme-core", BLOCK + STORY, True, True, ["local-path"]),
        ("requests", BLOCK + STORY, True, True, ["local-path"]),
        ("requests", BLOCK + STORY, True, False, []),
        ("requests", BLOCK + STORY, False, True, ["local-path"]),
        # A policy without [indexes] has no opinion on names, but on references.
        ("acme-core", "", True, False, []),
        ("acme-core", "", True, True, []),
        ("acme-core", "", False, False, ["direct-url"]),
        ("acme-core", BLOCK, True, True, ["local-path"]),
    ],
)
def test_direct_references(name: str, text: str, *, requested: bool, local: bool, found: list[str]) -> None:
    place = LOCAL if local else STRANGER
    assert codes(authority(name, text).direct(place, requested=requested)) == found
    if not local:
        assert codes(authority(name, text).direct(None, requested=requested)) == found


WHEELS = "https://wheels.corp.example/wheels/"
REFERENCES = f"""
[direct-urls]
allow = ["{WHEELS}", "git+https://git.corp.example/team/", "file:///srv/wheels/"]
"""


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        (f"{WHEELS}x.whl", True),
        ("HTTPS://user:pw@Wheels.corp.example:443//%77heels/./a/../x.whl?q=1#egg=x", True),
        ("https://wheels.corp.example/wheels", True),
        ("https://wheels.corp.example/wheels-evil/x.whl", False),
        ("https://wheels.corp.example/wheels/../x.whl", False),
        ("https://wheels.corp.example/", False),
        ("http://wheels.corp.example/wheels/x.whl", False),
        ("https://wheels.corp.example:8443/wheels/x.whl", False),
        ("https://wheels.corp.example\\@evil.example/wheels/x.whl", False),
        ("https://wheels.corp.example/wheels%2Fx.whl", False),
        ("git+https://git.corp.example/team/repo@v1.0#egg=x", True),
        ("git+https://git.corp.example/team/repo@feature/a", True),
        ("GIT+HTTPS://git.corp.example/team/repo", True),
        ("git+https://git.corp.example/evil@/team/repo", False),
        ("git+https://git.corp.example/team/../evil@v1", False),
        ("git+http://git.corp.example/team/repo", False),
        ("https://git.corp.example/team/repo/x.whl", False),
        ("hg+https://git.corp.example/team/repo", False),
        ("git+https://git.corp.example@evil.example/team/repo", False),
        ("file:///srv/wheels/x.whl", True),
        ("file://localhost/srv/wheels/x.whl", True),
    ],
)
def test_a_prefix_lets_references_pass(url: str, *, covered: bool) -> None:
    of_name = authority("acme-core", REFERENCES + STORY)
    verdict = of_name.direct(find_reference(url), requested=True)
    assert codes(verdict) == ([] if covered else ["direct-url"])
    # Whoever brings it, and by a lock file too.
    assert codes(of_name.direct(find_reference(url), requested=False)) == codes(verdict)
    assert codes(of_name.locked(find_reference(url), "1.0")) == ([] if covered else ["locked-link"])


@pytest.mark.parametrize(
    ("text", "name", "requested", "key"),
    [
        ('direct-urls.requested = "block"\n', "requests", True, "direct-urls.requested"),
        ('direct-urls.requested = "block"\n', "acme-core", True, "direct-urls.requested"),
        ('direct-urls.requested = "block"\n', "requests", False, "direct-urls.transitive"),
        ('direct-urls.transitive = "allow"\n', "requests", False, None),
        ('direct-urls.transitive = "allow"\n', "acme-core", False, ""),
        ("", "acme-core", True, ""),
        ("", "acme-core", False, "direct-urls.transitive"),
    ],
)
def test_the_key_that_decides_a_reference(text: str, name: str, *, requested: bool, key: str | None) -> None:
    findings = authority(name, text + STORY).direct(STRANGER, requested=requested).findings
    assert [finding.key for finding in findings] == ([] if key is None else [key])
    # A local file is requested or brought, too; no claim stands against it.
    local = authority(name, text + STORY).direct(LOCAL, requested=requested)
    assert (local == PASS) == (requested or "transitive" in text)


def test_a_prefix_does_not_unblock_local_files() -> None:
    found = authority("acme-core", BLOCK + REFERENCES + STORY).direct(
        find_reference("file:///srv/wheels/x"), requested=True
    )
    assert codes(found) == ["local-path"]


def test_a_lock_that_takes_what_no_reference_may() -> None:
    of_name = authority("requests", 'direct-urls.requested = "block"\n' + STORY)
    assert codes(of_name.locked(STRANGER, "1.0")) == ["locked-link"]
    assert codes(of_name.locked(page(PYPI, "x.whl"), "1.0")) == []


def test_a_locked_file_on_the_file_host_of_pypi_still_has_its_own_url() -> None:
    of_name = authority("acme-core", STORY)
    assert codes(of_name.locked(page(PYPI, "x.whl"), "1.0", FILES)) == []
    assert codes(of_name.locked(page(PYPI, "x.whl"), "1.0", STRANGER)) == ["locked-link"]
    by_prefix = authority("mirrored", 'direct-urls.allow = ["https://files.corp.example/acme/"]\n' + STORY)
    assert codes(by_prefix.locked(page(PYPI, "x.whl"), "1.0", FILES)) == []


def test_the_rule_of_a_direct_reference_is_shown() -> None:
    (finding,) = authority("acme-core").direct(STRANGER, requested=True).findings
    assert finding.rule is not None
    assert (finding.rule.key, finding.layer) == ("indexes.corp.namespaces[0]", read())


@pytest.mark.parametrize(("text", "found"), [(STORY, []), (BLOCK, ["local-path"]), (BLOCK + STORY, ["local-path"])])
def test_local_files(text: str, found: list[str]) -> None:
    assert codes(authority("acme-core", text).local_file()) == found


LOCAL = parse_location("file:///wheels/acme_core-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("name", "text", "link", "found"),
    [
        ("acme-core", STORY, page(CORP, "x.whl"), []),
        ("acme-core", STORY, FILES, []),
        ("acme-core", STORY, page(PYPI, "x.whl"), ["locked-link"]),
        ("acme-core", STORY, STRANGER, ["locked-link"]),
        ("acme-core", STORY, None, ["locked-link"]),
        ("torch", STORY, page(MIRROR, "x.whl"), []),
        ("requests", STORY, STRANGER, []),
        ("requests", UNMATCHED, None, []),
        ("acme-core", STORY, LOCAL, []),
        ("acme-core", BLOCK + STORY, LOCAL, ["local-path"]),
        ("acme-core", BLOCK, LOCAL, ["local-path"]),
        ("acme-core", "", STRANGER, []),
        ("billing-models", STORY, FILES, ["version-not-allowed"]),
        ("old-tool", STORY, FILES, ["entry-expired"]),
    ],
)
def test_locked_links(name: str, text: str, link: Location | None, found: list[str]) -> None:
    assert codes(authority(name, text).locked(link, "1.0")) == found


AUDIT = 'mode = "audit"\n'


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("billing-models", "2.0", []),
        ("billing-models", "1.0", ["version-not-allowed"]),
        ("acme-core", "1.0", []),
        ("pinned", "nonsense", ["version-not-allowed"]),
    ],
)
def test_the_version_in_the_metadata(name: str, version: str, found: list[str]) -> None:
    assert codes(authority(name).version(version)) == found
    assert authority("requests", UNMATCHED).version(version) is PASS


@pytest.mark.parametrize(
    ("name", "text", "asked", "found"),
    [
        ("internal-tool", AUDIT + STORY, CORP, ["unclaimed-internal"]),
        ("internal-tool", STORY, CORP, []),
        ("internal-tool", AUDIT + STORY, PYPI, []),
        ("internal-tool", AUDIT + STORY, STRANGER, []),
        ("internal-tool", AUDIT, CORP, []),
        ("internal-tool", AUDIT + UNMATCHED, CORP, []),
        ("acme-core", AUDIT + STORY, CORP, []),
        ("mirrored", AUDIT + STORY, CORP, []),
        (
            "internal-tool",
            AUDIT + '[indexes.one]\nurl = "https://mirror.example/simple/"\npackages = ["*"]',
            MIRROR,
            [],
        ),
    ],
)
def test_a_forgotten_internal_name(name: str, text: str, asked: Location, found: list[str]) -> None:
    assert codes(authority(name, text).unclaimed(asked)) == found


@pytest.mark.parametrize(
    ("name", "texts", "claimed"),
    [
        ("acme-core", [STORY], True),
        ("requests", [STORY], False),
        ("acme-core", [AUDIT + STORY], False),
        ("acme-core", ["", AUDIT + STORY, STORY], True),
        ("acme-core", [""], False),
    ],
)
def test_claimed(name: str, texts: list[str], *, claimed: bool) -> None:
    assert authority(name, *texts).is_claimed is claimed


def test_a_layer_without_indexes_has_no_opinion_on_names() -> None:
    of_name = authority("acme-core", BLOCK, "")
    assert of_name.rules == ()
    assert {of_name.ask(None), of_name.page(None), of_name.configured([])} == {PASS}


def test_the_first_enforced_finding_is_the_refusal() -> None:
    verdict = authority("acme-core", AUDIT + STORY, STORY, STORY).ask(PYPI)
    assert codes(verdict) == ["claimed-elsewhere"] * 3
    assert verdict.refusal is verdict.findings[1]
    assert verdict.observed == verdict.findings[:1]


def test_the_built_in_rule_is_enforced() -> None:
    finding = Finding("ambiguous-name", None)
    assert finding.enforced
    assert Verdict((finding,)).refusal is finding
    assert PASS.refusal is None


def test_a_layer_that_has_objected_is_not_heard_twice() -> None:
    first, second = read(AUDIT + STORY, 0), read(STORY, 1)
    asked = Verdict((Finding("claimed-elsewhere", first),))
    answered = Verdict((Finding("redirected", first), Finding("redirected", second)))
    assert answered.without(asked) == Verdict((Finding("redirected", second),))
    assert answered.without(PASS) is answered
    assert PASS.without(asked) is PASS


@pytest.mark.parametrize(
    ("policies_of_layers", "abort", "backtrack"),
    [
        ([], False, False),
        ([Policy()], False, False),
        ([Policy(shadow_action="abort"), Policy()], True, False),
        ([Policy(mode="audit", shadow_action="abort"), Policy()], False, False),
        ([Policy(when_nothing_left="backtrack")], False, True),
        ([Policy(when_nothing_left="backtrack"), Policy()], False, False),
        ([Policy(when_nothing_left="backtrack"), Policy(mode="audit")], False, True),
        ([Policy(mode="audit", when_nothing_left="backtrack")], False, False),
    ],
)
def test_the_strictest_settings_win(policies_of_layers: list[Policy], *, abort: bool, backtrack: bool) -> None:
    found = [layer(policy, number) for number, policy in enumerate(policies_of_layers)]
    assert Settings.of(found) == Settings(abort_on_shadow=abort, backtrack=backtrack)


# What holds for every policy.


def judge(found: Sequence[Layer], offer: Offer) -> dict[str, Verdict]:
    """Return every verdict on an offer; "file" is that of the whole way from the question to the file."""
    of_name = Authority(found, offer.name, TODAY)
    ask = of_name.ask(offer.asked)
    answer = of_name.page(offer.answered)
    check = None if offer.answered is None else of_name.file_check(offer.answered)
    file = PASS if check is None else check(offer.version, offer.file)
    return {
        "ask": ask,
        "file": Verdict((*ask.findings, *answer.findings, *file.findings)),
        "configured": of_name.configured([place for place in [offer.asked] if place is not None]),
        "direct": of_name.direct(LOCAL if offer.local else offer.file, requested=offer.requested),
        "local": of_name.local_file(),
        "locked": of_name.locked(LOCAL if offer.local else offer.file, offer.version),
    }


def allowed(found: Sequence[Layer], offer: Offer) -> dict[str, bool]:
    """Tell for each way whether the offer passes, and whether an index is asked at all."""
    verdicts = judge(found, offer)
    passed = {way: verdict.refusal is None for way, verdict in verdicts.items()}
    return {**passed, "is asked": passed["ask"] or verdicts["ask"].probes}


def assert_no_more(narrow: dict[str, bool], wide: dict[str, bool]) -> None:
    """Check that the narrow layers allow nothing that the wide ones do not."""
    assert {way for way, passes in narrow.items() if passes} <= {way for way, passes in wide.items() if passes}


@given(layers(), policies() | bare_policies(), st.integers(0, 3), offers())
def test_an_extra_layer_never_allows_more(found: list[Layer], extra: Policy, place: int, offer: Offer) -> None:
    # "is asked" is no exception: an index that one layer allows and another wants probed is asked in both cases.
    more = [*found[:place], layer(extra, 9), *found[place:]]
    assert_no_more(allowed(more, offer), allowed(found, offer))
    wide, narrow = Settings.of(found), Settings.of(more)
    assert narrow.abort_on_shadow >= wide.abort_on_shadow
    if any(layer.enforces for layer in found):
        assert narrow.backtrack <= wide.backtrack


def described(verdict: Verdict) -> set[tuple[str, str, str, bool, bool]]:
    """Return a verdict's findings without order, and without the values that order them."""
    return {
        (
            finding.code,
            "" if finding.layer is None else finding.layer.path,
            "" if finding.rule is None else finding.rule.key,
            finding.probe,
            finding.enforced,
        )
        for finding in verdict.findings
    }


@given(layers(), offers(), st.randoms(use_true_random=False))
def test_no_order_changes_a_verdict(found: list[Layer], offer: Offer, shuffle: random.Random) -> None:
    shuffled = []
    for one in shuffle.sample(found, len(found)):
        indexes = tuple(shuffle.sample(one.policy.indexes, len(one.policy.indexes)))
        indexes = tuple(replace(index, urls=tuple(shuffle.sample(index.urls, len(index.urls)))) for index in indexes)
        rules = list(one.policy.rules)
        rules = [rule._replace(indexes=tuple(reversed(rule.indexes))) for rule in shuffle.sample(rules, len(rules))]
        shuffled.append(replace(one, policy=replace(one.policy, indexes=indexes, rules=rules_of(rules))))
    before, after = judge(found, offer), judge(shuffled, offer)
    assert {way: described(verdict) for way, verdict in before.items()} == {
        way: described(verdict) for way, verdict in after.items()
    }
    assert allowed(found, offer) == allowed(shuffled, offer)
    assert Settings.of(found) == Settings.of(shuffled)


@given(st.data(), NAMES, offers())
def test_any_spelling_gets_the_verdict_of_the_normalised_name(data: st.DataObject, name: Name, offer: Offer) -> None:
    text = """
    [indexes.corp]
    url = "https://corp.example/simple/"
    packages = ["{}<2"]
    [indexes.public]
    url = "https://public.example/simple/"
    packages = ["*"]
    """
    asked = replace(offer, name=normalise_name(data.draw(spellings(offer.name))))
    written = read(text.format(data.draw(spellings(name))))
    assert {way: described(verdict) for way, verdict in judge([written], asked).items()} == {
        way: described(verdict) for way, verdict in judge([read(text.format(name))], offer).items()
    }


def enforcing(policy: Policy) -> Policy:
    """Return a policy in enforce mode."""
    return replace(policy, mode="enforce")


@given(layers(), offers())
def test_audit_mode_finds_the_same_and_refuses_nothing(found: list[Layer], offer: Offer) -> None:
    audit = [replace(one, policy=replace(one.policy, mode="audit")) for one in found]
    enforce = [replace(one, policy=enforcing(one.policy)) for one in found]
    for way, verdict in judge(audit, offer).items():
        other = judge(enforce, offer)[way]
        assert verdict.refusal is None
        assert verdict.observed == verdict.findings
        assert [(it.code, it.rule, it.probe) for it in verdict.findings] == [
            (it.code, it.rule, it.probe) for it in other.findings
        ]
        assert (other.refusal is None) is (not verdict.findings)
    assert allowed(audit, offer)["is asked"]


@st.composite
def forbidding(draw: st.DrawFn, policy: Policy) -> Policy:
    """Draw a policy that forbids something that ``policy`` may allow."""
    rules = list(policy.rules)
    place = draw(st.integers(0, len(rules) - 1))
    rule = rules[place]
    index = draw(st.sampled_from(policy.indexes))
    kind = draw(st.sampled_from(["range", "expire", "owner", "entry", "files", "local", "probe"]))
    if kind == "range" and rule.versions is None:
        rules[place] = rule._replace(versions=parse_range("<1.5"))
    elif kind == "expire":
        rules[place] = rule._replace(expires=YESTERDAY)
    elif kind == "owner" and len(rule.indexes) > 1:
        rules[place] = rule._replace(indexes=rule.indexes[1:])
    elif kind == "entry":
        pattern = Pattern(draw(NAMES), exact=True)
        assume(all(pattern != other.pattern for other in rules))
        rules.append(Rule(pattern, (index.name,), "added", expires=YESTERDAY))
    elif kind == "files" and index.files_from is None:
        indexes = [replace(it, files_from=()) if it is index else it for it in policy.indexes]
        return replace(policy, indexes=tuple(indexes))
    elif kind == "local":
        return replace(policy, local="block")
    elif kind == "probe":
        return replace(policy, probe="never")
    return replace(policy, rules=rules_of(rules))


@given(st.data(), layers(), policies().map(enforcing), offers())
def test_a_rule_that_forbids_never_allows_more(
    data: st.DataObject, others: list[Layer], policy: Policy, offer: Offer
) -> None:
    narrowed = layer(data.draw(forbidding(policy)), 9)
    narrow, wide = allowed([*others, narrowed], offer), allowed([*others, layer(policy, 9)], offer)
    # A name that has just been claimed may have a public index asked for squatters, and an index that pip knows.
    # Neither allows a file.
    for passed in (narrow, wide):
        del passed["is asked"], passed["configured"]
    assert_no_more(narrow, wide)


@given(layers(), offers(), st.sampled_from([None, CORP, STRANGER]))
def test_where_files_are_not_looked_at_their_place_plays_no_part(
    found: list[Layer], offer: Offer, place: Location | None
) -> None:
    assume(offer.answered is not None)
    of_name = Authority(found, offer.name, TODAY)
    check = None if offer.answered is None else of_name.file_check(offer.answered)
    if check is not None and offer.answered is not None and not of_name.looks_at_files(offer.answered):
        assert check(offer.version, place) == check(offer.version, offer.file)


@given(offers())
def test_without_a_policy_only_the_built_in_rule_applies(offer: Offer) -> None:
    assert all(verdict.findings == () for verdict in judge([], offer).values())
    assert Settings.of([]) == Settings(abort_on_shadow=False, backtrack=False)


@given(st.lists(bare_policies(), min_size=1, max_size=3), offers())
def test_policies_without_indexes_have_no_opinion_on_names(found: list[Policy], offer: Offer) -> None:
    verdicts = judge([layer(policy, number) for number, policy in enumerate(found)], offer)
    assert all(verdicts[way].findings == () for way in ("ask", "file", "configured"))
    assert {code for verdict in verdicts.values() for code in codes(verdict)} <= {"direct-url", "local-path"}


@given(layers(), policies().map(enforcing), offers())
def test_an_index_that_no_policy_names_is_never_used(others: list[Layer], policy: Policy, offer: Offer) -> None:
    found = [*others, layer(policy, 9)]
    assert not allowed(found, replace(offer, asked=STRANGER))["is asked"]
    assert not allowed(found, replace(offer, answered=page(STRANGER, offer.name)))["file"]


# Without a policy: a name that more than one index offers.

ONE, TWO, THREE = CORP, MIRROR, STRANGER
DIGESTS = st.sampled_from([None, "aa", "bb"])
OFFERED = st.dictionaries(
    st.sampled_from([ONE, TWO, THREE]), st.dictionaries(st.sampled_from(["a.whl", "b.whl", "c.whl"]), DIGESTS)
)


@pytest.mark.parametrize(
    ("offered", "alike"),
    [
        ({}, None),
        ({ONE: {"a.whl": None}}, None),
        ({ONE: {"a.whl": None}, TWO: {}}, None),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa"}}, None),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "bb"}}, set()),
        ({ONE: {"a.whl": None}, TWO: {"a.whl": None}}, set()),
        ({ONE: {"a.whl": "aa"}, TWO: {"b.whl": "aa"}}, set()),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa", "b.whl": "bb"}}, {"a.whl"}),
        ({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa"}, THREE: {"a.whl": "bb"}}, set()),
    ],
)
def test_ambiguous_names(offered: dict[Location, dict[str, str | None]], alike: set[str] | None) -> None:
    assert sift_ambiguous(offered) == alike


def usable(offered: dict[Location, dict[str, str | None]]) -> set[tuple[str, str | None]]:
    """Return the files, with their digests, that pip may use."""
    kept = sift_ambiguous(offered)
    return {file for files in offered.values() for file in files.items() if kept is None or file[0] in kept}


@given(OFFERED)
@example({ONE: {"a.whl": "aa"}, TWO: {"a.whl": "aa", "b.whl": None}})
def test_what_several_offer_is_alike_everywhere(offered: dict[Location, dict[str, str | None]]) -> None:
    offering = [files for files in offered.values() if files]
    if len(offering) > 1:
        for name, digest in usable(offered):
            assert digest is not None
            assert all(files[name] == digest for files in offering)


@given(OFFERED, st.randoms(use_true_random=False))
def test_the_order_of_offers_plays_no_part(
    offered: dict[Location, dict[str, str | None]], shuffle: random.Random
) -> None:
    shuffled = {
        place: dict(shuffle.sample(list(offered[place].items()), len(offered[place])))
        for place in shuffle.sample(list(offered), len(offered))
    }
    assert sift_ambiguous(shuffled) == sift_ambiguous(offered)


@given(OFFERED, st.dictionaries(st.sampled_from(["a.whl", "b.whl", "c.whl"]), DIGESTS))
def test_one_more_index_never_makes_a_file_usable_that_was_not(
    offered: dict[Location, dict[str, str | None]], extra: dict[str, str | None]
) -> None:
    assume(THREE not in offered)
    more = {**offered, THREE: extra}
    before = {name for name, _ in usable(offered)}
    if any(offered.values()):
        assert {name for name, _ in usable(more)} <= before
