"""The documents' base image, built from Debian roots, and application images built on it. Only with ``--roots``."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.harness.dists import origin_of_text
from integration.machines.images import Images, image_store
from integration.machines.roots import (
    LOG,
    POLICY,
    RECIPES,
    Field,
    add_official_python,
    copied_root,
    fields,
    find_obstacle,
    find_official_python,
)
from support.documents import marked

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN, _BASE = "plain", "base"
_OFFICIAL = "python-in-usr-local"
_APP, _OWN = "/app", "/tmp/own"  # noqa: S108  # in images


@dataclass(frozen=True)
class Ground:
    """An image of a root, and two indexes."""

    images: Images
    field: Field
    is_debians: bool
    """Whether its ``python3`` is Debian's, which wants to be asked twice (PEP 668)."""

    def build(self, name: str, *lines: str, base: str) -> str:
        """Build an image on another one, which must succeed, and return what the build said."""
        done = self.images.build(name, "\n".join((f"FROM localhost/{base}", *lines, "")))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def fail(self, *lines: str, base: str) -> str:
        """Build an image, which must fail, and return what the build said."""
        done = self.images.build("failed", "\n".join((f"FROM localhost/{base}", *lines, "")))
        assert done.returncode != 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, pip: str, *words: str) -> str:
        """Return the line of a Dockerfile that has a pip install something."""
        return f"RUN {pip} install --retries 0 {' '.join((*self.field.options, *(words or ('acme-core',))))}"

    def look(self, name: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Return ``ORIGIN VERSION`` of each acme-core in an image by its environment, and the image's audit log."""
        with self.images.opened(name) as folder:
            modules = {env: folder.glob(f"{env[1:]}/lib/python3*/site-packages/acme_core.py") for env in (_APP, _OWN)}
            found = {env: origin_of_text(path.read_text("utf-8")) for env, paths in modules.items() for path in paths}
            log = folder / LOG.lstrip("/")
            lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return found, [json.loads(line) for line in lines]


@pytest.fixture(params=[*RECIPES, _OFFICIAL], ids=lambda param: getattr(param, "release", param))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    is_debians = request.param != _OFFICIAL
    recipe = request.param if is_debians else RECIPES[0]
    obstacle = find_obstacle(recipe, "buildah", "tar")
    official = None if is_debians else find_official_python()
    if obstacle is None and not is_debians and official is None:
        obstacle = "missing: a Python of its own prefix, neither the system's nor a virtual environment's"
    if obstacle is not None:
        pytest.skip(obstacle)
    with ExitStack() as stack:
        images = stack.enter_context(image_store())
        with copied_root(recipe, tmp_path) as root:
            if official is not None:
                add_official_python(root, official)
            obstacle = images.add_root(_PLAIN, root)
            field = stack.enter_context(fields(root))
        if obstacle is not None:
            pytest.skip(obstacle)
        yield Ground(images, field, is_debians)


def test_image_built_on_the_base_image_is_guarded(ground: Ground, request: pytest.FixtureRequest) -> None:
    guard_wheel: Path = request.getfixturevalue("guard_wheel")  # not built where there is no root
    attacked = (f"RUN python3 -m venv {_APP}", ground.install(f"{_APP}/bin/pip"))
    # On an image without the guard.
    ground.build("unguarded", *attacked, base=_PLAIN)
    assert ground.look("unguarded") == ({_APP: "public 99.0"}, [])

    # The document's lines.
    context = ground.images.context
    (context / "dist").mkdir()
    shutil.copy2(guard_wheel, context / "dist" / guard_wheel.name)
    (context / "policy.toml").write_text(ground.field.policy, encoding="utf-8")
    (context / "policy.toml").chmod(0o600)  # as somebody's umask may have it
    recipe = marked("dockerfile: base")
    if ground.is_debians:
        recipe = recipe.replace("pip install", "pip install --break-system-packages")
    said = ground.build(_BASE, *recipe.splitlines(), base=_PLAIN)
    assert "  live: every Python that starts there starts the guard\n" in said

    # An application's image on it: by root, by a user, and its own proof.
    said = ground.build(
        "application",
        *attacked,
        f"RUN python3 -m indexguard status --all --prove {_APP}",
        "USER 54321",
        f"RUN python3 -m venv {_OWN}",
        ground.install(f"{_OWN}/bin/python -m pip"),
        base=_BASE,
    )
    found, events = ground.look("application")
    assert found == {_APP: "corp 1.0", _OWN: "corp 1.0"}, said
    first = next(event for event in events if event["code"] == "shadowed-name")
    assert (first["rule"]["file"], first["executable"]) == (POLICY, f"{_APP}/bin/python3")

    # What the policy allows nowhere, and what happens where somebody loses the policy, end the build.
    said = ground.fail(*attacked[:1], ground.install(f"{_APP}/bin/pip", "acme-ghost"), base=_BASE)
    assert "shadowed-name" in said
    said = ground.fail("USER 0", f"RUN rm {POLICY}", ground.install(f"{_APP}/bin/pip"), base="application")
    assert "policy-missing" in said
