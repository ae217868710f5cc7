"""The server whose answers a test writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.scripted import Script, scripted


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    """A gRPC server with nothing to say yet, and clients of it."""
    with scripted(f"unix:{tmp_path / 'cri.sock'}") as script:
        yield script
