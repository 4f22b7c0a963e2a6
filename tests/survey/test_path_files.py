"""The files in site-packages that Python reads when it starts."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexguard.standalone import startup_probe
from support.activated import find, look
from support.environments import Environment


def test_path_files_as_python_reads_them(environment: Environment, home: Path) -> None:
    files = {
        "b.pth": b"import os\n  import sys\nimportlib\nimport\tsys\r\n# import x\n",
        "c.pth": b"\xef\xbb\xbfimport os\n",
        "d.pth": b"./x\x0cimport os\n",
        "e.pth": b"import os; x = '" + "\u00e9".encode() * 400 + b"'\n",
        "f.start": b"\xef\xbb\xbf# comment\nos:getcwd\n\n",
        ".g.pth": b"import os\n",
    }
    for name, content in files.items():
        (environment.site / name).write_bytes(content)
    (environment.site / "h.pth").mkdir()
    (environment.site / "i.pth").symlink_to("nowhere")
    os.mkfifo(environment.site / "j.start")
    found = look(environment.python, home, PYTHONUTF8="1")
    # Python 3.13 takes a byte order mark away, splits lines at form feeds, and passes hidden files over.
    is_new = found.version.startswith("3.13")
    assert find(found, "b.pth").lines == ("import os", "import\tsys")
    assert find(found, "c.pth").lines == (("import os",) if is_new else ())
    assert find(found, "d.pth").lines == (("import os",) if is_new else ())
    assert len(find(found, "e.pth").lines[0]) <= startup_probe.MAX_LINE
    assert find(found, "f.start").lines == ("os:getcwd",)
    assert find(found, "f.start").state == "skipped"
    states = {name: (find(found, name).state, find(found, name).reason) for name in (".g.pth", "h.pth", "i.pth")}
    assert states[".g.pth"] == (("skipped", "its name starts with a dot") if is_new else ("runs", None))
    assert states["h.pth"] == ("skipped", "it is no file")
    assert states["i.pth"] == ("skipped", "it cannot be read: No such file or directory")
    assert find(found, "j.start").reason == "it is no file"


def test_long_file_is_not_taken_for_a_list_of_paths(newest: Environment, home: Path) -> None:
    (newest.site / "a.pth").write_text("#\n" * startup_probe.MAX_FILE + "import os\n")
    hook = find(look(newest.python, home), "a.pth")
    assert (hook.kind, hook.state, hook.lines) == ("foreign", "runs", ())
    assert hook.reason is not None


@pytest.mark.parametrize(
    ("version", "states"),
    [
        ((3, 14), {"a.pth": None, "b.pth": None, "b.start": "Python 3.15 and later read it", "c.pth": None}),
        ((3, 15), {"a.pth": None, "b.pth": "b.start stands in its place", "b.start": None, "c.pth": None}),
        (
            (3, 18),
            {
                "a.pth": "Python 3.18 and later ignore import lines",
                "b.pth": "Python 3.18 and later ignore import lines",
                "b.start": None,
                "c.pth": None,
            },
        ),
    ],
)
def test_start_files(tmp_path: Path, version: tuple[int, int], states: dict[str, str | None]) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_text("import os\n")
    (tmp_path / "b.start").touch()  # an empty one counts, too
    (tmp_path / "c.pth").write_text("/path\n")
    found = startup_probe.look_at_folder(str(tmp_path), version)
    assert {os.path.basename(hook["path"]): hook["reason"] for hook in found} == states
    assert all((hook["state"] == "runs") is (hook["reason"] is None) for hook in found)


def test_flag_of_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pth").write_text("import os\n")
    assert startup_probe.is_marked(SimpleNamespace(st_flags=0x8000))
    assert not startup_probe.is_marked((tmp_path / "a.pth").lstat())
    monkeypatch.setattr(startup_probe, "is_marked", lambda _entry: True)
    found = [startup_probe.look_at_folder(str(tmp_path), version)[0]["reason"] for version in ((3, 8), (3, 13))]
    assert found == [None, "it is marked as hidden"]


def test_text_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"import os  # \xe9\n")
    for version in ((3, 12), (3, 13)):
        (hook,) = startup_probe.look_at_folder(str(tmp_path), version)
        assert hook["lines"][0].startswith("import os  # ")


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    assert startup_probe.look_at_folder(str(tmp_path / "missing"), (3, 13)) == []
