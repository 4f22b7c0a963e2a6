"""What the pips and build backends that this pip starts are handed, where no start-up hook reaches them.

A child in the same environment starts the guard by itself. Three do not: one in the throw-away venv of pip's
``venv-isolation`` (pip >= 26.2), one for ``pip --python OTHER`` (pip >= 22.3), and one that a build backend starts where
the guard lies in the standard library or in the account; they are handed the bootstrap folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .objects import Call, VenvEnvironment, VirtualEnvironment

BOOTSTRAP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "standalone", "bootstrap")
"""The folder that a child's path may hold: it starts the guard and has nothing else in it."""


def enter_venv(call: Call, environment: VenvEnvironment) -> None:
    """Hand the bootstrap to the throw-away venv that pip >= 26.2 installs build requirements in."""
    call()
    for folder in environment.lib_dirs:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "indexguard-bootstrap.pth"), "w", encoding="utf-8") as file:
            file.write(f"{BOOTSTRAP}\nimport _indexguard_bootstrap; _indexguard_bootstrap.install()\n")


_TO_BACKENDS = """
# indexguard: a pip that the build backend starts is guarded too; this file stands before the standard library's.
def _start_indexguard():
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import spec_from_file_location

    spec = spec_from_file_location("_indexguard_bootstrap", {path!r})
    module = sys.modules["_indexguard_bootstrap"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()

if not any(getattr(entry, "indexguard_hook", None) is True for entry in sys.meta_path):
    _start_indexguard()
"""


def enter_virtual(call: Call, environment: VirtualEnvironment) -> None:
    """Hand the bootstrap to build backends, through the ``sitecustomize`` that pip isolates them with.

    It is the only one that runs there, and pip has them read nothing of the user's.
    """
    call()
    path = os.path.join(environment._site_dir, "sitecustomize.py")  # noqa: SLF001  # pip 20.3 to 26.3
    with open(path, "a", encoding="utf-8") as file:
        file.write(_TO_BACKENDS.format(path=os.path.join(BOOTSTRAP, "_indexguard_bootstrap.py")))
