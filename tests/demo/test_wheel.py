"""The demo's wheels are wheels, and the same every time."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile

from indexguard.demo.wheel import make_wheel


def test_a_wheel_says_where_it_came_from() -> None:
    filename, content = make_wheel("acme-core", "99.0", "public")
    archive = zipfile.ZipFile(io.BytesIO(content))

    assert filename == "acme_core-99.0-py3-none-any.whl"
    assert archive.read("acme_core.py").decode() == "VERSION = '99.0'\nORIGIN = 'public'\n"


def test_the_record_lists_every_file_with_its_hash_and_size() -> None:
    archive = zipfile.ZipFile(io.BytesIO(make_wheel("acme-core", "1.0", "internal")[1]))
    record = list(csv.reader(archive.read("acme_core-1.0.dist-info/RECORD").decode().splitlines()))

    assert [name for name, _, _ in record] == archive.namelist()
    for name, digest, size in record[:-1]:
        content = archive.read(name)
        expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert (digest, int(size)) == (f"sha256={expected}", len(content))
    assert record[-1][1:] == ["", ""]


def test_the_same_wheel_has_the_same_bytes_every_time() -> None:
    assert make_wheel("acme-core", "1.0", "internal") == make_wheel("acme-core", "1.0", "internal")
    assert make_wheel("acme-core", "1.0", "internal") != make_wheel("acme-core", "1.0", "public")
