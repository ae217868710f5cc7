"""Fixtures of tests of behaviour."""

from collections.abc import Iterator

import pytest

from tests.behaviour.steps import still_node
from tests.support import Node


@pytest.fixture(name="still")
def _still(face: str) -> Iterator[Node]:
    with still_node(face) as opened:
        yield opened
