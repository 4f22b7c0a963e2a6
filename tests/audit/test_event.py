"""The fields of an event, and what may not get into them."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from indexguard import __version__
from indexguard.audit.event import MAX_VERSIONS, EventFields, Offer, build_event
from indexguard.audit.kinds import EventKind
from indexguard.audit.line import encode, link
from indexguard.audit.run_context import RunContext
from indexguard.decision.verdict import Finding
from indexguard.logs.opening import MAX_LINE
from indexguard.patterns import parse_pattern
from indexguard.policy.model import Layer, Policy
from indexguard.policy.rules import Rule

LAYER = Layer("machine", "/etc/indexguard/policy.toml", "ab" * 32, Policy())
RULE = Rule(parse_pattern("acme-*"), ("corp",), "indexes.corp.namespaces[0]")
CONTEXT = RunContext.of_process("26.3", [LAYER], argv=["pip", "install", "-i", "https://u:hunter2@corp.example/s"])


def built(kind: EventKind, code: str | None, context: RunContext = CONTEXT, **fields: Any) -> dict[str, Any]:
    """Return the third event of a run."""
    return build_event(context, 3, kind, code, EventFields(**fields))


UPLOADED = datetime(2026, 11, 1, 12, 0, 0, 500, tzinfo=timezone.utc)


def test_fields_are_the_schema() -> None:
    event = built(
        "shadowed",
        "shadowed-name",
        name="acme-core",
        versions=["99.0"],
        files=2,
        index_asked="https://u:hunter2@mirror.example/simple/acme-core/",
        index_answered="https://mirror.example/simple/acme-core/?token=hunter2",
        kept=["1.0"],
        finding=Finding("shadowed-name", LAYER, RULE),
        message="dropped 2 files",
        offered=[
            Offer("99.0", "acme_core-99.0.tar.gz", None, "https://u:hunter2@mirror.example/f/acme_core-99.0.tar.gz")
        ],
        more_offered=1,
        same_file=["acme_core-99.0.tar.gz"],
        chosen=(
            Offer("1.0", "acme_core-1.0.tar.gz", "sha256:ab", "https://corp.example/f/", UPLOADED, attested=False),
            "https://u:p@corp.example/s",
        ),
        squat={"own_newest": "1.0", "newest": "99.0", "above": 1},
        rivals=(
            [(Offer("1.0", "acme_core-1.0.tar.gz", None, "https://u:p@x.example/f"), "https://u:p@x.example/s")],
            "last",
        ),
        requested_by=["app", "acme-web"],
        seal={"events": 3, "exit": 1},
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
    assert re.fullmatch(r"[0-9a-f]{16}", event.pop("run"))
    assert [event.pop("pid"), event.pop("ppid"), event.pop("cwd")] == [os.getpid(), os.getppid(), str(Path.cwd())]
    assert all(isinstance(event.pop(key), str) for key in ("python", "executable", "prefix", "user", "host"))
    expected = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    assert event == {**expected, "guard": __version__}


def test_layer_without_a_matching_rule_is_still_named() -> None:
    event = built("refused", "unmatched-name", finding=Finding("unmatched-name", LAYER))
    assert event["rule"] == {"layer": "machine", "file": LAYER.path, "key": None, "pattern": None, "indexes": []}


def test_built_in_rule_has_no_file() -> None:
    assert built("refused", "ambiguous-name", finding=Finding("ambiguous-name", None))["rule"] is None


def test_versions_are_capped_and_the_rest_counted() -> None:
    event = built("dropped", "file-elsewhere", versions=[f"{n}.0" for n in range(80)], files=160)
    assert (len(event["versions"]), event["more_versions"], event["files"]) == (MAX_VERSIONS, 30, 160)


def test_line_is_bounded_whatever_the_index_sends() -> None:
    huge = "\x00" * 100_000
    context = CONTEXT._replace(command=())
    event = built("refused", "name-mismatch", context, name=huge, versions=[huge] * 500, kept=[huge] * 500,
        index_asked=f"https://a.example/{huge}", index_answered=huge, message=huge,
        offered=[Offer(huge, huge, huge, f"https://a.example/{huge}")] * 500, requested_by=[huge] * 500,
        squat={"own_newest": huge, "newest": huge}, chosen=(Offer(huge, huge, None, huge), None),
        rivals=([(Offer(huge, huge, None, huge), huge)] * 500, huge),
    )  # fmt: skip
    assert len(json.dumps(event)) < MAX_LINE // 2


def test_text_from_an_index_is_escaped() -> None:
    event = built("refused", "name-mismatch",
        name="a\x1b[2Jb", versions=["1\n2"], message="m\r\u202eevil", index_asked="https://a.example/\x07x",
    )  # fmt: skip
    assert (event["name"], event["versions"]) == ("a\\x1b[2Jb", ["1\\n2"])
    assert (event["message"], event["index_asked"]) == ("m\\r\\u202eevil", "https://a.example/\\x07x")
    rival = Offer("1\x07", "a\x1b.whl", None, "https://a.example/")
    event = built("shadowed", "shadowed-name",
        squat={"own_newest": "1\n2", "newest": "9\x1b[31m", "above": 1},
        chosen=(rival, None), rivals=([(rival, "https://a.example/")], "the first\n"),
    )  # fmt: skip
    assert event["squat"] == {"own_newest": "1\\n2", "newest": "9\\x1b[31m", "above": 1}
    assert json.dumps(event).count("\\\\x1b.whl") == 2
    assert event["chosen"]["why"] == "the first\\n"


def test_no_field_holds_a_planted_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://u:hunter2@corp.example/simple")
    context = RunContext.of_process(
        "26.3", argv=["pip", "--proxy", "u:hunter2@p.example:1", "https://u:hunter2@x.example"]
    )
    url = "https://u:hunter2@corp.example/simple/?k=hunter2#hunter2"
    event = built("refused", "index-failed", context, index_asked=url, index_answered=url, message=f"cannot read {url}")
    assert "hunter2" not in json.dumps(event)


def test_no_field_of_a_file_holds_a_planted_secret() -> None:
    mark = "ghp_0123456789abcdefghijABCD"
    url = "https://u:hunter2@corp.example/files/acme-1.0.zip?sig=hunter2"
    offer = Offer("1.0", f"acme-1.0-{mark}.zip", None, url)
    chosen = (offer, url)
    event = built("selected", None, offered=[offer, Offer("1.0", url, None, url)], chosen=chosen)
    assert "acme-1.0.zip" in json.dumps(event)
    assert not [secret for secret in ("hunter2", mark) if secret in json.dumps(event)]


def test_job_of_a_build_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD", "CIRCLECI", "BUILDKITE"):
        monkeypatch.delenv(name, raising=False)
    assert RunContext.of_process("26.3", argv=[]).ci is None
    monkeypatch.setenv("JENKINS_URL", "https://ci.example/")
    monkeypatch.setenv("JOB_NAME", "build\x1b[2J")
    monkeypatch.setenv("GIT_URL", "https://u:hunter2@git.example/app.git")
    event = built("selected", None, RunContext.of_process("26.3", argv=[]))
    assert event["ci"] == {
        "provider": "jenkins",
        "job": "build\\x1b[2J",
        "run": None,
        "repository": "https://****@git.example/app.git",
        "ref": None,
    }


def test_offers_are_capped_and_the_rest_counted() -> None:
    many = [Offer(f"{n}.0", f"a-{n}.0.zip", None, "https://a.example/") for n in range(MAX_VERSIONS + 5)]
    event = built("dropped", "file-elsewhere", offered=many, more_offered=7)
    assert (len(event["offered"]), event["more_offered"]) == (MAX_VERSIONS, 12)


def test_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        built("refused", "no-such-code")


def test_context_of_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert RunContext.of_process("26.3", argv=[]).cwd == ""


def test_no_event_is_longer_than_a_line_that_is_read() -> None:
    wide = "\N{GRINNING FACE}" * 100_000  # twelve bytes each, in JSON
    described = RunContext.of_process(wide, [LAYER], argv=[wide] * 500, parent_run=wide)
    path = wide[:4096]  # as long as the system allows
    context = described._replace(cwd=path, prefix=path, executable=path)
    offer = Offer(wide, wide, wide, f"https://mirror.example/{wide}")
    many = [wide] * 500
    event = built("selected", "shadowed-name", context, name=wide, versions=many, kept=many, index_asked=wide,
        index_answered=wide, finding=Finding("shadowed-name", LAYER, RULE), message=wide, offered=[offer] * 500,
        chosen=(offer, wide), requested_by=many,
    )  # fmt: skip
    assert len(link(encode(event), "0" * 64)) < MAX_LINE
