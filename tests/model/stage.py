"""Plays worlds for ``test_model``: a real package finder of a guarded pip, in front of a web that is a dictionary.

Run as a script by the interpreter whose pip is meant. Each line of standard input is one world, each line of standard
output what became of it. Every world is played in a process of its own, forked from one that has imported everything
and activated nothing: the guard reads the policies, wraps pip and remembers a run as it does for every pip.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib
import io
import json
import logging
import mimetypes
import os
import posixpath
import re
import shutil
import sys
import tempfile
import traceback
import zipfile
from datetime import datetime, timezone, tzinfo
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

FOLDER = "/FOLDER"
"""Stands for the folder of the world, in what it gets and in what it tells."""
NOT_HERE = {"status": 404, "headers": {}, "body": "not here"}
MODULES = (
    "pip._internal.models.index",  # first: see `prepare`
    "pip._internal.commands.download",
    "pip._internal.exceptions",
    "pip._internal.index.package_finder",
    "pip._internal.network.session",
    "pip._internal.resolution.legacy.resolver",
    "pip._internal.resolution.resolvelib.resolver",
    "pip._internal.utils.hashes",
    "pip._vendor.packaging.specifiers",
    "pip._vendor.requests.adapters",
    "pip._vendor.urllib3.response",
    "indexguard.inpip.activation",
    "indexguard.cli.policy.explain",
    "indexguard._vendor.packaging.specifiers",
    "netrc",
)


def prepare(public: str, files: str) -> None:
    """Import what every world needs.

    :param public: the URL that this pip is to take for the public index's, without ``simple``.
    :param files: the host of its files.
    """
    models: Any = importlib.import_module(MODULES[0])
    # Before other modules of pip take it from there.
    models.PyPI = models.PackageIndex(public, file_storage_domain=files)
    for name in MODULES[1:]:
        importlib.import_module(name)
    # It starts programs to find out what the machine is like: that takes longer than all the rest.
    agent: Any = sys.modules["pip._internal.network.session"]
    agent.user_agent = lambda: "pip"
    mimetypes.init()
    # What the guard and pip have to say is told in other ways.
    logging.getLogger().addHandler(logging.NullHandler())
    gc.freeze()


class Web:
    """Answers pip's requests, one hop at a time: pip's own session follows the redirects."""

    def __init__(self, answers: dict[str, dict[str, Any]], folder: Path) -> None:
        self.folder = folder
        self.answers = {address(url): answer for url, answer in answers.items()}
        self.asked: list[str] = []

    def take_over(self, session: Any) -> None:
        """Stand in for every connection of a session; its adapters, which pip chooses among, stay what they are."""
        for adapter in session.adapters.values():
            if hasattr(adapter, "max_retries"):
                adapter.send = functools.partial(self.send, adapter)

    def send(self, adapter: Any, request: Any, **_kwargs: Any) -> Any:
        """Answer one request."""
        self.asked.append(request.url)
        answer = self.answers.get(address(request.url), NOT_HERE)
        if "unreachable" in answer:
            raise importlib.import_module("pip._vendor.requests").ConnectionError("refused", request=request)
        headers = dict(answer["headers"])
        if "wheel" in answer:
            return self.build(adapter, request, answer["status"], headers, make_wheel(answer["wheel"], self.folder))
        body = answer["body"]
        if "json" in answer and "+json" in request.headers.get("Accept", ""):
            body, headers["Content-Type"] = answer["json"], "application/vnd.pypi.simple.v1+json"
        return self.build(adapter, request, answer["status"], headers, body.encode())

    def build(self, adapter: Any, request: Any, status: int, headers: dict[str, str], body: bytes) -> Any:
        """Build a response as an adapter does."""
        response = importlib.import_module("pip._vendor.urllib3.response").HTTPResponse(
            body=io.BytesIO(body), headers=headers, status=status, preload_content=False
        )
        return adapter.build_response(request, response)


def address(url: str) -> tuple[str, str | None, int, str]:
    """Return what a server makes of a URL."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return parts.scheme, parts.hostname, port, posixpath.normpath("/" + unquote(parts.path).lstrip("/"))


