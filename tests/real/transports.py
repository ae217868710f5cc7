"""Over what a client of crictl streams, and against which runtimes."""

import pytest

from tests.real.runtimes import FAKE, OLD_FAKE, REAL

BOTH = SPDY, WEBSOCKET = "spdy", "websocket"

over_each_transport = pytest.mark.parametrize(
    ("runtime", "transport"),
    # A containerd refuses the WebSockets of crictl; one test says so.
    [*((FAKE, each) for each in BOTH), (OLD_FAKE, SPDY), (REAL, SPDY)],
    indirect=["runtime"],
    scope="session",
)
over_each_of_the_fake = pytest.mark.parametrize(
    ("runtime", "transport"),
    [(FAKE, each) for each in BOTH],
    indirect=["runtime"],
    scope="session",
)
over_spdy = pytest.mark.parametrize(
    "runtime", [FAKE, OLD_FAKE, REAL], indirect=["runtime"], scope="session"
)
