"""Over what a client of crictl streams, and against which runtimes."""

import pytest

from tests.real.runtimes import FAKE, REAL

SPDY, WEBSOCKET = "spdy", "websocket"

over_each_transport = pytest.mark.parametrize(
    ("runtime", "transport"),
    # A containerd refuses the WebSockets of crictl; one test says so.
    [(FAKE, SPDY), (FAKE, WEBSOCKET), (REAL, SPDY)],
    indirect=["runtime"],
    scope="session",
)
