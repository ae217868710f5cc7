"""TCP between simulated processes."""

import errno
from typing import Any

import pytest

from fakecri.core.net.connections import WINDOW, Connection
from fakecri.core.net.daemons import echo_server
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from tests.core.net.pods import Pods


def read_all(connection: Connection) -> Waits[bytes]:
    content = b""
    while chunk := (yield from connection.read()):
        content += chunk
    return content


def greeting(port: int) -> Any:
    def serve(process: Process) -> Waits[int]:
        listener = process.listen(port)
        while True:
            connection = yield from listener.accept()
            connection.write(b"hello\n")
            connection.close()

    return serve


def test_what_is_written_is_read_in_order_up_to_the_end(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    net.run(pod, echo_server(7))

    def talk(process: Process) -> Waits[bytes]:
        connection = yield from process.connect(net.address(pod), 7)
        for word in (b"one ", b"two ", b"three"):
            connection.write(word)
        connection.shutdown()
        return (yield from read_all(connection))

    assert net.result(client, talk) == b"one two three"


def test_a_pod_reaches_itself_by_every_address(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, greeting(80))
    for address in ("127.0.0.1", "::1", "127.1.2.3", net.address(pod)):

        def talk(process: Process, address: str = address) -> Waits[bytes]:
            connection = yield from process.connect(address, 80)
            return (yield from read_all(connection))

        assert net.result(pod, talk) == b"hello\n", address


def test_an_address_without_a_listener_refuses_at_once(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    before_ns = net.cri.now_ns
    error = net.result(client, lambda process: process.connect(net.address(pod), 80))
    assert isinstance(error, ConnectionRefusedError)
    assert net.cri.now_ns == before_ns


@pytest.mark.parametrize(
    ("address", "code", "seconds"),
    [
        ("10.88.9.9", errno.EHOSTUNREACH, 3),
        ("192.0.2.1", errno.ETIMEDOUT, 127),
        ("2001:db8::1", errno.ENETUNREACH, 0),
    ],
)
def test_an_address_that_nobody_has_fails_as_on_linux(
    net: Pods, address: str, code: int, seconds: int
) -> None:
    took: list[float] = []

    def talk(process: Process) -> Waits[Any]:
        before_ns = process.scheduler.now_ns
        try:
            return (yield from process.connect(address, 80))
        finally:
            took.append((process.scheduler.now_ns - before_ns) / 1e9)

    assert net.result(net.pod(), talk).errno == code
    assert int(took[0]) == seconds


def test_loopback_is_the_pods_own(net: Pods) -> None:
    pod, other = net.pod(), net.pod("other")
    net.run(pod, greeting(80))
    error = net.result(other, lambda process: process.connect("127.0.0.1", 80))
    assert isinstance(error, ConnectionRefusedError)


def test_a_listener_on_loopback_is_not_reached_from_elsewhere(net: Pods) -> None:
    pod, other = net.pod(), net.pod("other")

    def serve(process: Process) -> Waits[int]:
        yield from process.listen(80, "127.0.0.1").accept()
        return 0

    net.run(pod, serve)
    error = net.result(other, lambda process: process.connect(net.address(pod), 80))
    assert isinstance(error, ConnectionRefusedError)
    assert isinstance(net.result(pod, lambda process: process.connect("127.0.0.1", 80)), Connection)


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ("", "", True),
        ("", "127.0.0.1", True),
        ("127.0.0.1", "", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
    ],
)
def test_a_port_that_is_taken_is_in_use(net: Pods, first: str, second: str, taken: bool) -> None:
    pod = net.pod()

    def hold(process: Process) -> Waits[int]:
        yield from process.listen(80, first).accept()
        return 0

    def listen(process: Process) -> Waits[Any]:
        yield from process.sleep(0)
        return process.listen(80, second).port

    net.run(pod, hold)
    result = net.result(pod, listen)
    assert getattr(result, "errno", None) == (errno.EADDRINUSE if taken else None)


def test_a_port_is_free_again_when_its_process_has_ended(net: Pods) -> None:
    pod = net.pod()
    container = net.run(pod, greeting(80))
    net.node.stop(container)
    error = net.result(pod, lambda process: process.connect("127.0.0.1", 80))
    assert isinstance(error, ConnectionRefusedError)
    net.run(pod, greeting(80))
    assert isinstance(net.result(pod, lambda process: process.connect("127.0.0.1", 80)), Connection)


def test_an_address_of_another_pod_cannot_be_listened_on(net: Pods) -> None:
    pod, other = net.pod(), net.pod("other")

    def listen(process: Process) -> Waits[Any]:
        yield from process.sleep(0)
        return process.listen(80, net.address(other))

    assert net.result(pod, listen).errno == errno.EADDRNOTAVAIL


def test_a_killed_process_closes_its_connections(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    container = net.run(pod, echo_server(7))
    ended: list[bytes] = []

    def talk(process: Process) -> Waits[int]:
        connection = yield from process.connect(net.address(pod), 7)
        ended.append((yield from connection.read()))
        return 0

    net.run(client, talk)
    net.cri.advance(1)
    assert not ended
    net.node.stop(container)
    assert ended == [b""]


def test_a_close_with_unread_input_is_a_reset(net: Pods) -> None:
    pod = net.pod()

    def serve(process: Process) -> Waits[int]:
        connection = yield from process.listen(80).accept()
        yield from process.sleep(1)
        connection.close()
        return 0

    def talk(process: Process) -> Waits[bytes]:
        connection = yield from process.connect("127.0.0.1", 80)
        connection.write(b"nobody reads this")
        return (yield from connection.read())

    net.run(pod, serve)
    assert isinstance(net.result(pod, talk), ConnectionResetError)


def test_writing_to_who_has_gone_is_a_reset_and_then_a_broken_pipe(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, greeting(80))

    def talk(process: Process) -> Waits[str]:
        connection = yield from process.connect("127.0.0.1", 80)
        yield from process.sleep(1)
        connection.write(b"too late")
        with pytest.raises(BrokenPipeError):
            connection.write(b"again")
        assert (yield from connection.read()) == b"hello\n"
        with pytest.raises(ConnectionResetError):
            yield from connection.read()
        return "both"

    assert net.result(pod, talk) == "both"


def test_a_writer_that_asks_for_room_waits_for_a_slow_reader(net: Pods) -> None:
    pod = net.pod()
    held: list[int] = []

    def serve(process: Process) -> Waits[int]:
        connection = yield from process.listen(80).accept()
        total = 0
        while chunk := (yield from connection.read()):
            held.append(connection.held + len(chunk))
            total += len(chunk)
            yield from process.sleep(0.01)
        connection.write(str(total).encode())
        return 0

    def talk(process: Process) -> Waits[bytes]:
        connection = yield from process.connect("127.0.0.1", 80)
        for _ in range(1000):
            yield from connection.room()
            connection.write(b"x" * 1000)
        connection.shutdown()
        return (yield from read_all(connection))

    net.run(pod, serve)
    assert net.result(pod, talk) == b"1000000"
    assert max(held) < WINDOW + 1000


def test_the_end_of_a_pod_resets_what_leads_into_it(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    net.run(pod, echo_server(7))

    def talk(process: Process) -> Waits[bytes]:
        connection = yield from process.connect(net.address(pod), 7)
        return (yield from connection.read())

    ended: list[Any] = []

    def program(process: Process) -> Waits[int]:
        ended.append((yield from talk(process)))
        return 0

    net.run(client, program)
    net.node.stop_sandbox(pod)
    assert ended == [b""]
    error = net.result(client, lambda process: process.connect("10.88.0.2", 7))
    assert error.errno == errno.EHOSTUNREACH


def test_hundreds_of_connections_are_served_side_by_side(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))

    def talk(process: Process) -> Waits[int]:
        connections = []
        for number in range(300):
            connection = yield from process.connect("127.0.0.1", 7)
            connection.write(str(number).encode())
            connections.append(connection)
        answers = []
        for connection in reversed(connections):
            connection.shutdown()
            answers.append((yield from read_all(connection)))
        return answers == [str(number).encode() for number in reversed(range(300))]

    assert net.result(pod, talk) is True
    assert not net.namespace(pod)._connections
