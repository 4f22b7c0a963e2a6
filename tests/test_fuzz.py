"""What others write, at random: policy files, pages and logs. ``python -m integration.fuzz`` does it a million times."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from integration.fuzz import __main__ as command
from integration.fuzz import campaign, promises, seeds, targets
from integration.fuzz.long_inputs import LONG as LONG_INPUTS
from integration.fuzz.long_inputs import within
from integration.fuzz.mutation import MUTATIONS, mutate_json
from integration.fuzz.scene import HTML_TYPES, JSON_TYPES, read_scene, write_scene
from integration.harness.cases import read_cases

from indexguard.decision.verdict import PASS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

CASES = read_cases(__file__)

pytest.importorskip("pip", reason="the pages are read by this environment's pip, and it has none")

often = settings(max_examples=1000, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def mutations(target: str) -> SearchStrategy[bytes]:
    """Inputs that fuzzing starts from, changed a few times."""

    def mutate(start: bytes, seed: int, times: int) -> bytes:
        random = Random(seed)  # noqa: S311  # no secret
        for _ in range(times):
            start = MUTATIONS[target](start, random)
        return start

    return st.builds(mutate, st.sampled_from(seeds.SEEDS[target]()), st.integers(0, 2**32), st.integers(0, 6))


def words(target: str) -> SearchStrategy[bytes]:
    """Words that mean something to a target, in any order, with anything between them."""
    word = st.sampled_from(seeds.WORDS[target]).map(str.encode)
    return st.lists(word | st.sampled_from([b"\n", b" ", b"=", b'"', b">"]) | st.binary(max_size=4)).map(b"".join)


# Policies

NAMES = st.sampled_from(
    ["acme", "Acme_.core", "acme-*", "*", "a*b", "-x", "numpy>=2,<3", "x==", "\x1b[1m", "", "ü", "a b"]
)
URLS = st.sampled_from(CASES["urls"])
SCALARS = NAMES | URLS | st.booleans() | st.integers() | st.text(max_size=20)
ENTRIES = NAMES | st.fixed_dictionaries(
    {},
    optional={"name": NAMES | SCALARS, "version": SCALARS, "reason": SCALARS, "expires": SCALARS, "min-age": SCALARS},
)
INDEXES = st.fixed_dictionaries(
    {},
    optional={
        "url": URLS | st.lists(URLS) | SCALARS,
        "packages": st.lists(ENTRIES) | SCALARS,
        "namespaces": st.lists(NAMES) | SCALARS,
        "files-from": st.lists(URLS | NAMES) | SCALARS,
        "public": SCALARS,
        "insecure": SCALARS,
        "formats": SCALARS,
    },
)
INDEX_NAMES = st.sampled_from(["corp", "pypi", "public", "a.b", "\x07", ""])
TREES = st.fixed_dictionaries(
    {"version": st.just(1) | SCALARS},
    optional={
        "mode": st.sampled_from(["enforce", "audit", "Audit"]) | SCALARS,
        "indexes": st.dictionaries(INDEX_NAMES, INDEXES | SCALARS, max_size=4) | SCALARS,
        "merge": st.lists(st.fixed_dictionaries({"packages": st.lists(ENTRIES), "indexes": st.lists(INDEX_NAMES)}))
        | SCALARS,
        "shadow": st.dictionaries(st.sampled_from(["probe", "action", "x"]), SCALARS),
        "direct-urls": st.dictionaries(st.sampled_from(["requested", "transitive", "allow"]), SCALARS | st.lists(URLS)),
        "defaults": st.dictionaries(st.sampled_from(["files-from", "min-age", "\n"]), SCALARS | st.lists(URLS)),
        "local": SCALARS,
        "when-nothing-left": SCALARS,
    },
)


def toml(value: Any) -> str:
    """Write a value as inline TOML: of strings and keys, what JSON writes is TOML as well."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def document(tree: dict[str, Any]) -> bytes:
    """Write a policy file."""
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in tree.items()).encode("utf-8", "replace")


@often
@given(TREES.map(document) | mutations("policy") | words("policy") | st.binary())
@example(b"a" * 16 * 1024 * 1024 + b"b")
@example(b"[" * 100_000)
@example(b"a" + b".a" * 100_000 + b" = 1")
def test_a_policy_is_read_or_refused(data: bytes) -> None:
    targets.fuzz_policy(data)


# Pages

