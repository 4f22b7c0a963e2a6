"""The start-up hook: light and silent outside pip, first inside pip, closed when the other half cannot run."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Callable

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.environments import Environment

# Python 3.13 and later import this codec to read any .pth file at all.
FREE = {"encodings.utf_8_sig"} if sys.version_info >= (3, 13) else set()

# Stands in for indexguard.inpip where a test is about the hook alone: it notes what it was given.
RECORDER = """
calls = []
def on_load(module):
    calls.append(module.__name__)
"""

IS_HOOKED = "import sys; print([getattr(entry, 'indexguard_hook', False) for entry in sys.meta_path].count(True))"


def give_other_half(environment: Environment, text: str) -> None:
    """Put `text` in the place of indexguard.inpip."""
    folder = environment.site / "indexguard" / "inpip"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "__init__.py").write_text(text, encoding="utf-8")


def assert_closed(environment: Environment, code: str, cause: str) -> None:
    """Fetching is refused with that code and cause, without a traceback; all that repairs and all but pip goes on."""
    for command in (("download", "--no-index", "acme"), ("install", "--no-index", "acme"), ("wheel", "acme")):
        done = environment.pip(*command)
        assert done.returncode == 1, done.stderr
        folders = (environment.site, environment.site / "indexguard" / "inpip")
        texts = [f"ERROR: indexguard: {code}: indexguard is installed in {folder} but cannot run" for folder in folders]
        assert any(text in done.stderr for text in texts)
        assert f"cause: {cause}" in done.stderr
        assert "Traceback" not in done.stderr
        assert "acme" not in done.stderr, "pip looked for the package before it was refused"
    assert environment.check("-c", "pass") == ""
    for harmless in ("--version", "list"):
        done = environment.pip(harmless)
        assert (done.returncode, done.stderr) == (0, "")
    done = environment.pip("uninstall", "--yes", "indexguard")
    assert done.returncode == 0, done.stderr
    done = environment.pip("download", "--no-index", "acme")
    assert "indexguard" not in done.stderr
    assert "No matching distribution found for acme" in done.stderr


# Outside pip


def test_start_loads_our_module_only(plain: Environment, guarded: Environment) -> None:
    program = "import sys; print('\\n'.join(sys.modules))"
    before = set(plain.check("-c", program).split())
    after = set(guarded.check("-c", program).split())
    assert "_indexguard_hook" in after
    assert after - before <= {"_indexguard_hook"} | FREE


def test_import_time_lists_our_module_only(plain: Environment, guarded: Environment) -> None:
    def imported(environment: Environment) -> set[str]:
        done = environment.run("-X", "importtime", "-c", "pass")
        return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    ours = imported(guarded) - imported(plain)
    assert "_indexguard_hook" in ours
    assert ours <= {"_indexguard_hook"} | FREE


@pytest.mark.parametrize("options", [(), ("-I",), ("-E",), ("-s",), ("-P",), ("-OO",)], ids=" ".join)
def test_works_under_every_option_that_runs_site(guarded: Environment, options: tuple[str, ...]) -> None:
    if options == ("-P",) and sys.version_info < (3, 11):
        pytest.skip("this Python has no option -P")
    assert guarded.check(*options, "-c", IS_HOOKED) == "1\n"


def test_nothing_under_capital_s(guarded: Environment) -> None:
    assert guarded.check("-S", "-c", IS_HOOKED) == "0\n"


def test_stands_first(guarded: Environment) -> None:
    assert guarded.check("-c", "import sys; print(sys.meta_path[0].indexguard_hook)") == "True\n"


def test_executed_again_it_stays_one(guarded: Environment) -> None:
    # As pip's build isolation does, and as it is when the module was thrown out of sys.modules in between.
    program = f"""
import site, sys
site.addsitedir({str(guarded.site)!r})
del sys.modules["_indexguard_hook"]
import _indexguard_hook
_indexguard_hook.install()
{IS_HOOKED}
"""
    assert guarded.check("-c", program) == "1\n"


@pytest.mark.parametrize(
    "text", ["raise RuntimeError('boom')", "this is no Python", "", "import sys; sys.exit('boom')"]
)
def test_a_broken_other_half_is_not_noticed_outside_pip(guarded_copy: Environment, text: str) -> None:
    give_other_half(guarded_copy, text)
    assert guarded_copy.check("-c", "import json, logging; print(1)") == "1\n"


# Inside pip


def test_other_half_is_given_each_watched_module_once(guarded_copy: Environment) -> None:
    give_other_half(guarded_copy, RECORDER)
    program = """
import pip._internal.cli.main, pip._internal.commands.install, sys
import indexguard.inpip
print(*indexguard.inpip.calls, sep="\\n")
for name in indexguard.inpip.calls:
    module = sys.modules[name]
    assert type(module.__loader__).__name__ == type(module.__spec__.loader).__name__ == "SourceFileLoader", name
