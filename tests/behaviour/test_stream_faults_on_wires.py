"""What clients of SPDY and of WebSockets see of what rules do to sessions."""

from collections.abc import Iterator
from typing import Any

import pytest

from fakecri.streaming.spdy_frames import Data
from tests.behaviour.steps import until
from tests.behaviour.streams import FORWARDS, Streams, open_streams
from tests.streaming import http_client, spdy_client, websocket_client
from tests.streaming.upgraded import RefusalError

OPENERS: dict[str, Any] = {"spdy": spdy_client.open, "websocket": websocket_client.open}
BOTH = "echo out; echo err >&2; exit 3"


@pytest.fixture(params=FORWARDS)
def wire(request: pytest.FixtureRequest) -> str:
    """Name a wire."""
    return str(request.param)


@pytest.fixture
def lab(wire: str) -> Iterator[Streams]:
    """Open a node, and real clients for what its URLs lead to."""
    with open_streams(wire) as opened:
        yield opened


def sh(lab: Streams, script: str, **fields: Any) -> Any:
    """Execute a script as a client of the wire."""
    return lab.use(url_of(lab, script, **fields))


def url_of(lab: Streams, script: str, **fields: Any) -> str:
    return lab.exec_url(lab.run("sleep", "infinity"), "sh", "-c", script, **fields)


def pieces(client: Any) -> list[bytes]:
    """Return what came on stdout, a frame or a message at a time."""
    if isinstance(client, spdy_client.Command):
        number = client.channels["stdout"].stream_id
        frames = [each for each in client.wire.frames if isinstance(each, Data)]
        return [each.content for each in frames if each.stream_id == number and each.content]
    return [content for channel, content in client.messages if channel == 1 and content]


def is_proper(client: Any) -> bool:
    """Wait for the end of the connection; return whether it was a proper one."""
    if isinstance(client, spdy_client.Command | spdy_client.Forwarding):
        client.wire.wait_for_close()
        return client.wire.goodbye is not None
    client.socket.rest()
    return bool(client.socket.code == 1000)


def probe(client: Any) -> None:
    """Wait until the server has answered a ping: what it had to say before is here."""
    if isinstance(client, spdy_client.Command | spdy_client.Forwarding):
        client.wire.ping()
        return
    client.socket.send_raw(b"\x89\x80\0\0\0\0")
    client.socket.wait_for_pong()


@pytest.mark.parametrize("action", ["status(3)", "merge"])
def test_a_session_that_a_rule_alters_ends_properly(lab: Streams, action: str) -> None:
    with lab.cri.faults(f"Exec = {action}", strict=True):
        client = sh(lab, BOTH)
        result = client.result()
        assert is_proper(client)
    assert result.stdout == (b"out\nerr\n" if action == "merge" else b"out\n")
    assert result.exit_code == 3


