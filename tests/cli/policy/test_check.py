"""Faults, lints and layers."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pytest
from integration.harness.cases import read_cases

from support.shell import Shell

CASES = read_cases(__file__)

FINE = CASES["a"]
LINTED = FINE.replace('namespaces = ["acme"]', 'packages = ["acme*"]')
FAULTY = CASES["b"]


def test_file_without_faults(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(FINE)
    answer = shell("check", str(tmp_path / "policy.toml"))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"{tmp_path}/policy.toml: no faults; mode enforce, 2 indexes, 3 patterns\n"


def test_lint(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(LINTED)
    answer = shell("check", str(tmp_path / "policy.toml"))
    assert answer.code == 1
    assert "  warning  indexes.corp.packages[0]: `acme*` also matches" in answer.out


def test_notes_do_not_fail_and_strict_has_them_fail(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(FINE.replace("files-from", "#"))
    answer = shell("check", str(path))
    assert answer.code == 0
    assert "  note     indexes.corp: has claims and no `files-from`" in answer.out
    assert shell("check", "--strict", str(path)).code == 1
    path.write_text(FINE)
    assert shell("check", "--strict", str(path)).code == 0
    path.write_text(FINE.replace("version = 1", 'version = 1\nmode = "audit"'))
    assert "  note     mode: what it would refuse is logged" in shell("check", str(path)).out


@pytest.mark.parametrize(
    "document", ["README.md", "src/indexguard/policy/README.md", "src/indexguard/decision/README.md"]
)
def test_policies_of_the_documents_pass(shell: Shell, tmp_path: Path, document: str) -> None:
    root = Path(__file__).parents[3]
    blocks = re.findall(r"^```toml\n(version = 1\n.*?)^```", (root / document).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks or document != "README.md"
    for block in blocks:
        # A file of certificates, and records, that no machine of ours has.
        text = re.sub(r"^ca = .*\n", "", block, flags=re.MULTILINE).replace(
            "/srv/malicious-packages/osv", str(tmp_path)
        )
        (tmp_path / "policy.toml").write_text(text)
        answer = shell("check", str(tmp_path / "policy.toml"))
        assert answer.code == 0, answer.out


@pytest.mark.parametrize("mode", [0o666, 0o662, 0o606])
def test_mode_of_the_file(shell: Shell, tmp_path: Path, mode: int) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(FINE)
    path.chmod(mode)
    answer = shell("check", str(path))
    assert answer.code == 1
    assert "warning pip would refuse it there: file " in " ".join(answer.out.split())
    # In a place that pip reads it is what stops pip.
    path = shell.policy(FINE)
    path.chmod(mode)
    answer = shell("check", str(path))
    assert answer.code == 2
    assert "policy-unreadable" in answer.out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_of_the_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(FINE)
    os.chown(path, 12345, 12345)
    answer = shell("check", str(path))
    assert answer.code == 1
    assert "belongs to none of " in " ".join(answer.out.split())


def test_all_faults_at_once(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(FAULTY)
    answer = shell("check", str(tmp_path / "policy.toml"))
    assert answer.code == 2
    for key in ("version:", "mode:", "indexes.corp.url:", "indexes.corp.packages:"):
        assert f"  fault  {key}" in answer.out
    assert "did you mean `audit`?" in answer.out


def test_json(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(FAULTY)
    (report,) = shell("check", "--json", str(path)).json["policies"]
    assert (report["file"], report["code"], len(report["faults"])) == (str(path), "policy-invalid", 4)
    path.write_text(LINTED)
    (report,) = shell("check", "--json", str(path)).json["policies"]
    assert (report["code"], report["faults"], len(report["lints"])) == (None, [], 1)


def test_standard_input(shell: Shell) -> None:
    shell.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FINE.encode())))
    answer = shell("check", "-")
    assert (answer.code, answer.out.partition(":")[0]) == (0, "standard input")


@pytest.mark.parametrize("file", ["missing.toml", ".", "nul\0byte"])
def test_file_that_cannot_be_read(shell: Shell, file: str) -> None:
    answer = shell("check", file)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("indexguard: cannot read")
    assert answer.err.count("\n") == 1


def test_file_of_noise(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    assert shell("check", str(tmp_path / "noise")).code == 2


def test_all_layers(shell: Shell) -> None:
    machine = shell.policy(FINE, "machine")
    own = shell.policy(LINTED)
    answer = shell("check")
    assert answer.code == 1
    assert [line.partition(":")[0] for line in answer.out.splitlines() if not line.startswith("    ")] == [
        str(machine),
        str(own),
        "  warning  indexes.corp.packages[0]",
    ]


def test_faults_of_every_layer(shell: Shell) -> None:
    machine = shell.policy("version = 7", "machine")
    interpreter = shell.home / "interpreter"
    (interpreter / "policy.toml").mkdir(parents=True)
    own = shell.policy(LINTED)
    answer = shell("check")
    assert answer.code == 2
    assert [line for line in answer.out.splitlines() if not line.startswith("  ")] == [
        f"{machine}: policy-invalid",
        f"{interpreter}/policy.toml: policy-unreadable",
        f"{own}: no faults; mode enforce, 2 indexes, 2 patterns",
    ]
    reports = shell("check", "--json").json["policies"]
    assert [report["code"] for report in reports] == ["policy-invalid", "policy-unreadable", None]


def test_named_pipe_does_not_make_it_wait(shell: Shell) -> None:
    os.mkfifo(shell.home / "pipe")
    assert shell("check", "pipe").err == "indexguard: cannot read pipe: it is a named pipe\n"
    reader, writer = os.pipe()
    os.write(writer, FINE.encode())
    os.close(writer)
    assert shell("check", f"/dev/fd/{reader}").code == 0
    os.close(reader)


def test_credentials_are_not_shown(shell: Shell, tmp_path: Path) -> None:
    urls = ("http://user:hunter2@corp.example/", "https://a:hunter2@b@corp.example/", "user:hunter2@corp.example")
    for url in urls:
        (tmp_path / "policy.toml").write_text(FINE.replace("https://packages.corp.example/simple/", url))
        answer = shell("check", str(tmp_path / "policy.toml"))
        assert answer.code == 2
        assert "hunter2" not in answer.out + answer.err


def test_closed_standard_input(shell: Shell) -> None:
    shell.monkeypatch.setattr(sys, "stdin", None)
    assert (shell("check", "-").code, shell("check", "-").err) == (
        2,
        "indexguard: cannot read standard input: it is closed\n",
    )


def test_layer_that_others_may_write(shell: Shell) -> None:
    shell.policy(FINE).chmod(0o666)
    answer = shell("check")
    assert answer.code == 2
    assert "policy-unreadable" in answer.out
    assert "chmod o-w" in answer.out


def test_variable_that_names_nothing(shell: Shell) -> None:
    shell.monkeypatch.setenv("INDEXGUARD_POLICY", "/nowhere/policy.toml")
    answer = shell("check")
    assert answer.code == 2
    assert "policy-missing" in answer.out


def test_no_layer(shell: Shell) -> None:
    answer = shell("check")
    assert answer.code == 0
    assert "no policy file found" in answer.out