"""
    assert sorted(guarded_copy.check("-c", program).split()) == [
        "pip._internal.cli.base_command",
        "pip._internal.cli.main_parser",
        "pip._internal.index.package_finder",
    ]


def test_pip_that_only_looks_loads_no_more_than_it_must(guarded: Environment) -> None:
    program = """
import atexit, runpy, sys
atexit.register(lambda: print(*[name for name in sys.modules if name.startswith("indexguard")], sep="\\n"))
sys.argv = ["pip", "--version"]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
    loaded = set(guarded.check("-c", program).splitlines()[1:])
    assert loaded == {"indexguard", "indexguard.inpip"}


def test_modules_that_are_loaded_already_are_activated(guarded_copy: Environment) -> None:
    give_other_half(guarded_copy, RECORDER)
    program = f"""
import sys
sys.path.append({str(guarded_copy.site)!r})
import pip._internal.index.package_finder
assert "indexguard" not in sys.modules
import _indexguard_hook
_indexguard_hook.install()
print(sys.modules["indexguard.inpip"].calls)
"""
    assert guarded_copy.check("-S", "-c", program) == "['pip._internal.index.package_finder']\n"


def test_it_goes_back_to_the_front(guarded_copy: Environment) -> None:
    # As after pip's own runner, which puts a finder before all others.
    give_other_half(guarded_copy, RECORDER)
    program = """
import sys
class Other:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None
sys.meta_path.insert(0, Other)
import pip._internal
print(sys.meta_path[0].indexguard_hook, sys.meta_path[1].__name__)
"""
    assert guarded_copy.check("-c", program) == "True Other\n"


@pytest.mark.parametrize(
    ("package", "is_pip"), [("tool.patched.pip", True), ("pip_tools", False), ("xpip", False), ("tool.xpip", False)]
)
def test_a_pip_inside_another_package_is_a_pip(
    guarded_copy: Environment, tmp_path: Path, package: str, *, is_pip: bool
) -> None:
    give_other_half(guarded_copy, RECORDER)
    folder = tmp_path
    for part in [*package.split("."), "_internal", "index"]:
        folder /= part
        folder.mkdir()
        (folder / "__init__.py").touch()
    (folder / "package_finder.py").write_text("class PackageFinder: pass\n", encoding="utf-8")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import {package}._internal.index.package_finder
print(sys.modules["indexguard.inpip"].calls if "indexguard" in sys.modules else None)
"""
    expected = [f"{package}._internal.index.package_finder"] if is_pip else None
    assert guarded_copy.check("-c", program) == f"{expected}\n"


def test_reload_and_introspection_see_the_real_loader(guarded_copy: Environment) -> None:
    give_other_half(guarded_copy, RECORDER)
    program = """
