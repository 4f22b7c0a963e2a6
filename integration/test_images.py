"""The README's base image, built from Debian roots, and application images built on it. Only with ``--roots``."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.dists import origin_of_text
from integration.images import Images, image_store
from integration.roots import (
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
from readme_text import marked

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN, _BASE = "plain", "base"
_OFFICIAL = "python-in-usr-local"


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

    def look(self, name: str, pattern: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Return ``ORIGIN VERSION`` by path of each acme-core of an image that matches, and its audit log."""
        with self.images.opened(name) as folder:
            found = {f"/{path.relative_to(folder)}": path.read_text(encoding="utf-8") for path in folder.glob(pattern)}
            log = folder / LOG.lstrip("/")
            lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return {path: origin_of_text(text) for path, text in found.items()}, [json.loads(line) for line in lines]


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
            images.add_root(_PLAIN, root)
            field = stack.enter_context(fields(root))
        trial = images.build("trial", f"FROM localhost/{_PLAIN}\nRUN true\n")
        if trial.returncode != 0:
            pytest.skip(f"buildah cannot run anything here: {trial.stderr.strip()}")
        yield Ground(images, field, is_debians)


def test_image_built_on_the_base_image_is_guarded(ground: Ground, request: pytest.FixtureRequest) -> None:
    guard_wheel: Path = request.getfixturevalue("guard_wheel")  # not built where there is no root
    attacked = ("RUN python3 -m venv /app", ground.install("/app/bin/pip"))
    in_app = "app/lib/python3*/site-packages/acme_core.py"
    # On an image without the guard.
    ground.build("unguarded", *attacked, base=_PLAIN)
    found, events = ground.look("unguarded", in_app)
    assert (list(found.values()), events) == (["public 99.0"], [])

    # The README's lines.
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
        "RUN python3 -m indexguard status --all --prove /app",
        "USER 54321",
        "RUN python3 -m venv /tmp/own",
        ground.install("/tmp/own/bin/python -m pip"),  # noqa: S108  # of the image
        base=_BASE,
    )
    found, events = ground.look("application", in_app)
    assert list(found.values()) == ["corp 1.0"], said
    found, _ = ground.look("application", "tmp/own/lib/python3*/site-packages/acme_core.py")
    assert list(found.values()) == ["corp 1.0"], said
    first = next(event for event in events if event["code"] == "shadowed-name")
    assert (first["rule"]["file"], first["executable"]) == (POLICY, "/app/bin/python3")

    # What the policy allows nowhere, and what happens where somebody loses the policy, end the build.
    said = ground.fail(*attacked[:1], ground.install("/app/bin/pip", "acme-ghost"), base=_BASE)
    assert "shadowed-name" in said
    said = ground.fail("USER 0", f"RUN rm {POLICY}", ground.install("/app/bin/pip"), base="application")
    assert "policy-missing" in said
