"""Seeds: what they are, where they go and where they do not, and that everything that makes environments brings them."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from integration.harness.pips import find_interpreter

from indexguard.activation import seeding
from indexguard.activation.journal import Journal
from indexguard.activation.seeding import (
    CURRENT,
    SEED,
    check_inside,
    find_site,
    is_changed,
    is_seed,
    is_trusted,
    on_load,
    read_registry,
    remove_seed,
    seed_text,
    user_folder,
    write_seed,
)
from indexguard.interpreters.python import InterpretersError
from support.accounts import Account, make_environment, seeds_of

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account with a private folder, and this process as its."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    found = Account(home)
    found.give_guard()
    return found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The site-packages of what looks like an environment."""
    return make_environment(tmp_path / "env")


def base_python(version: str) -> Path:
    """Return a base interpreter, or skip."""
    found = find_interpreter(version)
    if found is None:
        pytest.skip(f"no Python {version} on this machine (looked in pyenv and PATH)")
    return found


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest, account: Account) -> Path:
    """A base interpreter that starts the guard for the account; each version that the machine has."""
    found = base_python(request.param)
    account.guard_user_site(found)
    return found


@pytest.fixture
def one_python(account: Account) -> Path:
    """The same, one version."""
    found = base_python(f"3.{sys.version_info.minor}")
    account.guard_user_site(found)
    return found


# The file


def test_private_folder_is_in_the_users_data(account: Account) -> None:
    assert user_folder() == account.private


def test_no_private_folder_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", "relative")
    assert user_folder() is None


@pytest.mark.parametrize("name", ["plain", "two words", "it's", 'a "quote"', "back\\slash", "ünï", "{x}"])
def test_seed_starts_the_guard_from_every_folder_that_it_can_name(tmp_path: Path, name: str) -> None:
    account = Account(tmp_path / name)
    account.give_guard()
    base = base_python(f"3.{sys.version_info.minor}")
    root = account.home / "env"
    assert account.run(base, "-m", "venv", "--without-pip", root).returncode == 0
    assert write_seed(find_site(root), account.private)
    assert account.hook_of(root / "bin" / "python") == account.hook


@pytest.mark.parametrize("name", ["line\nbreak", "tab\t", "\udcff"])
def test_folder_that_no_seed_can_name(name: str) -> None:
    with pytest.raises(InterpretersError, match="no path file can hold"):
        seed_text(Path("/home") / name)


def test_is_seed_only_to_the_letter() -> None:
    text = seed_text(Path("/home/somebody/hook")).encode()
    assert is_seed(text)
    for other in (b"", text + b"\n", text[:-1], text.upper(), b"#" + text, text.replace(b"/home", b"home"), b"\xff"):
        assert not is_seed(other)


def test_seed_whose_guard_is_gone_is_silent(account: Account, one_python: Path) -> None:
    root = account.home / "env"
    account.run(one_python, "-m", "venv", "--without-pip", root)
    (account.private / CURRENT).unlink()
    assert account.hook_of(root / "bin" / "python") is None


# Writing


def test_written_once(account: Account, site: Path) -> None:
    assert write_seed(site, account.private) is True
    path = site / SEED
    before = path.stat()
    assert stat.S_IMODE(before.st_mode) == 0o644
    assert path.read_text() == seed_text(account.private)
    assert write_seed(site, account.private) is False
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert seeds_of(account.private) == [str(path)]
    assert os.listdir(site) == [SEED]


def test_seed_of_an_older_folder_is_replaced(account: Account, site: Path) -> None:
    (site / SEED).write_text(seed_text(Path("/home/before/hook")))
    assert write_seed(site, account.private) is True
    assert (site / SEED).read_text() == seed_text(account.private)


@pytest.mark.parametrize("text", ["", "import foreign\n", "/somewhere\n"])
def test_foreign_file_is_kept(account: Account, site: Path, text: str) -> None:
    (site / SEED).write_text(text)
    with pytest.raises(InterpretersError, match="is there and is not indexguard's"):
        write_seed(site, account.private)
    with pytest.raises(InterpretersError, match="is not as indexguard writes it"):
        remove_seed(site / SEED, Journal())
    assert (site / SEED).read_text() == text
    assert seeds_of(account.private) == []


@pytest.mark.parametrize("there", [True, False])
def test_link_of_that_name_is_not_followed(account: Account, site: Path, tmp_path: Path, *, there: bool) -> None:
    target = tmp_path / "target"
    if there:
        target.write_text(seed_text(account.private))
    (site / SEED).symlink_to(target)
    assert is_changed(site / SEED)
    with pytest.raises(InterpretersError, match="is not indexguard's"):
        write_seed(site, account.private)
    assert target.exists() is there


