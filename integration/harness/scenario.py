"""The scenario file: what stands where, what pip is told, what must happen without the guard and with it.

Every key is read by name and every other key is an error. A text may hold placeholders:

``{NAME}``                    the URL of the index NAME, with a trailing slash
``{NAME.login}``              the same with its ``user:password@``
``{NAME.files}``              the URL under which NAME keeps its files, with a trailing slash
``{NAME.origin}``             its scheme, host and port
``{NAME.host}``               its host and port
``{NAME.port}``               its port
``{NAME.proxy}``              the URL of its server, for --proxy
``{sha256:FILENAME@NAME}``    the digest of a file that NAME lists
``{cwd}``                     the folder in which pip runs
``{certificate}``             the file with the certificate of the indexes whose transport is ``bad-tls``, for --cert

and, in ``launch``, commands and ``environment`` only:

``{python}``                  the interpreter that has the pip
``{environment}``             the folder of its environment
``{site}``                    where that keeps its packages
``{other}``                   an interpreter of another environment, without pip and without the guard
``{pip-wheel}``               the wheel of this pip
``{pip-zipapp}``              this pip as one zip file that Python runs, made as pip.pyz is
``{pip-bootstrap}``           a script that runs this pip from a zip file, as get-pip.py does
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomllib  # noqa: TID251, TID253 - the harness reads its own files, on Python 3.11 or later

from integration.harness.dists import Dist, NestedPip
from integration.harness.pips import in_range
from integration.harness.scripted_index import TRANSPORTS, is_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[1] / "scenarios"
PIP = ("{python}", "-m", "pip")
"""How pip is started if a scenario does not say otherwise."""
RESOLVERS = ("new", "legacy")
POLICY_STATES = ("regular", "world-writable", "directory", "missing", "relative", "world-writable-folder")
TOOLS = ("git", "openssl")


class ScenarioError(ValueError):
    """A scenario file that cannot be used; says which file and which key."""


@dataclass(frozen=True)
class FileSpec:
    """A distribution and how a page lists it."""

    dist: Dist
    at: str | None = None
    """The index on whose file host it lies, if another one."""
    upload_time: str | None = None
    """A time (RFC 3339), or an age such as ``3h`` or ``10d``; ``-1h`` is in the future."""
    attested: bool = False
    yanked: bool = False
    hashed: bool = True


@dataclass(frozen=True)
class IndexSpec:
    """One index, not yet running."""

    name: str
    files: tuple[FileSpec, ...] = ()
    json: bool = False
    answer: str = "page"
    answers: Mapping[str, str] = field(default_factory=dict)
    transport: str = "http"
    login: str | None = None
    redirects: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    on: str | None = None
    path: str = "/simple/"
    hosts: tuple[str, ...] = ()
    file_headers: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    """What the index calls a project (PEP 792)."""


@dataclass(frozen=True)
class ProjectSpec:
    """A source tree in ``{cwd}/NAME``."""

    dist: Dist
    git: bool = False
    """Whether it is a git repository with one commit."""


@dataclass(frozen=True)
class PolicySpec:
    """Which policy files there are."""

    text: str | None = None
    """Named by INDEXGUARD_POLICY; None: the variable is unset."""
    user: str | None = None
    """The user layer."""
    state: str = "regular"
    """One of ``POLICY_STATES``: what is at the place that INDEXGUARD_POLICY names."""


@dataclass(frozen=True)
class Expected:
    """What one run must do; None: not looked at."""

    exit: int
    installed: Mapping[str, str] | None = None
    """``ORIGIN VERSION`` by project: all that was installed, downloaded or built."""
    says: tuple[str, ...] = ()
    """Parts of the output, blanks and line ends as one space."""
    writes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parts of the files in ``{cwd}``, by path; without parts: there must be no such file."""
    lacks: tuple[str, ...] = ()
    """What neither the output nor an event may hold."""
    code: str | None = None
    """Guarded only: the code of the explanation that stands last."""
    events: tuple[Mapping[str, Any], ...] = ()
    """Guarded only: each must match an event of the audit log, by the keys given."""
    no_events: tuple[Mapping[str, Any], ...] = ()
    """Guarded only: none of these may match."""
    traceback: bool = False
    """Whether the tool ends with one; no pip may."""
    asked: tuple[str, ...] = ()
    """``INDEX:NAME``: this index was asked for the page of this name; ``INDEX:FILENAME``: for this file;
    ``INDEX:/PATH``: for just that."""
    not_asked: tuple[str, ...] = ()
    """The same, or ``INDEX:*`` for anything at all."""


