"""The rule that holds without a policy, beside layers in audit mode: driven through whole runs of pip."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.harness.children import write_policy
from integration.harness.dists import Dist

import indexguard
from indexguard.inpip.children import BOOTSTRAP
from support.inpip_bench import Bench, Done

MACHINE = """
import sys
import indexguard.policy.layers as layers
layers.machine_policy_path = lambda *_: {path!r}
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
FOREIGN = (
    (
        "tool-1.0.data/purelib/acme_core-99.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: acme-core\nVersion: 99.0\n",
    ),
)
OVER = (("indexguard.start", ""),)
PATHS = (BOOTSTRAP, Path(indexguard.__file__).parents[1])


def meet(bench: Bench, code: str) -> None:
    """Have an index offer what the rule objects to."""
    more = {"name-mismatch": FOREIGN, "guard-file": OVER}.get(code, ())
    bench.public.publish(Dist("tool", "1.0", "public", more=more))
    if code == "ambiguous-name":
        bench.corp.publish(Dist("tool", "1.0", "corp"))
    if code == "index-failed":
        bench.corp.answers["/simple/tool/"] = (503, {}, b"")


CODES = ("ambiguous-name", "index-failed", "name-mismatch", "guard-file")


def run(bench: Bench, machine: str | None, **environ: str) -> Done:
    """Install `tool` with both indexes, under a policy of the machine."""
    path = bench.folder / "machine" / "policy.toml"
    if machine is not None:
        write_policy(path, machine)
    script = bench.folder / "run.py"
    script.write_text(MACHINE.format(path=str(path)))
    environ = {"PIP_INDEX_URL": bench.corp.url, "PIP_EXTRA_INDEX_URL": bench.public.url, **environ}
    return bench.python(script, "install", "--target", "target", "--retries", "0", "tool", paths=PATHS, environ=environ)


def audit(bench: Bench, *, indexes: bool) -> str:
    return f'version = 1\nmode = "audit"\n{bench.policy if indexes else ""}'


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("indexes", [True, False])
def test_a_machine_in_audit_mode_has_it_logged(bench: Bench, code: str, indexes: bool) -> None:
    meet(bench, code)
    done = run(bench, audit(bench, indexes=indexes))
    assert ("would-refuse", code) in done.codes
    assert (done.code, set(done.origins)) == (0, {"tool"})


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("layer", ["none", "user", "environment"])
def test_a_user_in_audit_mode_does_not_touch_it(bench: Bench, code: str, layer: str) -> None:
    meet(bench, code)
    place = Path("config", "indexguard") if layer == "user" else Path()
    path = bench.folder / place / "policy.toml"
    if layer != "none":
        write_policy(path, audit(bench, indexes=True))
    variables = {
        "user": {"XDG_CONFIG_HOME": str(bench.folder / "config")},
        "environment": {"INDEXGUARD_POLICY": str(path)},
    }
    done = run(bench, None, **variables.get(layer, {}))
    assert ("refused", code) in done.codes
    assert (done.code, done.origins) == (1, {})
    assert f"indexguard: {code}" in done.output or f"error: {code}" in done.output
