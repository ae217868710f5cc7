"""What the streams of containerd 1.6 and 1.7 do in another way than those of 2.x."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from fakecri.stream import NotUpgraded
from fakecri.streaming.spdy_frames import FIN, Data, RstStream
from tests.behaviour.steps import until
from tests.behaviour.streams import WIRES, Streams, open_streams
from tests.streaming import http_client, spdy_client
from tests.streaming.upgraded import RefusalError

DEFAULT, OLD, OLDEST = "containerd-2", "containerd-1.7", "containerd-1.6"
VERSION = "X-Stream-Protocol-Version"
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"))
V4 = 4


@pytest.fixture(params=[DEFAULT, OLD, OLDEST])
def personality(request: pytest.FixtureRequest) -> str:
    """Name one."""
    return str(request.param)


@pytest.fixture(name="played", params=WIRES)
def _played(personality: str, request: pytest.FixtureRequest) -> Iterator[Streams]:
    with open_streams(request.param, personality=personality) as opened:
        yield opened


@pytest.fixture(name="over_spdy")
def _over_spdy(personality: str) -> Iterator[Streams]:
    with open_streams("spdy", personality=personality) as opened:
        yield opened


def test_a_status_is_a_whole_one_in_1_x(played: Streams, personality: str) -> None:
    running = played.run("sleep", "99999")
    told = json.loads(played.exec(running, "nosuch", version=V4).result().error)
    _, _, text = told["message"].partition("Internal error occurred: ")
    metadata, details = told.pop("metadata", None), told.pop("details", None)
    assert told.keys() == {"status", "message", "reason", "code"}
    whole = personality != DEFAULT
    assert metadata == ({} if whole else None)
    assert details == ({"causes": [{"message": text}]} if whole else None)
    success = played.exec(running, "true", version=V4).result().error
    assert success == b'{"metadata":{},"status":"Success"}' if whole else b'{"status":"Success"}'


def test_a_command_outlives_its_client_in_1_x(played: Streams, personality: str) -> None:
    running = played.run("sleep", "99999")
    script = "echo up; sleep 3; echo done >/tmp/done"
    with played.cri.clock.hold():
        stream = played.exec(running, "sh", "-c", script, version=V4)
        assert stream.read() == b"up\n"
        stream.hang_up()
        until(lambda: not played.sessions())
    played.cri.advance(10)
    found = played.sync(running, "sh", "-c", "test -e /tmp/done && echo yes || echo no")
    assert found == ("no\n" if personality == DEFAULT else "yes\n")
    assert played.sync(running, "sh", "-c", "ps | grep -c [e]cho || true") == "0\n"


def test_what_an_upgrade_without_a_subprotocol_is_told(
    over_spdy: Streams, personality: str
) -> None:
    url = over_spdy.exec_url(over_spdy.run("sleep", "99999"), "true")
    answer = http_client.refusal(url, "POST", list(UPGRADE))
    text = f"{VERSION} is required"
    if personality == DEFAULT:
        text = f"header {VERSION} does not exist in request with 2 headers"
    assert (answer.status, answer.body) == (400, f"unable to upgrade: {text}\n".encode())


def test_an_exec_with_no_known_subprotocol_is_told_so_twice_in_1_x(
    over_spdy: Streams, personality: str
) -> None:
    url = over_spdy.exec_url(over_spdy.run("sleep", "99999"), "true")
    answer = http_client.refusal(url, "POST", [*UPGRADE, (VERSION, "v9")])
    assert answer.status == 403
    assert answer.body.count(b"client supports [v9]") == (1 if personality == DEFAULT else 2)


def test_a_port_forward_is_told_once_or_nothing(over_spdy: Streams, personality: str) -> None:
    pod = over_spdy.node.run_sandbox()
    url = over_spdy.forward_url(pod)
    answer = http_client.refusal(url, "POST", [*UPGRADE, (VERSION, "v9")])
    assert (answer.status, answer.body.count(b"client supports [v9]")) == (403, 1)
    answer = http_client.refusal(over_spdy.forward_url(pod), "POST", list(UPGRADE))
    if personality == DEFAULT:
        assert answer.status == 400
    else:
        assert (answer.status, answer.body) == (200, b"")


def test_a_switch_of_protocols_has_a_date_since_go_1_20(
    over_spdy: Streams, personality: str
) -> None:
    url = over_spdy.exec_url(over_spdy.run("sleep", "99999"), "true")
    connection, answer = http_client.ask(url, "POST", [*UPGRADE, (VERSION, "v4.channel.k8s.io")])
    with closing(connection):
        assert answer.status == 101
        assert (answer.find("Date") is None) == (personality == OLDEST)


def test_a_connection_that_went_wrong_ends_in_1_6_and_is_reset_since(
    over_spdy: Streams, personality: str
) -> None:
    url = over_spdy.forward_url(over_spdy.node.run_sandbox())
    with spdy_client.forward(url) as client:
        connection = client.connect(81)
        assert b"error forwarding port 81" in connection.error()
        client.wire.read_all(connection.errors)
        last = [
            frame
            for frame in client.wire.frames
            if isinstance(frame, Data | RstStream)
            and frame.stream_id == connection.errors.stream_id
        ][-1]
    if personality == OLDEST:
        assert isinstance(last, Data)
        assert last.flags & FIN
    else:
        assert isinstance(last, RstStream)


@pytest.mark.parametrize(
    ("wire", "refused"), [("object", NotUpgraded), ("websocket", RefusalError)]
)
def test_todays_subprotocol_is_not_that_of_1_x(
    personality: str, wire: str, refused: type[Exception]
) -> None:
    with open_streams(wire, personality=personality) as streams:
        running = streams.run("sleep", "99999")
        assert streams.exec(running, "echo", "hi", version=V4).result().stdout == b"hi\n"
        if personality == DEFAULT:
            assert streams.exec(running, "echo", "hi", version=5).result().stdout == b"hi\n"
            return
        with pytest.raises(refused, match="403"):
            streams.exec(running, "echo", "hi", version=5)
