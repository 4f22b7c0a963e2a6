"""The guard's work grows as what it looks at does: counted in calls, never timed."""

from __future__ import annotations

from typing import Callable

import pytest

from support.inpip_bench import Bench

COUNTING = """
import sys
calls = 0
def count(frame, event, argument):
    # Calls that our code makes, or that are made of it; in C too.
    global calls
    caller = frame.f_back if event == "call" else frame
    if event in ("call", "c_call") and any(
        it is not None and "indexguard" in it.f_code.co_filename for it in (frame, caller)
    ):
        calls += 1
import pip._internal.cli.main as command
import pip._internal.index.package_finder
sys.setprofile(count)
status = command.main(sys.argv[1:])
sys.setprofile(None)
print(f"CALLS {calls} STATUS {status}")
"""
DOWNLOAD = ("download", "-q", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "-d", "got")
SIZES = (100, 200, 400)
Arrange = Callable[[Bench, int], None]


def name_of(number: int) -> str:
    return f"acme_core-{number // 100 + 1}.{number % 100}-py3-none-any.whl"


def list_files(bench: Bench, count: int, lagging: int, fragment: str, *, as_json: bool = False) -> None:
    """Have two indexes list many files of one name; the second lacks the newest."""
    for index, listed in ((bench.corp, count), (bench.public, count - lagging)):
        names = [name_of(number) for number in range(listed)]
        if as_json:
            kind, _, digest = fragment.partition("=")
            hashes = f'{{"{kind}": "{digest}"}}' if digest else "{}"
            metadata = f'"core-metadata": {{"sha256": "{"c" * 64}"}}'
            files = ", ".join(
                f'{{"filename": "{name}", "url": "/files/{name}", "hashes": {hashes}, {metadata}}}' for name in names
            )
            body = f'{{"meta": {{"api-version": "1.1"}}, "name": "acme-core", "files": [{files}]}}'
            headers = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
            index.answers["/simple/acme-core/"] = 200, headers, body.encode()
        else:
            index.list("acme-core", *(f"/files/{name}#{fragment}" for name in names))


