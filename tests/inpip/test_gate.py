"""The gate for all that goes round the finder, driven through whole runs of pip."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.dists import Dist

from inpip_bench import Bench

BLOCK = 'local = "block"\n'


def project(folder: Path, name: str, *requires: str) -> Path:
    """Write a local project whose backend, if it runs, leaves a file named `built` beside itself."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires
    )
    (folder / "backend.py").write_text(
        f"""
import pathlib, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    pathlib.Path(__file__).with_name("built").touch()
    info, name = "{name}-1.0.dist-info/", "{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.writestr("{name}.py", "ORIGIN = 'local'\\n")
        wheel.writestr(info + "METADATA", {metadata!r})
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
    )
    return folder


@pytest.fixture
def evil(bench: Bench) -> str:
    """The URL of acme-core 99.0."""
    return bench.public.root + bench.public.keep(Dist("acme-core", "99.0", "public"))


@pytest.fixture
def lib(bench: Bench) -> str:
    """The URL of a name that only `*` matches."""
    return bench.public.root + bench.public.keep(Dist("lib", "1.0", "direct"))


def test_a_requested_reference_to_an_unclaimed_name(bench: Bench, lib: str) -> None:
    for reference in (lib, f"lib @ {lib}"):
        assert bench.install(reference, policy=bench.policy).origins == {"lib": "direct"}


def test_a_claimed_name_comes_from_its_index_only(bench: Bench, evil: str) -> None:
    constraints = bench.folder / "constraints.txt"
    constraints.write_text(f"acme-core @ {evil}\n", encoding="utf-8")
    for arguments in ([evil], [f"Acme_Core @ {evil}"], ["acme-core", "-c", constraints]):
        bench.public.asked.clear()
        done = bench.install(*arguments, policy=bench.policy)
        assert (done.code, done.origins) == (1, {})
        assert "direct-url" in done.output
        assert "indexes.corp.namespaces[0]" in done.output
        assert ("refused", "direct-url") in done.codes
        assert "/files/" not in "".join(bench.public.asked), "it was fetched before it was refused"


def test_a_claimed_name_may_be_local_unless_that_is_blocked(bench: Bench) -> None:
    wheel = bench.folder / "acme_core-5.0-py3-none-any.whl"
    wheel.write_bytes(Dist("acme-core", "5.0", "local").content)
    assert bench.install(wheel, policy=bench.policy).origins == {"acme_core": "local"}
    done = bench.install(wheel, policy=BLOCK + bench.policy)
    assert (done.code, "local-path" in done.output) == (1, True)


def test_a_blocked_project_is_not_built(bench: Bench) -> None:
    folder = project(bench.folder / "project", "tool")
    done = bench.install("--no-build-isolation", folder, policy=BLOCK)
    assert (done.code, "local-path" in done.output, (folder / "built").exists()) == (1, True, False)
    assert bench.install("--no-build-isolation", folder, policy=bench.policy).origins == {"tool": "local"}


def test_a_distribution_brings_no_references(bench: Bench, lib: str) -> None:
    bench.public.publish(Dist("foo", "1.0", "public", requires=(f"lib @ {lib}",)))
    done = bench.install("foo", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "direct-url" in done.output
    assert "asked for by  foo" in done.output
    # Without a policy there is nothing to say of it.
    assert bench.install("foo", PIP_EXTRA_INDEX_URL="", PIP_INDEX_URL=bench.public.url).origins == {
        "foo": "public",
        "lib": "direct",
    }


def test_a_requested_local_project_may_bring_references(bench: Bench, lib: str, evil: str) -> None:
    folder = project(bench.folder / "project", "tool", f"lib @ {lib}")
    done = bench.install("--no-build-isolation", folder, policy=bench.policy)
    assert (done.code, done.origins) == (0, {"lib": "direct", "tool": "local"})
    folder = project(bench.folder / "other", "tool", f"acme-core @ {evil}")
    done = bench.install("--no-build-isolation", folder, policy=bench.policy)
    assert (done.code, "direct-url" in done.output) == (1, True)


def test_a_build_child_has_requested_nothing(bench: Bench, lib: str) -> None:
    done = bench.install(lib, policy=bench.policy, _INDEXGUARD_PARENT="a-run:")
    assert (done.code, done.origins) == (1, {})
    assert "direct-url" in done.output
    assert {event["parent_run"] for event in done.events} == {"a-run"}


def test_an_archive_without_a_name_is_refused_when_its_name_is_known(bench: Bench) -> None:
    sdist = Dist("acme-core", "99.0", "public", kind="sdist")
    bench.public.answers["/files/archive.tar.gz"] = sdist.content
    done = bench.install("--no-build-isolation", f"{bench.public.root}/files/archive.tar.gz", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "direct-url" in done.output
    assert "code of its build has run" in done.output


def test_the_metadata_must_name_what_was_authorised(bench: Bench) -> None:
    bench.public.publish(Dist("foo", "1.0", "public", metadata_name="acme-core", kind="sdist"))
    done = bench.install("--no-build-isolation", "--use-deprecated=legacy-resolver", "foo", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "acme-core" in done.output


def test_a_wheel_whose_metadata_names_another_project(bench: Bench) -> None:
    bench.public.publish(Dist("foo", "1.0", "public", metadata_name="acme-core"))
    done = bench.install("foo", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "name-mismatch" in done.output


def test_a_cached_wheel_of_a_requested_reference_is_the_reference(bench: Bench) -> None:
    sdist = bench.public.root + bench.public.keep(Dist("lib", "1.0", "direct", kind="sdist"))
    for _ in ("built", "from the cache"):
        done = bench.install("--no-build-isolation", f"lib @ {sdist}", policy=bench.policy)
        assert (done.code, done.origins) == (0, {"lib": "direct"})


def test_both_resolvers_pass_the_gate(bench: Bench, evil: str) -> None:
    done = bench.install("--use-deprecated=legacy-resolver", f"acme-core @ {evil}", policy=bench.policy)
    assert (done.code, "direct-url" in done.output) == (1, True)
    done = bench.install("--use-deprecated=legacy-resolver", "acme-core", policy=bench.policy)
    assert (done.code, done.origins) == (0, {"acme_core": "corp"})


def test_audit_mode_only_logs(bench: Bench, evil: str) -> None:
    done = bench.install(evil, policy='mode = "audit"\n' + bench.policy)
    assert (done.code, done.origins) == (0, {"acme_core": "public"})
    assert ("would-refuse", "direct-url") in done.codes
