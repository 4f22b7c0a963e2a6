"""``indexguard init`` beside real index servers, as their packages install them: the names are read, and the policy holds.

Each server holds internal names, one of them too long for a directory listing to show, and trees of folders hold what lies
about in such trees. The public index holds the same names. With the policy that ``init --yes`` wrote, pip takes each name
from its own index, and nothing where only the attacker has the version that is asked for.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.harness import servers
from integration.harness.children import own_variables, run_child
from integration.harness.dists import Dist, write_file
from integration.harness.scripted_index import Listed, ScriptedIndex
from integration.test_servers import (
    Trial,
    environments,  # noqa: F401  # a fixture
    pytest_generate_tests,  # noqa: F401  # two pips
    trial,  # noqa: F401  # a fixture
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.harness.children import Done

pytestmark = pytest.mark.usefixtures("no_policy_here")

_LONG = "acme-billing-service-models-for-the-whole-of-the-house"
"""Longer than the 50 characters that nginx shows of a link, and the 23 that Apache does."""
_INTERNAL = (
    Dist("acme-core", "1.0", "internal"),
    Dist("acme-app", "1.0", "internal", requires=("acme-core", "pubdep")),
    Dist(_LONG, "1.0", "internal"),
)
_PUBLIC = (
    Dist("acme-core", "99.0", "public"),
    Dist("acme-app", "99.0", "public"),
    Dist(_LONG, "99.0", "public"),
    Dist("pubdep", "2.0", "public"),
    Dist("requests", "99.0", "public"),
)
_NAMES = ["acme-app", _LONG, "acme-core"]
_STRAYS = ".git/, acme_core-1.0-py3-none-any.whl, robots.txt, static/"


@pytest.fixture(scope="module")
def public() -> Iterator[ScriptedIndex]:
    """The public index, with an attacker's files."""
    with ScriptedIndex("public", [Listed(dist) for dist in _PUBLIC], json_pages=True) as index:
        yield index


# The servers: each gives the URL of its index


def _write_folders(folder: Path) -> Path:
    """Write a tree for a directory listing, with what lies about in such trees; return it."""
    for dist in _INTERNAL:
        write_file(dist, folder / dist.name)
    write_file(_INTERNAL[0], folder)
    for name in ("robots.txt", "static/style.css", ".git/HEAD"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("what lies about\n", encoding="utf-8")
    return folder


def _write_files(folder: Path) -> Path:
    """Write all files into one folder; return it."""
    for dist in _INTERNAL:
        write_file(dist, folder / "packages")
    return folder / "packages"


@contextmanager
def _static(folder: Path, tree: Path, path: str) -> Iterator[str]:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tree)]
    with servers.serving(lambda port: [*command, str(port)], folder) as port:
        yield f"http://127.0.0.1:{port}{path}"


@contextmanager
def _http_server(folder: Path) -> Iterator[str]:
    _write_folders(folder / "tree" / "simple")
    with _static(folder, folder / "tree", "/simple/") as url:
        yield url


@contextmanager
def _http_server_at_the_root(folder: Path) -> Iterator[str]:
    with _static(folder, _write_folders(folder / "tree"), "/") as url:
        yield url


_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1; {user}
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ text/html html; text/plain txt; }}
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {folder}/tree; location / {{ autoindex on; }} }}
}}
"""


@contextmanager
def _nginx(folder: Path) -> Iterator[str]:
    program = servers.find_nginx()
    if program is None:
        raise FileNotFoundError("nginx (Debian: nginx-light)")
    _write_folders(folder / "tree" / "simple")
    user = "user root root;" if os.geteuid() == 0 else ""

    def command(port: int) -> list[str]:
        text = _NGINX.format(folder=folder, user=user, port=port)
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        return [program, "-e", "stderr", "-c", str(folder / "nginx.conf"), "-p", str(folder)]

    with servers.serving(command, folder) as port:
        yield f"http://127.0.0.1:{port}/simple/"


_APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
{modules}
DocumentRoot {folder}/tree
# Upstream's own options: its listing cuts what is longer than 23 characters.
<Directory {folder}/tree>
  Options Indexes
  IndexOptions FancyIndexing HTMLTable VersionSort
  Require all granted
</Directory>
"""


@contextmanager
def _apache(folder: Path) -> Iterator[str]:
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise FileNotFoundError("apache2 (Debian: apache2)")
    _write_folders(folder / "tree" / "simple")
    modules = Path(program).parent.parent / "lib" / "apache2" / "modules"
    lines = [
        f"LoadModule {name}_module {modules}/mod_{name}.so"
        for name in ("mpm_event", "authz_core", "dir", "mime", "autoindex")
    ]

    def command(port: int) -> list[str]:
        text = _APACHE.format(folder=folder, port=port, modules="\n".join(lines))
        (folder / "apache.conf").write_text(text + "TypesConfig /dev/null\n", encoding="utf-8")
        return [program, "-X", "-f", str(folder / "apache.conf")]

    with servers.serving(command, folder) as port:
        yield f"http://127.0.0.1:{port}/simple/"


