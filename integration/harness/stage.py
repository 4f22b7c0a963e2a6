"""Puts a scenario on stage: its indexes, files and policy in a folder of its own, one pip run, and what came of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.harness import pips
from integration.harness.children import own_variables, run_child, write_policy
from integration.harness.dists import Dist, normalised, origin_of_text, origin_of_wheel, write_file, write_project
from integration.harness.scenario import PIP
from integration.harness.scripted_index import Listed, ScriptedIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integration.harness.pips import Environment
    from integration.harness.scenario import Expected, FileSpec, Scenario

_RUN_LIMIT = 180  # seconds after which a pip that hangs is killed and the test fails
_SELF_SUFFICIENT = ("--target", "--dry-run", "--prefix", "--root", "-e", "--editable")


@dataclass(frozen=True)
class Outcome:
    """What one pip run did."""

    command: str
    """For a shell, with the environment."""
    exit: int
    stdout: str
    stderr: str
    installed: Mapping[str, str]
    events: tuple[Mapping[str, Any], ...]
    asked: frozenset[str]
    """``INDEX:NAME`` for pages, ``INDEX:FILENAME`` for files, ``INDEX:/PATH`` for every request."""
    written: Mapping[str, str] = field(default_factory=dict)
    """The text of each file that the scenario has an opinion on, by its path in ``{cwd}``."""

    @property
    def output(self) -> str:
        """What a terminal would have shown, in no certain order."""
        return self.stdout + self.stderr

    def report(self) -> str:
        """Return everything, for a test that failed."""
        events = "\n".join(json.dumps(event) for event in self.events)
        return (
            f"$ {self.command}\nexit {self.exit}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"
            f"--- installed {dict(self.installed)}\n--- written {dict(self.written)}\n--- asked {sorted(self.asked)}\n--- events\n{events}"
        )


PLACES = ("python", "environment", "site", "other", "pip-wheel", "pip-zipapp", "pip-bootstrap")
"""Placeholders for ways to start pip."""


class Launch:
    """An environment, and the other ways to start its pip; each is made when it is asked for.

    :param folder: where to make them.
    """

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment = environment
        self._folder = folder

    def place(self, key: str) -> str:
        """Return the path that stands for one of ``PLACES``.

        :raises KeyError: ``key`` is none of them.
        """
        made = {
            "python": lambda: self.environment.python,
            "environment": lambda: self.environment.folder,
            "site": lambda: self.environment.site_packages,
            "other": self._other,
            "pip-wheel": lambda: pips.pip_wheel(self.environment.pip),
            "pip-zipapp": self._zipapp,
            "pip-bootstrap": self._bootstrap,
        }
        return str(made[key]())

    def _other(self) -> Path:
        folder = self._folder / "other"
        if not folder.exists():
            pips.make_venv(self.environment.python_version, folder)
        return folder / "bin" / "python"

    def _zipapp(self) -> Path:
        path = self._folder / "pip.pyz"
        shutil.copy(pips.pip_wheel(self.environment.pip), path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("__main__.py", 'import runpy\nrunpy.run_module("pip", run_name="__main__")\n')
        return path

    def _bootstrap(self) -> Path:
        path = self._folder / "bootstrap.py"
        wheel = str(pips.pip_wheel(self.environment.pip))
        path.write_text(
            f"import sys\nsys.path.insert(0, {wheel!r})\n"
            "from pip._internal.cli.main import main\nsys.exit(main(sys.argv[1:]))\n",
            encoding="utf-8",
        )
        return path


class Stage:
    """One half of a scenario, unguarded or guarded, with the indexes running.

    :param certificate: what stands for ``{certificate}``.
    """

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        indexes: Mapping[str, ScriptedIndex],
        certificate: Path | None = None,
    ) -> None:
        self.certificate = certificate
        self.scenario = scenario
        self.folder = folder
        self.indexes = indexes
        self.cwd = folder / "cwd"
        self._launch: Launch | None = None

    def fill(self, text: str) -> str:
        """Return ``text`` with its placeholders replaced.

        :raises KeyError: a placeholder names nothing.
        """
        # `{token}` is what a policy may hold itself.
        return re.sub(r"\{(?!token\})([a-z0-9][^{}\s=]*)\}", lambda match: self._value(match[1]), text)

    def _value(self, key: str) -> str:
        if key == "cwd":
            return str(self.cwd)
        if key == "certificate" and self.certificate is not None:
            return str(self.certificate)
        if key in PLACES:
            if self._launch is None:
                raise KeyError(key)
            return self._launch.place(key)
        if key.startswith("sha256:"):
            filename, _, index = key[len("sha256:") :].partition("@")
            dist = self.indexes[index].find_file(filename)
            if dist is None:
                raise KeyError(key)
            return dist.sha256
        name, _, part = key.partition(".")
        index_of_name = self.indexes[name]
        values = {
            "": index_of_name.url,
            "login": index_of_name.login_url,
            "files": index_of_name.files_url,
            "origin": index_of_name.origin,
            "host": index_of_name.origin.partition("://")[2],
            "port": str(index_of_name.port),
            "proxy": index_of_name.proxy,
        }
        return values[part]

    def prepare(self) -> None:
        """Write folders, projects, files and policies."""
        for name in ("cwd", "home", "tmp", "config", "cache", "state", "data"):
            (self.folder / name).mkdir(parents=True)
        for name, specs in self.scenario.folders.items():
            for spec in specs:
                write_file(self._dist(spec.dist), self.cwd / name)
        for name, project in self.scenario.projects.items():
            write_project(self._dist(project.dist), self.cwd / name)
        for name, project in self.scenario.projects.items():
            if project.git:  # with the projects below it
                self._commit(self.cwd / name)
        for name, text in self.scenario.files.items():
            (self.cwd / name).parent.mkdir(parents=True, exist_ok=True)
            (self.cwd / name).write_text(self.fill(text), encoding="utf-8")
            if text.startswith("#!"):
                (self.cwd / name).chmod(0o755)
        self._write_policies()

    def _dist(self, dist: Dist) -> Dist:
        return filled(dist, self.fill)

    def _commit(self, folder: Path) -> None:
        identity = ["-c", "user.name=integration", "-c", "user.email=integration@host.example"]
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
            subprocess.run(
                ["/usr/bin/env", "git", *words], cwd=folder, env=self.environment(), check=True, capture_output=True
            )

    @property
    def policy_path(self) -> Path:
        """Where INDEXGUARD_POLICY points."""
        return self.folder / "policy" / "policy.toml"

    def _write_policies(self) -> None:
        policy = self.scenario.policy
        if policy.user is not None:
            write_policy(self.folder / "config" / "indexguard" / "policy.toml", self.fill(policy.user))
        if policy.text is None:
            return
        path = self.policy_path
        path.parent.mkdir()
        path.parent.chmod(0o777 if policy.state == "world-writable-folder" else 0o755)
        if policy.state == "directory":
            path.mkdir()
        elif policy.state != "missing":
            path.write_text(self.fill(policy.text), encoding="utf-8")
            path.chmod(0o666 if policy.state == "world-writable" else 0o644)

    def environment(self) -> dict[str, str]:
        """Return the whole environment of pip: nothing of the machine's but the tools in /usr/bin."""
        variables = {
            **own_variables(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PIP_TIMEOUT": "20",
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",  # virtualenv leaves a process behind that asks the public index
        }
        if self.scenario.policy.text is not None:
            relative = self.scenario.policy.state == "relative"
            path = Path(os.path.relpath(self.policy_path, self.cwd)) if relative else self.policy_path
            variables["INDEXGUARD_POLICY"] = str(path)
        variables.update({key: self.fill(value) for key, value in self.scenario.environment.items()})
        return variables

    def words(self, command: tuple[str, ...], resolver: str) -> list[str]:
        """Return pip's arguments: the scenario's words, the indexes, where to put what comes, the resolver."""
        words = [self.fill(word) for word in command]
        if self.scenario.tools:
            return words
        if command[0] in ("install", "download", "wheel", "lock", "index", "list"):
            for number, name in enumerate(self.scenario.configured):
                words += ["--extra-index-url" if number else "--index-url", self.indexes[name].url]
        aimed = self.scenario.site != "target" or any(word in _SELF_SUFFICIENT for word in command)
        if command[0] == "install" and not aimed:
            words += ["--target", str(self.cwd / "installed")]
        if command[0] in ("download", "wheel"):
            words += ["--dest" if command[0] == "download" else "--wheel-dir", str(self.cwd / "got")]
        if resolver == "legacy" and command[0] in ("install", "download", "wheel"):
            words.append("--use-deprecated=legacy-resolver")
        return words

    def run(self, environment: Environment, resolver: str, plain: Environment | None = None) -> Outcome:
        """Run the scenario's commands with one pip and look at what they left.

        :param plain: the same environment without the guard, for what happens before the guard is there.
        :raises RuntimeError: a command of ``before`` or ``before-the-guard`` fails.
        """
        if self.scenario.site == "own":
            environment = environment.copy_to(self.folder / "environment")
        unguarded = Launch(plain or environment, self.folder)
        self._launch = unguarded  # its places may stand in commands
        for command in self.scenario.before_the_guard:
            self._succeed(unguarded, self.words(command, resolver), guarded=False)
        self._launch = Launch(environment, self.folder)
        for command in self.scenario.before:
            self._succeed(self._launch, self.words(command, resolver))
        log = self.audit_log()
        seen = log.stat().st_size if log.exists() else 0
        for index in self.indexes.values():
            index.requests.clear()
        done = self._start(self._launch, self.words(self.scenario.command, resolver), self.scenario.launch)
        variables = [f"{key}={value}" for key, value in self.environment().items()]
        return Outcome(
            command=shlex.join(["cd", str(self.cwd)]) + " && " + shlex.join(["env", "-i", *variables, *done.args]),
            exit=done.returncode,
            stdout=done.stdout,
            stderr=done.stderr,
            installed=self._installed(environment),
            written=self._written(),
            events=tuple(self._events(log, seen)),
            asked=frozenset(
                f"{name}:{asked}"
                for name, index in self.indexes.items()
                for asked in index.asked_names() | index.fetched_files() | {found.path for found in index.requests}
            ),
        )

    def _succeed(self, launch: Launch, words: list[str], *, guarded: bool = True) -> None:
        done = self._start(launch, words, PIP, guarded=guarded)
        if done.returncode != 0:
            raise RuntimeError(f"{shlex.join(words)} failed:\n{done.stdout}{done.stderr}")

    def _start(
        self, launch: Launch, words: list[str], start: tuple[str, ...], *, guarded: bool = True
    ) -> subprocess.CompletedProcess[str]:
        self._launch = launch
        variables = self.environment()
        if not guarded:
            variables.pop("INDEXGUARD_POLICY", None)
        if self.scenario.tools:
            variables["PATH"] = f"{launch.environment.python.parent}:{variables['PATH']}"
        return run_child([*map(self.fill, start), *words], cwd=self.cwd, env=variables, timeout=_RUN_LIMIT)

    def _installed(self, environment: Environment) -> dict[str, str]:
        """Return ``ORIGIN VERSION`` by project of all modules installed and of all files downloaded or built."""
        found: dict[str, str] = {}
        site = {"own": environment.site_packages, "target": self.cwd / "installed"}.get(self.scenario.site)
        if site is None:
            site = next((self.folder / "other").glob("lib/python3*/site-packages"), self.cwd / "installed")
        # --prefix and --root put their own folders in between.
        for path in site.rglob("*.py") if site == self.cwd / "installed" else site.glob("*.py"):
            text = path.read_text(encoding="utf-8")
            if text.startswith("ORIGIN = "):
                found[normalised(path.stem)] = origin_of_text(text)
        for path in (self.cwd / "got").glob("*.whl"):
            name, told = origin_of_wheel(path)
            found[name] = told
        for path in (self.cwd / "got").glob("*.tar.gz"):
            found[normalised(path.name.rpartition("-")[0])] = _origin_of_sdist(path)
        return found

    def _written(self) -> dict[str, str]:
        names = {*self.scenario.unguarded.writes, *self.scenario.guarded.writes}
        for difference in self.scenario.differs:
            names.update(difference.unguarded.get("writes", ()), difference.guarded.get("writes", ()))
        paths = {name: self.cwd / name for name in names}
        return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}

    def audit_log(self) -> Path:
        """Return where the guard writes its log in these runs."""
        if os.geteuid() == 0:
            return Path("/var/log/indexguard/audit.jsonl")
        return self.folder / "state" / "indexguard" / "log" / "audit.jsonl"

    def _events(self, log: Path, seen: int) -> Iterator[Mapping[str, Any]]:
        """Yield the events after byte ``seen`` whose ``cwd`` is in this stage's folder: build backends run below it."""
        if not log.exists():
            return
        with log.open("rb") as handle:
            # Somebody else's session may have removed the log and begun a new one.
            begin = seen if seen <= log.stat().st_size else 0
            handle.seek(max(0, begin - 1))
            data = handle.read()
        # Others write meanwhile: what they were about to write at either end is a part of a line, and none of ours.
        whole = data.partition(b"\n")[2] if begin else data
        lines = whole.decode("utf-8", "replace").split("\n")[:-1]
        here = os.path.join(os.path.realpath(self.folder), "")
        yield from (event for event in map(json.loads, lines) if event["cwd"].startswith(here))