LINKS = st.sampled_from(CASES["links"])
FILES = st.builds(
    "{}{}-{}{}{}".format,
    LINKS,
    st.sampled_from(["acme_core", "acme-core", "ACME.Core", "ledger", "foo", "acme", "x"]),
    st.sampled_from(["1.0", "2.5", "9%1b", "3.0rc1", "none", "9" * 300, "2.1+local"]),
    st.sampled_from([".tar.gz", "-py3-none-any.whl", ".zip", ".tgz", ".exe", ""]),
    st.sampled_from(["", "#sha256=" + "0" * 64, "#md5=x", "#egg=acme-core-9", "?x#sha256=&y", "#\x00"]),
)
ATTRIBUTES = st.sampled_from(CASES["attributes"])
ANCHORS = st.builds(
    lambda link, attributes, end: f'<a href="{link}" {" ".join(attributes)}>x{end}',
    FILES | st.text(max_size=9),
    st.lists(ATTRIBUTES, max_size=2),
    st.sampled_from(["</a>", "", "</a", "<br>\n"]),
)
TAGS = st.sampled_from(CASES["tags"])
CODECS = st.sampled_from(
    ["utf-8", "latin-1", "utf-16", "utf-7", "cp037", "idna", "undefined", "hex", "no-such", '"utf-8"', ""]
)
LINES = (
    st.builds("{}; charset={}".format, CODECS, CODECS) | CODECS | st.text(st.characters(codec="latin-1"), max_size=9)
)
LOCATIONS = LINKS | st.sampled_from(
    ["https://public.example/simple/acme-core/", "https://corp.example/simple/../x", "?x", "a:b"]
)


@st.composite
def pages(draw: st.DrawFn, bodies: SearchStrategy[bytes], kinds: int) -> bytes:
    """Inputs whose lines do not hold a line break."""
    line = draw(LINES).replace("\n", "")
    return write_scene(
        draw(bodies), draw(st.integers(0, 15)), draw(st.integers(0, 7)), draw(st.integers(0, kinds - 1)),
        location=draw(LOCATIONS), line=line,
    )  # fmt: skip


HTML = st.lists(ANCHORS | TAGS, max_size=8).flatmap(
    lambda parts: st.sampled_from(["utf-8", "latin-1", "utf-16"]).map(
        lambda codec: "".join(parts).encode(codec, "replace")
    )
)


