"""What is written down of the use of URLs over WebSockets."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.behaviour.test_streams_recorded import sessions
from tests.streaming.talks import Talk, exec_url, forward_url
from tests.streaming.websocket_client import V5, frame
from tests.support import node


def record_of(protocol: str) -> io.StringIO:
    """Record an exec that is misused, one that is left, and a port-forward to nobody."""
    record = io.StringIO()
    with node("object", pace="manual", record=record, seed=1) as opened:
        opened.pull("busybox")
        pod = opened.run_sandbox()
        main = opened.run(pod, "sleep", "99999")
        for content in (frame(b"\x00hello"), frame(b"\x00hi", mask=None), frame(b"", 0x88)):
            talk = Talk(opened)
            offered = [protocol] if protocol else []
            talk.ask(exec_url(opened, main, "head", "-c", "5", stdin=True), *offered)
            talk.say(content)
        Talk(opened).ask(forward_url(opened, pod, 81))
    return record


def told(lines: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    """What happened to each session, over which protocol, and why."""
    return [
        (line["method"], line["protocol"], None)
        if line["what"] == "opened"
        else (line["what"], "", line.get("reason"))
        for line in lines
    ]


@pytest.mark.parametrize("protocol", ["", "channel.k8s.io", V5])
def test_the_subprotocol_and_the_end_of_each_are_recorded(protocol: str) -> None:
    opened = ("exec", f"websocket {protocol}".strip(), None)
    assert told(sessions(record_of(protocol))) == [
        *(opened, ("closed", "", "exit")),
        *(opened, ("closed", "", "client")) * 2,
        ("portforward", "websocket", None),
        ("connected", "", None),
        ("disconnected", "", None),
        ("closed", "", "exit"),
    ]


def test_recordings_of_the_same_use_are_the_same_to_the_byte() -> None:
    assert record_of(V5).getvalue() == record_of(V5).getvalue()
