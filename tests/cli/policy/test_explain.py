"""Which rule decides, in every layer, and what comes of it; the indexes are those of this interpreter's real pip."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from integration.harness.cases import read_cases

from indexguard.codes import words_of
from indexguard.errors import CODES
from indexguard.ledger.sighting import Sighting
from indexguard.ledger.store import Store
from indexguard.patterns import Name
from support.shell import Shell

CASES = read_cases(__file__)

CORP = "https://packages.corp.example/simple/"
OTHER = "https://other.example/simple/"
POLICY = CASES["policy"]


def test_claimed_name(shell: Shell) -> None:
    path = shell.policy(POLICY)
    shell.configure(f"https://user:hunter2@{CORP[8:]}", "https://pypi.example/simple/")
    answer = shell("explain", "ACME.core")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "acme-core",
        f"environment policy {path} (enforce)",
        f"  decided by  indexes.corp.namespaces[0]: `acme-*` belongs to corp ({CORP})",
        "              claimed: no other index may serve the name",
        "  not by      indexes.pypi.packages[0]: `*` of pypi is less specific",
        "indexes:",
        f"  {CORP}  asked",
        "  https://pypi.example/simple/           not asked: unknown-index",
        f"acme-core may come from {CORP}",
    ]


def test_public_index_is_probed_and_recognised_by_its_real_address(shell: Shell) -> None:
    shell.policy(POLICY)
    shell.configure(PIP_EXTRA_INDEX_URL=CORP)  # the default index stays pip's own
    answer = shell("explain", "acme")
    assert (
        "  pypi                                   not asked: claimed-elsewhere; asked once, for squatters only"
        in answer.out
    )
    report = shell("explain", "acme", "--json").json
    assert [(index["url"], index["asked"], index["probed"]) for index in report["indexes"]] == [
        ("pypi", False, True),
        (CORP, True, False),
    ]


def test_unclaimed_name(shell: Shell) -> None:
    shell.policy(POLICY)
    answer = shell("explain", "requests", "--index", "pypi", "--index", CORP)
    assert answer.code == 0
    assert "not claimed: only `*` matches" in answer.out
    assert answer.out.endswith("requests may come from pypi\n")


def test_version(shell: Shell) -> None:
    shell.policy(POLICY)
    answer = shell("explain", "billing-models", "--version", "2.5", "--index", CORP)
    assert answer.code == 0
    assert "2.5 is allowed" in answer.out
    assert "  reason      SEC-211" in answer.out
    answer = shell("explain", "billing-models", "--version", "3.0", "--index", CORP)
    assert answer.code == 1
    assert "3.0 is refused (version-not-allowed)" in answer.out
    assert answer.out.endswith("billing-models 3.0 is refused\n")
    (layer,) = shell("explain", "billing-models", "--version", "3.0", "--index", CORP, "--json").json["layers"]
    assert layer["version_allowed"] is False


def test_expired_entry(shell: Shell) -> None:
    shell.policy(POLICY)
    answer = shell("explain", "old-thing", "--index", CORP)
    assert answer.code == 1
    assert "not asked: entry-expired" in answer.out
    assert "2020-01-01 (expired: still claimed, nothing allowed)" in answer.out


def test_index_that_is_not_configured(shell: Shell) -> None:
    shell.policy(POLICY)
    answer = shell("explain", "acme-core", "--index", "pypi")
    assert answer.code == 1
    assert f"index-not-configured: pip has no index corp ({CORP})" in answer.out


def test_every_layer_is_told(shell: Shell) -> None:
    shell.policy(POLICY, "machine")
    shell.policy('version = 1\nmode = "audit"\n[indexes.o]\nurl = "https://other.example/simple/"\npackages = ["x"]\n')
    answer = shell("explain", "acme-core", "--index", CORP, "--index", OTHER)
    assert answer.code == 0
    assert "machine policy" in answer.out
    assert "no rule matches the name: no index is asked (unmatched-name)" in answer.out
    assert f"{CORP}  asked (a layer in audit mode would log: unknown-index)" in answer.out
    assert f"{OTHER}          not asked: unknown-index" in answer.out


def test_layer_without_indexes(shell: Shell) -> None:
    shell.policy('version = 1\nlocal = "block"\n')
    answer = shell("explain", "acme-core", "--index", CORP, "--index", OTHER)
    assert answer.code == 0
    assert "it has no [indexes], so it has no opinion on names" in answer.out
    assert "the built-in rule holds" in answer.out
    assert answer.out.endswith(f"acme-core may come from {CORP} or {OTHER}, if only one of them offers it\n")


@pytest.mark.parametrize(
    ("kind", "mode", "says", "built_in", "audited"),
    [
        ("machine", "audit", "a policy in audit mode has the built-in rule only logged", False, True),
        ("machine", "enforce", "no policy decides names here, so the built-in rule holds", True, False),
        # Whoever sets a variable turns nothing off.
        ("environment", "audit", "no policy decides names here, so the built-in rule holds", True, False),
    ],
)
def test_the_built_in_rule_is_told_as_it_is(
    shell: Shell, kind: str, mode: str, says: str, *, built_in: bool, audited: bool
) -> None:
    shell.policy(f'version = 1\nmode = "{mode}"\nlocal = "block"\n', kind)
    words = ("explain", "acme-core", "--index", CORP, "--index", OTHER)
    assert says in shell(*words).out
    told = shell(*words, "--json").json
    assert (told["built_in_rule"], told["built_in_rule_audited"]) == (built_in, audited)


def test_trusted_host_is_not_the_policys_index(shell: Shell) -> None:
    shell.policy(POLICY)
    shell.configure(CORP, PIP_TRUSTED_HOST="packages.corp.example")
    answer = shell("explain", "acme-core")
    assert answer.code == 1
    assert "not asked: unverified-index" in answer.out


def test_url_without_a_single_meaning(shell: Shell) -> None:
    shell.policy(POLICY)
    shell.configure("https://u:hunter2@packages.corp.example@evil.example/simple/")
    answer = shell("explain", "acme-core")
    assert answer.code == 1
    assert "not asked: unknown-index" in answer.out
    assert "hunter2" not in answer.out + answer.err


def test_bad_policy(shell: Shell) -> None:
    shell.policy("version = 7")
    answer = shell("explain", "acme-core")
    assert (answer.code, answer.out) == (2, "")
    assert "policy-invalid" in answer.err


def test_bad_name(shell: Shell) -> None:
    for argv in (["acme==1.0"], ["acme*"], [""], []):
        answer = shell("explain", *argv)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.count("\n") == 1


def test_code(shell: Shell) -> None:
    for code in CODES:
        answer = shell("explain", "--code", code)
        assert answer.code == 0
        assert all(words in answer.out for words in words_of(code))


def test_table_of_codes(shell: Shell) -> None:
    lines = shell("explain", "--codes").out.splitlines()
    assert lines[1] == "|---|---|---|"
    assert [line.split("`")[1] for line in lines[2:]] == list(CODES)
    assert all(line.count(" | ") == 2 for line in lines[2:])


@pytest.mark.parametrize("url", ["", "user:hunter2@c.example/simple", "simple"])
def test_index_that_is_no_url(shell: Shell, url: str) -> None:
    answer = shell("explain", "acme", "--index", url)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("is not a URL\n")
    assert "hunter2" not in answer.err


@pytest.mark.parametrize("name", ["acme\x1b[2J", "\udcff", "acme*", "", "acme==1", "-acme"])
def test_what_is_no_name_is_shown_escaped(shell: Shell, name: str) -> None:
    answer = shell("explain", "--", name)
    assert (answer.code, answer.out) == (2, "")
    assert "is not a project name" in answer.err
    assert "\x1b" not in answer.err


def test_pip_that_cannot_say_its_indexes(shell: Shell) -> None:
    shell.policy(POLICY)
    shell.configure(PIP_TIMEOUT="nonsense")
    answer = shell("explain", "acme")
    assert answer.code == 2
    assert "what pip is configured with is not known: pip does not start: " in answer.err
    assert answer.out.splitlines()[-1].endswith("depends on the indexes: give them with --index")
    assert shell("explain", "acme", "--json").json["allowed"] is None
    assert shell("explain", "acme", "--index", CORP).code == 0
    assert shell("explain", "old-thing", "--index", OTHER).code == 1


def test_no_index_at_all(shell: Shell) -> None:
    shell.configure(PIP_NO_INDEX="1")
    answer = shell("explain", "acme")
    assert answer.code == 0
    assert answer.out.splitlines()[-1].startswith("pip is configured with no index, so acme can only come from")


SERVING = POLICY + CASES["serving"]


def test_what_is_asked_of_files(shell: Shell) -> None:
    shell.policy(SERVING)
    answer = shell("explain", "requests", "--index", "pypi")
    assert answer.code == 0
    assert "  min-age     pypi: 3d (unknown age: dropped; defaults.min-age)" in answer.out
    assert "  formats     pypi: wheel (defaults.formats)" in answer.out
    assert "  waived      too-young for requests==2.33.0: " in answer.out
    assert "days left, until 2100-01-31 (waive[0]: SEC-212)" in answer.out


@pytest.mark.parametrize(
    ("more", "code", "line"),
    [
        (("--file", "requests-2.32.0-py3-none-any.whl", "--age", "3d"), 0, "requests 2.32.0 may come from pypi"),
        (("--version", "2.32.0", "--age", "2d"), 1, "dropped from pypi: too-young; old enough from "),
        (("--version", "2.33", "--age", "2d"), 0, "waived for pypi: too-young (waive[0]: SEC-212)"),
        (
            ("--file", "requests-2.32.0.tar.gz"),
            1,
            "dropped from pypi: format-not-allowed: an sdist; allowed: wheel (defaults.formats)",
        ),
        (("--file", "requests-2.32.0-py3-none-any.whl"), 0, "requests 2.32.0 may come from pypi"),
    ],
)
def test_one_file(shell: Shell, more: tuple[str, ...], code: int, line: str) -> None:
    shell.policy(SERVING)
    answer = shell("explain", "requests", "--index", "pypi", *more)
    assert (answer.code, line in answer.out) == (code, True), answer.out
    (served,) = shell("explain", "requests", "--index", "pypi", *more, "--json").json["served"]
    assert served["url"] == "pypi"
    assert bool(served["findings"]) == (code == 1)
    assert bool(served["waived"]) == ("waived" in line)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--file", "flask-1.0.tar.gz"), "expected a file of requests"),
        (("--file", "requests-1.0.tar.gz", "--version", "2.0"), "--file is of version 1.0, and --version says 2.0"),
        (("--age", "soon"), "expected an age, such as 12h, 3d or 2w"),
    ],
)
def test_a_file_that_is_none(shell: Shell, more: tuple[str, ...], said: str) -> None:
    shell.policy(SERVING)
    answer = shell("explain", "requests", *more)
    assert (answer.code, said in answer.err) == (2, True)


def test_what_the_ledger_remembers(shell: Shell, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    policy = f'{POLICY}[ledger]\npath = "{ledger}"\n'.replace(
        'namespaces = ["acme"]', 'namespaces = ["acme"]\nmin-age = { for = "3d", unknown = "first-seen" }'
    )
    shell.policy(policy)
    words = ("explain", "acme-core", "--index", CORP, "--file", "acme_core-1.0.tar.gz")
    answer = shell(*words)
    assert f"ledger      nothing of this name is remembered ({ledger})" in answer.out
    assert not ledger.exists()
    store = Store(ledger)
    store.record([Sighting(Name("acme-core"), "1.0", "acme_core-1.0.tar.gz", "a" * 64, CORP, int(time.time()) - 3600)])
    store.close()
    answer = shell(*words)
    assert answer.code == 1
    assert f"({ledger})" in answer.out
    assert "too-young" in answer.out
    store.record([Sighting(Name("acme-core"), "1.0", "acme_core-1.0.tar.gz", "a" * 64, CORP, 1_600_000_000)])
    store.close()
    assert shell(*words).code == shell(*words, "--sha256", "A" * 64).code == 0
    answer = shell(*words, "--sha256", "b" * 64)
    assert answer.code == 1
    assert f"hash-changed: first seen on 2020-09-13 with sha256 {'a' * 16}..., and now it has {'b' * 64}" in answer.out
    assert shell(*words, "--sha256", "b" * 63).code == 2
    ledger.write_bytes(b"no database at all\n" * 100)
    assert f"the ledger {ledger} is damaged: " in shell(*words).out


def test_a_name_that_is_nearly_another_one(shell: Shell) -> None:
    shell.policy(f'{POLICY}\n[typosquat]\naction = "block"\n')
    answer = shell("explain", "reqeusts", "--index", "pypi")
    assert answer.code == 1
    assert "  perhaps     did you mean `requests` (two letters swapped)? no index is asked for it" in answer.out
    assert "  pypi  not asked: typosquat\n" in answer.out
    report = shell("explain", "acmecore", "--index", "pypi", "--json").json
    assert [layer["meant"] for layer in report["layers"]] == ["`acme-core` (but for a dash)"]
    assert [finding["code"] for index in report["indexes"] for finding in index["findings"]] == ["typosquat"]


def test_a_near_miss_is_only_told_by_default(shell: Shell) -> None:
    shell.policy(POLICY)
    answer = shell("explain", "reqeusts", "--index", "pypi")
    assert answer.code == 0
    assert "did you mean `requests` (two letters swapped)? the user is told" in answer.out
    assert "did you mean" not in shell("explain", "requests", "--index", "pypi").out


def test_a_page_of_links_that_the_policy_names_is_an_index(shell: Shell) -> None:
    shell.policy(f'{POLICY}[indexes.links]\nurl = "https://links.example/wheels/"\npackages = ["torch"]\n')
    pages = "https://links.example/wheels/ https://links.example/torch-1.0-py3-none-any.whl file:///wheels/ /wheels"
    shell.configure(CORP, PIP_FIND_LINKS=pages)
    answer = shell("explain", "torch")
    assert answer.code == 0
    assert "torch may come from https://links.example/wheels/\n" in answer.out
    assert "torch-1.0" not in answer.out
    assert shell("explain", "acme-core").code == 0
    shell.configure(CORP, PIP_FIND_LINKS="https://other.example/wheels/")
    answer = shell("explain", "torch")
    told = " ".join(answer.out.split())
    assert (answer.code, "https://other.example/wheels/ not asked: unknown-index" in told) == (1, True)