def test_dry_run_writes_nothing(account: Account, site: Path) -> None:
    assert write_seed(site, account.private, Journal(dry_run=True)) is True
    assert (os.listdir(site), seeds_of(account.private)) == ([], [])


def test_removed(account: Account, site: Path) -> None:
    write_seed(site, account.private)
    assert remove_seed(site / SEED, Journal()) is True
    assert remove_seed(site / SEED, Journal()) is False
    assert os.listdir(site) == []


# The list


def test_list_forgets_what_is_gone(account: Account, tmp_path: Path) -> None:
    sites = [make_environment(tmp_path / name) for name in ("one", "two", "three")]
    for each in sites[:2]:
        write_seed(each, account.private)
    (sites[0] / SEED).unlink()
    write_seed(sites[2], account.private)
    assert read_registry(account.private) == [site / SEED for site in sites[1:]]


def test_one_that_is_listed_changes_nothing(account: Account, tmp_path: Path) -> None:
    sites = [make_environment(tmp_path / name) for name in ("one", "two")]
    for each in sites:
        assert write_seed(each, account.private) is True
    assert write_seed(sites[0], account.private) is False


def test_list_takes_many_at_once(account: Account, tmp_path: Path) -> None:
    sites = [make_environment(tmp_path / f"env{number}") for number in range(12)]
    threads = [threading.Thread(target=write_seed, args=(site, account.private)) for site in sites * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seeds_of(account.private)) == sorted(str(site / SEED) for site in sites)


@pytest.mark.parametrize("name", ["next\x85line", "line\u2028separator", "\udcff"])
def test_list_holds_one_path_a_line_whatever_is_in_it(account: Account, tmp_path: Path, name: str) -> None:
    site = make_environment(tmp_path / name)
    write_seed(site, account.private)
    assert read_registry(account.private) == [site / SEED]


def test_path_that_no_line_can_hold_is_seeded_and_not_listed(account: Account, tmp_path: Path) -> None:
    site = make_environment(tmp_path / "two\nlines")
    assert write_seed(site, account.private) is True
    assert not is_changed(site / SEED)
    assert read_registry(account.private) == []


def test_list_that_cannot_be_written_is_no_obstacle(account: Account, site: Path) -> None:
    (account.private / "seeds").mkdir()
    assert write_seed(site, account.private) is True
    assert (site / SEED).exists()


def test_private_folder_that_is_gone_is_not_made(account: Account, site: Path) -> None:
    assert write_seed(site, account.home / "gone") is True
    assert not (account.home / "gone").exists()


def test_no_list() -> None:
    assert read_registry(Path("/nowhere")) == []


# Finding the place


@pytest.mark.parametrize(
    ("folder", "key", "version"),
    [
        ("3.9", "version", "3.9.18"),
        ("3.13", "version_info", "3.13.0.final.0"),
        ("3.13t", "version_info", "3.13.0"),
        ("3.17", "version", "3.17.0"),
        ("3.11", "version", "not told"),
    ],
)
def test_site_of_an_environment(tmp_path: Path, folder: str, key: str, version: str) -> None:
    site = make_environment(tmp_path / "env", folder, version, key)
    (tmp_path / "env" / "lib64").symlink_to("lib")
    (tmp_path / "env" / "bin" / "python").symlink_to(sys.executable)
    assert find_site(tmp_path / "env") == site
    assert find_site(tmp_path / "env" / "bin" / "python") == site
    check_inside(tmp_path / "env", site)


def test_site_of_pypy(tmp_path: Path) -> None:
    make_environment(tmp_path).parent.rename(tmp_path / "lib" / "pypy3.11")
    assert find_site(tmp_path) == tmp_path / "lib" / "pypy3.11" / "site-packages"


def test_site_after_an_upgrade_to_another_python(tmp_path: Path) -> None:
    make_environment(tmp_path, "3.9", "3.9.18")
    site = make_environment(tmp_path, "3.13", "3.13.0")
    assert find_site(tmp_path) == site


@pytest.mark.parametrize("version", ["2.7.18", "3.8.18", "3.18.0", "4.0.0"])
def test_site_of_a_python_without_guard(tmp_path: Path, version: str) -> None:
    make_environment(tmp_path, ".".join(version.split(".")[:2]), version)
    with pytest.raises(InterpretersError, match=r"is of Python .*; indexguard guards Python 3\.9 to 3\.17"):
        find_site(tmp_path)


def test_no_environment(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", Path(sys.executable).parent):
        with pytest.raises(InterpretersError, match=r"is no virtual environment: it has no pyvenv\.cfg"):
            find_site(path)


def test_environment_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").mkdir()
    with pytest.raises(InterpretersError, match=r"cannot read .*pyvenv\.cfg: Is a directory"):
        find_site(tmp_path)


def test_environment_without_site_packages(tmp_path: Path) -> None:
    make_environment(tmp_path).rmdir()
    with pytest.raises(InterpretersError, match="has no folders lib"):
        find_site(tmp_path)


def test_never_out_of_the_environment(tmp_path: Path) -> None:
    site = make_environment(tmp_path / "env")
    site.rename(tmp_path / "elsewhere")
    site.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InterpretersError, match="leads out of the environment, to "):
        check_inside(tmp_path / "env", site)


