"""Over what a client of crictl streams, and against which runtimes."""

import pytest

from tests.real.runtimes import FAKE, REAL

SPDY, WEBSOCKET = "spdy", "websocket"

SERVED: tuple[str, ...] = ()
"""Those that the fake has."""

over_each_transport = pytest.mark.parametrize(
    ("runtime", "transport"),
    # A containerd refuses the WebSockets of crictl; one test says so.
    [*((FAKE, each) for each in SERVED), (REAL, SPDY)],
    indirect=["runtime"],
    scope="session",
)
over_each_of_the_fake = pytest.mark.parametrize(
    ("runtime", "transport"),
    [(FAKE, each) for each in SERVED],
    indirect=["runtime"],
    scope="session",
)
over_spdy = pytest.mark.parametrize(
    "runtime",
    [*([FAKE] if SPDY in SERVED else []), REAL],
    indirect=["runtime"],
    scope="session",
)