@contextmanager
def _pypiserver(folder: Path) -> Iterator[str]:
    with servers.pypiserver(folder, _INTERNAL, None, None) as index:
        yield index.url


@contextmanager
def _devpi(folder: Path) -> Iterator[str]:
    # The mirror behind it is never asked: the whitelist names nothing that is.
    with servers.devpi(folder, _INTERNAL, "http://127.0.0.1:1/simple/", "nothing-at-all") as found:
        yield found.prod.url


@contextmanager
def _simple_repository_server(folder: Path) -> Iterator[str]:
    for dist in _INTERNAL:
        write_file(dist, folder / "files" / dist.name)
    program = str(servers.server_tools() / "simple-repository-server")

    def command(port: int) -> list[str]:
        return [program, "--host", "127.0.0.1", "--port", str(port), str(folder / "files")]

    with servers.serving(command, folder) as port:
        yield f"http://127.0.0.1:{port}/simple/"


@contextmanager
def _dumb_pypi(folder: Path) -> Iterator[str]:
    packages = _write_files(folder / "tree")
    (folder / "list.txt").write_text("".join(f"{path.name}\n" for path in packages.iterdir()), encoding="utf-8")
    words = ("--package-list", "list.txt", "--packages-url", "../../packages/", "--output-dir", "tree")
    servers.run(folder, servers.server_tools("servers") / "dumb-pypi", *words)
    with _static(folder, folder / "tree", "/simple/") as url:
        yield url


@contextmanager
def _pypi_mirror(folder: Path) -> Iterator[str]:
    _write_files(folder)
    tools = servers.server_tools("servers")
    servers.run(folder, tools / "pypi-mirror", "create", "-c", "-d", "packages", "-m", "tree")
    with _static(folder, folder / "tree", "/") as url:
        yield url


@contextmanager
def _simple503(folder: Path) -> Iterator[str]:
    _write_files(folder)
    servers.run(folder, servers.server_tools("servers") / "simple503", "-c", "packages", "tree")
    with _static(folder, folder / "tree", "/") as url:
        yield url


@contextmanager
def _morgan(folder: Path) -> Iterator[str]:
    for dist in _INTERNAL:
        write_file(dist, folder / "tree" / dist.name)
    program = str(servers.server_tools("servers") / "morgan")

    def command(port: int) -> list[str]:
        return [program, "-i", str(folder / "tree"), "-H", "127.0.0.1", "-p", str(port), "serve"]

    with servers.serving(command, folder) as port:
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def _proxpi(folder: Path) -> Iterator[str]:
    program = str(servers.server_tools("servers") / "flask")
    (folder / "behind").mkdir()
    with _pypiserver(folder / "behind") as url:

        def command(port: int) -> list[str]:
            where = ["--app", "proxpi.server", "run", "--host", "127.0.0.1", "--port", str(port)]
            return ["/usr/bin/env", f"PROXPI_INDEX_URL={url}", program, *where]

        with servers.serving(command, folder) as port:
            yield f"http://127.0.0.1:{port}/index/"


_SERVERS = {
    "apache": _apache,
    "devpi": _devpi,
    "dumb-pypi": _dumb_pypi,
    "http.server": _http_server,
    "http.server-root": _http_server_at_the_root,
    "morgan": _morgan,
    "nginx": _nginx,
    "proxpi": _proxpi,
    "pypi-mirror": _pypi_mirror,
    "pypiserver": _pypiserver,
    "simple503": _simple503,
    "simple-repository-server": _simple_repository_server,
}


