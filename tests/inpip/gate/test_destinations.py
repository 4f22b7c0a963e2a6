"""What a wheel may not write, by where its files would come to lie."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from indexguard.advisories import store
from indexguard.inpip.gate import destinations
from indexguard.inpip.gate.destinations import Destinations
from indexguard.policy.model import Layer
from indexguard.policy.reader import read_policy
from support.strategies import make_run

SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
INFO = "nice-1.0.dist-info"
POLICY = "etc/indexguard/policy.toml"


class Machine:
    """A prefix to install into, with a policy and the standard library of an activated guard beside it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.layers: tuple[Layer, ...] = ()
        self.prefix = folder / "prefix"
        self.library = self.prefix / SITE.rpartition("/")[0]
        (self.prefix / SITE / "indexguard").mkdir(parents=True)
        (self.library / "_indexguard").mkdir()
        (self.prefix / POLICY).parent.mkdir(parents=True)
        monkeypatch.setattr(destinations, "_LIBRARY", str(self.library))
        monkeypatch.setattr(destinations, "account_folder", lambda: self.prefix / "share/indexguard/hook")
        monkeypatch.setattr(sys, "prefix", str(self.prefix))

    def find(
        self,
        *entries: str,
        texts: dict[str, str] | None = None,
        own: bool = False,
        building: bool = False,
        **options: Any,
    ) -> list[str]:
        """Return what of the guard's a wheel with these entries would write, below the folder."""
        wheel = self.folder / "nice-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for entry in ("nice/__init__.py", f"{INFO}/METADATA", *entries):
                archive.writestr(entry, "")
            for entry, text in (texts or {}).items():
                archive.writestr(entry, text)
        told = SimpleNamespace(**{"prefix_path": str(self.prefix), **options})
        run = make_run(*self.layers)._replace(
            policy_places=(str((self.prefix / POLICY).parent), str(self.folder / "mine.toml"))
        )
        found = Destinations(run, told, building=building).find_guarded("nice", str(wheel), own=own)
        return [os.path.relpath(path, self.folder) for path in found]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


OWN = [
    "_indexguard_hook.py",
    "indexguard.pth",
    "indexguard.start",
    "indexguard/inpip/__init__.py",
    "indexguard.cpython-311-x86_64-linux-gnu.so",
    "_indexguard_hook/__init__.py",
    "__pycache__/_indexguard_hook.cpython-311.pyc",
    "nice-1.0.data/purelib/_indexguard_hook.py",
    "nice-1.0.data/platlib/indexguard.pth",
    f"nice-1.0.data/data/{SITE}/indexguard/errors.py",
    "nice-1.0.data/data/lib/python3.99/site-packages/indexguard.pth",
    "nice-1.0.data/scripts/indexguard",
    "nice-1.0.data/data/bin/indexguard",
    "nice/../indexguard.pth",
    "_indexguard.pth",  # of an editable installation
    "nice-1.0.data/data/lib/python3.99/site-packages/_indexguard.pth",
]
NEVER = [
    f"nice-1.0.data/data/{POLICY}",
    "nice-1.0.data/data/etc/indexguard/policy.d/10.toml",
    f"nice-1.0.data/data/{SITE}/../sitecustomize.py",
    f"nice-1.0.data/data/{SITE}/../sitecustomize/__init__.py",
    f"nice-1.0.data/data/{SITE}/../__pycache__/sitecustomize.cpython-311.pyc",
    f"nice-1.0.data/data/{SITE}/../_indexguard/current",
    "nice-1.0.data/data/share/indexguard/hook/current/indexguard/__init__.py",
    "indexguard-seed.pth",
    "_indexguard.py",
    "_indexguard/__init__.py",
    "_indexguard/_indexguard.pth",
    "_indexguard_bootstrap.pth",
    "nice-1.0.data/data/pyvenv.cfg",
]


@pytest.mark.parametrize("entry", OWN)
def test_only_a_release_of_the_guard_writes_its_files(machine: Machine, entry: str) -> None:
    assert len(machine.find(entry)) >= 1
    assert machine.find(entry, own=True) == []


@pytest.mark.parametrize("entry", NEVER)
def test_no_distribution_writes_a_policy_or_what_activate_wrote(machine: Machine, entry: str) -> None:
    assert len(machine.find(entry)) >= 1
    assert len(machine.find(entry, own=True)) >= 1


FREE = [
    "nice/indexguard/policy.toml",
    "nice/_indexguard_hook.py",
    "nice/indexguard.pth",
    "indexguards/__init__.py",
    "nice.pth",
    "sitecustomize.py",
    "INDEXGUARD.PTH",
    "nice-1.0.data/data/etc/nice/policy.toml",
    "nice-1.0.data/data/etc/indexguard.conf",
    "nice-1.0.data/headers/indexguard.h",
    "nice-1.0.data/scripts/nice-indexguard",
]


