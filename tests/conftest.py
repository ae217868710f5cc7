"""Fixtures of all tests: a node behind each face."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support import FACES, Node, node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer

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


@pytest.hookimpl(optionalhook=True)  # it is pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> object:
    """Keep real tools on one worker with `--dist loadgroup`, beside all else: they wait, mostly."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415  # only who has workers has it

    class RealBesideFake(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "real" if nodeid.startswith("tests/real/") else "fake"

    return RealBesideFake(config, log)


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
