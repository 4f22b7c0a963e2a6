"""The event `selected`: whose file was chosen, by which rule; driven through whole runs of pip."""

from __future__ import annotations

import pytest
from integration.harness.children import write_policy
from integration.harness.dists import Dist

from indexguard.inpip.children import BOOTSTRAP
from support.inpip_bench import Bench, Done


def chosen(done: Done) -> dict[str, tuple[str, str | None, str | None]]:
    """Return origin, and pattern and layer of the rule, by name."""
    found = {}
    for event in done.events:
        if event["event"] == "selected":
            rule = event["rule"] or {"pattern": None, "layer": None}
            found[event["name"]] = (event["chosen"]["origin"], rule["pattern"], rule["layer"])
    return found


@pytest.fixture
def stocked(bench: Bench) -> Bench:
    bench.corp.publish(Dist("acme-core", "1.0", "corp"))
    bench.public.publish(Dist("lib", "1.0", "public"))
    return bench


def test_an_index_of_the_rule_is_the_names_own(stocked: Bench) -> None:
    done = stocked.install("acme-core", "lib", policy=stocked.policy)
    assert done.code == 0
    assert chosen(done) == {"acme-core": ("own", "acme-*", "environment"), "lib": ("own", "*", "environment")}
    (event,) = (event for event in done.events if event["name"] == "acme-core" and event["event"] == "selected")
    assert event["rule"]["indexes"] == ["corp"]
    assert event["rule"]["key"] == "indexes.corp.namespaces[0]"


def test_what_no_index_lists_has_none(stocked: Bench) -> None:
    url = stocked.public.origin + stocked.public.keep(Dist("direct", "1.0", "direct"))
    file = stocked.folder / "local-1.0-py3-none-any.whl"
    file.write_bytes(Dist("local", "1.0", "local").content)
    done = stocked.install(url, file, policy=stocked.policy)
    assert chosen(done) == {"direct": ("none", "*", "environment"), "local": ("none", "*", "environment")}


def test_without_a_policy_nobody_says_whose_a_name_is(stocked: Bench) -> None:
    assert chosen(stocked.install("lib")) == {"lib": ("none", None, None)}


def test_only_a_layer_in_audit_mode_lets_another_index_in(stocked: Bench) -> None:
    stocked.public.publish(Dist("acme-core", "99.0", "public"))
    audit = f'version = 1\nmode = "audit"\n{stocked.policy}'
    user = write_policy(stocked.folder / "config" / "indexguard" / "policy.toml", audit)
    done = stocked.install(
        "acme-core", PIP_EXTRA_INDEX_URL="", PIP_INDEX_URL=stocked.public.url, XDG_CONFIG_HOME=str(user.parent.parent)
    )
    assert chosen(done) == {"acme-core": ("other", "acme-*", "user")}


def test_layers_that_enforce_come_before_those_in_audit_mode(stocked: Bench) -> None:
    audit = f'version = 1\nmode = "audit"\n[indexes.public]\nurl = "{stocked.public.url}"\npackages = ["*"]\n'
    user = write_policy(stocked.folder / "config" / "indexguard" / "policy.toml", audit)
    done = stocked.install("acme-core", policy=stocked.policy, XDG_CONFIG_HOME=str(user.parent.parent))
    assert chosen(done) == {"acme-core": ("own", "acme-*", "environment")}


@pytest.mark.parametrize("options", [(), ("--use-deprecated=legacy-resolver",)])
@pytest.mark.parametrize("how", ["name", "url"])
def test_what_is_installed_already_was_not_selected(stocked: Bench, options: tuple[str, ...], how: str) -> None:
    url = stocked.public.origin + stocked.public.keep(Dist("lib", "1.0", "public"))
    info = stocked.folder / "installed" / "lib-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n")
    (info / "INSTALLER").write_text("pip")
    policy = write_policy(stocked.folder / "policy.toml", f"version = 1\n{stocked.policy}")
    environ = {"PIP_INDEX_URL": stocked.public.url, "INDEXGUARD_POLICY": str(policy)}
    words = ("-m", "pip", "install", "--dry-run", *options, "lib" if how == "name" else f"lib @ {url}")
    done = stocked.python(*words, paths=(BOOTSTRAP, info.parent), environ=environ)
    assert done.code == 0
    assert "Would install" not in done.output
    assert chosen(done) == {}