@pytest.mark.parametrize("entry", FREE)
def test_what_is_not_the_guards_is_free(machine: Machine, entry: str) -> None:
    assert machine.find(entry) == []


def test_where_the_file_system_takes_letters_for_alike(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations.Guarded, "_folds", lambda *_: True)
    # The file system itself would find a folder that is there.
    (machine.prefix / POLICY).parent.rmdir()
    (machine.prefix / POLICY).parent.parent.rmdir()
    for entry in ("IndexGuard.PTH", "_INDEXGUARD_HOOK.py", "nice-1.0.data/data/ETC/IndexGuard/Policy.TOML"):
        assert len(machine.find(entry)) >= 1, entry


def test_what_the_record_claims_and_what_scripts_make_count_too(machine: Machine) -> None:
    record = f"nice/__init__.py,,\n../../../{POLICY},,\n"
    assert machine.find(texts={f"{INFO}/RECORD": record}) == [f"prefix/{POLICY}"]
    assert machine.find(texts={f"{INFO}/RECORD": '""indexguard.pth,,\n'}) == [f"prefix/{SITE}/indexguard.pth"]
    scripts = "[console_scripts]\nnice = nice:main\n{} = nice:main\n[nice.plugins]\nindexguard = nice:plugin\n"
    assert machine.find(texts={f"{INFO}/entry_points.txt": scripts.format("indexguard")}) == ["prefix/bin/indexguard"]
    climbing = scripts.format(f"../{SITE}/indexguard.pth")
    assert machine.find(texts={f"{INFO}/entry_points.txt": climbing}) == [f"prefix/{SITE}/indexguard.pth"]
    assert machine.find(texts={f"{INFO}/entry_points.txt": scripts.format("other")}) == []


def test_links_lead_where_they_lead(machine: Machine) -> None:
    (machine.prefix / SITE / "nice").symlink_to(machine.prefix / "etc")
    assert machine.find("nice/indexguard/policy.toml") == [f"prefix/{SITE}/nice/indexguard/policy.toml"]
    (machine.prefix / "linked").symlink_to(machine.prefix / POLICY)  # it leads to what is not there yet
    assert machine.find("nice-1.0.data/data/linked") == ["prefix/linked"]


def test_a_link_on_the_way_to_a_policy_is_not_replaced(machine: Machine) -> None:
    (machine.prefix / "etc").rename(machine.folder / "real")
    (machine.prefix / "etc").symlink_to(machine.folder / "real")
    (machine.folder / "real/indexguard/policy.toml").touch()
    assert machine.find("nice-1.0.data/data/etc") == ["prefix/etc"]
    assert machine.find("nice-1.0.data/data/etc/indexguard/policy.toml") == [f"prefix/{POLICY}"]


def test_a_folder_of_ones_own_and_another_root(machine: Machine) -> None:
    target = str(machine.prefix / SITE)
    assert machine.find("indexguard.pth", prefix_path=None, target_dir=target) == [f"prefix/{SITE}/indexguard.pth"]
    data = "nice-1.0.data/data/lib/python/indexguard.pth"
    assert machine.find(data, prefix_path=None, target_dir=target) == [f"prefix/{SITE}/indexguard.pth"]
    assert machine.find("nice-1.0.data/data/indexguard.pth", prefix_path=None, target_dir=target) != []
    policy: dict[str, Any] = {"prefix_path": None, "target_dir": str(machine.prefix)}
    assert machine.find(f"nice-1.0.data/data/{POLICY}", **policy) == [f"prefix/{POLICY}"]
    assert machine.find("nice-1.0.data/data/etc/nice.toml", **policy) == []
    (machine.prefix / POLICY).touch()
    # With --upgrade pip replaces the whole of what lies there.
    assert machine.find("nice-1.0.data/data/etc/nice.toml", upgrade=True, **policy) == ["prefix/etc"]
    inside: dict[str, Any] = {"prefix_path": "/", "root_path": str(machine.prefix)}
    assert machine.find(f"nice-1.0.data/data/{POLICY}", **inside) == [f"prefix/{POLICY}"]


def test_a_file_that_the_environment_names_is_no_folder(machine: Machine) -> None:
    inside: dict[str, Any] = {"prefix_path": None, "target_dir": str(machine.folder)}
    assert machine.find("nice-1.0.data/data/mine.toml", **inside) == ["mine.toml"]
    assert machine.find("nice-1.0.data/data/other.toml", **inside) == []


