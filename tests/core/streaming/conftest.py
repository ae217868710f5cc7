from collections.abc import Iterator

import pytest

from tests.core.net.pods import Pods, pods


@pytest.fixture
def net() -> Iterator[Pods]:
    """A node whose pods reach each other in memory."""
    with pods() as opened:
        yield opened