import importlib, importlib.util, inspect, sys
name = "pip._internal.index.package_finder"
spec = importlib.util.find_spec(name)
assert spec.loader.get_source(name).count("class PackageFinder") == 1
assert spec.loader.get_filename(name) == spec.origin
module = importlib.import_module(name)
assert "def find_all_candidates" in inspect.getsource(module.PackageFinder)
importlib.reload(module)
print(sys.modules["indexguard.inpip"].calls.count(name))
"""
    assert guarded_copy.check("-c", program) == "2\n"


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_pip_run_from_its_wheel(guarded_copy_of: Callable[[str], Environment], version: str) -> None:
    # On Python 3.9 a zip's loader has no exec_module.
    environment = guarded_copy_of(version)
    bundled = environment.check(
        "-c", "import ensurepip, glob; print(*glob.glob(ensurepip.__path__[0] + '/_bundled/pip-*.whl'))"
    )
    pip = f"{bundled.strip()}/pip"
    shutil.rmtree(environment.site / "pip")
    give_other_half(environment, "def on_load(module): raise RuntimeError('boom ' + module.__spec__.loader.archive)")
    done = environment.run(pip, "download", "--no-index", "acme")
    assert done.returncode == 1
    assert f"cause: RuntimeError: boom {bundled.strip()}" in done.stderr
    assert "Traceback" not in done.stderr
    done = environment.run(pip, "--version")
    assert (done.returncode, done.stderr) == (0, "")


# Closed


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("this is no Python", "SyntaxError: "),
        ("", "AttributeError: module 'indexguard.inpip' has no attribute 'on_load'"),
        ("def on_load(module): raise LookupError('boom')", "LookupError: boom"),
        # What fails for another of pip's modules closes the finder, too.
        ("def on_load(module): module.__name__.endswith('finder') or 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_closed_when_the_other_half_is_broken(guarded_copy: Environment, text: str, cause: str) -> None:
    give_other_half(guarded_copy, text)
    assert_closed(guarded_copy, "guard-broken", cause)


def test_closed_when_the_other_half_is_gone(guarded_copy: Environment) -> None:
    shutil.rmtree(guarded_copy.site / "indexguard")
    assert_closed(guarded_copy, "guard-broken", "FileNotFoundError: ")


@pytest.mark.parametrize("part", ["_vendor/wrapt", "policy/reader.py", "decision/authority.py"])
def test_closed_when_what_the_other_half_needs_is_gone(guarded_copy: Environment, part: str) -> None:
    path = guarded_copy.site / "indexguard" / part
    path.rename(path.with_name("aside"))
    assert_closed(guarded_copy, "guard-broken", "ModuleNotFoundError: No module named 'indexguard.")


def test_closed_keeps_the_code_of_a_refusal(guarded_copy: Environment) -> None:
    give_other_half(
        guarded_copy,
        "class Refusal(Exception): code = 'pip-not-understood'\ndef on_load(module): raise Refusal('too new')",
    )
    assert_closed(guarded_copy, "pip-not-understood", "Refusal: too new")


def test_closed_before_another_python_takes_over(guarded_copy: Environment, plain: Environment) -> None:
    done = guarded_copy.pip("--python", plain.python, "list")
    if "no such option" in done.stderr:
        pytest.skip("this pip has no option --python")
    give_other_half(guarded_copy, "raise RuntimeError('boom')")
    done = guarded_copy.pip("--python", plain.python, "download", "--no-index", "acme")
    assert done.returncode == 1
    assert "cause: RuntimeError: boom" in done.stderr
    assert "acme" not in done.stderr


def test_closed_when_another_indexguard_is_in_the_way(guarded_copy: Environment, tmp_path: Path) -> None:
    (tmp_path / "indexguard.py").touch()
    (tmp_path / "sitecustomize.py").write_text("import indexguard", encoding="utf-8")
    done = guarded_copy.pip("download", "--no-index", "acme", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f"another module named indexguard is in the way: {tmp_path / 'indexguard.py'}" in done.stderr
    assert "Traceback" not in done.stderr


def test_foreign_packages_of_our_names_are_not_imported(guarded: Environment, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    names = ("indexguard", "packaging", "wrapt", "tomli", "platformdirs")
    for name in names:
        program = "import os; open(os.path.splitext(__file__)[0] + '.imported', 'w').close()"
        (foreign / f"{name}.py").write_text(program, encoding="utf-8")
    done = guarded.pip("download", "--no-index", "acme", cwd=foreign, PYTHONPATH=str(foreign))
    assert done.returncode == 1
    assert not list(foreign.glob("*.imported"))
    guarded.check("-c", "import " + ",".join(names), cwd=foreign)
    assert len(list(foreign.glob("*.imported"))) == len(names), "this test cannot see an import"


# A pip that the guard does not know


def rename_in_pip(environment: Environment, old: str, new: str) -> None:
    """Rename something in every module of pip, so that pip itself goes on working."""
    changed = 0
    for module in (environment.site / "pip" / "_internal").rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        if old in text:
            module.write_text(text.replace(old, new), encoding="utf-8")
            changed += 1
    assert changed, f"this pip has no {old}"


def fetch_with_changed_pip(environment: Environment, old: str, new: str) -> str:
    """Rename, see that an unguarded pip works with that, and return what the guarded one prints when it refuses."""
    rename_in_pip(environment, old, new)
    hook = environment.site / "indexguard.pth"
    aside = hook.rename(hook.with_suffix(".aside"))
    done = environment.pip("download", "--no-index", "acme")
    assert "No matching distribution found for acme" in done.stderr, "the change broke pip itself"
    aside.rename(hook)
    assert environment.pip("list").returncode == 0
    done = environment.pip("download", "--no-index", "acme")
    assert done.returncode != 0
    assert "No matching distribution" not in done.stderr
    return done.stderr


def test_pip_without_the_class_is_refused(guarded_copy: Environment) -> None:
    stderr = fetch_with_changed_pip(guarded_copy, "PackageFinder", "DistributionFinder")
    assert "ERROR: indexguard: pip-not-understood: " in stderr
    assert "this pip has no class PackageFinder in pip._internal.index.package_finder" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("method", ["process_project_url", "find_all_candidates", "prepare_linked_requirement"])
def test_pip_without_a_method_is_refused(guarded_copy: Environment, method: str) -> None:
    stderr = fetch_with_changed_pip(guarded_copy, method, f"{method}_anew")
    assert "pip-not-understood" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("module", "exceptions"), [("_internal/index", "_internal/exceptions"), ("index", "exceptions")]
)
def test_pip_that_is_too_old_is_refused(guarded: Environment, tmp_path: Path, module: str, exceptions: str) -> None:
    # Where pip 10-19 and pips before 10 had the class.
    (tmp_path / "pip" / "_internal").mkdir(parents=True)
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "_internal" / "__init__.py").touch()
    (tmp_path / "pip" / f"{exceptions}.py").write_text("class InstallationError(Exception): pass\n", encoding="utf-8")
    text = f"import pip.{exceptions.replace('/', '.')}\nclass PackageFinder: pass\n"
    (tmp_path / "pip" / f"{module}.py").write_text(text, encoding="utf-8")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import pip.{module.replace("/", ".")} as index
index.PackageFinder()
"""
    done = guarded.run("-c", program)
    assert "InstallationError: indexguard: pip-not-understood: indexguard is installed in" in done.stderr
    assert "cause: this pip is older than 20.3.4" in done.stderr
