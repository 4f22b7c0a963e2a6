"""What would change is told; what was allowed and would be refused is a finding."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.harness.cases import read_cases

from indexguard.survey.pip_facts import ask_pip
from support.logged import CORP, MIRROR, event, sealed, selected, write
from support.shell import Shell

CASES = read_cases(__file__)

POLICY = CASES["policy"]


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log of choices and refusals."""
    shadowed = {
        "name": "acme-core",
        "index_asked": MIRROR,
        "index_answered": f"{MIRROR}acme-core/",
        "versions": ["9.0"],
    }
    # Of several indexes, though the event names one.
    ambiguous = {
        "name": "flask",
        "index_asked": MIRROR,
        "index_answered": f"{MIRROR}flask/",
        "versions": ["9.0", "1.0"],
    }
    return write(
        tmp_path / "audit.jsonl",
        selected(1, "acme-core"),
        selected(2, "acme-core", "9.0", MIRROR),
        selected(3, "acme-core", "9.1", MIRROR),
        event(4, "refused", "ambiguous-name", **ambiguous),
        event(5, "would-refuse", "claimed-elsewhere", **shadowed),
        event(6, "refused", "index-failed", name="acme-core", index_asked=CORP),
        sealed(7, 7),
    )


def test_text(shell: Shell, log: str) -> None:
    policy = shell.policy(POLICY, "proposed")
    answer = shell("log", "replay", str(policy), log)
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines() == [
        "chosen by pip, and would be refused: 1",
        (
            f"  acme-core 9.0, 9.1  from {MIRROR}  was selected, would be claimed-elsewhere"
            "  by indexes.corp.namespaces[0]  (2 events, last 2026-11-26T00:03:00.000Z)"
        ),
        "refused, and would pass: 1",
        f"  flask  from {MIRROR}  was ambiguous-name, would pass  (1 event, last 2026-11-26T00:04:00.000Z)",
        "only logged by a layer in audit mode, and would be refused: 1",
        (
            f"  acme-core 9.0  from {MIRROR}  was observed claimed-elsewhere, would be claimed-elsewhere"
            "  by indexes.corp.namespaces[0]  (1 event, last 2026-11-26T00:05:00.000Z)"
        ),
        "cannot be judged: 1 event",
        "  1  an index did not answer, which no policy changes",
        f"{policy}: pip would not get what it chose; 1 event unchanged",
    ]


def test_nothing_that_was_allowed_would_be_refused(shell: Shell, log: str) -> None:
    policy = shell.policy(POLICY, "proposed")
    answer = shell("log", "replay", "--index", "corp", str(policy), log)
    assert answer.code == 0
    assert answer.out.endswith(f"{policy}: nothing that pip chose would be refused; 1 event unchanged\n")


def test_json(shell: Shell, log: str) -> None:
    answer = shell("log", "replay", "--json", str(shell.policy(POLICY, "proposed")), log)
    assert answer.code == 1
    assert answer.json["would_be_refused"] == [
        {
            "name": "acme-core",
            "index": MIRROR,
            "was": "selected",
            "code": "claimed-elsewhere",
            "rule": "indexes.corp.namespaces[0]",
            "events": 2,
            "last": "2026-11-26T00:03:00.000Z",
            "versions": ["9.0", "9.1"],
        }
    ]
    assert answer.json["unchanged"] == 1
    assert [row["name"] for row in answer.json["would_pass"]] == ["flask"]
    assert answer.json["not_judged"] == [{"reason": "an index did not answer, which no policy changes", "events": 1}]


def test_public_index_is_found_by_its_token(shell: Shell, tmp_path: Path) -> None:
    public = str(ask_pip().pypi)
    log = write(tmp_path / "audit.jsonl", selected(1, "flask", index=public))
    policy = shell.policy('version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n', "proposed")
    assert shell("log", "replay", str(policy), log).code == 0
    policy = shell.policy('version = 1\n[indexes.pypi]\nurl = "pypi"\npackages = ["numpy"]\n', "proposed")
    answer = shell("log", "replay", "--json", str(policy), log)
    assert [row["code"] for row in answer.json["would_be_refused"]] == ["unmatched-name"]


def test_changes_without_end_do_not_fill_the_memory(shell: Shell, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexguard.cli.log.replay._MOST_CHANGES", 1)
    more = write(Path(log).with_name("more.jsonl"), selected(8, "acme-web", index=MIRROR))
    answer = shell("log", "replay", str(shell.policy(POLICY, "proposed")), log, more)
    assert answer.code == 1
    assert "and 1 event of further changes" in answer.out
    assert "acme-web" not in answer.out


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "there is no such file"), ("version = 2", "policy-invalid"), ("\0", "policy-invalid")],
)
def test_policy_that_cannot_be_read(shell: Shell, log: str, text: str | None, message: str) -> None:
    path = "nowhere.toml" if text is None else str(shell.policy(text, "proposed"))
    answer = shell("log", "replay", path, log)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
