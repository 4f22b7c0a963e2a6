"""What the README says is so: commands, tables, examples, paths."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from indexguard.audit import event as audit_event
from indexguard.audit.kinds import EventKind
from indexguard.audit.line import encode, link
from indexguard.audit.run_context import RunContext
from indexguard.cli import COMMANDS
from indexguard.cli.policy.codes import table
from indexguard.decision.verdict import Finding
from indexguard.errors import CODES
from indexguard.policy import reader
from indexguard.policy.lints import lint_policy
from indexguard.policy.model import Layer, Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.rules import Rule
from support.readme_text import ROOT, command, marked, readme, rows, tree_files

HELPS = ["", *(known.name for known in COMMANDS)]


@pytest.mark.parametrize("name", HELPS)
def test_help_is_what_the_command_prints(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "indexguard", *name.split(), "--help"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert marked(f"help: indexguard {name}".strip()) == done.stdout.rstrip("\n")


def test_help_of_every_command_is_there() -> None:
    assert re.findall(r"<!-- help: indexguard ?(.*?) -->", readme()) == HELPS


def test_table_of_codes_is_the_generated_one() -> None:
    assert marked("codes") == table()


def test_codes_named_in_the_text_exist() -> None:
    routes = marked("routes")
    ended = re.findall(r"\| (?:guarded|refused) \((.*)\) \|", routes)
    assert set(re.findall("`([a-z-]+)`", " ".join(ended))) <= set(CODES)
    named = set(re.findall(r"`((?!acme-)[a-z]+(?:-[a-z]+)+)`", readme().replace(routes, "")))
    kinds = set(get_args(EventKind))
    keys = {cell.strip("`").rpartition(".")[2] for cell, *_ in rows("keys")} | set(later_keys())
    assert named - set(CODES) - kinds - keys == {"pip-sync", "site-packages"}


# The policy


def test_policy_of_the_story_is_the_scenarios() -> None:
    policy = read_policy(toml_block("One minute").encode(), "policy.toml")
    assert [(index.name, index.public) for index in policy.indexes] == [("corp", False), ("public", True)]
    assert {str(rule.pattern): rule.indexes for rule in policy.rules} == {
        "acme": ("corp",),
        "acme-*": ("corp",),
        "*": ("public",),
    }


def toml_block(heading: str) -> str:
    """Return the first TOML block under a heading."""
    section = readme().partition(f"\n## {heading}\n")[2]
    return section.partition("```toml\n")[2].partition("```")[0]


def test_policy_example_has_neither_faults_nor_lints() -> None:
    policy = read_policy(marked("policy").encode(), "policy.toml")
    assert lint_policy(policy, date(2026, 11, 22)) == []


def test_policy_example_shows_every_key_but_the_defaults() -> None:
    # [defaults] would hold for `pypi` as well, whose files lie on a host that no policy of ours names.
    text = marked("policy")
    for cell, *_ in rows("keys"):
        key = cell.strip("`").rpartition(".")[2]
        assert re.search(rf"(?:^|[{{ ]){re.escape(key)} = ", text, re.MULTILINE), key
    assert "[defaults]" not in text


TABLES = {"": "_FILE", "indexes.N": "_INDEX", "entry": "_ENTRY", "merge": "_MERGE", "shadow": "_SHADOW"}
TABLES |= {"direct-urls": "_DIRECT_URLS", "defaults": "_DEFAULTS", "log": "_LOG"}


def keys_of(table_name: str) -> Any:
    return vars(reader)[TABLES[table_name]]


def later_keys() -> list[str]:
    return re.findall(r"`([a-z-]+)`", marked("later"))


def test_table_of_keys_is_what_the_reader_reads() -> None:
    documented = [cell.strip("`") for cell, *_ in rows("keys")]
    read = set()
    for name in TABLES:
        read |= {f"{name}.{key}".lstrip(".") for key in keys_of(name).known}
    # A table's own key is told by the keys in it.
    tables = {"indexes", "merge", "shadow", "direct-urls", "defaults", "log"}
    assert sorted(documented) == sorted(read - tables)


def test_keys_of_later_versions_are_all_named() -> None:
    later = {key for name in TABLES for key in keys_of(name).later}
    assert set(later_keys()) == later | {"defaults"}
    assert keys_of("indexes.N").later == keys_of("entry").later == keys_of("defaults").later


# The audit log


def example_event() -> dict[str, Any]:
    return json.loads(marked("event"))  # type: ignore[no-any-return]  # an object, as the assertions show


def built_event() -> dict[str, Any]:
    """Return an event that the guard itself builds, of the kind that the README shows."""
    policy = read_policy(toml_block("One minute").encode(), "/etc/indexguard/policy.toml")
    layer = Layer("machine", policy.path, "0" * 64, policy)
    (rule,) = (rule for rule in policy.rules if str(rule.pattern) == "acme-*")
    return build(layer, policy, rule)


def build(layer: Layer, policy: Policy, rule: Rule) -> dict[str, Any]:
    context = RunContext.of_process("26.3", (layer,), argv=["python", "-m", "pip", "install", "parentlib"])
    public = str(policy.index("public").urls[0])
    body = audit_event.build_event(
        context,
        3,
        "refused",
        "shadowed-name",
        name="acme-ghost",
        versions=["5.0"],
        files=1,
        index_asked=public,
        index_answered=f"{public}acme-ghost/",
        kept=[],
        finding=Finding("shadowed-name", layer, rule),
        message=f"refused `acme-ghost`: {CODES['shadowed-name'].meaning}",
        offered=[audit_event.Offer(**example_event()["offered"][0])],
    )
    return json.loads(link(encode(body), "0" * 64))  # type: ignore[no-any-return]  # an object


def test_example_event_is_one_that_the_guard_builds() -> None:
    shown, built = example_event(), built_event()
    assert list(shown) == list(built)
    of_the_machine = {"time", "run", "policy", "python", "executable", "prefix", "user", "host", "pid", "ppid", "cwd"}
    of_the_machine |= {"ci", "prev"}
    for field in set(shown) - of_the_machine:
        assert shown[field] == built[field], field
    for field in of_the_machine - {"ci"}:
        assert type(shown[field]) is type(built[field]), field
    assert [set(layer) for layer in shown["policy"]] == [set(layer) for layer in built["policy"]]


def test_table_of_fields_is_complete() -> None:
    assert [cell.strip("`") for cell, *_ in rows("fields")] == list(built_event())


def test_table_of_events_is_complete() -> None:
    assert [cell.strip("`") for cell, *_ in rows("events")] == list(get_args(EventKind))


# The tree


def test_line_of_the_pth_file_is_verbatim() -> None:
    assert (ROOT / "src" / "indexguard.pth").read_text(encoding="utf-8") == marked("pth") + "\n"


def test_table_of_what_lands_is_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {re.sub(r"/.*", "/", name) for name in archive.namelist()}
    section = readme().partition("What lands in")[2].partition("`indexguard.pth` is this one line")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == tops
    assert f"dist/{wheel.name}" in readme()


def test_every_path_exists() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", readme())
    quoted = re.findall(r"`((?:src|tests|integration|\.ci)/[^` ]*)[^`]*`", readme())
    assert linked
    assert quoted
    for name in [*linked, *quoted]:
        assert list(ROOT.glob(name.rstrip("/"))), f"README.md names {name}, which is not there"


def test_map_has_every_room() -> None:
    rooms = {path.name for path in (ROOT / "src" / "indexguard").iterdir() if not path.name.startswith(("_", "."))}
    rooms.discard("py.typed")
    mapped = set(re.findall(r"`src/indexguard/([a-z_.]+)/?`", marked("map")))
    assert mapped == rooms


def test_hosts_are_examples() -> None:
    hosts = re.findall(r"\w+://([^/\s\"'`)\]]+)", readme())
    assert hosts
    for host in hosts:
        assert re.fullmatch(r"(?:[a-z0-9-]+\.)*example(?::\d+)?|(?:localhost|127\.0\.0\.1)(?::\d+)?", host), host


def test_public_index_is_named_nowhere() -> None:
    program = (
        "from pip._internal.models import index\n"
        "for it in (index.PyPI, index.TestPyPI): print(it.netloc, it.file_storage_domain)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    hosts = [host.lower() for host in told]
    assert hosts
    files = tree_files()
    assert {Path("README.md"), Path("pyproject.toml"), Path("src/indexguard.pth"), Path(".ci/run")} <= set(files)
    for name in files:
        text = (ROOT / name).read_bytes().decode("utf-8", "replace").lower()
        for host in hosts:
            assert host not in text, f"{name} names {host}"


# The commands


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_command_is_a_shell_line_or_two(name: str) -> None:
    text = command(name)
    assert 1 <= len(text.splitlines()) <= 2
    subprocess.run(["/usr/bin/env", "bash", "-n"], input=text, text=True, check=True, capture_output=True)


def test_ci_runs_the_test_command_of_this_file() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (extraction,) = (line for line in script.splitlines() if line.startswith("command=$("))
    done = subprocess.run(
        ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", f'{extraction}\nprintf %s "$command"'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == command("tests")
    assert re.search(r'bash -euo pipefail -c "\$command"$', script, re.MULTILINE)


def test_benchmarks_have_their_place() -> None:
    assert ".ci/run --bench" in marked("benchmarks")
