"""The gate for all that goes round the finder, driven through whole runs of pip."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.harness.dists import Dist, NestedPip, write_project

from indexguard.inpip.gate.distributions import metadata_entry
from support.inpip_bench import Bench

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
    return bench.public.origin + bench.public.keep(Dist("acme-core", "99.0", "public"))


@pytest.fixture
def lib(bench: Bench) -> str:
    """The URL of a name that only `*` matches."""
    return bench.public.origin + bench.public.keep(Dist("lib", "1.0", "direct"))


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


def test_credentials_of_a_refused_reference_are_not_told(bench: Bench, evil: str, lib: str) -> None:
    bench.public.publish(Dist("foo", "1.0", "public", requires=(f"lib @ {lib.replace('://', '://user:hunter2@')}",)))
    for wanted in (evil.replace("://", "://user:hunter2@"), "foo"):
        done = bench.install(wanted, policy=bench.policy)
        assert ("refused", "direct-url") in done.codes
        assert "direct-url" in done.output
        assert "hunter2" not in done.output + str(done.events)


def test_credentials_of_a_file_that_names_another_project_are_not_told(bench: Bench) -> None:
    url = bench.public.origin + bench.public.keep(Dist("lib", "1.0", "public", metadata_name="acme-core"))
    done = bench.install(url.replace("://", "://user:hunter2@"), policy=bench.policy)
    assert "name-mismatch" in done.output
    assert "belongs to index `public`: indexes.public.packages[0]" in done.output
    assert "hunter2" not in done.output + str(done.events)


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
    done = bench.install("--no-build-isolation", f"{bench.public.origin}/files/archive.tar.gz", policy=bench.policy)
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
    sdist = bench.public.origin + bench.public.keep(Dist("lib", "1.0", "direct", kind="sdist"))
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


def direct_urls(bench: Bench, *lines: str) -> str:
    """The policy of the bench, with these lines in [direct-urls]."""
    return bench.policy + "[direct-urls]\n" + "\n".join(lines)


def test_a_prefix_lets_a_claimed_name_pass(bench: Bench, evil: str) -> None:
    allow = f'allow = ["{bench.public.origin}/files/"]'
    done = bench.install(evil, policy=direct_urls(bench, allow))
    assert (done.code, done.origins) == (0, {"acme_core": "public"})
    done = bench.install(evil, policy=direct_urls(bench, f'allow = ["{bench.public.origin}/file/"]'))
    assert (done.code, "no prefix in direct-urls.allow covers the URL" in done.output) == (1, True)
    # Whoever brings it.
    bench.public.publish(Dist("foo", "1.0", "public", requires=(f"acme-core @ {evil}",)))
    done = bench.install("foo", policy=direct_urls(bench, allow))
    assert (done.code, done.origins) == (0, {"acme_core": "public", "foo": "public"})


def test_requested_references_may_be_blocked(bench: Bench, lib: str) -> None:
    done = bench.install(lib, policy=direct_urls(bench, 'requested = "block"'))
    assert (done.code, 'direct-urls.requested = "block"' in done.output) == (1, True)
    assert {event["rule"]["key"] for event in done.events if event["event"] == "refused"} == {"direct-urls.requested"}


def test_transitive_references_may_be_allowed_where_nothing_claims_the_name(bench: Bench, lib: str, evil: str) -> None:
    policy = direct_urls(bench, 'transitive = "allow"')
    bench.public.publish(Dist("foo", "1.0", "public", requires=(f"lib @ {lib}",)))
    assert bench.install("foo", policy=policy).origins == {"foo": "public", "lib": "direct"}
    bench.public.publish(Dist("foo", "1.0", "public", requires=(f"acme-core @ {evil}",)))
    done = bench.install("foo", policy=policy)
    assert (done.code, "indexes.corp.namespaces[0]" in done.output) == (1, True)


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_a_redirect_of_the_download_counts(bench: Bench, evil: str, *, named: bool) -> None:
    at_home = bench.corp.keep(Dist("acme-core", "99.0", "corp"))
    policy = direct_urls(bench, f'allow = ["{bench.corp.origin}/files/"]')
    for target, origins in (
        (evil, {}),
        (bench.corp.origin + at_home, {"acme_core": "corp"}),
        (at_home, {"acme_core": "corp"}),
    ):
        path = f"/files/moved/{evil.rpartition('/')[2]}"
        bench.corp.answers[path] = (302, {"Location": target}, b"")
        bench.public.asked.clear()
        done = bench.install(
            f"acme-core @ {bench.corp.origin}{path}" if named else bench.corp.origin + path, policy=policy
        )
        assert (done.code, done.origins) == (0 if origins else 1, origins)
        if not origins:
            assert f" to {evil}\n" in done.output
            assert "/files/" not in "".join(bench.public.asked), "it was asked before it was refused"
            assert ("refused", "direct-url") in done.codes


def test_a_redirect_of_an_archive_without_a_name_is_refused_when_the_name_is_known(bench: Bench) -> None:
    sdist = Dist("acme-core", "99.0", "public", kind="sdist")
    bench.public.answers["/files/archive.tar.gz"] = sdist.content
    bench.corp.answers["/files/archive.tar.gz"] = (
        302,
        {"Location": f"{bench.public.origin}/files/archive.tar.gz"},
        b"",
    )
    policy = direct_urls(bench, f'allow = ["{bench.corp.origin}/files/"]')
    done = bench.install("--no-build-isolation", f"{bench.corp.origin}/files/archive.tar.gz", policy=policy)
    assert (done.code, done.origins) == (1, {})
    assert "redirected" in done.output
    assert "code of its build has run" in done.output


def test_a_redirect_of_an_unclaimed_reference_passes(bench: Bench, lib: str) -> None:
    bench.corp.answers["/moved/lib-1.0-py3-none-any.whl"] = (302, {"Location": lib}, b"")
    done = bench.install(f"{bench.corp.origin}/moved/lib-1.0-py3-none-any.whl", policy=bench.policy)
    assert (done.code, done.origins) == (0, {"lib": "direct"})


def test_local_projects_may_bring_each_other(bench: Bench, lib: str) -> None:
    third = project(bench.folder / "third", "third", f"lib @ {lib}")
    second = project(bench.folder / "second", "second", f"third @ file://{third}")
    first = project(bench.folder / "first", "first", f"second @ file://{second}")
    done = bench.install("--no-build-isolation", first, policy=bench.policy)
    assert (done.code, sorted(done.origins)) == (0, ["first", "lib", "second", "third"])


def test_a_local_wheel_is_no_project(bench: Bench, lib: str) -> None:
    wheel = bench.folder / "tool-1.0-py3-none-any.whl"
    wheel.write_bytes(Dist("tool", "1.0", "local", requires=(f"lib @ {lib}",)).content)
    done = bench.install(wheel, policy=bench.policy)
    assert (done.code, "direct-urls.transitive" in done.output) == (1, True)


def test_build_requirements_of_a_requested_local_project_are_requested(bench: Bench, lib: str, evil: str) -> None:
    for number, (url, name, code) in enumerate([(lib, "lib", 0), (evil, "acme-core", 1)]):
        folder = project(bench.folder / f"project{number}", "tool")
        toml = (folder / "pyproject.toml").read_text().replace("requires = []", f'requires = ["{name} @ {url}"]')
        (folder / "pyproject.toml").write_text(toml)
        done = bench.install(folder, policy=bench.policy)
        assert (done.code, "tool" in done.origins) == (code, not code), done.output


def test_build_requirements_of_a_distribution_are_transitive(bench: Bench, lib: str) -> None:
    bench.public.publish(Dist("foo", "1.0", "public", kind="sdist", build_requires=(f"lib @ {lib}",)))
    done = bench.install("foo", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "direct-urls.transitive" in done.output
    done = bench.install("foo", policy=direct_urls(bench, 'transitive = "allow"'))
    assert (done.code, "foo" in done.origins) == (0, True)


def nested(url: str, name: str) -> Dist:
    """A sdist whose backend itself runs pip, with a reference."""
    words = ("-m", "pip", "install", f"{name} @ {url}")
    return Dist("tool", "1.0", "public", kind="sdist", nested_pip=NestedPip(words, brings=(name,)))


def test_what_a_backend_installs_is_transitive(bench: Bench, lib: str) -> None:
    bench.public.publish(nested(lib, "lib"))
    done = bench.install("--no-build-isolation", "tool", policy=bench.policy)
    assert (done.code, done.origins) == (1, {})
    assert "direct-urls.transitive" in done.output
    done = bench.install("--no-build-isolation", "tool", policy=direct_urls(bench, 'transitive = "allow"'))
    assert (done.code, done.origins) == (0, {"tool": "public"})


def test_what_the_backend_of_a_requested_project_installs_is_requested(bench: Bench, lib: str, evil: str) -> None:
    for number, (url, name, code) in enumerate([(lib, "lib", 0), (evil, "acme-core", 1)]):
        write_project(nested(url, name), bench.folder / f"nested{number}")
        done = bench.install("--no-build-isolation", bench.folder / f"nested{number}", policy=bench.policy)
        assert (done.code, done.origins) == (code, {} if code else {"tool": "public"}), done.output


def test_the_refusal_of_a_pip_that_a_backend_runs_is_explained_last(bench: Bench, evil: str) -> None:
    bench.public.publish(nested(evil, "acme-core"))
    done = bench.install("--no-build-isolation", "tool", policy=bench.policy)
    assert done.code == 1
    last = done.output[done.output.rindex("direct-url: refused `acme-core`") :]
    assert "hint: " in last
    assert "ERROR" not in last
    # The nested pip has logged what it refused; its parent logs, with what was being built, that it was told of it.
    (told,) = [event for event in done.events if event["code"] == "direct-url"]
    assert (told["event"], told["name"], told["requested_by"]) == ("refused", "acme-core", ["tool"])


def test_a_refusal_two_builds_deep_is_explained_last(bench: Bench, evil: str) -> None:
    middle = Dist("middle", "1.0", "public", kind="sdist", build_requires=(f"acme-core @ {evil}",))
    bench.public.publish(middle)
    bench.public.publish(Dist("tool", "1.0", "public", kind="sdist", build_requires=("middle",)))
    done = bench.install("tool", policy=bench.policy)
    assert done.code == 1
    assert "ERROR" not in done.output[done.output.rindex("refused `acme-core`") :]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("acme_core-1.0.dist-info/METADATA", ("acme_core-1.0.dist-info", "metadata")),
        ("./acme_core-1.0.dist-info/METADATA", ("acme_core-1.0.dist-info", "metadata")),
        ("x/../Acme_Core-1.0.DIST-INFO/licenses/LICENSE", ("Acme_Core-1.0.DIST-INFO", "licenses/license")),
        ("acme_core.egg-info/PKG-INFO", ("acme_core.egg-info", "pkg-info")),
        ("acme_core.egg-info", ("acme_core.egg-info", "")),
        ("x-1.0.data/purelib/acme_core-1.0.dist-info/METADATA", ("acme_core-1.0.dist-info", "metadata")),
        ("x-1.0.data/platlib/acme_core-1.0.dist-info/RECORD", ("acme_core-1.0.dist-info", "record")),
        ("x-1.0.data/data/lib/python3.11/site-packages/a-1.dist-info/METADATA", ("a-1.dist-info", "metadata")),
        ("x/_vendor/acme_core-1.0.dist-info/METADATA", (None, None)),
        ("x-1.0.data/purelib/x/_vendor/acme_core-1.0.dist-info/METADATA", (None, None)),
        ("x-1.0.data/scripts/acme_core-1.0.dist-info", (None, None)),
        ("x/dist-info", (None, None)),
        ("x-1.0.data/purelib", (None, None)),
    ],
)
def test_metadata_that_pip_will_find_once_a_wheel_is_installed(
    entry: str, expected: tuple[str | None, str | None]
) -> None:
    assert metadata_entry(entry) == expected
