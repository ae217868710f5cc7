"""Fixtures of tests of behaviour."""

from collections.abc import Iterator

import pytest

from tests.behaviour.steps import still_node
from tests.behaviour.streams import WIRES, Streams, open_streams
from tests.support import Node


@pytest.fixture(name="still")
def _still(face: str) -> Iterator[Node]:
    with still_node(face) as opened:
        yield opened


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    """Name the wire that a test of streams runs over; it runs over each."""
    return str(request.param)


@pytest.fixture
def streams(wire: str) -> Iterator[Streams]:
    """Open a node, and a way to use the URLs that it gives."""
    with open_streams(wire) as opened:
        yield opened