@pytest.fixture(scope="module", params=_SERVERS)
def internal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Name and URL of a server; the URL is empty where the machine lacks it, and the name then says what."""
    start = _SERVERS[request.param](tmp_path_factory.mktemp(request.param))
    try:
        url = start.__enter__()
    except FileNotFoundError as missing:
        yield str(missing), ""
        return
    try:
        yield request.param, url
    finally:
        start.__exit__(None, None, None)


def _run_init(trial: Trial, *words: str, indexes: tuple[str, ...]) -> Done:  # noqa: F811  # the fixture's value
    assert trial.guarded is not None
    env = {**own_variables(trial.folder), "PIP_INDEX_URL": indexes[0], "PIP_EXTRA_INDEX_URL": " ".join(indexes[1:])}
    return run_child([trial.guarded.python, "-m", "indexguard", "init", *words], env=env)


def _name(url: str) -> str:
    return url.split("/")[2].replace(".", "-").replace(":", "-")


def _scenario(command: str, policy: str, unguarded: str, guarded: str, *, attack: bool = True) -> str:
    words = ", ".join(f'"{word}"' for word in ["install", *command.split()])
    head = f'description = "a policy of init"\nattack = {str(attack).lower()}\ncommand = [{words}]\n'
    return f"{head}[policy]\ntext = '''\n{policy}'''\n[unguarded]\n{unguarded}\n[guarded]\n{guarded}\n"


def test_policy_of_init_holds(trial: Trial, internal: tuple[str, str]) -> None:  # noqa: F811
    server, url = internal
    if not url:
        trial.skip(f"missing: {server}")
    if trial.guarded is None:
        return
    done = _run_init(
        trial, "--yes", "--rest", _name(trial.public.url), "--output", "-", indexes=(url, trial.public.url)
    )
    assert done.returncode == 0, done.stderr
    names = ", ".join(f'"{name}"' for name in _NAMES)
    assert re.findall(r"^packages = \[(.*)\]$", done.stdout, re.MULTILINE) == [names, '"*"'], done.stdout
    if server in ("apache", "http.server", "http.server-root", "nginx"):
        shown = _STRAYS.replace(".git/, ", "") if server == "nginx" else _STRAYS
        assert f"    no project of it, left out: {shown}\n" in done.stderr
    else:
        assert "left out" not in done.stderr
    where = f"--index-url {url} --extra-index-url {{public}}"
    got = {"acme-core": "internal 1.0", "acme-app": "internal 1.0", "pubdep": "public 2.0", _LONG: "internal 1.0"}
    text = ", ".join(f'{name} = "{origin}"' for name, origin in got.items())
    trial.run(
        f"init-{server}",
        _scenario(
            f"{where} acme-app {_LONG}",
            done.stdout,
            f'exit = 0\ninstalled = {{ acme-app = "public 99.0", {_LONG} = "public 99.0" }}',
            f"exit = 0\ninstalled = {{ {text} }}",
        ),
    )
    trial.run(
        f"init-{server}-attack",
        _scenario(
            f"{where} {_LONG}==99.0",
            done.stdout,
            f'exit = 0\ninstalled = {{ {_LONG} = "public 99.0" }}',
            f'exit = 1\ninstalled = {{}}\nsays = ["{_LONG}"]',
        ),
    )


def test_server_that_lists_nothing(trial: Trial, tmp_path: Path) -> None:  # noqa: F811
    """Without a root page, as simpleindex is, nothing is written until somebody says whose the names are."""
    if trial.guarded is None:
        return
    _write_folders(tmp_path / "tree")
    program = str(servers.server_tools("servers") / "python")

    def command(port: int) -> list[str]:
        route = f'[routes."{{project}}"]\nsource = "path"\nto = "{tmp_path}/tree/{{project}}"\n'
        (tmp_path / "index.toml").write_text(f"{route}[server]\nhost = '127.0.0.1'\nport = {port}\n", encoding="utf-8")
        return [program, "-m", "simpleindex", str(tmp_path / "index.toml")]

    with servers.serving(command, tmp_path) as port:
        url = f"http://127.0.0.1:{port}/"
        indexes = (url, trial.public.url)
        words = ["--yes", "--rest", _name(trial.public.url), "--output", "-"]
        done = _run_init(trial, *words, indexes=indexes)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{url}: HTTP 404\n" in done.stderr
        hint = done.stderr.splitlines()[-1].split()
        assert hint[-2:] == ["--claim", "YOUR-PREFIX"]
        done = _run_init(trial, *hint[2:-1], "acme", indexes=indexes)
        assert done.returncode == 0, done.stderr
        trial.run(
            "init-simpleindex",
            _scenario(
                f"--index-url {url} --extra-index-url {{public}} {_LONG} pubdep",
                done.stdout,
                f'exit = 0\ninstalled = {{ {_LONG} = "public 99.0", pubdep = "public 2.0" }}',
                f'exit = 0\ninstalled = {{ {_LONG} = "internal 1.0", pubdep = "public 2.0" }}',
            ),
        )
        got = 'exit = 0\ninstalled = { pubdep = "public 2.0" }'
        command_line = f"--index-url {url} --extra-index-url {{public}} pubdep"
        trial.run("init-public-name", _scenario(command_line, done.stdout, got, got, attack=False))


@pytest.mark.parametrize(
    ("option", "held", "got"),
    [
        ("--same", Dist("requests", "1.0", "first"), "first 2.0"),
        ("--merge", Dist("requests", "2.1", "second"), "second 2.1"),
    ],
    ids=["a mirror that lags", "a second public index"],
)
def test_index_with_public_names(trial: Trial, option: str, held: Dist, got: str) -> None:  # noqa: F811
    """Init says which of two options fits, and with it pip takes what either has, and nothing from a third index."""
    if trial.guarded is None:
        return
    both = [Listed(Dist("requests", version, "first")) for version in ("1.0", "2.0")]
    with ScriptedIndex("first", both, json_pages=True) as first, ScriptedIndex("second", [Listed(held)]) as second:
        indexes = (first.url, second.url)
        words = ["--yes", "--rest", _name(first.url), "--output", "-"]
        done = _run_init(trial, *words, indexes=indexes)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{option} INDEX, which makes " in done.stderr
        assert f"(INDEX is {_name(second.url)})\n" in done.stderr
        done = _run_init(trial, *words, option, _name(second.url), indexes=indexes)
        assert done.returncode == 0, done.stderr
        trial.run(
            f"init{option}",
            _scenario(
                f"--index-url {first.url} --extra-index-url {second.url} --extra-index-url {{public}} requests",
                done.stdout,
                'exit = 0\ninstalled = { requests = "public 99.0" }',
                f'exit = 0\ninstalled = {{ requests = "{got}" }}',
            ),
        )