def make_wheel(wheel: dict[str, Any], folder: Path) -> bytes:
    """Return the bytes of a wheel with nothing in it but metadata."""
    project, version = wheel["filename"].split("-")[:2]
    info = f"{project}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {requirement}\n" for requirement in wheel["requires"])
    metadata = f"Metadata-Version: 2.1\nName: {wheel['name']}\nVersion: {version}\n{requires}"
    files = {
        "METADATA": metadata.replace(FOLDER, str(folder)),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{info}/{name}"), text)
    return written.getvalue()


class Clock(datetime):
    """Stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        """Return noon of the day that the worlds are on."""
        return cls(2026, 6, 15, 12, tzinfo=tz or timezone.utc)


def play(world: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return what became of each lookup of a world, or of its errand."""
    for name, text in world["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for mark, wheel in world.get("hashed", {}).items():
            text = text.replace(mark, hashlib.sha256(make_wheel(wheel, folder)).hexdigest())  # noqa: PLW2901
        (folder / name).write_text(text.replace(FOLDER, str(folder)), encoding="utf-8")
    for name, wheel in world.get("wheels", {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(make_wheel(wheel, folder))
    activation: Any = sys.modules["indexguard.inpip.activation"]
    policies = {layer: str(folder / f"{layer}.toml") for layer in ("machine", "user", "environment")}
    activation.find_layers = functools.partial(
        activation.find_layers,
        {"INDEXGUARD_POLICY": policies["environment"]} if "environment.toml" in world["files"] else {},
        machine_path=policies["machine"],
        base_prefix=str(folder / "base"),
        user_path=policies["user"],
    )
    activation.log_path = lambda: folder / "log" / "audit.jsonl"
    activation.datetime = Clock
    web = Web(world["web"], folder)
    arguments = [argument.replace(FOLDER, str(folder)) for argument in world["arguments"]]
    runs: dict[str, Any] = {}
    prepare = activation._prepare  # noqa: SLF001  # what guards a run lives no longer than that

    def remember(root: str) -> Any:
        runs[root] = prepare(root)
        return runs[root]

    activation._prepare = remember  # noqa: SLF001  # as above
    if "lookups" not in world:
        return [run_errand(runs, web, arguments, folder)]
    finder = open_finder(arguments, web)
    return [look_up(runs["pip"], finder, web, lookup, folder) for lookup in world["lookups"]]


def run_errand(runs: dict[str, Any], web: Web, arguments: list[str], folder: Path) -> dict[str, Any]:
    """Have pip run a whole command; return what it asked, what arrived, and the refusal's code."""
    commands = importlib.import_module("pip._internal.commands")
    command = commands.create_command("download")
    build_session = command._build_session  # noqa: SLF001  # as in `open_finder`

    def build(options: Any, *args: Any, **kwargs: Any) -> Any:
        options.deprecated_features_enabled = [*options.deprecated_features_enabled, "legacy-certs"]
        session = build_session(options, *args, **kwargs)
        session.auth.prompting = False
        web.take_over(session)
        return session

    command._build_session = build  # noqa: SLF001
    # No transport: git is not to try what no world has.
    os.environ["GIT_ALLOW_PROTOCOL"] = "none"
    said = (folder / "said.txt").open("w+")
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    out = folder / "out"
    status = command.main(
        [
            *arguments,
            "-d",
            str(out),
            "--no-input",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--no-build-isolation",
        ]
    )
    sys.stdout.flush()
    refusals = runs["pip"].speaker.refusals if runs else []
    text = (folder / "said.txt").read_text(encoding="utf-8", errors="replace").replace(str(folder), FOLDER)
    done = re.search("^Successfully downloaded (.*)$", text, re.MULTILINE)
    return {
        "status": status,
        "asked": list(web.asked),
        "refused": refusals[0].code if refusals else None,
        "arrived": done[1].split() if done else [],
        "said": text,
    }


def open_finder(arguments: list[str], web: Web) -> Any:
    """Make a package finder as `pip download` does with these arguments."""
    commands = importlib.import_module("pip._internal.commands")
    command = commands.create_command("download")
    options, _ = command.parse_args([*arguments, "--no-input", "--no-cache-dir", "--disable-pip-version-check"])
    options.deprecated_features_enabled = ["legacy-certs"]  # no certificates, which take long to load (pip >= 24.2)
    # Both as every command of pip does, in every version.
    session = command._build_session(options)  # noqa: SLF001
    session.auth.prompting = False
    web.take_over(session)
    return command._build_package_finder(options, session)  # noqa: SLF001


def look_up(guard: Any, finder: Any, web: Web, lookup: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Have pip look up one requirement; return what reached its selection, what was asked, and the refusal's code."""
    web.asked.clear()
    specifiers = importlib.import_module("pip._vendor.packaging.specifiers")
    hashes = importlib.import_module("pip._internal.utils.hashes").Hashes({"sha256": lookup["hashes"]})
    arguments = lookup["name"], specifiers.SpecifierSet(lookup["specifier"]), hashes if lookup["hashes"] else None
    # All that the finder's wrappers know of a resolver is that one is at work.
    guard.searches.resolving = int(lookup["resolves"])
    refused = None
    log = folder / "log" / "audit.jsonl"
    before = len(read_log(log))
    candidates: list[Any] | None = None
    try:
        result = finder.find_best_candidate(*arguments)
        candidates = list(result.iter_all() if hasattr(result, "iter_all") else result.all_candidates)
    except sys.modules["pip._internal.exceptions"].PipError as error:
        refused = next(
            (refusal.code for refusal in guard.speaker.refusals if str(refusal) == str(error)), f"pip: {error}"
        )
        # Without the hashes of the requirement this is another question.
        candidates = None if lookup["hashes"] else finder.find_all_candidates(lookup["name"])
    return {
        "asked": list(web.asked),
        "refused": refused,
        "logged": [event["code"] for event in read_log(log)[before:] if event["event"] != "would-refuse"],
        "passing": None if candidates is None else [tell(candidate, folder) for candidate in candidates],
        **compare_with_explain(guard, finder, lookup["name"]),
    }


def compare_with_explain(guard: Any, finder: Any, name: str) -> dict[str, Any]:
    """Return what the guard and what `explain` say of each index that was looked at, and whether one may serve the name."""
    explain: Any = sys.modules["indexguard.cli.policy.explain"]
    explain.datetime = Clock
    run, scope = guard.run, finder.search_scope
    search = guard.searches.of(finder, explain.normalise_name(name))
    origins = finder._link_collector.session.pip_trusted_origins  # noqa: SLF001  # as the guard reads them
    hosts = tuple(host if port is None else f"{host}:{port}" for host, port in origins)
    facts = explain.PipFacts(
        indexes=tuple(dict.fromkeys(scope.index_urls)),
        find_links=tuple(scope.find_links),
        trusted_hosts=hosts,
        pypi=run.pypi,
    )
    urls = explain.find_places(facts)
    told = explain.Explanation.of(search.name, run.layers, facts, urls, None, built_in=run.built_in)
    met = {page.url: page.verdict for page in search.pages if page.is_index and not page.is_local}
    asked = {url: asked.verdict for url, asked in zip(urls, told.asked) if url in met}
    return {
        "guard": sorted((url, [finding.code for finding in verdict.findings]) for url, verdict in met.items()),
        "explain": sorted((url, [finding.code for finding in verdict.findings]) for url, verdict in asked.items()),
        "allowed": told.is_allowed,
        "from_indexes": sum(search.page_of(kept.link) in search.pages and not search.page_of(kept.link).is_local
                            for kept in search.kept),
    }  # fmt: skip


def read_log(log: Path) -> list[dict[str, Any]]:
    """Return the events of a log."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def tell(candidate: Any, folder: Path) -> tuple[str | None, str, str]:
    """Return page, URL and version of one of pip's candidates."""
    link = candidate.link
    source = link.comes_from if link.comes_from != "-f" else None  # what old pips say of --find-links
    page = source and source.replace(str(folder), FOLDER)
    return page, link.url.replace(str(folder), FOLDER), str(candidate.version)


def play_apart(world: dict[str, Any]) -> dict[str, Any]:
    """Play a world in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        answer(world, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(told)) if told else {"crash": "the process ended without a word"}


def answer(world: dict[str, Any], writing: int) -> NoReturn:
    """Play a world, write what became of it, and end."""
    folder = Path(tempfile.mkdtemp(prefix="world-"))
    told: dict[str, Any] = {"crash": "interrupted"}
    try:
        told = {"told": play(world, folder)}
    except Exception:  # noqa: BLE001  # the test that reads it fails
        told = {"crash": traceback.format_exc()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(told).encode())
        os._exit(0)  # nothing of the parent's is to be flushed or torn down twice


def main() -> None:
    """Play one world after the other."""
    prepare(*sys.argv[1:3])
    sys.stdout.write(json.dumps({"pip": sys.modules["pip"].__version__}) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            sys.stdout.write(json.dumps(play_apart(json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