@dataclass(frozen=True)
class Difference:
    """Where some pips do otherwise, and why."""

    why: str
    pip: str
    resolver: str | None
    unguarded: Mapping[str, Any]
    guarded: Mapping[str, Any]


@dataclass(frozen=True)
class Followed:
    """What the user does because the guarded run said so: the same scenario, changed; then it must go well."""

    hint: str
    """The part of the output that says what to do."""
    scenario: Scenario


@dataclass(frozen=True)
class Scenario:
    """One scenario file."""

    name: str
    description: str
    attack: bool
    """Whether the unguarded run must show somebody else's file, or its version, winning."""
    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...]
    """pip commands that must succeed first, unguarded and guarded alike."""
    before_the_guard: tuple[tuple[str, ...], ...]
    """The same, in an environment without the guard and without a policy."""
    launch: tuple[str, ...]
    """What stands before the command."""
    tools: tuple[str, ...]
    """What the registry must have put into the environment, such as ``pip-tools==7.6.2``. Then the command is the
    tool's: nothing is appended to it."""
    configured: tuple[str, ...]
    """Indexes on the command line: the first by --index-url, the others by --extra-index-url."""
    environment: Mapping[str, str]
    pip: str
    """The releases that can run it, such as ``>=22.2``; empty: all."""
    python: str
    """The same of Pythons."""
    resolvers: tuple[str, ...]
    site: str
    """``target``: ``--target`` of a fresh folder; ``own``: an environment of its own; ``other``: that of ``{other}``."""
    needs: tuple[str, ...]
    indexes: tuple[IndexSpec, ...]
    folders: Mapping[str, tuple[FileSpec, ...]]
    projects: Mapping[str, ProjectSpec]
    files: Mapping[str, str]
    """Texts by path in ``{cwd}``; one that begins with ``#!`` is executable."""
    policy: PolicySpec
    unguarded: Expected
    guarded: Expected
    differs: tuple[Difference, ...]
    followed: tuple[Followed, ...] = ()

    def expected(self, pip: str, resolver: str) -> tuple[Expected, Expected]:
        """Return what must happen without and with the guard, on this pip."""
        unguarded, guarded = self.unguarded, self.guarded
        for difference in self.differs:
            if in_range(pip, difference.pip) and difference.resolver in (None, resolver):
                unguarded = dataclasses.replace(unguarded, **difference.unguarded)
                guarded = dataclasses.replace(guarded, **difference.guarded)
        return unguarded, guarded

    def inapplicable(self, pip: str, python: str, resolver: str) -> str | None:
        """Return why this pip cannot run the scenario, or None if it can."""
        if not in_range(pip, self.pip):
            return f"needs pip {self.pip}"
        if not in_range(python, self.python):
            return f"needs Python {self.python}"
        if resolver not in self.resolvers:
            return f"no sense with the {resolver} resolver"
        return None


