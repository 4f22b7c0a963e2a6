"""Images built as a Dockerfile says, from a root of ours, without a daemon and without anything of the machine's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from integration.harness.children import run_child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.machines.roots import Done, Root

_RUN_LIMIT = 600  # seconds after which a build that hangs is killed and the test fails
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Images:
    """A store of images, and a folder from which they are built.

    :param folder: for all of it; somebody else removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.context = folder / "context"
        self._folder = folder
        for name in ("context", "home"):
            (folder / name).mkdir()

    def add_root(self, name: str, root: Root) -> str | None:
        """Make an image of a root, and return why nothing can be run in it on this machine, or None."""
        archive = self.context / "root.tar"
        subprocess.run(["/usr/bin/env", "tar", "-C", root.folder, "-cf", archive, "."], check=True)
        done = self.build(name, "FROM scratch\nADD root.tar /\nRUN true\n")
        archive.unlink()
        return None if done.returncode == 0 else f"buildah cannot run anything here: {done.stderr.strip()[-300:]}"

    def build(self, name: str, dockerfile: str) -> Done:
        """Build an image from the text of a Dockerfile; what it runs reaches the machine's loopback interface."""
        path = self._folder / "Dockerfile"
        path.write_text(dockerfile, encoding="utf-8")
        options = ("--isolation", "chroot", "--network", "host", "--tag", f"localhost/{name}", "--file", str(path))
        return self._buildah("bud", *options, str(self.context))

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """Unpack an image, and hand out the folder of its root."""
        container = self._buildah("from", "--pull-never", f"localhost/{name}").stdout.strip()
        try:
            # In this kind of store it is a folder, and nothing is mounted.
            yield Path(self._buildah("mount", container).stdout.strip())
        finally:
            self._buildah("rm", container)

    def _buildah(self, *words: str) -> Done:
        # vfs: needs no mount of its own, and no kernel that knows overlays. What a build mounts goes with it.
        store = [
            "--root",
            str(self._folder / "store"),
            "--runroot",
            str(self._folder / "run"),
            "--storage-driver",
            "vfs",
        ]
        home = str(self._folder / "home")
        return run_child(
            ["/usr/bin/env", "nice", "unshare", "--mount", "buildah", *store, *words],
            env={"HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "PATH": _PATH},
            timeout=_RUN_LIMIT,
        )


@contextmanager
def image_store() -> Iterator[Images]:
    """Make a store; each image in it is a whole copy, so it goes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="indexguard-images-", dir=os.environ.get("TMPDIR")))
    try:
        yield Images(folder)
    finally:
        shutil.rmtree(folder)
