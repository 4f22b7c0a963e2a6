"""``indexes.N.ca``: what is read of it, what is refused, and whose connections it is about."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from integration.harness.children import write_policy

from indexguard.errors import PolicyError
from indexguard.policy.layers import LayersFound, survey_layers
from indexguard.policy.model import Index
from indexguard.policy.reader import read_policy
from indexguard.policy.sections import find_tls_places

POLICY = """
version = 1
[indexes.corp]
url = {url}
ca = {ca}
packages = ["{name}"]
files-from = {files}
"""


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a certificate that nobody signed."""
    return make_pem(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def other_pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return another one."""
    return make_pem(tmp_path_factory.mktemp("other"))


def make_pem(folder: Path) -> str:
    """Make a certificate."""
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=corp.example",
    ]
    words += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(["/usr/bin/env", "openssl", *words], check=True, capture_output=True)
    return (folder / "ca.pem").read_text(encoding="ascii")


def policy_of(
    ca: str = '"ca.pem"',
    *,
    url: str = '"https://packages.corp.example/simple/"',
    name: str = "acme",
    files: str = '["files.corp.example"]',
) -> str:
    """Return the text of a policy with one index."""
    return POLICY.format(ca=ca, url=url, name=name, files=files)


def survey(tmp_path: Path, **texts: str) -> LayersFound:
    """Look at layers with these texts, in the folder of each of which a file may lie already."""
    for kind, text in texts.items():
        write_policy(tmp_path / kind / "policy.toml", text)
    paths = {kind: str(tmp_path / kind / "policy.toml") for kind in ("machine", "user")}
    return survey_layers({}, machine_path=paths["machine"], user_path=paths["user"], base_prefix=str(tmp_path))


def put(path: Path, content: str) -> Path:
    """Write a file that only its owner may write."""
    return write_policy(path, content)


def faults_of(found: LayersFound) -> list[str]:
    """Return all faults, each with its key."""
    return [str(fault) for error in found.faults for fault in error.faults]


@pytest.mark.parametrize("is_absolute", [False, True])
def test_certificates_are_read(tmp_path: Path, pem: str, *, is_absolute: bool) -> None:
    path = put(tmp_path / "machine" / "tls" / "ca.pem", f"A comment.\n{pem}")
    found = survey(tmp_path, machine=policy_of(f'"{path}"' if is_absolute else '"tls/ca.pem"'))
    assert found.faults == ()
    assert found.layers[0].certificates == {"corp": f"A comment.\n{pem}"}


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0o644, "there is no file"),
        ("", 0o644, "holds no certificate that can be read"),
        ("hello\n", 0o644, "holds no certificate that can be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644, "holds no certificate"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o644, "holds no certificate"),
        ("PEM", 0o666, "may be written by everybody"),
        ("FOLDER", 0o644, "it is not a regular file"),
    ],
)
def test_what_is_no_certificate(tmp_path: Path, pem: str, content: str | None, mode: int, reason: str) -> None:
    path = tmp_path / "machine" / "ca.pem"
    if content == "FOLDER":
        path.mkdir(parents=True)
    elif content is not None:
        put(path, pem if content == "PEM" else content).chmod(mode)
    found = survey(tmp_path, machine=policy_of())
    (fault,) = faults_of(found)
    assert fault.startswith("indexes.corp.ca: ")
    assert reason in fault
    assert found.layers == ()
    assert found.faults[0].code == "policy-invalid"


@pytest.mark.parametrize(
    ("ca", "url"),
    [
        ('""', '"https://packages.corp.example/simple/"'),
        ("1", '"https://packages.corp.example/simple/"'),
        ('"ca\\u0000.pem"', '"https://packages.corp.example/simple/"'),
        ('"ca.pem"', '"http://127.0.0.1:8080/simple/"'),
        ('"ca.pem"', '"file:///srv/simple/"'),
    ],
)
def test_what_the_key_may_not_be(ca: str, url: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(policy_of(ca, url=url).encode(), "policy.toml")
    assert [fault.key for fault in caught.value.faults] == ["indexes.corp.ca"]


@pytest.mark.parametrize(
    ("url", "files", "clash"),
    [
        ("https://packages.corp.example/other/", "files.example", True),
        ("https://packages.corp.example:8443/simple/", "files.example", False),
        ("https://mirror.example/simple/", "https://files.corp.example:8443/", True),
        ("https://mirror.example/simple/", "https://other.example/files.corp.example/", False),
    ],
)
def test_two_layers_may_not_name_different_files_for_a_host(
    tmp_path: Path, pem: str, other_pem: str, url: str, files: str, *, clash: bool
) -> None:
    put(tmp_path / "machine" / "ca.pem", pem)
    put(tmp_path / "user" / "ca.pem", other_pem)
    texts = {"machine": policy_of(), "user": policy_of(url=f'"{url}"', files=f'["{files}"]')}
    told = faults_of(survey(tmp_path, **texts))
    assert [fault.partition(": ")[0] for fault in told] == ["indexes.corp.ca"] * clash
    assert all(f"{tmp_path}/machine/policy.toml" in fault and "for the same host" in fault for fault in told)

    # What only logs does not verify, and the same certificates are no contradiction.
    audited = {**texts, "user": f'mode = "audit"\n{texts["user"]}'}
    assert faults_of(survey(tmp_path, **audited)) == []
    put(tmp_path / "user" / "ca.pem", pem)
    assert faults_of(survey(tmp_path, **texts)) == []


def test_two_indexes_of_a_file_may_not_either(tmp_path: Path, pem: str, other_pem: str) -> None:
    put(tmp_path / "machine" / "ca.pem", pem)
    put(tmp_path / "machine" / "other.pem", other_pem)
    second = '[indexes.two]\nurl = "https://packages.corp.example/two/"\nca = "other.pem"\npackages = ["two"]\n'
    (fault,) = faults_of(survey(tmp_path, machine=policy_of() + second))
    assert fault.startswith("indexes.two.ca: is another file than that of indexes.corp.ca, for the same host")


@pytest.mark.parametrize(
    ("url", "files", "places"),
    [
        ('"https://a.example/simple/"', '["b.example"]', {("a.example", 443), ("b.example", None)}),
        ('["https://a.example/s/", "pypi"]', '["https://c.example:8443/f/"]', {("a.example", 443), ("", 0), ("c.example", 8443)}),
        ('"https://a.example/simple/"', '["http://c.example/f/"]', {("a.example", 443)}),
    ],
)  # fmt: skip
def test_whose_connections_it_is_about(url: str, files: str, places: set[tuple[str, int | None]]) -> None:
    index: Index = read_policy(policy_of(url=url, files=files).encode(), "policy.toml").indexes[0]
    assert set(find_tls_places(index)) == places


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_certificates_of_a_stranger_are_refused(tmp_path: Path, pem: str) -> None:
    path = put(tmp_path / "user" / "ca.pem", pem)
    os.chown(path, 12345, -1)
    (fault,) = faults_of(survey(tmp_path, user=policy_of()))
    assert fault.startswith(f"indexes.corp.ca: file {path} (owner uid 12345")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("files.corp.example:8443", "https://files.corp.example:8443/"),
        ("localhost:8080", "http://localhost:8080/"),
        ("files.corp.example/wheels", "https://files.corp.example/wheels/"),
        ("[::1]:8443", "http://[::1]:8443/"),
    ],
)
def test_a_host_with_a_port_says_what_to_write(text: str, meant: str) -> None:
    policy = policy_of(files=f'["{text}"]').replace('ca = "ca.pem"\n', "")
    with pytest.raises(PolicyError) as caught:
        read_policy(policy.encode(), "policy.toml")
    (fault,) = caught.value.faults
    assert "a host stands for all its ports and paths" in fault.message
    assert fault.suggestion == meant
    # What is meant works.
    assert read_policy(policy.replace(text, meant).encode(), "policy.toml").indexes[0].files_from


@pytest.mark.parametrize("text", ["a b", "user@files.corp.example", "*.corp.example", "files.corp.example:port"])
def test_what_is_no_host_at_all(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(policy_of(files=f'["{text}"]').replace('ca = "ca.pem"\n', "").encode(), "policy.toml")
    (fault,) = caught.value.faults
    assert fault.key == "indexes.corp.files-from[0]"
