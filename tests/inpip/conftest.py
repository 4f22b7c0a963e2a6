"""What the tests of the guard inside pip share."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from integration.dists import Dist

from inpip_bench import Bench, Index


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two indexes: corp has acme-core 1.0, the public one has acme-core 99.0 and foo 1.0."""
    indexes = [Index(), Index()]
    try:
        made = Bench(indexes[0], indexes[1], tmp_path)
        made.corp.publish(Dist("acme-core", "1.0", "corp"))
        made.public.publish(Dist("acme-core", "99.0", "public"))
        made.public.publish(Dist("foo", "1.0", "public"))
        yield made
    finally:
        for index in indexes:
            index.close()


@pytest.fixture
def pip_module() -> Callable[[str], Any]:
    """Returns a module of the pip that this environment has."""
    pytest.importorskip("pip")

    def module(name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old pip on a new Python
            return importlib.import_module(f"pip.{name}")

    module("_internal.exceptions")
    return module