def filled(dist: Dist, fill: Any) -> Dist:
    """Return ``dist`` with the placeholders in its requirements replaced by ``fill``."""
    nested = dist.nested_pip
    return Dist(
        **{
            **vars(dist),
            "requires": tuple(map(fill, dist.requires)),
            "build_requires": tuple(map(fill, dist.build_requires)),
            "late_build_requires": tuple(map(fill, dist.late_build_requires)),
            "nested_pip": nested and replace(nested, words=tuple(map(fill, nested.words))),
        }
    )


def _origin_of_sdist(path: Path) -> str:
    with tarfile.open(path) as archive:
        recipe = archive.extractfile(f"{path.name.removesuffix('.tar.gz')}/recipe.json")
        if recipe is None:
            raise ValueError(f"{path} is not a sdist of the harness")
        return origin_of_text(json.load(recipe)["module"])


@contextmanager
def staged(scenario: Scenario, folder: Path, certificate: Path | None) -> Iterator[Stage]:
    """Start the indexes of a scenario, write its files, and stop the indexes at the end.

    :param certificate: PEM file for indexes whose transport is ``bad-tls``.
    """
    with ExitStack() as stack:
        indexes: dict[str, ScriptedIndex] = {}
        for spec in sorted(scenario.indexes, key=lambda spec: spec.on is not None):  # servers before their guests
            indexes[spec.name] = stack.enter_context(
                ScriptedIndex(
                    spec.name,
                    json_pages=spec.json,
                    transport=spec.transport,
                    certificate=certificate,
                    login=spec.login,
                    on=None if spec.on is None else indexes[spec.on],
                    path=spec.path,
                    hosts=spec.hosts,
                    file_headers=spec.file_headers,
                    statuses=spec.statuses,
                )
            )
        stage = Stage(scenario, folder, indexes, certificate)
        # Pages name other indexes by URL, so they are written once every port is known.
        for spec in scenario.indexes:
            index = indexes[spec.name]
            index.listed.extend(_listed(file, stage) for file in spec.files)
            index.answer = stage.fill(spec.answer)
            index.answers = {name: stage.fill(answer) for name, answer in spec.answers.items()}
            index.redirects = {path: stage.fill(url) for path, url in spec.redirects.items()}
            index.pages = {stage.fill(path): stage.fill(answer) for path, answer in spec.pages.items()}
            for file in spec.files:
                if file.at is not None:
                    indexes[file.at].kept.append(filled(file.dist, stage.fill))
        stage.prepare()
        yield stage


