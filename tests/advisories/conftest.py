"""What the tests of advisories share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of the indexes."""
    folder = tmp_path / "indexes"
    folder.mkdir(mode=0o755)
    return folder
