"""A proxy before a real containerd: rules act on what really runs, and what passes is recorded.

To record the session anew: `FAKECRI_RECORD_SESSION=1 pytest tests/real/test_proxy.py`, as root.
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.proxy import Proxy
from tests.real.containerd import Address, containerd, obstacles
from tests.requirements import skip_for
from tests.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

ANEW = os.environ.get("FAKECRI_RECORD_SESSION") == "1"
RECORDED = Path(__file__).parents[2] / "fixtures" / "recordings" / "containerd-1.6.jsonl"


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    """A containerd of its own, with nothing on it."""
    skip_for(obstacles())
    with containerd() as address:
        yield address


def recorded_session(server: Address, directory: Path) -> str:
    """Return the recording of the session, without the names that this run alone has."""
    record = io.StringIO()
    logs = directory / "logs"
    with (
        Proxy(server.endpoint, record=record) as proxy,
        proxy.serve(f"{directory}/cri.sock") as served,
        connect(served.endpoint) as channel,
    ):
        stubs = runtime_stub(channel), image_stub(channel)
        Session(*stubs, time.sleep, str(logs), server.cgroup_parent).play()
    text = record.getvalue().replace(str(logs), "/var/log/session")
    return text.replace(server.cgroup_parent, "/session").replace(
        str(Path(server.endpoint.removeprefix("unix://")).parent), "/run/session"
    )
