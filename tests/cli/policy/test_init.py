"""Policies from pip's real configuration and from real root pages."""

from __future__ import annotations

import io
import os
import re
import socket
import stat
import sys
from pathlib import Path

import pytest

from indexguard.policy.layers import find_layers
from indexguard.policy.reader import read_policy
from support.shell import ListingIndex, Shell, init_on_terminal, owners_of, policy_of


@pytest.mark.parametrize("options", [(), ("--claim", "acme")])
def test_single_index_is_nothing_to_decide(shell: Shell, options: tuple[str, ...]) -> None:
    path = str(shell.home / "policy.toml")
    answer = shell("init", "--yes", "--output", path, *options)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("indexguard: pip is configured with one index, pypi, so there is nothing to ")
    assert answer.err.endswith("run this again with `--rest INDEX`; INDEX is pypi\n")
    assert shell("init", "--yes").code == 2  # the place by default
    assert find_layers({}).layers == ()
    assert not Path(path).exists()


def test_single_index_for_everything_is_asked_for(shell: Shell) -> None:
    policy = policy_of(shell("init", "--yes", "--output", "-", "--rest", "pypi"))
    assert owners_of(policy, "anything") == ["pypi"]
    shell.configure("https://user:hunter2@mirror.example/simple")
    answer = shell("init", "--yes", "--output", "-")
    assert "hunter2" not in answer.err
    name = answer.err.split()[-1]  # no hint has it behind --rest
    assert owners_of(policy_of(shell("init", "--yes", "--output", "-", "--rest", name)), "anything") == [
        "https://mirror.example/simple/"
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_listed_names_are_claimed(shell: Shell, indexes: list[ListingIndex], as_json: bool) -> None:
    corp, _ = indexes
    corp.names, corp.as_json, corp.password = ["Acme_Core", "billing-models"], as_json, "user:hunter2"
    shell.configure(PIP_EXTRA_INDEX_URL=corp.url.replace("127", "user:hunter2@127"))
    answer = shell("init", "--yes", "--output", "-")
    policy = policy_of(answer)
    assert owners_of(policy, "acme-core") == owners_of(policy, "billing.models") == [corp.url]
    assert owners_of(policy, "acme-other") == ["pypi"]
    assert "A name that is published there later is not claimed until it is added here" in answer.out.replace(
        "\n# ", " "
    )
    assert "hunter2" not in answer.out + answer.err


def test_claims(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    corp.names = ["acme-core", "forgotten"]
    shell.configure(PIP_EXTRA_INDEX_URL=corp.url)
    answer = shell("init", "--yes", "--output", "-", "--claim", "Acme", "--claim", "billing-*", "--claim", "x*")
    policy = policy_of(answer)
    for name in ("acme", "acme-anything", "billing", "billing-x", "xyz"):
        assert owners_of(policy, name) == [corp.url]
    for name in ("acmecorp", "forgotten"):
        assert owners_of(policy, name) == ["pypi"]
    assert (
        answer.err == f"{corp.url} also lists names that you did not claim;\n    it will not be asked for forgotten\n"
    )


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"names": []}, "it lists no names"),
        ({"status": 404}, "HTTP 404"),
        ({"status": 503}, "no answer (RetryError)"),
        (
            {"body": b'<a href="https://login.example/acme/">acme</a><a href="/help/">help</a>'},
            "it lists no names, only http://127.0.0.1:{port}/help/, https://login.example/acme/",
        ),
        (
            {"body": b'<a href="acme-core/">x</a><a href="#" onclick="go()">acme-billing-serv..&gt;</a>'},
            "it lists what cannot be read as a name: acme-billing-serv..>",
        ),
        ({"names": [f"p{n}" for n in range(1001)]}, "it lists 1001 names, too many to be internal ones"),
        ({"body": b" " * 5_000_000}, "its list of names is too long to be one of internal names"),
        ({"body": b"{}", "as_json": True}, "its root page is not a list of names"),
        ({"body": b"[[[[", "as_json": True}, "its root page is not a list of names"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_index_that_tells_nothing(
    shell: Shell, indexes: list[ListingIndex], page: dict[str, object], reason: str
) -> None:
    corp, _ = indexes
    for name, value in page.items():
        setattr(corp, name, value)
    shell.configure(PIP_EXTRA_INDEX_URL=corp.url)
    output = str(shell.home / "p.toml")
    answer = shell("init", "--yes", "--output", output)
    assert (answer.code, answer.out) == (2, "")
    assert f"{corp.url}: {reason.replace('{port}', str(corp.port))}" in answer.err
    assert answer.err.endswith(f"indexguard init --yes --output {output} --claim YOUR-PREFIX\n")
    assert not Path(output).exists()


def test_index_that_is_down(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    shell.configure(PIP_EXTRA_INDEX_URL=f"http://127.0.0.1:1/{corp.port}/")
    answer = shell("init", "--yes", "--output", "-")
    assert answer.code == 2
    assert re.search(r"no answer \(Connection\w+\)", answer.err)


def test_index_that_never_ends_its_answer(shell: Shell, indexes: list[ListingIndex]) -> None:
    quick, _ = indexes
    quick.names = ["acme-core"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        # It takes connections, and says nothing.
        silent = f"http://user:hunter2@127.0.0.1:{server.getsockname()[1]}/simple/"
        shell.configure(PIP_EXTRA_INDEX_URL=f"{silent} {quick.url}")
        answer = shell("init", "--yes", "--output", "-")
    assert answer.code == 2
    assert re.search(r":\d+/simple/: (?:no answer|it did not answer)", answer.err)
    assert quick.url not in answer.err
    assert "hunter2" not in answer.err


def test_two_internal_indexes(shell: Shell, indexes: list[ListingIndex]) -> None:
    one, two = indexes
    one.names, two.names = ["acme-core", "both"], ["both", "two"]
    shell.configure(PIP_EXTRA_INDEX_URL=f"{one.url} {two.url}")
    answer = shell("init", "--yes", "--output", "-")
    assert answer.code == 2
    assert f"    both: 127-0-0-1-{one.port}, 127-0-0-1-{two.port}\n" in answer.err
    assert "--claim INDEX=NAME" in answer.err
    answer = shell("init", "--yes", "--output", "-", "--claim", "acme")
    assert answer.code == 2
    assert f"INDEX is one of 127-0-0-1-{one.port}, 127-0-0-1-{two.port}" in answer.err
    policy = policy_of(shell("init", "--yes", "--output", "-", "--claim", f"127-0-0-1-{one.port}=both"))
    assert owners_of(policy, "both") == [one.url]
    assert owners_of(policy, "two") == [two.url]
    assert owners_of(policy, "other") == ["pypi"]


def test_no_public_index(shell: Shell, indexes: list[ListingIndex]) -> None:
    one, two = indexes
    one.names, two.names = ["acme-core"], ["requests"]
    shell.configure(one.url, two.url)
    answer = shell("init", "--yes", "--output", "-")
    assert answer.code == 2
    assert f"    127-0-0-1-{one.port}  {one.url}\n    127-0-0-1-{two.port}  {two.url}\n" in answer.err
    assert answer.err.endswith("        indexguard init --yes --output - --rest INDEX\n")
    policy = policy_of(shell("init", "--yes", "--output", "-", "--rest", f"127-0-0-1-{two.port}"))
    assert owners_of(policy, "acme-core") == [one.url]
    assert owners_of(policy, "requests") == [two.url]
    assert shell("init", "--yes", "--output", "-", "--rest", "nonsense").code == 2


def test_same_index_twice_counts_once(shell: Shell) -> None:
    shell.configure("https://a.example/simple", "https://user:x@A.example:443/./simple/?y=1")
    assert len(policy_of(shell("init", "--yes", "--output", "-", "--rest", "a-example")).indexes) == 1


def test_two_indexes_of_one_host_get_two_names(shell: Shell) -> None:
    shell.configure(PIP_EXTRA_INDEX_URL="https://a.example/one/ https://a.example/two/ https://a.example/two-/")
    claims = ("--claim", "a-example=one", "--claim", "a-example-two=two", "--claim", "a-example-two-2=three")
    assert len(policy_of(shell("init", "--yes", "--output", "-", *claims)).indexes) == 4


def test_http_is_written_down_as_insecure(shell: Shell) -> None:
    shell.configure("http://corp.example/simple/")
    answer = shell("init", "--yes", "--output", "-", "--rest", "corp-example")
    assert owners_of(policy_of(answer), "x") == ["http://corp.example/simple/"]
    assert "insecure = true" in answer.out


def test_what_is_left_out_is_said(shell: Shell, tmp_path: Path) -> None:
    shell.configure(PIP_EXTRA_INDEX_URL=tmp_path.as_uri(), PIP_FIND_LINKS="https://wheels.example/torch.html")
    answer = shell("init", "--yes", "--output", "-", "--rest", "pypi")
    assert len(policy_of(answer).indexes) == 1
    assert f"local files need no entry: {tmp_path.as_uri()}" in answer.err
    assert "the --find-links page https://wheels.example/torch.html" in answer.err


@pytest.mark.parametrize(
    "settings",
    [
        {"PIP_NO_INDEX": "1"},
        {"PIP_INDEX_URL": "https://a@b@corp.example/"},
        {"PIP_TIMEOUT": "nonsense"},
        {"PIP_CONFIG_FILE": "/nowhere/pip.conf", "PIP_NO_INDEX": "maybe"},
    ],
)
def test_configuration_that_gives_nopolicy_of(shell: Shell, settings: dict[str, str]) -> None:
    shell.configure(**settings)
    answer = shell("init", "--yes", "--output", "-")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("indexguard: ")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("claim", ["*", "a b", "!x", "nonsense=x", ""])
def test_bad_claim(shell: Shell, claim: str) -> None:
    shell.configure(PIP_EXTRA_INDEX_URL="https://corp.example/simple/")
    answer = shell("init", "--yes", "--output", "-", "--claim", claim)
    assert (answer.code, answer.out) == (2, "")


def test_file_is_trusted_whatever_the_umask(shell: Shell) -> None:
    path = shell.home / "new" / "folder" / "policy.toml"
    before = os.umask(0)
    try:
        answer = shell("init", "--yes", "--rest", "pypi", "--output", str(path))
    finally:
        os.umask(before)
    assert (answer.code, answer.out) == (0, f"wrote {path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["policy.toml"]
    (layer,) = find_layers({"INDEXGUARD_POLICY": str(path)}).layers
    assert owners_of(layer.policy, "anything") == ["pypi"]
    assert answer.err.startswith(f"  It counts where INDEXGUARD_POLICY={path} is set.\n")


def test_default_place_counts_at_once(shell: Shell) -> None:
    answer = shell("init", "--yes", "--rest", "pypi")
    assert answer.code == 0
    found = find_layers({})
    kind = "machine" if os.geteuid() == 0 else "user"
    assert [layer.kind for layer in found.layers] == [kind]
    assert answer.err.startswith(f"  It counts for every guarded pip of this {kind}.\n")


def test_place_that_others_may_write_is_said(shell: Shell) -> None:
    (shell.home / "shared").mkdir()
    (shell.home / "shared").chmod(0o777)
    answer = shell("init", "--yes", "--rest", "pypi", "--output", "shared/policy.toml")
    assert answer.code == 0
    assert f"pip will stop at it: folder {shell.home / 'shared'}" in answer.err


def test_nothing_is_overwritten_without_force(shell: Shell) -> None:
    path = shell.home / "policy.toml"
    path.write_text("mine")
    answer = shell("init", "--yes", "--rest", "pypi", "--output", str(path))
    assert (answer.code, path.read_text()) == (2, "mine")
    assert "--force" in answer.err
    assert shell("init", "--yes", "--rest", "pypi", "--output", str(path), "--force").code == 0
    assert path.read_text() != "mine"


def test_link_is_not_written_through(shell: Shell) -> None:
    path = shell.home / "policy.toml"
    path.symlink_to(shell.home / "target")
    assert shell("init", "--yes", "--rest", "pypi", "--output", str(path)).code == 2
    assert not (shell.home / "target").exists()


def test_place_that_cannot_be_written(shell: Shell) -> None:
    (shell.home / "file").write_text("")
    answer = shell("init", "--yes", "--rest", "pypi", "--output", str(shell.home / "file" / "policy.toml"))
    assert answer.code == 2
    assert "cannot write" in answer.err


@pytest.mark.parametrize("stdin", [io.StringIO(), None])
def test_questions_need_a_terminal(shell: Shell, stdin: io.StringIO | None) -> None:
    shell.monkeypatch.setattr(sys, "stdin", stdin)
    answer = shell("init", "--output", "-")
    assert answer.code == 2
    assert "--yes" in answer.err


def test_questions_on_a_terminal(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, other = indexes
    corp.names = ["acme-core"]
    shell.configure(corp.url, other.url)
    path = shell.home / "policy.toml"
    typed = f"nonsense\n127-0-0-1-{other.port}\n!\nacme, billing-models\n"
    done = init_on_terminal(typed + "n\n", path)
    assert done.returncode == 2
    assert done.stderr.endswith("indexguard: nothing was written\n")
    assert not path.exists()
    done = init_on_terminal(typed + "\n", path)
    assert done.returncode == 0, done.stderr
    assert "there is no index 'nonsense'" in done.stderr
    assert "empty: the 1 that it lists now" in done.stderr
    assert "Traceback" not in done.stderr
    policy = read_policy(path.read_bytes(), "written")
    assert owners_of(policy, "acme-x") == owners_of(policy, "billing-models") == [corp.url]
    assert owners_of(policy, "requests") == [other.url]


def test_name_that_the_public_index_lists_too_goes_to_the_internal_one(
    shell: Shell, indexes: list[ListingIndex]
) -> None:
    one, two = indexes
    one.names, two.names = ["Acme_Core", "acme-other"], ["acme-core", "requests"]
    shell.configure(one.url, two.url)
    answer = shell("init", "--yes", "--output", "-", "--rest", f"127-0-0-1-{two.port}")
    assert f"listed by {two.url} too; what is claimed comes from here alone: acme-core\n" in answer.err
    policy = policy_of(answer)
    assert owners_of(policy, "acme-core") == owners_of(policy, "acme-other") == [one.url]
    assert owners_of(policy, "requests") == [two.url]


def test_what_a_listing_holds_beside_projects_is_said(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    links = ("acme-core", "acme-gone", "acme-late", "Acme_Old", "static", ".git")
    corp.pages = {
        "/simple/": "".join(f'<a href="{link}/">{link}</a>' for link in links) + '<a href="robots.txt">robots.txt</a>',
        "/simple/acme-core/": '<a href="acme_core-1.0-py3-none-any.whl">x</a>',
        "/simple/acme-gone/": '<a href="../">../</a>',
        "/simple/acme-late/": "403",
        "/simple/Acme_Old/": '<a href="Acme_Old-1.0.tar.gz">x</a>',
        "/simple/static/": '<a href="style.css">style.css</a>',
        "/simple/robots.txt": "text: User-agent: *",
    }
    shell.configure(PIP_EXTRA_INDEX_URL=corp.url)
    answer = shell("init", "--yes", "--output", "-")
    policy = policy_of(answer)
    for name in ("acme-core", "acme-gone", "acme-late", "acme-old"):
        assert owners_of(policy, name) == [corp.url]
    for name in ("static", "git", "robots-txt"):
        assert owners_of(policy, name) == ["pypi"]
    assert answer.err.splitlines() == [
        f"{corp.url} lists more than names, or names with a question:",
        "    no project of it, left out: .git/, robots.txt, static/",
        "    without a file there: acme-gone",
        "    where pip does not ask (it wants lower case and `-`): Acme_Old",
        "    page not read: acme-late (HTTP 403)",
    ]


def test_claims_of_the_user_help_where_a_list_cannot_be_read(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    corp.pages = {"/simple/": '<a href="acme-core/">x</a><a href="#" onclick="go()">acme-billing-serv..&gt;</a>'}
    shell.configure(PIP_EXTRA_INDEX_URL=corp.url)
    answer = shell("init", "--yes", "--output", "-", "--claim", "acme")
    assert owners_of(policy_of(answer), "acme-billing-service") == [corp.url]
    assert "    not to be read as a name: acme-billing-serv..>\n" in answer.err


def test_audit_is_written_with_what_it_means(shell: Shell, indexes: list[ListingIndex]) -> None:
    corp, _ = indexes
    corp.names = ["acme-core"]
    shell.configure(PIP_EXTRA_INDEX_URL=corp.url)
    answer = shell("init", "--yes", "--audit", "--output", "-")
    policy = policy_of(answer)
    assert policy.mode == "audit"
    assert owners_of(policy, "acme-core") == [corp.url]
    text = answer.out.replace("\n# ", " ")
    assert "A machine's or an interpreter's policy in audit turns the rule that is built in" in text
    assert "a user's does not." in text
    answer = shell("init", "--yes", "--audit", "--output", "p.toml")
    assert "  The built-in rule stays in force beside it: a name that several indexes offer is refused.\n" in answer.err
    assert shell("init", "--yes", "--output", "-").out.count("mode") == 0