class _Table:
    """A TOML table whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, dict):
            raise ScenarioError(f"{where}: expected a table, found {value!r}")
        self.where = where
        self.values: dict[str, Any] = dict(value)

    def fail(self, key: str, message: str) -> ScenarioError:
        return ScenarioError(f"{self.where}: {key}: {message}")

    def take(self, key: str, kind: type, default: Any = ...) -> Any:
        if key not in self.values:
            if default is ...:
                raise self.fail(key, "is required")
            return default
        value = self.values.pop(key)
        # bool is an int to Python, not to a reader.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(key, f"expected {kind.__name__}, found {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key, list, [])
        if not all(isinstance(item, str) for item in value):
            raise self.fail(key, f"expected texts, found {value!r}")
        return tuple(value)

    def tables(self, key: str) -> list[tuple[str, _Table]]:
        value: dict[str, Any] = self.take(key, dict, {})
        return [(name, _Table(f"{self.where}: {key}.{name}", item)) for name, item in value.items()]

    def text_map(self, key: str) -> dict[str, str]:
        value: dict[str, str] = self.take(key, dict, {})
        if not all(isinstance(item, str) for item in value.values()):
            raise self.fail(key, f"expected a table of texts, found {value!r}")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        value: str = self.take(key, str, default)
        if value not in choices:
            raise self.fail(key, f"expected one of {', '.join(choices)}, found {value!r}")
        return value

    def end(self) -> None:
        if self.values:
            raise ScenarioError(f"{self.where}: unknown key {', '.join(sorted(self.values))}")


def find_scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """Return every scenario of the folder, by name.

    :raises ScenarioError: one of them has a fault, or there is none.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise ScenarioError(f"no scenario in {folder}")
    return [read_scenario(path.stem, path.read_text(encoding="utf-8")) for path in paths]


def read_scenario(name: str, text: str) -> Scenario:
    """Return the scenario of one file.

    :raises ScenarioError: unknown or missing keys, wrong types, or a scenario that cannot fail.
    """
    return make_scenario(name, parse(name, text))


