"""The documents, printed: from the tree, from the wheel, and where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexguard.activation.payload import read_payload
from indexguard.cli import manual
from indexguard.errors import CODES
from support.environments import Environment
from support.shell import Shell

TREE = Path(manual.__file__).resolve().parents[3]
TOPICS = ["activation", "audit", "cli", "decision", "logs", "policy"]


def test_front_door_and_list_of_topics(shell: Shell) -> None:
    answer = shell("manual")
    assert (answer.code, answer.err) == (0, "")
    text, _, topics = answer.out.partition("\nTopics of `indexguard manual TOPIC`:\n\n")
    assert text.startswith("# indexguard\n\nA guard inside every pip run")
    assert [line.split()[0] for line in topics.splitlines()] == [*TOPICS, "and"]
    assert "  policy      The policy file\n" in topics


@pytest.mark.parametrize("topic", TOPICS)
def test_document_is_printed_whole_but_for_its_markers(shell: Shell, topic: str) -> None:
    answer = shell("manual", topic)
    assert (answer.code, answer.err) == (0, "")
    written = (TREE / "src" / "indexguard" / topic / "README.md").read_text(encoding="utf-8")
    assert "<!--" in written or topic == "decision"
    assert "<!--" not in answer.out
    kept = [line for line in written.splitlines() if "<!-- " not in line]
    assert [line for line in answer.out.splitlines() if line in set(kept)] == kept


def test_marker_within_a_line_leaves_the_line(shell: Shell) -> None:
    assert "never skipped: `extends`, " in shell("manual", "policy").out


def test_topic_in_other_words(shell: Shell) -> None:
    assert shell("manual", "commands") == shell("manual", "CLI") == shell("manual", "cli")


@pytest.mark.parametrize("code", CODES)
def test_code_is_a_topic(shell: Shell, code: str) -> None:
    answer = shell("manual", code)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == shell("explain", "--code", code).out


def test_unknown_topic_names_those_that_there_are(shell: Shell) -> None:
    answer = shell("manual", "nonsense\x1b")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "indexguard: there is no topic 'nonsense\\x1b'; topics: activation, audit, cli, decision, logs, policy, "
        "and the code of any error\n"
    )


def test_copy_without_documents_says_so(shell: Shell, tmp_path: Path) -> None:
    shell.monkeypatch.setattr(manual, "_HERE", tmp_path / "indexguard" / "cli")
    assert manual.find_documents() == {}
    answer = shell("manual")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "indexguard: this copy carries no documents; the installed package does\n"
    assert shell("manual", "index-failed").code == 0


def test_activated_copy_carries_none() -> None:
    assert not [name for name in read_payload().files if name.endswith(".md")]


def test_installed_package_prints_what_the_tree_holds(guarded: Environment, shell: Shell) -> None:
    printed = guarded.check("-m", "indexguard", "manual")
    assert printed == shell("manual").out
    assert guarded.check("-m", "indexguard", "manual", "audit") == shell("manual", "audit").out
    assert (guarded.site / "indexguard" / "cli" / "documents" / "README.md").is_file()