SHA256 = f"sha256={'a' * 64}"
CASES: dict[str, tuple[Arrange, str | None]] = {
    "alike": (lambda bench, count: list_files(bench, count, 0, SHA256), None),
    "a mirror that lags": (lambda bench, count: list_files(bench, count, count // 10, SHA256), None),
    "without a hash": (lambda bench, count: list_files(bench, count, count // 10, ""), None),
    "with another hash": (lambda bench, count: list_files(bench, count, 0, f"md5={'b' * 32}"), None),
    "alike, JSON with metadata": (lambda bench, count: list_files(bench, count, 0, SHA256, as_json=True), None),
    "a mirror that lags, JSON": (lambda bench, count: list_files(bench, count, count // 4, SHA256, as_json=True), None),
    "squatters": (lambda bench, count: list_files(bench, count, 0, SHA256), ""),
    "narrowed": (lambda bench, count: list_files(bench, count, 0, SHA256), ">=1"),
    "all refused": (lambda bench, count: list_files(bench, count, 0, SHA256), ">=900"),
}


def count_calls(bench: Bench, *args: str, policy: str | None = None, **environ: str) -> int:
    """Return how many calls of the guard a pip run took."""
    variables = {"PIP_INDEX_URL": bench.corp.url, "PIP_EXTRA_INDEX_URL": bench.public.url, **environ}
    if policy is not None:
        file = bench.folder / "policy.toml"
        file.write_text(f"version = 1\n{policy}")
        file.chmod(0o600)
        variables["INDEXGUARD_POLICY"] = str(file)
    script = bench.folder / "counting.py"
    script.write_text(COUNTING)
    done = bench.python(script, *DOWNLOAD, *args, environ=variables)
    counted = done.output.rpartition("CALLS ")[2].split()
    assert len(counted) > 1, done.output
    return int(counted[0])


def assert_linear(counts: list[int]) -> None:
    """Hold that twice as much takes at most a little more than twice the work, beside what a run takes anyway."""
    small, middle, large = counts
    assert middle > small, "nothing was counted"
    # Linear: 2; with a logarithm: 2.3; the square: 4.
    assert (large - middle) / (middle - small) < 2.5, counts


@pytest.mark.parametrize("case", CASES)
def test_work_is_linear_in_the_files_of_a_name(bench: Bench, case: str) -> None:
    arrange, narrowed = CASES[case]
    policy = None
    if narrowed is not None:
        merge = f'[[merge]]\npackages = ["acme-core{narrowed}"]\nindexes = ["corp", "public"]\n'
        policy = bench.policy + (merge if narrowed else "")
    counts = []
    for size in SIZES:
        arrange(bench, size)
        counts.append(count_calls(bench, "acme-core", policy=policy))
    assert_linear(counts)


@pytest.mark.parametrize("answer", ["not asked", "no such name", "the same file", "broken"])
def test_work_is_linear_in_the_indexes(bench: Bench, answer: str) -> None:
    bench.corp.list("acme-core", f"/files/{name_of(1)}#{SHA256}")
    counts = []
    for size in (20, 40, 80):
        root = bench.public.url.removesuffix("simple/")
        for number in range(size):
            if answer == "the same file":
                bench.public.answers[f"/{number}/acme-core/"] = f'<a href="/files/{name_of(1)}#{SHA256}">file</a>'
            elif answer == "broken":
                bench.public.answers[f"/{number}/acme-core/"] = (503, {}, b"")
        urls = " ".join(f"{root}{number}/" for number in range(size))
        policy = bench.policy if answer == "not asked" else None
        counts.append(count_calls(bench, "--retries=0", "acme-core", policy=policy, PIP_EXTRA_INDEX_URL=urls))
    assert_linear(counts)


def test_a_page_of_links_is_read_once_whatever_names_ask_for_it(bench: Bench) -> None:
    links = [f"other{number}-1.0-py3-none-any.whl" for number in range(400)]
    bench.corp.answers["/links.html"] = "".join(f'<a href="/files/{name}">{name}</a>' for name in links)
    page = bench.corp.url.removesuffix("simple/") + "links.html"
    names = [f"dep{number}" for number in range(8)]
    for name in names:
        bench.corp.list(name, f"/files/{name}-1.0-py3-none-any.whl")
        bench.corp.answers[f"/files/{name}-1.0-py3-none-any.whl"] = b"none"
    one, many = (
        count_calls(bench, "--find-links", page, *asked, PIP_EXTRA_INDEX_URL="") for asked in (names[:1], names)
    )
    # Of each further name, less than a call for each link of the page.
    assert (many - one) / (len(names) - 1) < len(links), (one, many)


def test_nothing_of_a_page_is_kept_when_its_name_is_decided(bench: Bench) -> None:
    list_files(bench, 50, 5, SHA256)
    code = (
        "import gc, sys\n"
        "import pip._internal.cli.main as command\n"
        "command.main(sys.argv[1:])\n"
        "from indexguard.inpip.search.page import Page\n"
        "pages = [it for it in gc.get_objects() if isinstance(it, Page)]\n"
        "kept = [it for page in pages for it in page.exchanges]\n"
        "bodies = [it for it in kept if hasattr(it, 'content') or hasattr(it, '__traceback__')]\n"
        "print('PAGES', len(pages), len(bodies), sum(len(page.links or ()) for page in pages))\n"
    )
    script = bench.folder / "kept.py"
    script.write_text(code)
    urls = {"PIP_INDEX_URL": bench.corp.url, "PIP_EXTRA_INDEX_URL": bench.public.url}
    done = bench.python(script, *DOWNLOAD, "acme-core", environ=urls)
    assert "PAGES 2 0 0\n" in done.output
