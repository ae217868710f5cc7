"""The endpoint over real sockets: what holds for each connection, whatever is spoken on it."""

import asyncio
import gc
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.sessions import ROOM
from fakecri.endpoints import UnusableAddress
from fakecri.streaming.http import Front
from fakecri.streaming.server import StreamingServer, open_streaming, tls_context
from fakecri.streaming.wires import WINDOW, Wire
from tests.streaming import http_client, spdy_client, websocket_client
from tests.support import Node, node

PATIENCE_S = 60
_PEMS = Path(__file__).with_name("tls")
TLS = (_PEMS / "cert.pem", _PEMS / "key.pem")
CLIENTS = (partial(spdy_client.open, stdin=True), websocket_client.open)
"""What opens an exec with stdin, stdout and stderr."""


class Endpoint:
    """A node with an endpoint, and a container that sleeps."""

    def __init__(self, opened: Node, server: StreamingServer) -> None:
        self.node = opened
        self.cri = opened.cri
        self.server = server
        opened.pull("busybox")
        self.pod = opened.run_sandbox()
        self.container = opened.run(self.pod, "sleep", "1000000")

    def url(self, *command: str, **fields: Any) -> str:
        """Ask for an exec."""
        request = pb.ExecRequest(
            container_id=self.container, cmd=command, **{"stdout": True, **fields}
        )
        return self.node.runtime.Exec(request).url

    def sessions(self) -> int:
        """Count the sessions that are open."""
        with self.cri.host.turn() as world:
            return len(list(world.sessions))

    def wires(self) -> list[Wire]:
        """Return the connections that there are."""
        return list(self.server._wires)

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait, in real time, until something is so."""
        pause = threading.Event()
        for _ in range(PATIENCE_S * 100):
            if is_so():
                return
            pause.wait(0.01)
        pytest.fail("it never came about")


@pytest.fixture(params=["manual", "autojump", "rate"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """An endpoint under each kind of pace."""
    with node("object", pace=request.param) as opened:
        yield Endpoint(opened, open_streaming(opened.cri.host))


@pytest.fixture
def still() -> Iterator[Endpoint]:
    """An endpoint where time stands still."""
    with node("object", pace="manual") as opened:
        yield Endpoint(opened, open_streaming(opened.cri.host))


def wire_to(endpoint: Endpoint, url: str, *channels: str) -> spdy_client.Wire:
    """Open some of the streams of an exec."""
    wire = spdy_client.Wire.open(url, spdy_client.COMMANDS)
    for each in channels:
        wire.open_stream(streamtype=each)
    return wire


# Where it is.


def test_urls_lead_to_where_it_listens_and_are_recorded_as_asked_for() -> None:
    record = StringIO()
    with CRI(streaming_address="127.0.0.1:0", record=record) as cri:
        opened = Node(cri, cri.runtime, cri.images, "object")
        opened.pull("busybox")
        pod = opened.run_sandbox()
        container = opened.run(pod, "sleep", "9")
        urls = [
            cri.runtime.Exec(pb.ExecRequest(container_id=container, stdout=True)).url,
            cri.runtime.Attach(pb.AttachRequest(container_id=container, stdout=True)).url,
            cri.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod)).url,
        ]
        place = cri.node.streaming_address
        assert {url.split("/")[2] for url in urls} == {place}
        assert http_client.refusal(urls[0]).status == 400
    assert place not in record.getvalue()
    for url in urls:
        assert url.replace(place, "127.0.0.1:0") in record.getvalue()


def test_a_port_may_be_chosen_and_be_in_use() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnusableAddress, match=f"cannot listen on {place}: Address already in"):
            CRI(streaming_address=place)
    with CRI(streaming_address=place) as cri:
        assert cri.node.streaming_address == place


def test_an_address_of_version_6() -> None:
    with node("object", streaming_address="[::1]:0") as opened:
        opened.pull("busybox")
        container = opened.run(opened.run_sandbox(), "sleep", "9")
        url = opened.runtime.Exec(
            pb.ExecRequest(container_id=container, cmd=["echo", "6"], stdout=True)
        ).url
        assert url.startswith("http://[::1]:")
        with spdy_client.open(url, stderr=False) as stream:
            assert stream.result().stdout == b"6\n"


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:0", "192.0.2.1:10010", "[::]:0", "example.test:1", "127.0.0.1", "x", "127.0.0.1:-1"],
)
def test_beyond_loopback_or_nowhere_at_all_is_refused(address: str) -> None:
    with pytest.raises(UnusableAddress):
        CRI(streaming_address=address)


def test_serving_opens_one_that_lasts_as_long_as_the_runtime(tmp_path: Path) -> None:
    with CRI() as cri:
        assert cri.node.streaming_address == "127.0.0.1:10010"
        for name in ("a", "b"):
            with cri.serve(f"unix://{tmp_path}/{name}.sock"):
                place = cri.node.streaming_address
                assert http_client.refusal(f"http://{place}/exec/abcdefgh").status == 404
        with pytest.raises(UsageError, match=f"streams are served already, at {place}"):
            cri.open_streams()
    with pytest.raises(ConnectionRefusedError):
        http_client.connect(f"http://{place}")


# TLS.


@pytest.mark.parametrize("address", ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"])
def test_streams_over_tls(address: str) -> None:
    trusting = ssl.create_default_context(cafile=TLS[0])
    with node("object", streaming_address=address, streaming_tls=TLS) as opened:
        opened.pull("busybox")
        container = opened.run(opened.run_sandbox(), "sleep", "9")
        for client in CLIENTS:
            request = pb.ExecRequest(
                container_id=container, cmd=["cat"], stdin=True, stdout=True, stderr=True
            )
            url = opened.runtime.Exec(request).url
            assert url.startswith(f"https://{address.rpartition(':')[0]}:")
            url = url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # where it can be dialled
            with client(url, context=trusting) as stream:
                stream.write(b"secret" * 20_000)
                stream.close_stdin()
                assert stream.result().stdout == b"secret" * 20_000


def test_strangers_to_tls_get_nothing_and_leave_nothing() -> None:
    with CRI() as cri:
        server = open_streaming(cri.host, tls=TLS)
        plain = socket.create_connection(("127.0.0.1", int(server.address.split(":")[1])))
        silent = socket.create_connection(plain.getpeername())
        with closing(plain), closing(silent):
            plain.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            plain.settimeout(PATIENCE_S)
            assert b"HTTP" not in plain.recv(1000)
            server.close()
            silent.settimeout(PATIENCE_S)
            assert silent.recv(1) == b""


def test_a_certificate_has_to_be_there_and_to_fit(tmp_path: Path) -> None:
    cert, key = TLS
    with pytest.raises(UsageError, match="no file with a certificate or a key"):
        tls_context(cert, tmp_path / "key.pem")
    (tmp_path / "key.pem").write_text("nonsense")
    for pair in ((cert, cert), (cert, tmp_path / "key.pem"), (key, key)):
        with pytest.raises(UsageError, match="are no certificate and its key: "):
            tls_context(*pair)


# What is sent and when.


def test_an_ordinary_http_client_is_answered(endpoint: Endpoint) -> None:
    host, _, port = endpoint.server.address.partition(":")
    client = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    with closing(client):
        for target, status in (("/", 404), ("/exec/abcdefgh", 404)):
            client.request("GET", target)
            response = client.getresponse()
            assert (response.status, response.read()[:3]) == (status, b"404")
        client.request("PUT", "/exec/abcdefgh", headers={"Connection": "close"})
        assert client.getresponse().status == 405
        endpoint.until(lambda: not endpoint.wires())


def test_nothing_is_sent_before_the_first_stream_is_opened(still: Endpoint) -> None:
    opened, answer = http_client.ask(
        still.url("true"), lines=spdy_client.offers("v4.channel.k8s.io")
    )
    with closing(opened):
        assert (answer.status, answer.rest) == (101, b"")
        wire = spdy_client.Wire(opened, answer)
        wire.ping()  # it has looked at all that there was to send, and there was nothing else
        assert [type(frame).__name__ for frame in wire.frames] == ["Ping"]


@pytest.mark.parametrize("client", CLIENTS)
def test_time_leaps_for_a_client_that_waits(client: Any) -> None:
    with node("object") as opened:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        before_ns = opened.cri.now_ns
        url = endpoint.url("sh", "-c", "read it; sleep 600; echo $it", stdin=True, stderr=True)
        with client(url) as stream:
            stream.write(b"hello\n")
            assert stream.read() == b"hello\n"
            assert stream.result().exit_code == 0
        assert (opened.cri.now_ns - before_ns) // 10**9 == 600


def test_time_begins_to_leap_for_a_client_that_waits_already(still: Endpoint) -> None:
    with wire_to(still, still.url("sleep", "600"), "error", "stdout") as wire:
        still.cri.clock.switch("autojump")
        wire.wait_for_close()


@pytest.mark.parametrize("client", CLIENTS)
def test_time_does_not_leap_while_a_process_waits_for_its_client(client: Any) -> None:
    with node("object") as opened:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        before_ns = opened.cri.now_ns
        with client(endpoint.url("cat", stdin=True, stderr=True)) as stream:
            stream.write(b"once")
            assert stream.read() == b"once"
            # Whoever waits for time would see it leap.
            endpoint.until(lambda: endpoint.server._tick_handle is None)
            stream.write(b"more")
            assert stream.read() == b"more"
            assert opened.cri.now_ns == before_ns


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_session_does_is_looked_at_by_one_thread_at_a_time(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with node("object") as opened:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        held: set[bool] = set()

        def watched(name: str) -> property:
            plain = getattr(Front, name)

            def look(front: Front) -> Any:
                held.add(opened.cri.host._lock._is_owned())  # type: ignore[attr-defined]  # of RLock
                return plain.__get__(front)

            return property(look)

        for name in ("full", "ended", "cut", "is_forming", "waits"):
            monkeypatch.setattr(Front, name, watched(name))
        with client(endpoint.url("sh", "-c", "sleep 5; cat", stdin=True, stderr=True)) as stream:
            stream.write(b"x" * 200_000)
            stream.close_stdin()
            assert len(stream.result().stdout) == 200_000
        endpoint.until(lambda: not endpoint.wires())
        assert held == {True}


def test_time_does_not_leap_while_streams_are_being_opened() -> None:
    with node("object") as opened:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        with wire_to(endpoint, endpoint.url("true"), "error") as wire:
            with opened.cri.host.turn():
                assert endpoint.server.is_thinking()
            wire.open_stream(streamtype="stdout")
            wire.wait_for_close()
        assert not endpoint.server.is_thinking()


def test_time_never_leaps_only_to_give_a_client_up() -> None:
    with node("object") as opened:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        with wire_to(endpoint, endpoint.url("cat", stdin=True), "error", "stdin", "stdout"):
            with opened.cri.host.turn() as world:
                assert world.scheduler.next_ns(patient=True) is not None
                due_ns = world.scheduler.next_ns()
            while due_ns is not None:  # the container's own
                assert opened.cri.host.leap()
                with opened.cri.host.turn() as world:
                    due_ns = world.scheduler.next_ns()
            assert not opened.cri.host.leap()


def test_an_idle_session_is_ended_after_four_hours(still: Endpoint) -> None:
    with wire_to(still, still.url("cat", stdin=True), "error", "stdin", "stdout") as wire:
        still.cri.advance("2h")
        wire.ping()
        still.cri.advance("3h")
        wire.ping()  # a frame of any kind, and it lives on
        still.cri.advance("4h")
        wire.wait_for_close()
        names = [type(frame).__name__ for frame in wire.frames[-4:]]
        assert names == ["RstStream", "RstStream", "RstStream", "GoAway"]
    assert still.sessions() == 0


def test_idle_time_passes_under_a_pace_that_runs() -> None:
    with node("object", pace="manual") as opened:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        with wire_to(endpoint, endpoint.url("cat", stdin=True), "error", "stdin", "stdout") as wire:
            opened.cri.clock.rate(1e6)
            wire.wait_for_close()


# Back-pressure.


def test_a_slow_reader_holds_the_process_up_and_nothing_grows(still: Endpoint) -> None:
    written = 0

    def flood(process: Any) -> Any:
        nonlocal written
        while True:
            process.write(b"x" * 10_000)
            written += 10_000
            yield from process.drain()

    still.cri.register(flood, command="flood")
    with wire_to(still, still.url("flood"), "error", "stdout") as wire:
        still.until(lambda: not still.wires()[0]._writable)
        before = written
        transport = still.wires()[0]._transport
        assert transport is not None
        assert transport.get_write_buffer_size() < 3 * WINDOW
        (session,) = session_of(still)
        assert session.held < ROOM + 10_000
        stdout = wire.channels[3]
        size = 0
        while size < before + 100_000:
            size += len(wire.read(stdout))
        assert written > before
    still.until(lambda: still.sessions() == 0)


def session_of(endpoint: Endpoint) -> list[Any]:
    with endpoint.cri.host.turn() as world:
        return list(world.sessions)


REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PING = b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x01"


@pytest.mark.parametrize("spoken", ["http", "exec", "portforward"])
def test_who_asks_and_reads_no_answers_is_not_listened_to_any_more(
    still: Endpoint, spoken: str
) -> None:
    if spoken == "http":
        opened = http_client.connect(f"http://{still.server.address}")
    elif spoken == "exec":
        offers = spdy_client.offers("v4.channel.k8s.io")
        opened, _ = http_client.ask(still.url("true"), lines=offers)
    else:
        request = pb.PortForwardRequest(pod_sandbox_id=still.pod)
        url = still.node.runtime.PortForward(request).url
        opened, _ = http_client.ask(url, lines=spdy_client.offers("portforward.k8s.io"))
    with closing(opened):
        opened.setblocking(False)
        still.until(still.wires)
        (wire,) = still.wires()
        transport, front = wire._transport, wire._conversation
        assert transport is not None
        assert isinstance(front, Front)
        real = transport.get_extra_info("socket")
        real.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # else much fits into it
        asked = (REQUEST if spoken == "http" else PING) * 1000
        unsent = asked

        def flood() -> bool:
            nonlocal unsent
            with suppress(BlockingIOError):
                unsent = unsent[opened.send(unsent) :] or asked
            return not transport.is_reading()

        still.until(flood)
        assert transport.get_write_buffer_size() < 40 * WINDOW
        assert len(front._output) < 40 * WINDOW
        # Once it reads, it is listened to again.

        def drain() -> bool:
            with suppress(BlockingIOError):
                assert opened.recv(1 << 20)
            return transport.is_reading()

        still.until(drain)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_process_that_does_not_read_holds_its_client_up(still: Endpoint, client: Any) -> None:
    url = still.url("sh", "-c", "sleep 5; cat", stdin=True, stderr=True)
    with client(url) as stream, ThreadPoolExecutor(1) as pool:
        content = bytes(range(256)) * 20_000
        writing = pool.submit(stream.write, content)
        still.until(lambda: still.wires()[0]._conversation.full)
        (session,) = session_of(still)
        assert session._stdin().held < 2 * ROOM
        still.cri.advance("5s")
        writing.result(PATIENCE_S)
        stream.close_stdin()
        assert stream.result().stdout == content


def test_a_client_that_writes_and_does_not_read_is_held_up(still: Endpoint) -> None:
    content = bytes(30_000_000)
    url = still.url("cat", stdin=True)
    with wire_to(still, url, "error", "stdin", "stdout") as wire, ThreadPoolExecutor(1) as pool:
        frames = b"".join(wire.spdy.send_data(wire.channels[3].stream_id, content, ends=True))
        transport = still.wires()[0]._transport
        assert transport is not None
        writing = pool.submit(wire._socket.sendall, frames)
        still.until(lambda: not transport.is_reading())
        assert not writing.done()
        assert wire.read_all(wire.channels[5]) == content
        writing.result(PATIENCE_S)


# Ends.


def test_a_client_that_goes_ends_its_session(endpoint: Endpoint) -> None:
    for leave in ("hang_up", "abort", "leave", "shut"):
        with wire_to(endpoint, endpoint.url("cat", stdin=True), "error", "stdin", "stdout") as wire:
            assert endpoint.sessions() == 1
            getattr(wire, leave)()
            endpoint.until(lambda: endpoint.sessions() == 0)
    endpoint.until(lambda: not endpoint.wires())


def test_a_client_that_closes_late_loses_nothing(endpoint: Endpoint) -> None:
    url = endpoint.url("sh", "-c", "read it; echo $it", stdin=True)
    with wire_to(endpoint, url, "error", "stdin", "stdout") as wire:
        # Much of it is unread when the process ends.
        wire.write(wire.channels[3], b"hello\n" + b"x" * 300_000)
        wire.wait_for_close()
        assert not wire.broken
        assert wire.read_all(wire.channels[5]) == b"hello\n"
        assert wire.read_all(wire.channels[1]) == b'{"status":"Success"}'


def test_a_client_that_reads_late_loses_nothing(
    still: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakecri.streaming.wires.LINGER_S", 0.01)
    size = 1_000_000
    url = still.url("head", "-c", str(size), "/dev/zero")
    with wire_to(still, url, "error", "stdout") as wire:
        (behind,) = still.wires()
        still.until(lambda: behind._lingering)
        first = behind._lingering
        still.until(lambda: behind._lingering is not first)  # it has been looked
        wire.send_raw(wire.spdy.ping()[1])
        assert len(wire.read_all(wire.channels[3])) == size
        wire.wait_for_close()
        assert not wire.broken


def test_it_goes_down_and_comes_back_with_the_runtime(endpoint: Endpoint) -> None:
    place = endpoint.server.address
    url = endpoint.url("true")
    with wire_to(endpoint, endpoint.url("cat", stdin=True), "error", "stdin", "stdout") as wire:
        endpoint.cri.restart_runtime("50s")
        wire.wait_for_close()
        with pytest.raises(ConnectionRefusedError):
            http_client.connect(url)
        endpoint.cri.advance("50s")
    assert endpoint.server.address == place
    assert http_client.refusal(url).status == 404  # what was kept in memory is lost
    with spdy_client.open(endpoint.url("echo", "back"), stderr=False) as stream:
        assert stream.result().stdout == b"back\n"


def test_a_port_that_is_taken_meanwhile_ends_it(
    still: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    still.cri.restart_runtime("5s")
    host, _, port = still.server.address.partition(":")
    with closing(socket.create_server((host, int(port)))):
        still.cri.advance("10s")
    assert "cannot serve streams any longer" in caplog.text


@pytest.mark.parametrize("client", CLIENTS)
def test_closing_it_under_its_clients_leaves_nothing_behind(client: Any) -> None:
    # Nodes of other tests may be open still.
    threads = set(threading.enumerate())
    with node("object", pace="manual") as opened, ExitStack() as stack:
        endpoint = Endpoint(opened, open_streaming(opened.cri.host))
        urls = [endpoint.url("cat", stdin=True, stderr=True) for _ in range(20)]
        for url in urls:
            stack.enter_context(client(url))
        idle = stack.enter_context(closing(http_client.connect(urls[0])))
        thread = endpoint.server._thread
        assert thread is not None
        opened.cri.close()
        assert idle.recv(1) == b""
        assert endpoint.sessions() == 0
        assert not endpoint.wires()
        assert not thread._thread.is_alive()
        new = set(threading.enumerate()) - threads
        assert "fakecri-streams" not in {each.name for each in new}
        endpoint.server.close()
    gc.collect()


def test_two_hundred_execs_at_once(endpoint: Endpoint) -> None:
    def once(number: int) -> tuple[bytes, int | None]:
        client = CLIENTS[number % 2]
        url = endpoint.url("sh", "-c", f"cat; exit {number}", stdin=True, stderr=True)
        with client(url) as stream:
            stream.write(b"%d" % number)
            stream.close_stdin()
            result = stream.result()
            return result.stdout, result.exit_code

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(once, range(200))) == [(b"%d" % n, n) for n in range(200)]
    endpoint.until(lambda: not endpoint.wires())


def test_thousands_of_connections_stay_open_and_cost_no_thread(still: Endpoint) -> None:
    host, _, port = still.server.address.partition(":")
    threads = threading.active_count()
    count = 1000

    async def crowd() -> None:
        connections = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
        for _, writer in connections:
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        for reader, writer in connections:
            assert (await reader.readline()) == b"HTTP/1.1 404 Not Found\r\n"
            assert len(still.wires()) >= 1
            writer.close()

    asyncio.run(crowd())
    assert threading.active_count() <= threads
    still.until(lambda: not still.wires())
