"""The documents' story, filter and demo command, run for real."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule

from indexguard.activation.release import FOLDER
from indexguard.activation.seeding import CURRENT, SEED
from integration.harness import pips
from integration.harness.children import run_child
from support.documents import NAMES, ROOT, command, documents, marked, read, tree_files


def test_refusal_of_the_story_is_the_golden_one() -> None:
    # Which in turn is what pip prints (test_golden.py).
    told = (ROOT / "integration" / "golden" / f"pip-{pips.ALL_PIPS[-1]}.txt").read_text(encoding="utf-8")
    for name, shown in NAMES.items():
        assert name in told
        told = told.replace(name, shown)
    assert marked("refusal") == told.strip("\n")


def test_pips_are_those_of_the_scenarios() -> None:
    assert marked("pips") == ", ".join(pips.ALL_PIPS)
    assert f"pip {pips.ALL_PIPS[0]} to {pips.ALL_PIPS[-1]} on Python 3.9" in read("README.md")
    everything = "\n".join(documents().values())
    assert f"scenarios on 3 of {len(pips.CI_PIPS)} pips" in everything
    assert f"all {len(pips.ALL_PIPS)} pips" in everything


def test_sigma_filter_is_one_that_sigma_applies() -> None:
    rule = """
title: Python start-up hook
name: python_startup_hook_of_yours
logsource: {product: linux, category: file_event}
detection:
  selection: {TargetFilename|endswith: [.pth, /sitecustomize.py]}
  condition: selection
"""
    collection = SigmaCollection.from_yaml(f"{rule}---\n{marked('sigma')}")
    collection.resolve_rule_references()
    (filtered,) = collection.rules
    assert isinstance(filtered, SigmaRule)
    detection = filtered.to_dict()["detection"]
    package, activated = (name for name in detection if name not in ("selection", "condition"))
    assert detection["condition"] == f"(selection) and (not ({package} or {activated}))"
    assert f"/site-packages/{SEED}" in detection[package]["TargetFilename|endswith"]
    for path in ("/usr/lib/python3.13/sitecustomize.py", f"/usr/lib/python3.13t/{FOLDER}/{CURRENT}"):
        assert re.search(detection[activated]["TargetFilename|re"], path)


def test_demo_command_works_in_a_fresh_copy(tmp_path: Path) -> None:
    for name in tree_files():
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy)
    # The machine's own configuration of pip stays: build requirements come from its registry.
    environ = {name: value for name, value in os.environ.items() if name not in ("INDEXGUARD_POLICY", "PYTHONPATH")}
    done = run_child(["/usr/bin/env", "bash", "-euo", "pipefail", "-c", command("demo")], cwd=tmp_path, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = iter(done.stdout.splitlines())
    for line in marked("demo").splitlines():
        assert line in printed, f"not printed, or in another order: {line!r}\n{done.stdout}"
