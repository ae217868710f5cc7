"""Fixtures of all tests: a node behind each face."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import FACES, Node, node

# A deadline of each example would be a timed test: it fails where the machine is busy. And a run
# must not fail for what the one before it did not see: new examples are looked for on demand.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)
settings.load_profile("new" if os.environ.get("FAKECRI_EXPLORE") == "1" else "same")

# A run in the background ignores some signals, and the real tools that it starts would too. Those
# that are handled are the default again in what is started.
for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, lambda *_: None)


@pytest.hookimpl(tryfirst=True)  # the plugin reads the marks in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep real tools on one worker of pytest-xdist, beside all else: they wait, mostly."""
    for item in items:
        item.add_marker(
            pytest.mark.xdist_group("real" if item.get_closest_marker("real") else "fake")
        )


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """Name the face that a behaviour test runs on; it runs on both."""
    return str(request.param)


@pytest.fixture(name="node")
def _node(face: str) -> Iterator[Node]:
    """Open an empty node, whose time leaps when a call waits."""
    with node(face) as opened:
        yield opened


@pytest.fixture
def ready(node: Node) -> Node:
    """Return the node with busybox on it."""
    node.pull()
    return node
