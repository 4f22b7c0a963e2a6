"""What the documents say is so: commands, tables, examples, paths; and each stands where it belongs."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
from integration.harness.children import run_child

from indexguard.audit import event as audit_event
from indexguard.audit.kinds import EventKind
from indexguard.audit.line import encode, link
from indexguard.audit.run_context import RunContext
from indexguard.cli import COMMANDS
from indexguard.cli.manual import find_documents
from indexguard.cli.policy.codes import table
from indexguard.cli.policy.lints import lint_policy
from indexguard.codes import words_of
from indexguard.decision.verdict import Finding
from indexguard.errors import CODES
from indexguard.policy.model import Layer, Policy
from indexguard.policy.reader import read_policy
from indexguard.policy.rules import Rule
from support.documents import (
    BLOCKS,
    HELPS,
    ROOT,
    TABLES,
    command,
    documents,
    keys_of,
    marked,
    read,
    replaced,
    rows,
    tree_files,
)

README_LINES = 250
GENERATED = [marker for marker, block in BLOCKS.items() if block.make is not None]


def readme() -> str:
    return read("README.md")


def everything() -> str:
    return "\n".join(documents().values())


# The blocks


def test_every_marker_is_known_and_stands_once() -> None:
    found: dict[str, str] = {}
    for document, text in documents().items():
        markers = re.findall(r"<!-- (.+?) -->", text)
        assert markers[1::2] == ["end"] * (len(markers) // 2), f"{document}: a block without its end"
        for marker in markers[::2]:
            assert marker not in found, f"{marker!r} stands in {found[marker]} and in {document}"
            found[marker] = document
    assert found == {marker: block.document for marker, block in BLOCKS.items()}


@pytest.mark.parametrize("marker", GENERATED)
def test_block_is_what_its_generator_makes(marker: str) -> None:
    block = BLOCKS[marker]
    assert block.make is not None
    text = read(block.document)
    assert replaced(text, marker, block.make()) == text, "`.ci/run --docs` writes it anew"


def test_block_is_replaced_within_its_fence() -> None:
    text = "a <!-- x -->1<!-- end --> b\n<!-- y -->\n```sh\n2\n3\n```\n<!-- end -->\n<!-- z -->\n4\n<!-- end -->\n"
    for marker in "xyz":
        text = replaced(text, marker, f"\nnew {marker}\n")
    assert text == (
        "a <!-- x -->new x<!-- end --> b\n<!-- y -->\n```sh\nnew y\n```\n<!-- end -->\n"
        "<!-- z -->\nnew z\n<!-- end -->\n"
    )
    with pytest.raises(LookupError, match="there is no block 'w'"):
        replaced(text, "w", "")


# The helps and the codes


@pytest.mark.parametrize("name", HELPS)
def test_help_is_what_the_command_prints(name: str, tmp_path: Path) -> None:
    done = run_child(
        [sys.executable, "-m", "indexguard", *name.split(), "--help"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100"},
        check=True,
    )
    assert marked(f"help: indexguard {name}".strip()) == done.stdout.rstrip("\n")


def test_help_of_every_command_is_there() -> None:
    assert tuple(re.findall(r"<!-- help: indexguard ?(.*?) -->", everything())) == HELPS


def test_table_of_codes_is_the_generated_one() -> None:
    assert marked("codes") == table()


def test_codes_named_in_the_text_exist() -> None:
    routes = marked("routes")
    ended = re.findall(r"\| (?:guarded|refused) \((.*)\) \|", routes)
    assert set(re.findall("`([a-z-]+)`", " ".join(ended))) <= set(CODES)
    named = set(re.findall(r"`((?!acme-)[a-z]+(?:-[a-z]+)+)`", readme().replace(routes, "")))
    kinds = set(get_args(EventKind))
    keys = {cell.strip("`").rpartition(".")[2] for cell, *_ in rows("keys")} | set(later_keys())
    services = set(re.findall("`([a-z-]+)`", next(cells[2] for cells in rows("fields") if cells[0] == "`ci.provider`")))
    assert named - set(CODES) - kinds - keys - services == {"pip-sync", "site-packages"}


def test_commands_named_in_the_text_exist() -> None:
    named = set(re.findall(r"`indexguard ([a-z][a-z-]*)", everything()))
    named |= set(re.findall(r"^(?:\S*/)?indexguard ([a-z][a-z-]*)", everything(), re.MULTILINE))
    assert len(named) > 8
    assert named <= {known.name.partition(" ")[0] for known in COMMANDS}


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
    text = marked("policy").replace("# names-file", "names-file")  # of which no machine of ours has one
    for cell, *_ in rows("keys"):
        key = cell.strip("`").rpartition(".")[2]
        assert re.search(rf"(?:^|[{{ ]){re.escape(key)} = ", text, re.MULTILINE), key
    assert "[defaults]" not in text


def later_keys() -> list[str]:
    return re.findall(r"`([a-z-]+)`", marked("later"))


def test_table_of_keys_is_what_the_reader_reads() -> None:
    documented = [cell.strip("`") for cell, *_ in rows("keys")]
    read = set()
    for name in TABLES:
        read |= {f"{name}.{key}".lstrip(".") for key in keys_of(name).known}
    # A table's own key is told by the keys in it.
    tables = {
        "indexes",
        "merge",
        "shadow",
        "shadow.known",
        "direct-urls",
        "defaults",
        "log",
        "ledger",
        "status",
        "provenance",
        "waive",
        "deny",
        "advisories",
        "typosquat",
    }
    assert sorted(documented) == sorted(read - tables)


def test_keys_of_later_versions_are_all_named() -> None:
    later = {key for name in TABLES for key in keys_of(name).later}
    assert set(later_keys()) == later


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
        audit_event.EventFields(
            name="acme-ghost",
            versions=["5.0"],
            files=1,
            index_asked=public,
            index_answered=f"{public}acme-ghost/",
            kept=[],
            finding=Finding("shadowed-name", layer, rule),
            message=f"refused `acme-ghost`: {words_of('shadowed-name').meaning}",
            offered=[audit_event.Offer(**example_event()["offered"][0])],
        ),
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
    documented = [cell.strip("`") for cell, *_ in rows("fields")]
    event = built_event()
    assert [name for name in documented if "." not in name] == list(event)
    for field in ("offered", "rule", "policy"):
        held = event[field] if isinstance(event[field], dict) else event[field][0]
        told = [name.partition(".")[2] for name in documented if name.startswith(f"{field}.")]
        # These are there only where a policy asks something of files.
        assert [name for name in told if name not in ("uploaded", "attested")] == list(held)


def test_table_of_events_is_complete() -> None:
    assert [cell.strip("`") for cell, *_ in rows("events")] == list(get_args(EventKind))


def test_query_for_many_machines_finds_a_code_that_comes_late(tmp_path: Path) -> None:
    # Beyond the lines that DuckDB looks at by itself to tell the type of a field; in a folder whose name is a field's.
    folder = tmp_path / "host=other" / "logs"
    folder.mkdir(parents=True)
    routine = json.dumps({**example_event(), "event": "selected", "code": None, "rule": None})
    found = json.dumps(example_event())
    (folder / "audit.jsonl").write_text(f"{routine}\n" * 20_480 + f"{found}\n{found[:700]}\n{found}\n", "utf-8")
    (folder / "audit-20261126T040000.000000Z.jsonl.gz").write_bytes(gzip.compress(f"{routine}\n{found}".encode()))
    answer = duckdb.sql(marked("sql").replace("/srv/logs", str(tmp_path)))
    assert answer is not None
    time = example_event()["time"]
    assert answer.fetchall() == [("build-7", "acme-ghost", time, time, 3)]


# The tree


def test_line_of_the_pth_file_is_verbatim() -> None:
    assert (ROOT / "src" / "indexguard.pth").read_text(encoding="utf-8") == marked("pth") + "\n"


def test_table_of_what_lands_is_what_the_wheel_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {re.sub(r"/.*", "/", name) for name in archive.namelist()}
    assert {cell.strip("`") for cell, *_ in rows("lands")} == tops
    assert f"dist/{wheel.name}" in readme()


def test_every_path_exists() -> None:
    linked, quoted = 0, 0
    for document, text in documents().items():
        places = [place for place, _ in links(document)]
        names = re.findall(r"`((?:src|tests|integration|findings|\.ci)/[^` ]*)[^`]*`", text)
        for name in [*places, *names]:
            assert list(ROOT.glob(name.rstrip("/"))), f"{document} names {name}, which is not there"
        linked += len(places)
        quoted += len(names)
    assert linked
    assert quoted


def links(document: str) -> list[tuple[str, str]]:
    """Return where the links of a document lead: the path from the root, and the heading as its anchor, or nothing."""
    found = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", documents()[document])
    folder = Path(document).parent
    return [(os.path.normpath(folder / place) if place else document, anchor) for place, anchor in found]


def test_every_anchor_is_a_heading() -> None:
    texts = documents()
    anchors = [link for document in texts for link in links(document) if link[1]]
    assert anchors
    for document, anchor in anchors:
        headings = re.findall(r"^#+ (.+)$", texts[document], re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{document} has no heading #{anchor}"


def test_reader_gets_everywhere_in_two_clicks() -> None:
    first = {place for place, _ in links("README.md")}
    second = {place for document in first & set(documents()) for place, _ in links(document)}
    assert set(documents()) <= first | {"README.md"}
    # Which function decides that a squatter is dropped?
    assert "src/indexguard/decision/outcome.py" in second


def test_readme_is_a_front_door() -> None:
    assert len(readme().splitlines()) <= README_LINES
    topics = [topic for topic in find_documents() if topic != "README"]
    assert sorted(re.findall(r"^\| `([a-z]+)` \| \[", readme(), re.MULTILINE)) == topics


def test_map_has_every_room() -> None:
    rooms = {path.name for path in (ROOT / "src" / "indexguard").iterdir() if not path.name.startswith(("_", "."))}
    rooms.discard("py.typed")
    mapped = set(re.findall(r"`src/indexguard/([a-z_.]+)/?`", marked("map")))
    assert mapped == rooms


def test_hosts_are_examples() -> None:
    hosts = re.findall(r"\w+://([^/\s\"'`)\]]+)", everything())
    assert hosts
    for host in hosts:
        assert re.fullmatch(r"(?:[a-z0-9-]+\.)*example(?::\d+)?|(?:localhost|127\.0\.0\.1)(?::\d+)?", host), host


def test_public_index_is_named_nowhere() -> None:
    program = (
        "from pip._internal.models import index\n"
        "for it in (index.PyPI, index.TestPyPI): print(it.netloc, it.file_storage_domain)"
    )
    told = run_child([sys.executable, "-c", program], check=True).stdout.split()
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
    done = run_child(
        ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", f'{extraction}\nprintf %s "$command"'], cwd=ROOT, check=True
    )
    assert done.stdout == command("tests")
    assert re.search(r'bash -euo pipefail -c "\$command"$', script, re.MULTILINE)


def test_benchmarks_have_their_place() -> None:
    assert ".ci/run --bench" in marked("benchmarks")
