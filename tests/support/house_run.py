"""Which files of ours a pip run loads in which nothing is refused: one real run against an index on loopback."""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import tempfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

_LOG = Path("/var/log/indexguard/audit.jsonl")  # where the guard logs when it runs as root

# The start-up hook is called from the tree, as its .pth calls it; then pip runs as `python -m pip` runs it.
_RUN = """
import atexit, runpy, sys

source, told, *sys.argv = sys.argv[1:]
sys.path.insert(0, source)
import _indexguard_hook

_indexguard_hook.install()

@atexit.register
def tell():
    ours = [it for name, it in sys.modules.items() if name.partition(".")[0] in ("_indexguard_hook", "indexguard")]
    with open(told, "w", encoding="utf-8") as file:
        file.writelines(it.__file__ + "\\n" for it in ours if getattr(it, "__file__", None))

runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


def loaded_files(root: Path) -> list[Path]:
    """Return the files of the tree that ``pip download`` of one claimed package has loaded when it ends.

    :raises RuntimeError: pip did not download it, or another guard than the tree's was there.
    """
    was_there = _LOG.exists()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        page = folder / "simple" / "acme-core"
        page.mkdir(parents=True)
        wheel = _write_wheel(page)
        (page / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel}">{wheel}</a>\n', encoding="utf-8")
        # Not HTTPServer: its bind asks the resolver for the full name of 127.0.0.1, which can take seconds.
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(_Quiet, directory=name)) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                done = _download(root, folder, f"http://127.0.0.1:{server.server_address[1]}/simple/")
            finally:
                server.shutdown()
                thread.join()
        told = folder / "told"
        files = [Path(line) for line in told.read_text(encoding="utf-8").splitlines()] if told.exists() else []
        if done.returncode != 0 or not (folder / "got" / wheel).exists():
            raise RuntimeError(f"pip did not download the package:\n{done.stdout}{done.stderr}")
    if not was_there and _LOG.exists() and all(name in line for line in _LOG.read_text(encoding="utf-8").splitlines()):
        _LOG.unlink()  # nobody else has written to it
    if root / "src" / "indexguard" / "inpip" / "__init__.py" not in files:
        raise RuntimeError(f"the guard of {root} was not there; loaded: {', '.join(map(str, files)) or 'nothing'}")
    return files


def _download(root: Path, folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    policy = folder / "policy.toml"
    policy.write_text(f'version = 1\n[indexes.corp]\nurl = "{url}"\nnamespaces = ["acme"]\n', encoding="utf-8")
    policy.chmod(0o644)
    environ = {"HOME": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8", "INDEXGUARD_POLICY": str(policy)}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    options = ["--quiet", "--no-deps", "--no-cache-dir", f"--dest={folder / 'got'}", f"--index-url={url}"]
    command = [sys.executable, "-c", _RUN, str(root / "src"), str(folder / "told"), "pip", "download", *options]
    return subprocess.run([*command, "acme-core"], cwd=folder, env=environ, capture_output=True, text=True, check=False)


def _write_wheel(folder: Path) -> str:
    name, info = "acme_core-1.0-py3-none-any.whl", "acme_core-1.0.dist-info"
    with zipfile.ZipFile(folder / name, "w") as file:
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-core\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return name