def test_a_build_environment_has_no_guard_to_lose_and_gets_none(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where the guard runs from what `activate` wrote.
    monkeypatch.setattr(destinations, "_PACKAGE", str(machine.library / "_indexguard/0.1.0/indexguard"))
    assert machine.find(building=True) == []
    assert len(machine.find("_indexguard_hook.py", building=True)) == 1


def test_a_path_that_no_system_can_hold_is_left_to_pip(machine: Machine) -> None:
    assert (
        machine.find(texts={f"{INFO}/RECORD": "nice\0indexguard.pth,,\n", f"{INFO}/entry_points.txt": "=\n\0 = x\n"})
        == []
    )


def test_what_is_taken_away_with_a_project_counts_with_all_that_is_in_it(machine: Machine) -> None:
    library, site = SITE.split("/")[1:]
    for row in (f"../../{library}", f"../{site}/", "..", "", f"../../../{POLICY.partition('/')[0]}"):
        assert len(machine.find(texts={f"{INFO}/RECORD": f"{row},,\n"})) == 1, row
    assert machine.find(texts={f"{INFO}/RECORD": "nice,,\nnice/__pycache__,,\n../../../share/nice,,\n"}) == []


def test_lists_of_eggs_are_believed_by_pip_and_count(machine: Machine) -> None:
    egg = "nice-1.0.egg-info"
    assert machine.find(texts={f"{egg}/installed-files.txt": "../indexguard.pth\nPKG-INFO\n"}) == [
        f"prefix/{SITE}/indexguard.pth"
    ]
    assert f"prefix/{SITE}/indexguard" in machine.find(texts={"Nice.egg-info/top_level.txt": "nice\nindexguard\n"})
    assert machine.find(texts={f"{INFO}/scripts/indexguard": ""}) == ["prefix/bin/indexguard"]
    told = "indexguard\n../indexguard.pth\n"  # nobody reads them there
    assert machine.find(texts={f"{INFO}/top_level.txt": told, f"{INFO}/installed-files.txt": told}) == []
    assert (
        machine.find(texts={f"{egg}/installed-files.txt": "../nice/__init__.py\n", f"{egg}/top_level.txt": "nice"})
        == []
    )


def test_headers_that_lie_outside_a_target_replace_nothing_there(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = machine.prefix / SITE

    def get_scheme(_name: str, *, home: str | None = None, **_: Any) -> SimpleNamespace:  # as pip <= 21.3 in a venv
        library = f"{home}/lib/python"
        headers = str(machine.prefix / "include/site/nice")
        return SimpleNamespace(purelib=library, platlib=library, scripts=f"{home}/bin", data=home, headers=headers)

    monkeypatch.setattr(destinations, "pip_module", lambda *_: SimpleNamespace(get_scheme=get_scheme))
    told: dict[str, Any] = {"prefix_path": None, "target_dir": str(target), "upgrade": True}
    assert machine.find("nice-1.0.data/headers/nice.h", **told) == []
    assert machine.find("nice-1.0.data/headers/nice.h", "indexguard.pth", **told) == [f"prefix/{SITE}/indexguard.pth"]


def test_what_a_wheel_costs_grows_with_its_folders_not_with_its_files(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def realpath(path: str, real: Callable[[str], str] = os.path.realpath) -> str:
        looked.append(path)
        return real(path)

    monkeypatch.setattr(os.path, "realpath", realpath)
    counts = []
    for number in (10, 1000):
        looked.clear()
        machine.find(*(f"nice/sub/m{it}.py" for it in range(number)))
        counts.append(len(looked))
    assert counts[1] == counts[0] > 0


def test_no_distribution_writes_a_ledger_or_what_is_read_with_it(machine: Machine) -> None:
    path = str(machine.folder / "policy.toml")
    policy = read_policy(b'version = 1\n[ledger]\npath = "prefix/state/ledger.db"\n', path)
    files = ["ledger.db", "ledger.db-wal", "ledger.db.1-x.side"]
    entries = [f"nice-1.0.data/data/state/{file}" for file in files]
    free = ("nice-1.0.data/data/state/other.db", "nice-1.0.data/data/state/share/ledger.db")
    assert machine.find(*entries, *free) == []
    machine.layers = (Layer("machine", path, "", policy),)
    expected = [f"prefix/state/{file}" for file in files]
    assert machine.find(*entries, *free) == expected
    (machine.prefix / "state").mkdir()
    (machine.prefix / "state/ledger.db").touch()
    assert machine.find(*entries, *free) == expected


def test_no_distribution_writes_an_index_of_advisories(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(machine.folder / "policy.toml")
    policy = read_policy(b'version = 1\n[advisories]\npaths = ["osv"]\n', path)
    machine.layers = (Layer("machine", path, "", policy),)
    for folder in ("machine_folder", "own_folder"):
        monkeypatch.setattr(store, folder, lambda folder=folder: str(machine.prefix / folder))
    entries = [f"nice-1.0.data/data/{folder}/0.index" for folder in ("machine_folder", "own_folder")]
    assert machine.find(*entries) == ["prefix/machine_folder/0.index", "prefix/own_folder/0.index"]