# Whose guard


def test_guard_of_ones_own_is_trusted(account: Account) -> None:
    assert is_trusted(account.private)
    (account.private / CURRENT).unlink()
    assert not is_trusted(account.private)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_guard_of_somebody_else_seeds_nothing(account: Account, one_python: Path) -> None:
    # As `sudo python -m venv` with the HOME of the one who called it.
    os.chown(account.private / "release", 54321, -1)
    assert not is_trusted(account.private)
    done = account.run(one_python, "-m", "venv", "--without-pip", account.home / "env")
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(account.home.glob("env/lib/*/site-packages/*"))


# Making environments


@pytest.mark.parametrize(
    "options", [(), ("--system-site-packages",), ("--copies",), ("--symlinks",), ("--clear",)], ids=" ".join
)
def test_new_environment_is_guarded(account: Account, python: Path, options: tuple[str, ...]) -> None:
    root = account.home / "env"
    for _ in range(2):
        done = account.run(python, "-m", "venv", "--without-pip", *options, root)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        for isolated in ((), ("-I",), ("-s",)):
            assert account.hook_of(root / "bin" / "python", *isolated) == account.hook
        assert seeds_of(account.private) == [str(find_site(root) / SEED)]


def test_upgraded_environment_is_guarded(account: Account, python: Path) -> None:
    root = account.home / "env"
    account.run(python, "-s", "-m", "venv", "--without-pip", root)
    assert account.hook_of(root / "bin" / "python") is None
    done = account.run(python, "-m", "venv", "--without-pip", "--upgrade", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert account.hook_of(root / "bin" / "python") == account.hook


def test_environment_of_an_environment_is_guarded(account: Account, one_python: Path) -> None:
    account.run(one_python, "-m", "venv", "--without-pip", account.home / "one")
    account.run(account.home / "one" / "bin" / "python", "-m", "venv", "--without-pip", account.home / "two")
    assert account.hook_of(account.home / "two" / "bin" / "python") == account.hook


def test_seed_is_there_before_pip_is_installed(account: Account, python: Path) -> None:
    program = f"""
import glob, venv
class Builder(venv.EnvBuilder):
    def _setup_pip(self, context):
        print(glob.glob(context.env_dir + "/lib/*/site-packages/*"))
    def post_setup(self, context):
        print("post")
Builder(with_pip=True).create({str(account.home / "env")!r})
"""
    done = account.run(python, "-c", program)
    assert done.stdout.split() == [f"['{find_site(account.home / 'env') / SEED}']", "post"], done.stderr


def test_program_that_has_imported_venv_before_the_hook(account: Account, one_python: Path) -> None:
    program = f"""
import sys, venv
sys.path.append({str(account.private / CURRENT)!r})
import _indexguard_hook
for _ in range(2):
    _indexguard_hook.install()
venv.create({str(account.home / "env")!r})
"""
    done = account.run(one_python, "-s", "-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    assert account.hook_of(account.home / "env" / "bin" / "python") == account.hook


def test_no_private_folder_no_seed(account: Account, one_python: Path) -> None:
    # The guard comes from elsewhere, as an installed one does.
    other = account.private.with_name("other")
    account.private.rename(other)
    program = f"import sys; sys.path.append({str(other / CURRENT)!r}); import _indexguard_hook as hook; hook.install()"
    done = account.run(one_python, "-c", f"{program}; import venv; venv.create('env')")
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(account.home.glob("env/lib/*/site-packages/*"))


@pytest.mark.parametrize("kind", ["foreign", "folder", "link out"])
def test_what_cannot_be_seeded_is_made_and_told(account: Account, python: Path, kind: str) -> None:
    root = account.home / "my env"
    account.run(python, "-s", "-m", "venv", "--without-pip", root)
    site = find_site(root)
    if kind == "foreign":
        (site / SEED).write_text("import foreign\n")
        reason = f"{site / SEED} is there and is not indexguard's; look at it, then remove it"
    elif kind == "folder":
        (site / SEED).mkdir()
        reason = f"{site / SEED}: Is a directory"
    else:
        # Not the folder itself: venv does not take a link for it.
        site.parent.rename(account.home / "elsewhere")
        site.parent.symlink_to(account.home / "elsewhere")
        reason = f"{site} leads out of the environment, to {account.home / 'elsewhere' / 'site-packages'}"
    done = account.run(python, "-m", "venv", "--without-pip", root)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"indexguard: {root} is not seeded: {reason}; run `indexguard seed '{root}'`\n"
    assert seeds_of(account.private) == []


@pytest.mark.parametrize("text", ["raise RuntimeError('boom')", "def on_load(module): raise RuntimeError('boom')"])
def test_broken_guard_does_not_stop_what_makes_environments(account: Account, one_python: Path, text: str) -> None:
    account.break_seeding(text)
    done = account.run(one_python, "-m", "venv", "--without-pip", account.home / "env")
    assert done.returncode == 0
    assert done.stderr == "indexguard: new environments are not seeded: RuntimeError: boom\n"
    assert (account.home / "env" / "pyvenv.cfg").exists()


def test_other_modules_of_those_names_are_not_watched(account: Account, one_python: Path) -> None:
    for name in ("tool/venv.py", "tool/virtualenv/run/session.py", "tool/env/venv.py"):
        path = account.home / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    program = """
import importlib, sys
sys.path.insert(0, "lib")
for name in ("tool.venv", "tool.virtualenv.run.session", "tool.env.venv"):
    assert type(importlib.import_module(name).__loader__).__name__ == "SourceFileLoader"
print("indexguard" in sys.modules)
import venv
print("indexguard" in sys.modules, type(venv.__loader__).__name__, venv.__spec__.loader is venv.__loader__)
"""
    done = account.run(one_python, "-c", program)
    assert done.stdout.splitlines() == ["False", "True SourceFileLoader True"], done.stderr


@pytest.mark.parametrize("told", [True, False])
def test_place_of_a_new_environment(account: Account, tmp_path: Path, *, told: bool) -> None:
    # Python tells it from 3.12 on.
    site = make_environment(tmp_path / "env", "{}.{}".format(*sys.version_info[:2]))
    module = ModuleType("venv")
    module.__dict__["EnvBuilder"] = type("EnvBuilder", (), {"setup_python": lambda *_: None})
    on_load(module)
    context = SimpleNamespace(env_dir=str(tmp_path / "env"), **({"lib_path": str(site)} if told else {}))
    module.EnvBuilder().setup_python(context)
    assert seeds_of(account.private) == [str(site / SEED)]


# virtualenv, whose releases are in integration/test_clients.py


class Session:
    """As virtualenv's."""

    def __init__(self, root: Path, version: tuple[int, ...]) -> None:
        interpreter = SimpleNamespace(version_info=version)
        purelib = root / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"
        self.creator = SimpleNamespace(dest=root, purelib=purelib, interpreter=interpreter)

    def _create(self) -> str:
        self.creator.purelib.mkdir(parents=True)
        return "made"

    def run(self) -> str:
        """Make the environment."""
        return self._create()


@pytest.fixture
def session_module() -> ModuleType:
    """As virtualenv.run.session."""
    module = ModuleType("virtualenv.run.session")
    module.__dict__["Session"] = type("Session", (Session,), {"_create": Session._create})  # noqa: SLF001
    return module


def test_virtualenv_is_followed_once(
    account: Account, session_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_load(session_module)
    on_load(session_module)
    written = []
    monkeypatch.setattr(seeding, "write_seed", lambda site, private: written.append((site, private)))
    session = session_module.Session(tmp_path / "env", (3, 13, 0, "final", 0))
    assert session.run() == "made"
    assert written == [(session.creator.purelib, account.private)]


def test_virtualenv_for_a_python_without_guard(
    account: Account, session_module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_load(session_module)
    assert session_module.Session(tmp_path / "env", (3, 8, 18)).run() == "made"
    reason = f"{tmp_path / 'env'} is of Python 3.8; indexguard guards Python 3.9 to 3.17"
    assert capsys.readouterr().err == f"indexguard: the new environment is not seeded: {reason}\n"
    assert seeds_of(account.private) == []


def test_virtualenv_that_is_not_as_we_know_it(
    account: Account, session_module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_load(session_module)
    session = session_module.Session(tmp_path / "env", (3, 13))
    session._create()  # noqa: SLF001
    del session.creator.interpreter
    session.creator.purelib = tmp_path / "other"
    assert session.run() == "made"
    assert "the new environment is not seeded: " in capsys.readouterr().err
    assert seeds_of(account.private) == [str(tmp_path / "env/lib/python3.13/site-packages" / SEED)]


def test_no_stderr_is_no_obstacle(
    account: Account, session_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_load(session_module)
    monkeypatch.setattr(sys, "stderr", None)
    assert session_module.Session(tmp_path / "env", (3, 8)).run() == "made"
    assert seeds_of(account.private) == []


def test_account_without_guard_is_not_followed(
    session_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    before = session_module.Session._create  # noqa: SLF001
    on_load(session_module)
    assert session_module.Session._create is before  # noqa: SLF001