def parse(name: str, text: str) -> dict[str, Any]:
    """Return the values of one file.

    :raises ScenarioError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name}: {error}") from error


def make_scenario(name: str, values: Mapping[str, Any], *, reachable: bool = True) -> Scenario:
    """Return the scenario that the values of a file mean.

    :param reachable: whether the guard is expected to change anything.
    :raises ScenarioError: unknown or missing keys, wrong types, or a scenario that cannot fail.
    """
    followed = [_followed(name, values, change) for change in values.get("followed", ())]
    table = _Table(name, {key: value for key, value in values.items() if key != "followed"})
    scenario = Scenario(
        name=name,
        description=table.take("description", str),
        attack=table.take("attack", bool),
        command=_command(table, "command"),
        before=tuple(tuple(words) for words in table.take("before", list, [])),
        before_the_guard=tuple(tuple(words) for words in table.take("before-the-guard", list, [])),
        launch=table.texts("launch") or PIP,
        tools=table.texts("tools"),
        configured=table.texts("configured"),
        environment=table.text_map("environment"),
        pip=table.take("pip", str, ""),
        python=table.take("python", str, ""),
        resolvers=table.texts("resolvers") or RESOLVERS,
        site=table.choice("site", ("target", "own", "other"), "target"),
        needs=table.texts("needs"),
        indexes=tuple(_index(key, item) for key, item in table.tables("indexes")),
        folders={key: _folder(item) for key, item in table.tables("folders")},
        projects={key: _project(item) for key, item in table.tables("projects")},
        files=table.text_map("files"),
        policy=_policy(_Table(f"{name}: policy", table.take("policy", dict, {}))),
        unguarded=_expected(_Table(f"{name}: unguarded", table.take("unguarded", dict)), guarded=False),
        guarded=_expected(_Table(f"{name}: guarded", table.take("guarded", dict)), guarded=True),
        differs=tuple(_difference(f"{name}: differs", item) for item in table.take("differs", list, [])),
        followed=tuple(followed),
    )
    table.end()
    _check(scenario, reachable=reachable)
    return scenario


def _followed(name: str, values: Mapping[str, Any], change: Mapping[str, Any]) -> Followed:
    """Return a hint and the scenario in which it has been followed: the tables given are laid over those of the file."""
    changed = {key: value for key, value in values.items() if key not in ("followed", "differs", "guarded")}
    for key, value in change.items():
        is_laid_over = key in ("indexes", "files", "environment", "folders") and key in changed
        changed[key] = {**changed[key], **value} if is_laid_over else value
    hint = changed.pop("hint", None)
    if not isinstance(hint, str) or change.get("guarded", {}).get("exit") != 0:
        raise ScenarioError(f"{name}: followed: needs a `hint`, and a `guarded` run with `exit = 0`")
    return Followed(hint, make_scenario(f"{name}-followed", {**changed, "attack": False}, reachable=False))


def _command(table: _Table, key: str) -> tuple[str, ...]:
    words = table.texts(key)
    if not words:
        raise table.fail(key, "is required")
    return words


def _check(scenario: Scenario, *, reachable: bool) -> None:
    """Refuse what no run could show to be wrong."""
    names = {index.name for index in scenario.indexes}
    for used in (
        *scenario.configured,
        *(file.at for index in scenario.indexes for file in index.files if file.at),
        *(index.on for index in scenario.indexes if index.on),
    ):
        if used not in names:
            raise ScenarioError(f"{scenario.name}: there is no index {used!r}")
    for tool in scenario.needs:
        if tool not in TOOLS:
            raise ScenarioError(f"{scenario.name}: needs: unknown tool {tool!r}")
    for resolver in scenario.resolvers:
        if resolver not in RESOLVERS:
            raise ScenarioError(f"{scenario.name}: resolvers: unknown resolver {resolver!r}")
    in_range("20.3.4", scenario.pip)
    in_range("3.9", scenario.python)
    told = " ".join(
        (
            *scenario.launch,
            *scenario.command,
            *scenario.environment,
            *scenario.environment.values(),
            *scenario.files.values(),
        )
    )
    if not scenario.configured and not any(
        word in told.lower() for word in ("index-url", "index_url", "no-index", "no_index")
    ):
        raise ScenarioError(f"{scenario.name}: pip would ask its default index")
    _check_nested_pips(scenario)
    if scenario.attack:
        _check_attack(scenario, reachable=reachable)


def _check_nested_pips(scenario: Scenario) -> None:
    dists = [file.dist for index in scenario.indexes for file in index.files]
    dists += [project.dist for project in scenario.projects.values()]
    for nested in [dist.nested_pip for dist in dists if dist.nested_pip is not None]:
        inherits = "PIP_INDEX_URL" in scenario.environment and "PIP_*" not in nested.without
        if "--index-url" not in nested.words and not inherits:
            raise ScenarioError(f"{scenario.name}: the nested pip would ask its default index")


def _check_attack(scenario: Scenario, *, reachable: bool) -> None:
    shown = scenario.unguarded.installed or scenario.unguarded.says or any(scenario.unguarded.writes.values())
    if scenario.unguarded.exit != 0 or not shown:
        raise ScenarioError(f"{scenario.name}: an attack must succeed unguarded, and say how that shows")
    guarded = scenario.guarded
    unchanged = guarded.exit == 0 and guarded.installed == scenario.unguarded.installed
    if reachable and unchanged and not (guarded.says or guarded.lacks or guarded.events or guarded.writes):
        raise ScenarioError(f"{scenario.name}: guarded, the attack would succeed unseen")


def _index(name: str, table: _Table) -> IndexSpec:
    answers, pages = table.text_map("answers"), table.text_map("pages")
    spec = IndexSpec(
        name=name,
        files=_files(table, origin=name),
        json=table.take("json", bool, False),
        answer=table.take("answer", str, "page"),
        answers=answers,
        transport=table.choice("transport", tuple(sorted(TRANSPORTS)), "http"),
        login=table.take("login", str, None),
        redirects=table.text_map("redirects"),
        pages=pages,
        on=table.take("on", str, None),
        path=table.take("path", str, "/simple/"),
        hosts=table.texts("hosts"),
        file_headers=table.text_map("file-headers"),
        statuses=table.text_map("statuses"),
    )
    for answer in (spec.answer, *answers.values(), *pages.values()):
        if not is_answer(answer):
            raise table.fail("answer", f"unknown answer {answer!r}")
    table.end()
    return spec


def _folder(table: _Table) -> tuple[FileSpec, ...]:
    files = _files(table, origin="local")
    table.end()
    return files


def _project(table: _Table) -> ProjectSpec:
    git = table.take("git", bool, False)
    dist = _file(table.where, {**table.values, "kind": "sdist"}, origin="local").dist
    return ProjectSpec(dist, git)


def _files(table: _Table, origin: str) -> tuple[FileSpec, ...]:
    items = table.take("files", list, [])
    return tuple(_file(f"{table.where}.files[{number}]", item, origin) for number, item in enumerate(items))


def _file(where: str, item: object, origin: str) -> FileSpec:
    """Read ``"acme-core 1.0"``, or a table with name, version and more."""
    if isinstance(item, str):
        name, _, version = item.partition(" ")
        item = {"name": name, "version": version}
    table = _Table(where, item)
    nested = table.take("nested-pip", dict, None)
    dist = Dist(
        name=table.take("name", str),
        version=table.take("version", str),
        origin=table.take("origin", str, origin),
        kind=table.choice("kind", ("wheel", "sdist", "zip"), "wheel"),
        requires=table.texts("requires"),
        requires_python=table.take("requires-python", str, None),
        build_requires=table.texts("build-requires"),
        late_build_requires=table.texts("late-build-requires"),
        nested_pip=None if nested is None else _nested_pip(_Table(f"{where}: nested-pip", nested)),
        metadata_name=table.take("metadata-name", str, None),
        built_name=table.take("built-name", str, None),
        tag=table.take("tag", str, "py3-none-any"),
        more=tuple(table.text_map("more").items()),
    )
    if not dist.name or not dist.version:
        raise ScenarioError(f"{where}: expected a name and a version, found {item!r}")
    spec = FileSpec(
        dist,
        at=table.take("at", str, None),
        upload_time=table.take("upload-time", str, None),
        attested=table.take("attested", bool, False),
        yanked=table.take("yanked", bool, False),
        hashed=table.take("hashed", bool, True),
    )
    table.end()
    return spec


def _nested_pip(table: _Table) -> NestedPip:
    nested = NestedPip(
        words=_command(table, "words"),
        brings=table.texts("brings"),
        hook=table.choice("hook", ("build_wheel", "get_requires"), "build_wheel"),
        without=table.texts("without"),
        how=table.choice("how", ("child", "main", "runpy"), "child"),
    )
    table.end()
    return nested


def _policy(table: _Table) -> PolicySpec:
    spec = PolicySpec(
        text=table.take("text", str, None),
        user=table.take("user", str, None),
        state=table.choice("state", POLICY_STATES, "regular"),
    )
    table.end()
    return spec


def _expected(table: _Table, *, guarded: bool) -> Expected:
    expected = Expected(exit=table.take("exit", int), **_expectations(table, guarded=guarded))
    table.end()
    return expected


def _expectations(table: _Table, *, guarded: bool) -> dict[str, Any]:
    """Return the fields that the table gives, ready for ``Expected`` or ``dataclasses.replace``."""
    found: dict[str, Any] = {}
    if "traceback" in table.values:
        found["traceback"] = table.take("traceback", bool)
    if "writes" in table.values:
        written = _Table(f"{table.where}: writes", table.take("writes", dict))
        found["writes"] = {name: written.texts(name) for name in tuple(written.values)}
    if "installed" in table.values:
        found["installed"] = table.text_map("installed")
    for key in ("says", "lacks", "asked", "not-asked"):
        if key in table.values:
            found[key.replace("-", "_")] = table.texts(key)
    if guarded:
        if "code" in table.values:
            found["code"] = table.take("code", str) or None
        for key in ("events", "no-events"):
            if key in table.values:
                found[key.replace("-", "_")] = tuple(table.take(key, list))
    return found


def _difference(where: str, item: object) -> Difference:
    table = _Table(where, item)
    halves: dict[str, dict[str, Any]] = {}
    for half in ("unguarded", "guarded"):
        part = _Table(f"{where}.{half}", table.take(half, dict, {}))
        halves[half] = {"exit": part.take("exit", int)} if "exit" in part.values else {}
        halves[half].update(_expectations(part, guarded=half == "guarded"))
        part.end()
    difference = Difference(
        why=table.take("why", str),
        pip=table.take("pip", str, ""),
        resolver=table.take("resolver", str, None),
        unguarded=halves["unguarded"],
        guarded=halves["guarded"],
    )
    table.end()
    return difference
