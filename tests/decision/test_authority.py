"""The heart: each code and branch of the policy's decision table."""

from __future__ import annotations

from datetime import date

import pytest

from indexguard.decision.authority import Authority
from indexguard.decision.outcome import Settings
from indexguard.decision.verdict import PASS, Finding, Verdict
from indexguard.patterns import Name, Pattern, normalise_name
from indexguard.policy.identity import PYPI, Location, find_reference, parse_location
from indexguard.policy.model import Policy
from indexguard.policy.rules import Rule
from support.strategies import (
    CORP,
    LOCAL,
    MIRROR,
    STORY,
    STRANGER,
    TODAY,
    codes,
    layer,
    page,
    read,
    rules_of,
)

FILES = parse_location("https://files.corp.example/acme/acme_core-1.0-py3-none-any.whl")


def authority(name: str, *texts: str) -> Authority:
    """Return what policies, given as text, say of a name."""
    found = [read(text, number) for number, text in enumerate(texts or (STORY,))]
    return Authority(found, normalise_name(name), TODAY)


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
    index = read().policy.indexes[0]._replace(files_from=())
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


@pytest.mark.parametrize(
    ("name", "text", "link", "found"),
    [
        ("acme-core", STORY, page(CORP, "x.whl"), ["locked-link"]),  # beside its `files-from`: its page decides
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
