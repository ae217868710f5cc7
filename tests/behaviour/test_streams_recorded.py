"""What is written down of the use of a URL, and what readers of recordings make of it."""

import io
import json
from typing import Any

import pytest

from fakecri import CRI
from fakecri.core.recording import Recording
from fakecri.opening import open_host
from fakecri.replay.comparing import compare
from fakecri.replay.driving import Driver
from fakecri.timeline.text import render_text
from tests.behaviour.streams import Streams, open_streams


def recorded(script: str) -> str:
    """Record an exec of a shell script."""
    record = io.StringIO()
    with open_streams("object", record=record) as streams:
        streams.exec(streams.run("sleep", "99999"), "sh", "-c", script, stdin=True).result()
    return record.getvalue()


def sessions(record: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines about streams, without times."""
    lines = [json.loads(line) for line in record.getvalue().splitlines()]
    dropped = {"kind", "n", "t", "v"}
    return [
        {key: value for key, value in line.items() if key not in dropped}
        for line in lines
        if line["kind"] == "session"
    ]


def test_what_went_over_each_channel_is_recorded_and_why_it_ended() -> None:
    record = io.StringIO()
    with open_streams("object", record=record) as streams:
        running = streams.run("sleep", "99999")
        stream = streams.exec(running, "sh", "-c", "cat; echo err >&2", stdin=True)
        stream.write(b"hello")
        stream.close_stdin()
        stream.result()
        call = len(streams.cri.calls)
    status = len(b'{"status":"Success"}')
    assert sessions(record) == [
        {"what": "opened", "session": 1, "call": call, "method": "exec", "protocol": "object"},
        {
            "what": "closed",
            "session": 1,
            "call": call,
            "bytes": {"error": status, "stderr": 4, "stdin": 5, "stdout": 5},
            "reason": "exit",
        },
    ]


def hang_up(streams: Streams, running: str) -> None:
    streams.exec(running, "sleep", "99").hang_up()


def leave_it_open(streams: Streams, running: str) -> None:
    stream = streams.exec(running, "sleep", "99")
    streams.cri.close()
    assert stream.result().cut


def restart(streams: Streams, running: str) -> None:
    streams.exec(running, "sleep", "99")
    streams.cri.restart_runtime()


def miss_the_program(streams: Streams, running: str) -> None:
    streams.exec(running, "nosuch").result()


def let_time_pass(streams: Streams, running: str) -> None:
    streams.exec(running, "sleep", "99999")
    streams.cri.advance(4 * 60 * 60)


def let_the_container_end(streams: Streams, running: str) -> None:
    streams.attach(running)
    streams.node.stop(running)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (hang_up, "client"),
        (restart, "restart"),
        (leave_it_open, "closed"),
        (miss_the_program, "error"),
        (let_time_pass, "idle"),
        (let_the_container_end, "exit"),
    ],
)
def test_a_stream_ends_for_one_reason(act: Any, reason: str) -> None:
    record = io.StringIO()
    with open_streams("object", record=record) as streams:
        act(streams, streams.run("sleep", "99999"))
    assert [line.get("reason") for line in sessions(record)] == [None, reason]


def test_only_what_the_client_got_counts() -> None:
    record = io.StringIO()
    with open_streams("object", record=record) as streams:
        stream = streams.exec(streams.run("sleep", "99999"), "yes")
        got = len(stream.read())
        stream.hang_up()
    assert sessions(record)[-1]["bytes"] == {"stdout": got}


def test_the_same_streams_give_the_same_recording() -> None:
    script = "seq 1 100000; head -c 100000 /dev/urandom; exit 3"
    assert recorded(script) == recorded(script)


def test_recordings_are_told_apart_by_what_went_over_their_streams() -> None:
    left, right = (
        Recording.parse(recorded(script).splitlines()) for script in ("echo one", "echo three")
    )
    paths = {each.path for each in compare(left, right).differences}
    assert "session.bytes.stdout" in paths
    assert compare(left, left).alike


def test_a_stream_is_shown_where_its_call_is() -> None:
    recording = Recording.parse(recorded("sleep 1; echo one").splitlines())
    shown = render_text(recording, width=None)
    assert "main  ↔ session exec object opened" in shown
    assert "main  ↔ session closed exit error=20 stdout=4" in shown


def test_streams_are_not_made_anew_from_a_recording() -> None:
    recording = Recording.parse(recorded("echo one").splitlines())
    host = open_host()
    notes = Driver(recording, host).run().notes
    assert "2 lines of kind session were left out: only requests are made anew" in notes
    CRI.over(host).close()
