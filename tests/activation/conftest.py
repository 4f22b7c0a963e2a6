"""The guard that is activated."""

from __future__ import annotations

import pytest

from indexguard.activation.payload import Payload, read_payload


@pytest.fixture(scope="session")
def payload() -> Payload:
    """The guard of this tree."""
    return read_payload()