@often
@given(pages(HTML, len(HTML_TYPES)) | mutations("html") | words("html") | st.binary())
@example(
    write_scene(b"<p>x", 0, 0, 2, line="utf-8; charset=undefined")
)  # pip reads the first charset, requests the last
@example(write_scene(b"<p>x", 0, 0, 2, line="utf-8; charset=a\0b"))
def test_a_page_as_html(data: bytes) -> None:
    targets.fuzz_html_page(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | FILES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FILE_TABLES = st.fixed_dictionaries(
    {"url": FILES | VALUES},
    optional={
        "filename": FILES | VALUES,
        "hashes": st.dictionaries(st.sampled_from(["sha256", "md5", "x"]), VALUES) | VALUES,
        "requires-python": st.just(">=3") | VALUES,
        "yanked": VALUES,
        "core-metadata": VALUES,
        "upload-time": st.just("2026-01-01T00:00:00Z") | VALUES,
    },
)
JSON = st.fixed_dictionaries({"files": st.lists(FILE_TABLES, max_size=4) | VALUES}, optional={"meta": VALUES}) | VALUES


@often
@given(pages(JSON.map(json.dumps).map(str.encode), len(JSON_TYPES)) | mutations("json") | words("json") | st.binary())
@example(
    write_scene(b'{"files": [{"url": "foo-9.tar.gz", "hashes": {"sha256": 1.5}}]}', 12, 3, 0)
)  # a hash that is no text
def test_a_page_as_json(data: bytes) -> None:
    targets.fuzz_json_page(data)


# Logs

EVENTS = st.builds(
    lambda start, fields: {**start, **fields},
    st.sampled_from(
        [
            {"schema": 1, "time": "2026-01-01T00:00:00.000Z", "event": "refused"},
            {"schema": 1, "time": "x", "event": "\x1b"},
        ]
    ),
    st.dictionaries(
        st.sampled_from(CASES["event_fields"]),
        VALUES | st.fixed_dictionaries({"file": VALUES, "key": VALUES}),
    ),
)
EVENT_LINES = st.builds(
    lambda event, end: json.dumps(event).encode()[: end or None], EVENTS, st.sampled_from([0, 0, 0, -1, 20])
)
LOGS = st.builds(
    lambda choice, lines: bytes((choice,)) + b"\n".join(lines), st.integers(0, 5), st.lists(EVENT_LINES | st.binary())
)


@often
@given(LOGS | mutations("log") | words("log") | st.binary())
@example(b'\x01{"schema":1,"time":"t","event":"e","x":[NaN,Infinity]}')
@example(b'\x01{"schema":1,"time":"t","event":"e","x":1e999}')
@example(b"\x00" + b"x" * 3_000_000)
def test_a_log_is_shown(data: bytes) -> None:
    targets.fuzz_log(data)


# Long inputs

LONG = [(target, label) for target, makers in LONG_INPUTS.items() for label in makers]


@pytest.mark.parametrize(("target", "label"), LONG, ids=[f"{target}: {label}" for target, label in LONG])
def test_a_long_input_takes_no_longer_than_its_length(target: str, label: str) -> None:
    data = LONG_INPUTS[target][label](128 * 1024)
    with within(5, label):  # as a rule it is half a second
        targets.TARGETS[target](data)


def test_what_takes_too_long_is_interrupted() -> None:
    with pytest.raises(promises.BrokenPromiseError, match="endless: not within 1 s"):
        wait_within(1)


def wait_within(seconds: int) -> None:
    with within(seconds, "endless"):
        sum(1 for _ in itertools.repeat(None))


# Defects, to see that each is noticed

NOTHING_SAID: Callable[..., Any] = lambda *_: PASS  # noqa: E731  # as Authority's methods
DEFECTS: dict[str, tuple[str, str, Any]] = {
    "faults are not escaped": ("policy", "indexguard.policy.hints.escape", str),
    "a rule is not found": ("policy", "indexguard.policy.rules.Rules.find", lambda *_: None),
    "deep nesting is not caught": ("policy", "indexguard.policy.table.RecursionError", KeyError),
    "events are not escaped": ("html", "indexguard.audit.redaction.escape", str),
    "every page passes": ("html", "indexguard.decision.authority.Authority.page", NOTHING_SAID),
    "files may lie anywhere": ("html", "indexguard.decision.authority.Authority.file_check", lambda *_: None),
    "every index is asked": ("html", "indexguard.decision.authority.Authority.ask", NOTHING_SAID),
    "nothing is ambiguous": ("json", "indexguard.decision.outcome.sift_ambiguous", lambda _: None),
    "lines are not escaped": ("log", "indexguard.cli.console.escape", str),
    "a line of another shape is an event": ("log", "indexguard.logs.reader._parse", json.loads),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_noticed(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, place, replacement = DEFECTS[defect]
    monkeypatch.setattr(place, replacement, raising=False)  # a built-in name is not the module's own
    assert any(is_broken(targets.TARGETS[target], data) for data in seeds.SEEDS[target]())


def is_broken(target: Callable[[bytes], None], data: bytes) -> bool:
    """Tell whether a target complains of an input."""
    try:
        target(data)
    except Exception:  # noqa: BLE001  # a broken promise, or whatever the guard let pass
        return True
    return False


# The command


@pytest.mark.parametrize("target", list(seeds.SEEDS))
def test_what_fuzzing_starts_from_breaks_nothing(target: str) -> None:
    starts = seeds.SEEDS[target]()
    assert len(starts) >= 10
    for data in starts:
        targets.TARGETS[target](data)


def test_scenes_are_read_as_they_were_written() -> None:
    data = write_scene(b"page\n", 3, 7, 2, location="../x", line="utf-8; charset=x")
    place, policy, name, specifier, location, page = read_scene(data, HTML_TYPES)
    assert (place, policy, name, specifier, location) == ("redirect", "enforce", "foo", ">=2", "../x")
    assert (page.status, page.headers, page.body) == (
        200,
        {"Content-Type": "text/html; charset=utf-8; charset=x"},
        b"page\n",
    )


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff" * 3])
def test_every_input_is_a_scene(data: bytes) -> None:
    assert read_scene(data, JSON_TYPES).page.body == b""


def test_a_mutation_keeps_the_form() -> None:
    texts = {mutate_json(b'{"files": [{"url": "x"}]}', Random(seed)) for seed in range(50)}  # noqa: S311  # no secret
    assert len(texts) > 20
    assert all(text is not None and json.loads(text) != [] for text in texts)
    assert mutate_json(b"{", Random(1)) is None  # noqa: S311


def test_without_atheris_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert command.main([]) == 2
    assert "atheris missing; install with: python -m pip install --group fuzz" in capsys.readouterr().err


def test_an_unknown_target_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["pages"])
    assert "unknown target pages; known: policy, html, json, log" in capsys.readouterr().err


def outcome(**fields: Any) -> campaign.Outcome:
    """Make the outcome of a target that nothing was found in."""
    clean = campaign.Outcome("log", 10, 2.0, 1, 2, 3, 0.1, 0, 0, 99.6, (), "")
    return dataclasses.replace(clean, **fields)


@pytest.mark.parametrize("fields", [{"memory": 512.0}, {"found": (Path("crash-x"),)}, {"told": "exit code 1"}])
def test_whatever_was_found_counts(fields: dict[str, Any]) -> None:
    assert outcome().is_clean
    assert not outcome(**fields).is_clean


@pytest.mark.parametrize("broken", [False, True])
def test_the_summary(
    broken: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    crash = tmp_path / "crash-1"
    crash.write_bytes(b"\x1b")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    found = outcome(found=(crash,), crashes=1, told="the traceback")
    monkeypatch.setattr(command, "fuzz", lambda *_: found if broken else outcome())
    assert command.main(["log", "--runs", "10"]) == int(broken)
    printed = capsys.readouterr().out.splitlines()
    assert printed[3].split() == ["log", "10", "5", "1", "2", "3", "0.1", str(int(broken)), "0", "100"]
    assert (
        printed[-1] == f"10 inputs in 2 s, each within 10 s and 512 MiB: {'broken: log' if broken else 'nothing found'}"
    )
    assert ("the traceback" in printed) == broken
    assert (f"{crash}: b'\\x1b'" in printed) == broken