def test_output_comes_in_frames_of_so_many_bytes(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:slice(3)", strict=True):
        client = sh(lab, "printf 12345678")
        assert client.result().stdout == b"12345678"
    assert pieces(client) == [b"123", b"456", b"78"]


def test_output_comes_slowly(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:slow(4)", strict=True):
        before_ns = lab.cri.now_ns
        client = sh(lab, "printf 12345678")
        assert client.result().stdout == b"12345678"
        assert lab.cri.now_ns - before_ns >= 2 * 10**9
    assert pieces(client) == [each.encode() for each in "12345678"]


def test_slow_output_comes_while_the_process_reads(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:slow(4)", strict=True):
        client = sh(lab, "cat", stdin=True)
        client.write(b"hello")
        assert b"".join(client.read() for _ in range(5)) == b"hello"


def test_the_connection_is_torn_behind_some_bytes(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:reset(3)", strict=True):
        client = sh(lab, "echo hello; sleep 999")
        assert client.read() == b"hel"
        assert not is_proper(client)


def test_the_connection_is_torn_in_place_of_its_end(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:reset(after)", strict=True):
        client = sh(lab, BOTH)
        assert client.read() == b"out\n"
        assert b"NonZeroExitCode" in client.read("error")
        assert not is_proper(client)


def test_the_connection_is_torn_in_place_of_an_answer(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:reset", strict=True), pytest.raises(ConnectionResetError):
        sh(lab, "true")


def test_the_upgrade_is_answered_late(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:delay(5s)", strict=True):
        before_ns = lab.cri.now_ns
        assert sh(lab, "true").result().exit_code == 0
        assert lab.cri.now_ns - before_ns >= 5 * 10**9


def ask(lab: Streams, url: str) -> Any:
    """Ask for an upgrade, and do not wait for the answer."""
    opened = lab.opened.enter_context(http_client.connect(url))
    lines = spdy_client.offers("v4.channel.k8s.io")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    target = url[url.index("/exec") :]
    opened.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    until(lab.sessions)
    return opened


def test_a_client_that_goes_before_it_is_let_in_leaves_nothing_behind(lab: Streams) -> None:
    gate = lab.cri.gates["door"]
    with lab.cri.faults("Exec = stream:gate(door)", strict=True):
        opened = ask(lab, url_of(lab, "sleep 999"))
        assert gate.waiting == 1
        opened.close()
        until(lambda: not lab.sessions())
        until(lambda: gate.waiting == 0)
    with lab.cri.host.turn() as world:
        assert [each.execs for each in world.store.containers] == [[]]


def test_a_gate_lets_a_client_in(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:gate(door)", strict=True):
        opened = ask(lab, url_of(lab, "true"))
        lab.cri.gates["door"].close()
        assert opened.recv(100).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")


def test_a_restart_ends_a_request_that_is_never_answered(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:hang", strict=True):
        opened = ask(lab, url_of(lab, "true"))
        lab.cri.advance(3600)
        assert lab.sessions()
        lab.cri.restart_runtime()
        with pytest.raises(ConnectionResetError):
            opened.recv(1)


def test_a_client_is_told_to_come_back_later(lab: Streams) -> None:
    with (
        lab.cri.faults('Exec = stream:error(RESOURCE_EXHAUSTED, "not now")', strict=True),
        pytest.raises(RefusalError) as caught,
    ):
        sh(lab, "true")
    answer = caught.value.answer
    assert (answer.status, answer.body) == (429, b"not now\n")
    assert answer.find("Retry-After") == "60"


def test_a_connection_goes_on_behind_a_refusal(lab: Streams) -> None:
    with lab.cri.faults("Exec = 1* stream:error(599, a)", strict=True):
        first, second = (url_of(lab, "true") for _ in range(2))
        with http_client.connect(first) as opened:
            for url, status in ((first, b"599 status code 599"), (second, b"101 Switching")):
                lines = spdy_client.offers("v4.channel.k8s.io")
                head = "".join(f"{name}: {value}\r\n" for name, value in lines)
                target = url[url.index("/exec") :]
                opened.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
                assert opened.recv(4096).startswith(b"HTTP/1.1 " + status)


def test_nothing_comes_behind_some_bytes_and_the_process_waits(lab: Streams) -> None:
    with lab.cri.faults("Exec = stall(3)", strict=True):
        client = sh(lab, "yes")
        assert client.read() == b"y\ny"
        probe(client)
        lab.cri.advance(60)
        probe(client)
        (session,) = lab.sessions()
        assert pieces(client) == [b"y\ny"]
        assert not session.ended
        assert session.held < 4 * 65_536


@pytest.mark.parametrize(
    ("protocols", "spdy", "status"),
    [
        ("v3.*", "v3.channel.k8s.io", 403),
        ("v4.*", "v4.channel.k8s.io", 403),
        ("v5.*", 403, "v5.channel.k8s.io"),
    ],
)
def test_a_subprotocol_is_chosen_from_those_that_are_left(
    protocols: str, spdy: str | int, status: str | int
) -> None:
    with open_streams("spdy") as lab, lab.cri.faults(f'Exec = only("{protocols}")'):
        answers: list[str | int | None] = []
        for opener in OPENERS.values():
            try:
                with opener(url_of(lab, "true")) as client:
                    over = getattr(client, "wire", None) or client.socket
                    answers.append(over.protocol)
            except RefusalError as refused:
                answers.append(refused.answer.status)
        assert answers == [spdy, status]


def test_the_refusal_of_a_subprotocol_names_what_is_served(lab: Streams) -> None:
    lines = spdy_client.offers("v4.channel.k8s.io")
    with lab.cri.faults('Exec = only("v[23].*")', strict=True):
        answer = http_client.refusal(url_of(lab, "true"), lines=lines)
    assert answer.status == 403
    served = answer.all("X-Accepted-Stream-Protocol-Versions")
    assert served == ["v3.channel.k8s.io", "v2.channel.k8s.io"]


def test_a_process_outlives_its_client(lab: Streams) -> None:
    with lab.cri.faults("Exec = stream:cancel(finish)", strict=True):
        client = sh(lab, "echo hello; sleep infinity")
        assert client.read() == b"hello\n"
        client.hang_up()
        until(lambda: not lab.sessions())
    with lab.cri.host.turn() as world:
        (container,) = world.store.containers
        assert len(container.execs) == 1


def test_a_refused_port_of_a_forward_is_not_told_of(lab: Streams) -> None:
    pod = lab.node.run_sandbox()
    with lab.cri.faults("PortForward = linger", strict=True):
        forwarding = lab.forward(pod)
        connection = forwarding.connect(81)
        probe(forwarding)
        lab.cri.advance(60)
        probe(forwarding)
        assert {connection.data.ended, connection.errors.ended} == {False}
        assert not connection.errors.arrived


def test_a_forward_is_torn_in_the_middle_of_an_answer(lab: Streams) -> None:
    pod = lab.node.run_sandbox()
    lab.start(pod, "nginx")
    with lab.cri.faults("PortForward = stream:reset(10)", strict=True):
        connection = lab.forward(pod).connect(80)
        connection.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        assert connection.read_all() == b"HTTP/1.1 2"
        assert connection.wire.goodbye is None
