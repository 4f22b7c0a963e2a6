"""Which files of ours a pip run loads in which nothing is refused: one real run against an index on loopback."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from integration.harness.children import Done, run_child, write_policy
from integration.harness.dists import Dist
from integration.harness.scripted_index import Listed, ScriptedIndex

from indexguard.policy.log import USUAL_SIZE

_PACKAGE = Dist("acme-core", "1.0", "corp")
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


def loaded_files(root: Path) -> list[Path]:
    """Return the files of the tree that ``pip download`` of one claimed package has loaded when it ends.

    :raises RuntimeError: pip did not download it, or another guard than the tree's was there.
    """
    was_there = _LOG.exists()
    # In a log that is half full a run gets ready to begin a new one: then one module more is loaded.
    gets_ready = was_there and _LOG.stat().st_size > USUAL_SIZE // 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        with ScriptedIndex("corp", [Listed(_PACKAGE)]) as index:
            done = _download(root, folder, index.url)
        told = folder / "told"
        files = [Path(line) for line in told.read_text(encoding="utf-8").splitlines()] if told.exists() else []
        if done.returncode != 0 or not (folder / "got" / _PACKAGE.filename).exists():
            raise RuntimeError(f"pip did not download the package:\n{done.stdout}{done.stderr}")
    if not was_there and _LOG.exists() and all(name in line for line in _LOG.read_text(encoding="utf-8").splitlines()):
        _LOG.unlink()  # nobody else has written to it
    if root / "src" / "indexguard" / "inpip" / "__init__.py" not in files:
        raise RuntimeError(f"the guard of {root} was not there; loaded: {', '.join(map(str, files)) or 'nothing'}")
    return [path for path in files if not (gets_ready and path.name == "rotation.py")]


def _download(root: Path, folder: Path, url: str) -> Done:
    text = f'version = 1\n[indexes.corp]\nurl = "{url}"\nnamespaces = ["acme"]\n'
    policy = write_policy(folder / "policy.toml", text)
    environ = {"HOME": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8", "INDEXGUARD_POLICY": str(policy)}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    options = ["--quiet", "--no-deps", "--no-cache-dir", f"--dest={folder / 'got'}", f"--index-url={url}"]
    command = [sys.executable, "-c", _RUN, str(root / "src"), str(folder / "told"), "pip", "download", *options]
    return run_child([*command, "acme-core"], cwd=folder, env=environ)