def _listed(spec: FileSpec, stage: Stage) -> Listed:
    url = stage.indexes[spec.at].files_url if spec.at is not None else None
    return Listed(
        filled(spec.dist, stage.fill), url, _time_of(spec.upload_time), spec.yanked, spec.hashed, spec.attested
    )


def _time_of(text: str | None) -> str | None:
    """Return an upload time as a page has it; an age counts back from now."""
    found = None if text is None else re.fullmatch("(-?[0-9]+)([hd])", text)
    if found is None:
        return text
    hours = int(found[1]) * {"h": 1, "d": 24}[found[2]]
    return f"{datetime.now(timezone.utc) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S.%fZ}"


def mismatches(expected: Expected, outcome: Outcome) -> list[str]:
    """Return every way in which the outcome is not as expected, one sentence each."""
    found = []
    if outcome.exit != expected.exit:
        found.append(f"exit {outcome.exit}, expected {expected.exit}")
    if expected.installed is not None and dict(outcome.installed) != dict(expected.installed):
        found.append(f"installed {dict(outcome.installed)}, expected {dict(expected.installed)}")
    text = _one_line(outcome.output)
    found += [f"the output lacks {part!r}" for part in expected.says if _one_line(part) not in text]
    told = text + "".join(map(json.dumps, outcome.events))
    for name, parts in expected.writes.items():
        found += _not_written(name, parts, outcome.written.get(name))
    found += [f"the output or an event holds {part!r}" for part in expected.lacks if _one_line(part) in told]
    if ("Traceback (most recent call last)" in outcome.output) is not expected.traceback:
        found.append(f"the output holds {'no' if expected.traceback else 'a'} traceback")
    found += [f"{pair} was not asked" for pair in expected.asked if not _asked(pair, outcome)]
    found += [f"{pair} was asked" for pair in expected.not_asked if _asked(pair, outcome)]
    found += [f"no event like {dict(event)}" for event in expected.events if not _logged(event, outcome)]
    found += [f"an event like {dict(event)}" for event in expected.no_events if _logged(event, outcome)]
    if expected.code is not None:
        found += _not_explained_last(expected.code, outcome)
    return found


def _not_written(name: str, parts: tuple[str, ...], text: str | None) -> list[str]:
    if text is None:
        return [f"there is no {name}"] if parts else []
    if not parts:
        return [f"there is a {name}"]
    return [f"{name} lacks {part!r}" for part in parts if _one_line(part) not in _one_line(text)]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _asked(pair: str, outcome: Outcome) -> bool:
    index, _, name = pair.partition(":")
    return pair in outcome.asked or (name == "*" and any(other.startswith(f"{index}:") for other in outcome.asked))


def _logged(wanted: Mapping[str, Any], outcome: Outcome) -> bool:
    return any(all(event.get(key) == value for key, value in wanted.items()) for event in outcome.events)


def _not_explained_last(code: str, outcome: Outcome) -> list[str]:
    """Check that the guard's explanation, with code and hint, stands after everything that pip says."""
    position = outcome.stderr.rfind(code)
    if position < 0:
        return [f"stderr lacks the code {code}"]
    after = outcome.stderr[position:]
    found = []
    if "hint: " not in after:
        found.append(f"no hint after {code}")
    if any(f"\n{word}: " in after for word in ("ERROR", "WARNING")):
        found.append(f"pip speaks after the explanation of {code}")
    return found
