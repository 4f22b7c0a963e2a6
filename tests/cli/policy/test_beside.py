"""What init makes of indexes that have public names: mirrors, and public indexes beside the public one."""

from __future__ import annotations

import pytest

from indexguard.policy.reader import read_policy
from support.shell import ListingIndex, Shell, init_on_terminal, owners_of, policy_of


def _rest(index: ListingIndex) -> tuple[str, ...]:
    return ("init", "--yes", "--output", "-", "--rest", f"127-0-0-1-{index.port}")


def _project(*files: str) -> str:
    return "".join(f'<a href="{file}">x</a>' for file in files)


def test_mirror_that_lists_nothing_is_offered_as_the_same(shell: Shell, indexes: list[ListingIndex]) -> None:
    mirror, public = indexes
    files = ["numpy-1.0.tar.gz#sha256=11", "numpy-2.0.tar.gz#sha256=22"]
    mirror.pages = {"/simple/numpy/": _project(*files[:1]), "/simple/": "403"}
    public.pages = {"/simple/numpy/": _project(*files), "/simple/": _project("numpy/")}
    shell.configure(public.url, mirror.url)
    answer = shell(*_rest(public))
    assert (answer.code, answer.out) == (2, "")
    assert f"{mirror.url} and {public.url} both have numpy:\n        1 file of one name and hash\n" in answer.err
    assert f"--same INDEX, which makes one `url` list (INDEX is 127-0-0-1-{mirror.port})\n" in answer.err
    answer = shell(*_rest(public), "--same", f"127-0-0-1-{mirror.port}")
    policy = policy_of(answer)
    assert owners_of(policy, "numpy") == owners_of(policy, "anything") == [public.url, mirror.url]
    assert len(policy.indexes) == 1


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("numpy-2.0-cp39-cp39-linux_armv7l.whl#sha256=33", "        1 that only the first has\n"),
        ("numpy-2.0.tar.gz#sha256=33", "        1 of one name and two hashes (numpy-2.0.tar.gz)\n"),
        ("numpy-2.0.tar.gz#md5=22", "        1 of one name without a hash that tells\n"),
        ("numpy-2.0.tar.gz", "        1 of one name without a hash that tells\n"),
    ],
)
def test_second_public_index_is_offered_as_a_merge(
    shell: Shell, indexes: list[ListingIndex], own: str, found: str
) -> None:
    wheels, public = indexes
    wheels.names = [f"proj{number}" for number in range(1001)]
    wheels.pages = {"/simple/numpy/": _project(own)}
    public.pages = {"/simple/numpy/": _project("numpy-2.0.tar.gz#sha256=22")}
    shell.configure(public.url, wheels.url)
    answer = shell(*_rest(public))
    assert (answer.code, answer.out) == (2, "")
    assert found in answer.err
    assert f"--merge INDEX, which makes a [[merge]] of `*` (INDEX is 127-0-0-1-{wheels.port})\n" in answer.err
    name = f"127-0-0-1-{wheels.port}"
    policy = policy_of(shell(*_rest(public), "--merge", name))
    assert owners_of(policy, "numpy") == owners_of(policy, "anything") == [wheels.url, public.url]
    policy = policy_of(shell(*_rest(public), "--merge", name, "--claim", "acme"))
    assert owners_of(policy, "acme-core") == [wheels.url]
    assert owners_of(policy, "numpy") == [wheels.url, public.url]


def test_internal_index_is_never_offered_as_public(shell: Shell, indexes: list[ListingIndex]) -> None:
    """Not even where somebody has published all of its files in public, and more."""
    corp, public = indexes
    corp.names, public.names = ["acme-core"], ["acme-core", "numpy"]
    corp.pages = {"/simple/acme-core/": _project("acme-core-1.0.tar.gz#sha256=11")}
    public.pages = {"/simple/acme-core/": _project("acme-core-1.0.tar.gz#sha256=11", "acme-core-99.tar.gz#sha256=66")}
    shell.configure(public.url, corp.url)
    answer = shell(*_rest(public))
    policy = policy_of(answer)
    assert owners_of(policy, "acme-core") == [corp.url]
    assert answer.err.splitlines()[1:] == [
        f"    listed by {public.url} too; what is claimed comes from here alone: acme-core"
    ]
    corp.status = 403  # its list cannot be seen
    answer = shell(*_rest(public))
    assert answer.code == 2
    assert "--same" not in answer.err
    assert "--merge" not in answer.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--same", "{public}"), "there is no index '{public}'"),
        (("--same", "{corp}", "--merge", "{corp}"), "{corp} is either --same or --merge"),
        (("--same", "{corp}", "--claim", "acme"), "--merge fits"),
    ],
)
def test_arrangements_that_make_no_sense(
    shell: Shell, indexes: list[ListingIndex], options: tuple[str, ...], said: str
) -> None:
    corp, public = indexes
    shell.configure(public.url, corp.url)
    names = {"corp": f"127-0-0-1-{corp.port}", "public": f"127-0-0-1-{public.port}"}
    answer = shell(*_rest(public), *(option.format(**names) for option in options))
    assert (answer.code, answer.out) == (2, "")
    assert said.format(**names) in answer.err


def test_arrangement_on_a_terminal(shell: Shell, indexes: list[ListingIndex]) -> None:
    mirror, public = indexes
    for index in indexes:
        index.pages = {"/simple/numpy/": _project("numpy-1.0.tar.gz#sha256=11"), "/simple/": "403"}
    shell.configure(mirror.url, public.url)
    path = shell.home / "policy.toml"
    done = init_on_terminal(f"127-0-0-1-{public.port}\n7\n2\n\n", path)
    assert done.returncode == 0, done.stderr
    policy = read_policy(path.read_bytes(), "written")
    assert owners_of(policy, "acme") == [public.url, mirror.url]
    path.unlink()
    done = init_on_terminal(f"127-0-0-1-{public.port}\n\nacme\n\n", path)
    assert done.returncode == 0, done.stderr
    policy = read_policy(path.read_bytes(), "written")
    assert owners_of(policy, "acme") == [mirror.url]
    assert owners_of(policy, "numpy") == [public.url]
