"""The frames of a port-forward: what clients see of it that do more, and worse, than crictl."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.streaming.spdy_frames import FIN, Data, RstStream, SynReply, SynStream
from tests.real.runtimes import Difference, until
from tests.real.transports import over_spdy
from tests.streaming import spdy_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.streaming.spdy_frames import Frame
    from tests.real.runtimes import Pod, Runtime, Stage
    from tests.streaming.spdy_client import Channel, Forwarded, Forwarding, Wire

pytestmark = pytest.mark.real

CANCEL, PROTOCOL_ERROR = 5, 1
REPLY, END, RESET = SynReply(0), Data(0, b"", FIN), RstStream(0, CANCEL)
BETWEEN_WRITES_S = 0.05
"""No ping is sent between writes: where nobody reads a stream any more, what follows may be stuck
behind its data, since spdystream hands frames to few workers."""
AFTER_ERROR = Difference(
    real=END, fake=RESET, why="main resets a stream that it has told an error on; 1.6 ends it"
)
READ = Difference(
    real="read {0}: read: connection reset by peer",
    fake="writeto {0}: read {0}: read: connection reset by peer",
    why="the Go of 1.6 has no connections yet that write themselves to others",
)
LOCALHOST_6 = Difference(
    real=r"(: address localhost: no suitable address found| \[::1\]:81: connect: [a-z ]+)",
    fake=r" \[::1\]:81: connect: connection refused",
    why="the machine may have no ::1 for localhost",
)


@contextmanager
def forwarding(stage: Stage, pod: Pod) -> Iterator[Forwarding]:
    """A port-forward to a pod, as client-go makes it."""
    with spdy_client.forward(url_of(stage.runtime, pod)) as opened:
        yield opened


def url_of(runtime: Runtime, pod: Pod) -> str:
    with connect(runtime.endpoint) as channel:
        request = pb.PortForwardRequest(pod_sandbox_id=pod.id)
        url: str = runtime_stub(channel).PortForward(request).url
        return url


def listening(pod: Pod, port: int, script: str) -> str:
    """A container that runs a script; it is there when something listens on the port."""
    made = pod.start(f"on-{port}", "sh", "-c", script)
    shown = ("exec", "--sync", made, "netstat", "-ltn")
    until(lambda: f":{port} " in pod.crictl.ok(*shown).out, "a listener")
    return made


def frames_on(wire: Wire, channel: Channel) -> list[Frame]:
    """What has come on a stream, as if its number were 0. Only the data is told from its pieces."""
    return [
        frame._replace(stream_id=0)
        for frame in wire.frames
        if isinstance(frame, Data | SynReply | RstStream) and frame.stream_id == channel.stream_id
    ]


def until_over(connection: Forwarded) -> tuple[list[Frame], list[Frame]]:
    """What came on both streams, the data's first; none is over before the other's end."""
    wire = connection.wire
    wire.read_all(connection.data)
    wire.read_all(connection.errors)
    return frames_on(wire, connection.data), frames_on(wire, connection.errors)


def told(stage: Stage, pod: Pod, port: int, reason: str) -> re.Pattern[str]:
    return re.compile(
        f"error forwarding port {port} to pod {pod.id}, uid : "
        f'failed to execute portforward in network namespace "[^"]+": {reason}'
    )


@over_spdy
def test_the_end_of_the_pod_is_told_on_both_streams(stage: Stage) -> None:
    pod = stage.pod()
    listening(pod, 80, "echo hello | nc -l -p 80")
    with forwarding(stage, pod) as client:
        assert until_over(client.connect(80)) == ([REPLY, Data(0, b"hello\n"), END], [REPLY, END])
        client.wire.ping()  # the connection lives on


@over_spdy
def test_what_the_pod_says_after_the_end_of_the_client_comes_for_a_second(stage: Stage) -> None:
    pod = stage.pod()
    listening(pod, 80, "while echo again; do sleep 0.1; done | nc -l -p 80")
    with forwarding(stage, pod) as client:
        connection = client.connect(80)
        connection.close()
        connection.read()
        data, errors = until_over(connection)
        assert (data[0], data[-1], errors) == (REPLY, END, [REPLY, END])
        said = b"".join(each.content for each in data if isinstance(each, Data))
        assert set(said.split()) == {b"again"}


@over_spdy
def test_a_data_stream_that_the_client_resets_ends_with_the_errors(stage: Stage) -> None:
    pod = stage.pod()
    listening(pod, 80, "sleep 300 | nc -l -p 80")
    with forwarding(stage, pod) as client:
        connection = client.connect(80)
        client.wire.reset(connection.data)
        assert until_over(connection) == ([REPLY], [REPLY, END])


@over_spdy
def test_a_refused_port_is_told(stage: Stage) -> None:
    pod = stage.pod()
    with forwarding(stage, pod) as client:
        connection = client.connect(81)
        text = connection.error().decode()
        data, errors = until_over(connection)
        assert data == [REPLY, END]
        assert errors == [REPLY, Data(0, text.encode()), stage.runtime.expects(AFTER_ERROR)]
        second = stage.runtime.expects(LOCALHOST_6)
        dialled = (
            f'failed to connect to localhost:81 inside namespace "{pod.id}", IPv4: '
            rf"dial tcp4 127\.0\.0\.1:81: connect: connection refused IPv6 dial tcp6{second} "
        )
        assert told(stage, pod, 81, dialled).fullmatch(text), text
        ends = [
            frame for frame in client.wire.frames if isinstance(frame, Data) and frame.stream_id
        ]
        assert ends[0] == Data(connection.data.stream_id, b"", FIN)  # before the text


@over_spdy
def test_a_pod_that_dies_with_something_unread_is_a_reset(stage: Stage) -> None:
    pod = stage.pod()
    made = listening(pod, 80, "sleep 60 | nc -l -p 80 | sleep 60")
    with forwarding(stage, pod) as client:
        connection = client.connect(80)
        connection.write(bytes(400_000))
        client.wire.ping()
        pod.crictl.ok("stop", "--timeout", "0", made)
        text = connection.error().decode()
    reason = stage.runtime.expects(READ).format(r"tcp4 127\.0\.0\.1:\d+->127\.0\.0\.1:80")
    assert told(stage, pod, 80, reason).fullmatch(text), text


@over_spdy
def test_writing_to_a_pod_that_has_died_is_a_broken_pipe(stage: Stage) -> None:
    # Who writes more than a second after that is told nothing.
    until(lambda: is_told_of_a_broken_pipe(stage), "a write within a second")


def is_told_of_a_broken_pipe(stage: Stage) -> bool:
    pod = stage.pod()
    made = listening(pod, 80, "sleep 300 | nc -l -p 80")
    with forwarding(stage, pod) as client:
        connection = client.connect(80)
        pod.crictl.ok("stop", "--timeout", "0", made)
        while not connection.errors.ended:
            connection.write(b"x")
            client.wire.receive_within(BETWEEN_WRITES_S)
        text = connection.error().decode()
    flow = r"tcp4 127\.0\.0\.1:\d+->127\.0\.0\.1:80"
    expected = told(stage, pod, 80, f"readfrom {flow}: write {flow}: write: broken pipe")
    assert not text or expected.fullmatch(text), text
    return bool(text)


@over_spdy
def test_a_pod_is_looked_up_for_each_connection(stage: Stage) -> None:
    pod = stage.pod()
    late = url_of(stage.runtime, pod)
    with forwarding(stage, pod) as client:
        for order, reason in (
            ("stopp", f'network namespace for sandbox "{pod.id}" is closed'),
            ("rmp", f'failed to find sandbox "{pod.id}" in store: not found'),
        ):
            pod.crictl.ok(order, pod.id)
            connection = client.connect(80)
            text = f"error forwarding port 80 to pod {pod.id}, uid : {reason}".encode()
            end = stage.runtime.expects(AFTER_ERROR)
            assert until_over(connection) == ([REPLY, end], [REPLY, Data(0, text), end])
    with spdy_client.forward(late) as client:
        assert client.connect(80).error() == text


@over_spdy
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"port": "80"},
        {"streamtype": "data"},
        {"streamtype": "other", "port": "80"},
        *(
            {"streamtype": "error", "port": port}
            for port in ("", "0", "+80", "65536", "0x50", " 80")
        ),
    ],
)
def test_a_stream_of_no_use_is_reset_without_a_reply(stage: Stage, headers: dict[str, str]) -> None:
    with forwarding(stage, stage.pod()) as client:
        useless = client.wire.begin_stream(**headers)
        client.wire.wait(lambda: useless.ended, "a reset")
        assert frames_on(client.wire, useless) == [RESET]
        fine = client.wire.open_stream(streamtype="error", port="0080")
        assert frames_on(client.wire, fine) == [REPLY]


@over_spdy
def test_a_second_error_stream_is_told_of_on_the_first_one(stage: Stage) -> None:
    with forwarding(stage, stage.pod()) as client:
        first, second = (
            client.wire.open_stream(streamtype="error", port="80", requestid="7") for _ in range(2)
        )
        text = b"error processing stream for request 7: error stream already assigned"
        assert client.wire.read(first) == text
        assert frames_on(client.wire, second) == [REPLY]


@over_spdy
def test_old_clients_do_not_number_their_requests(stage: Stage) -> None:
    pod = stage.pod()
    listening(pod, 80, "(echo hello; sleep 300) | nc -l -p 80")
    with forwarding(stage, pod) as client:
        error, data, lone = (
            client.wire.open_stream(streamtype=kind, port="80")
            for kind in ("error", "data", "data")
        )
        assert client.wire.read(data) == b"hello\n"
        client.wire.write(data, b"", ends=True)
        assert client.wire.read_all(error) == b""
        client.wire.ping()
        assert frames_on(client.wire, lone) == [REPLY]


@over_spdy
def test_stream_numbers_have_to_grow(stage: Stage) -> None:
    with forwarding(stage, stage.pod()) as client:
        wire = client.wire
        for stream_id in (5, 3):
            wire.send(SynStream(stream_id, (("streamtype", "error"), ("port", "80"))))
        wire.send(Data(77, b"nobody's"), RstStream(99, CANCEL))
        wire.wait(lambda: len(wire.frames) > 1, "a reply and a reset")
        wire.ping()
        assert sorted(wire.frames[:-1], key=lambda frame: frame[0]) == [
            RstStream(3, PROTOCOL_ERROR),
            SynReply(5),
        ]


@over_spdy
def test_a_client_that_goes_away_sees_the_end_of_the_connection(stage: Stage) -> None:
    pod = stage.pod()
    listening(pod, 80, "sleep 60 | nc -l -p 80")
    with forwarding(stage, pod) as client:
        client.connect(80)
        before = len(client.wire.frames)
        client.wire.send_raw(client.wire.spdy.go_away())
        client.wire.wait_for_close()
        # A containerd may still be about to forget the streams of the pair.
        late = [each for each in client.wire.frames[before:] if not isinstance(each, RstStream)]
        assert late == []
