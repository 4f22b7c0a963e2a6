"""What is said of one name: the explanation, the warning, and the words that are the last."""

from __future__ import annotations

import pytest
from integration.harness.dists import Dist

from support.inpip_bench import Bench


def test_an_index_that_is_not_configured_is_named_with_the_option(bench: Bench) -> None:
    done = bench.install("acme-core", policy=bench.policy, PIP_INDEX_URL=bench.public.url, PIP_EXTRA_INDEX_URL="")
    assert done.code == 1
    assert "index-not-configured" in done.output
    assert f"have pip ask index `corp`: --index-url {bench.corp.url}" in done.output.replace("\n", "")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('{ name = "acme-core", expires = 2020-02-29 }', "expired at the end of 2020-02-29 (UTC)"),
        ('{ name = "acme-core", version = ">=2", reason = "SEC-211" }', "reason: SEC-211"),
        ('"acme-core>=2"', "allows >=2"),
    ],
)
def test_the_rule_says_why(bench: Bench, entry: str, words: str) -> None:
    policy = bench.policy.replace('namespaces = ["acme"]', f"packages = [{entry}]")
    done = bench.install("acme-core", policy=policy)
    assert (done.code, done.origins) == (1, {})
    assert words in done.output
    assert "indexes.corp.packages[0]" in done.output


def test_a_name_that_nobody_has(bench: Bench) -> None:
    done = bench.install("acme-none", policy=bench.policy + '[shadow]\nprobe = "never"\n')
    assert done.code == 1
    assert "No matching distribution found" in done.output
    last = done.output.rstrip().splitlines()[-7:]
    assert any("found no `acme-none` where the policy lets pip look for it" in line for line in last)


def test_going_back_is_said(bench: Bench) -> None:
    bench.public.publish(Dist("parent", "1.0", "public"), Dist("parent", "2.0", "public", requires=("acme-ghost",)))
    bench.public.publish(Dist("acme-ghost", "9.0", "public"))
    refused = bench.install("parent", policy=bench.policy)
    assert (refused.code, refused.origins) == (1, {})
    done = bench.install("parent", policy='when-nothing-left = "backtrack"\n' + bench.policy)
    assert (done.code, done.origins) == (0, {"parent": "public"})
    assert "acme-ghost: dropped 9.0" in done.output


def test_commands_that_only_look_warn(bench: Bench) -> None:
    done = bench.pip("index", "versions", "acme-core", policy=bench.policy)
    if "unknown command" in done.output:
        pytest.skip("this pip is older than 21.2")
    assert done.code == 0
    assert "Available versions: 1.0\n" in done.output
    assert "(shadowed-name)" in done.output


def test_abort(bench: Bench) -> None:
    done = bench.install("acme-core", policy=bench.policy + '[shadow]\naction = "abort"\n')
    assert (done.code, done.origins) == (1, {})
    assert "kept     1.0" in done.output


def test_credentials_are_not_shown(bench: Bench) -> None:
    url = bench.public.url.replace("://", "://user:hunter2@")
    done = bench.install("acme-core", policy=bench.policy, PIP_EXTRA_INDEX_URL=url)
    assert done.origins == {"acme_core": "corp"}
    assert "hunter2" not in done.output + str(done.events)
