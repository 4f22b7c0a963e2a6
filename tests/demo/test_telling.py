"""The demo from end to end: a real pip, the installed wheel, and a guard that is broken on purpose."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from integration.harness.children import run_child

from indexguard.cli import main
from indexguard.demo import run
from support.environments import clean_environ

if TYPE_CHECKING:
    from support.environments import Environment

_DEMO = "import sys; from indexguard.demo import run; sys.exit(run(sys.stdout))"


def _play(environment: Environment, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Play the demo with a temporary folder of its own, which must be empty afterwards."""
    scratch.mkdir()
    done = environment.run("-c", _DEMO, TMPDIR=str(scratch))
    assert list(scratch.iterdir()) == []
    return done


def test_the_attack_works_without_the_guard_and_not_with_it(guarded: Environment, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = guarded.run(guarded.root / "bin" / "indexguard", "demo", TMPDIR=str(scratch))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert list(scratch.iterdir()) == []
    assert done.stdout.isascii()
    story = done.stdout
    for told in (
        "without the guard: acme-core 99.0 from the public index: the attack worked",
        "with the guard:    acme-core 1.0 from the internal index",
        "without the guard: acme-core 99.0 from the public index: the attack worked",
        "with the guard:    nothing is installed; pip's exit code is 1",
        "shadowed-name",
        '"event": "shadowed"',
        "pip alone installed the attacker's file; the guard held.",
    ):
        before, found, story = story.partition(told)
        assert found, f"{told!r} is not told after:\n{before}"


def test_nothing_of_the_callers_environment_plays_a_part(guarded: Environment, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "sitecustomize.py").write_text("raise SystemExit('PYTHONPATH was not cleaned')\n", encoding="utf-8")
    (trap / "pip.conf").write_text("[global]\nno-index = true\n", encoding="utf-8")
    (trap / "policy.toml").write_text("version = 99\n", encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"} | {
        "TMPDIR": str(tmp_path),
        "PIP_CONFIG_FILE": str(trap / "pip.conf"),
        "PIP_NO_INDEX": "1",
        "PIP_TARGET": str(trap / "target"),
        "PIP_REQUIRE_HASHES": "1",
        "INDEXGUARD_POLICY": str(trap / "policy.toml"),
        "http_proxy": "http://127.0.0.1:9/",
        "PYTHONPATH": str(trap),
        "LC_ALL": "C",
    }
    # -E: the demo's own interpreter would fall into the trap before the demo begins. PATH and HOME are not set.
    done = run_child([str(guarded.python), "-E", "-c", _DEMO], env=environ)

    assert done.returncode == 0, done.stdout + done.stderr
    assert not (trap / "target").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_everything(guarded: Environment, tmp_path: Path, number: signal.Signals) -> None:
    # The child looks as if it had been started from a terminal: a shell may have had us ignore SIGINT.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); from indexguard.cli import main; sys.exit(main(['demo']))"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    demo = subprocess.Popen(
        [str(guarded.python), "-c", program],
        env=clean_environ(tmp_path, TMPDIR=str(scratch)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        while not list(scratch.glob("*/guarded/runs/0")):
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(f"the demo ended too early, with {demo.wait(0.02)}")
        demo.send_signal(number)
        out, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert (demo.returncode, out) == (128 + number, b"")
    assert list(scratch.iterdir()) == []
    assert [line for line in _command_lines() if str(scratch).encode() in line] == []


def _command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            lines.append(path.read_bytes())
    return lines


def test_an_ignored_signal_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def look(*_: object, **__: object) -> int:
        seen.append(signal.getsignal(signal.SIGHUP))
        return 0

    monkeypatch.setattr("indexguard.demo.run", look)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["demo"]) == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen == [signal.SIG_IGN]


def test_a_reader_that_goes_away_leaves_nothing_behind(guarded: Environment, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [str(guarded.python), "-m", "indexguard", "demo"],
            env=clean_environ(tmp_path, TMPDIR=str(tmp_path)),
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
    assert list(tmp_path.glob("indexguard-demo-*")) == []


def test_a_folder_that_loses_its_files_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def tidy_up(*_: object) -> None:
        shutil.rmtree(next(tmp_path.iterdir()) / "guarded")

    monkeypatch.setattr("indexguard.demo.environment.Environment.find_installed", tidy_up)
    stream = io.StringIO()
    assert run(stream) == 2
    assert stream.getvalue().startswith("indexguard demo: the demo's folder is not what it was: ")
    assert list(tmp_path.iterdir()) == []


def test_kept_folder_is_named(guarded: Environment, tmp_path: Path) -> None:
    done = guarded.run("-m", "indexguard", "demo", "--keep", TMPDIR=str(tmp_path))
    (folder,) = tmp_path.glob("indexguard-demo-*")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"The folder is left behind: {folder}")


def _neuter(site: Path) -> None:
    (site / "_indexguard_hook.py").write_text("def install(): pass\n", encoding="utf-8")


def _garble(site: Path) -> None:
    (site / "_indexguard_hook.py").write_text("def install(:\n", encoding="utf-8")


def _remove_hook(site: Path) -> None:
    (site / "_indexguard_hook.py").unlink()


@pytest.mark.parametrize("break_it", [_neuter, _garble, _remove_hook])
def test_a_broken_hook_is_seen(guarded_copy: Environment, tmp_path: Path, break_it: Callable[[Path], None]) -> None:
    break_it(guarded_copy.site)
    done = _play(guarded_copy, tmp_path / "scratch")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "with the guard:    acme-core 99.0 from the public index: the attack worked" in done.stdout
    assert "THE GUARD DID NOT HOLD" in done.stdout


def test_a_guard_that_fails_closed_is_broken_too(guarded_copy: Environment, tmp_path: Path) -> None:
    shutil.rmtree(guarded_copy.site / "indexguard" / "inpip")
    done = _play(guarded_copy, tmp_path / "scratch")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "guard-broken" in done.stdout
    assert "THE GUARD IS BROKEN" in done.stdout


def test_without_pip_there_is_nothing_to_show(guarded_copy: Environment, tmp_path: Path) -> None:
    shutil.rmtree(guarded_copy.site / "pip")
    done = _play(guarded_copy, tmp_path / "scratch")

    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("indexguard demo: this Python has no pip")


def test_a_folder_that_is_kept_holds_both_environments(guarded: Environment, tmp_path: Path) -> None:
    done = guarded.run("-c", _DEMO.replace("stdout", "stdout, keep=True", 1), TMPDIR=str(tmp_path))
    (kept,) = tmp_path.iterdir()

    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in kept.iterdir()} == {"guarded", "unguarded", "policy.toml"}


def test_a_user_without_a_home_and_without_a_name_can_play_it(guarded: Environment) -> None:
    """As containers with a random uid do: nothing but the temporary folder can be written."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    # pytest's own temporary folder is closed to others.
    with tempfile.TemporaryDirectory(prefix="indexguard-test-") as folder:
        environment = guarded.copy(Path(folder, "venv"))
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        scratch.chmod(0o777)
        Path(folder).chmod(0o755)

        def start(code: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [str(environment.python), "-c", code],
                env={"TMPDIR": str(scratch), "PATH": os.defpath},
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                user=54321,
                group=54321,
                extra_groups=[],
            )

        try:
            reachable = start("pass").returncode == 0
        except OSError:
            reachable = False
        if not reachable:
            pytest.skip("the interpreter lies in a folder that is closed to other users")
        done = start(_DEMO)

    assert done.returncode == 0, done.stdout + done.stderr
