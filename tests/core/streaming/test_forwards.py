"""What stands behind the URL of PortForward. Source: spec streaming 2.8, and a real containerd."""

import json
from io import StringIO
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.cni import netns_path
from fakecri.core.net.connections import WINDOW
from fakecri.core.net.daemons import echo_server
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import ROOM, Parcel
from tests.core.net.pods import Pods, pods

REFUSED = "dial {} {}:{}: connect: connection refused"


def open_forward(net: Pods, pod: str) -> Forward:
    url = net.node.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod)).url
    with net.cri.host.turn() as world:
        session = world.sessions.redeem("portforward", url.rpartition("/")[2])
        assert isinstance(session, Forward)
        session.begin("test")
    return session


def connect(net: Pods, session: Forward, port: int) -> int:
    with net.cri.host.turn():
        return session.connect(port)


def feed(net: Pods, session: Forward, number: int, chunk: bytes) -> None:
    with net.cri.host.turn():
        session.feed(number, chunk)


def close(net: Pods, session: Forward, number: int) -> None:
    with net.cri.host.turn():
        session.close(number)


def take_all(net: Pods, session: Forward) -> list[Parcel]:
    parcels: list[Parcel] = []
    while True:
        with net.cri.host.turn():
            parcel = session.take()
        if parcel is None:
            return parcels
        parcels.append(parcel)


def serving(port: int, work: Any, address: str = "") -> Any:
    """A program that listens, and works on one connection."""

    def program(process: Process) -> Waits[int]:
        connection = yield from process.listen(port, address).accept()
        yield from work(process, connection)
        return 0

    return program


def greet(process: Process, connection: Any) -> Waits[None]:
    yield from process.sleep(0)
    connection.write(b"hello\n")


def wait_forever(process: Process, connection: Any) -> Waits[None]:
    yield from process.forever()
    connection.close()


def trouble(net: Pods, pod: str, port: int, text: str) -> bytes:
    with net.cri.host.turn() as world:
        path = netns_path(world.store.sandboxes.get(pod)) or "host"
    where = f'failed to execute portforward in network namespace "{path}": '
    return f"error forwarding port {port} to pod {pod}, uid : {where}{text}".encode()


def refused(net: Pods, pod: str, port: int) -> list[Parcel]:
    first, second = (REFUSED.format(*at, port) for at in (("tcp4", "127.0.0.1"), ("tcp6", "[::1]")))
    text = (
        f'failed to connect to localhost:{port} inside namespace "{pod}", '
        f"IPv4: {first} IPv6 {second} "
    )
    return [
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", trouble(net, pod, port, text)),
        Parcel("error.1", b"", ends=True),
    ]


def test_bytes_go_both_ways(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    session = open_forward(net, pod)
    number = connect(net, session, 7)
    feed(net, session, number, b"one ")
    assert take_all(net, session) == [Parcel("data.1", b"one ")]
    feed(net, session, number, b"two")
    assert take_all(net, session) == [Parcel("data.1", b"two")]


def test_where_the_pod_ends_the_client_hears_of_it_a_second_later(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, serving(80, greet))
    session = open_forward(net, pod)
    connect(net, session, 80)
    net.cri.advance(0.999)
    assert take_all(net, session) == [Parcel("data.1", b"hello\n")]
    net.cri.advance(0.001)
    assert take_all(net, session) == [
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", b"", ends=True),
    ]
    assert not session.ended


def test_where_both_have_ended_nobody_waits(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, serving(80, greet))
    session = open_forward(net, pod)
    close(net, session, connect(net, session, 80))
    assert take_all(net, session) == [
        Parcel("data.1", b"hello\n"),
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", b"", ends=True),
    ]


def test_an_end_of_the_client_gives_the_pod_one_more_second(net: Pods) -> None:
    pod = net.pod()
    seen: list[float] = []

    def tell(process: Process, connection: Any) -> Waits[None]:
        began = process.wall_ns()
        for _ in range(3):
            connection.write(b"t")
            yield from process.sleep(0.4)
        assert (yield from connection.read()) == b"all of it"
        assert (yield from connection.read()) == b""
        seen.append((process.wall_ns() - began) / 1e9)

    net.run(pod, serving(80, tell))
    session = open_forward(net, pod)
    number = connect(net, session, 80)
    feed(net, session, number, b"all of it")
    close(net, session, number)
    feed(net, session, number, b"late")
    net.cri.advance(5)
    assert take_all(net, session) == [
        Parcel("data.1", b"ttt"),
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", b"", ends=True),
    ]
    assert seen == [1.2]


def test_a_port_that_nobody_listens_on_is_told_of(net: Pods) -> None:
    pod = net.pod()
    session = open_forward(net, pod)
    connect(net, session, 81)
    assert take_all(net, session) == refused(net, pod, 81)
    assert not session.ended


def test_a_listener_on_the_address_of_the_pod_alone_is_not_found(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, serving(82, greet, net.address(pod)))
    session = open_forward(net, pod)
    connect(net, session, 82)
    assert take_all(net, session) == refused(net, pod, 82)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
def test_a_listener_on_either_localhost_is_found(net: Pods, address: str) -> None:
    pod = net.pod()
    net.run(pod, serving(83, greet, address))
    session = open_forward(net, pod)
    connect(net, session, 83)
    assert take_all(net, session) == [Parcel("data.1", b"hello\n")]


def test_a_pod_of_the_node_s_network_is_entered_through_the_node(net: Pods) -> None:
    pod = net.host_pod()
    net.run(net.host_pod("other"), serving(8080, greet))
    session = open_forward(net, pod)
    connect(net, session, 81)
    assert take_all(net, session) == refused(net, pod, 81)
    connect(net, session, 8080)
    assert take_all(net, session) == [Parcel("data.2", b"hello\n")]


def test_a_reset_by_the_pod_is_told_after_the_second(net: Pods) -> None:
    pod = net.pod()

    def abort(process: Process, connection: Any) -> Waits[None]:
        yield from process.sleep(0)
        connection.abort()

    net.run(pod, serving(93, abort))
    session = open_forward(net, pod)
    connect(net, session, 93)
    assert take_all(net, session) == []
    net.cri.advance(1)
    flow = "tcp4 127.0.0.1:32768->127.0.0.1:93"
    text = f"writeto {flow}: read {flow}: read: connection reset by peer"
    assert take_all(net, session) == [
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", trouble(net, pod, 93, text)),
        Parcel("error.1", b"", ends=True),
    ]


def test_writing_to_a_pod_that_has_gone_is_a_broken_pipe_at_once(net: Pods) -> None:
    pod = net.pod()
    container = net.run(pod, serving(94, wait_forever, "::1"))
    session = open_forward(net, pod)
    number = connect(net, session, 94)
    net.node.stop(container)
    feed(net, session, number, b"x")
    assert take_all(net, session) == []
    feed(net, session, number, b"y")
    flow = "tcp6 [::1]:32769->[::1]:94"
    text = f"readfrom {flow}: write {flow}: write: broken pipe"
    assert take_all(net, session) == [
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", trouble(net, pod, 94, text)),
        Parcel("error.1", b"", ends=True),
    ]


def test_a_pod_that_is_stopped_ends_what_goes_on_and_refuses_what_is_new(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, serving(80, wait_forever))
    session = open_forward(net, pod)
    connect(net, session, 80)
    net.node.stop_sandbox(pod)
    connect(net, session, 80)
    reason = f'network namespace for sandbox "{pod}" is closed'
    text = f"error forwarding port 80 to pod {pod}, uid : {reason}"
    assert take_all(net, session) == [
        Parcel("error.2", text.encode()),
        Parcel("data.2", b"", ends=True),
        Parcel("error.2", b"", ends=True),
    ]
    net.cri.advance(1)
    assert take_all(net, session) == [
        Parcel("data.1", b"", ends=True),
        Parcel("error.1", b"", ends=True),
    ]


def test_a_pod_of_the_node_s_network_is_entered_even_when_it_is_stopped(net: Pods) -> None:
    pod = net.host_pod()
    net.run(net.host_pod("other"), serving(8080, greet))
    session = open_forward(net, pod)
    net.node.stop_sandbox(pod)
    connect(net, session, 8080)
    assert take_all(net, session) == [Parcel("data.1", b"hello\n")]


def test_a_pod_that_is_removed_is_not_found(net: Pods) -> None:
    pod = net.pod()
    session = open_forward(net, pod[:12])
    net.node.stop_sandbox(pod)
    net.node.remove_sandbox(pod)
    connect(net, session, 80)
    text = f'failed to find sandbox "{pod[:12]}" in store: not found'
    assert take_all(net, session)[0] == Parcel(
        "error.1", f"error forwarding port 80 to pod {pod[:12]}, uid : {text}".encode()
    )


def test_a_pod_makes_the_client_wait_until_it_reads(net: Pods) -> None:
    pod = net.pod()
    total = 5 * WINDOW
    got: list[int] = []
    stirred: list[None] = []

    def dawdle(process: Process, connection: Any) -> Waits[None]:
        yield from process.sleep(10)
        while chunk := (yield from connection.read()):
            got.append(len(chunk))

    net.run(pod, serving(80, dawdle))
    session = open_forward(net, pod)
    session.watcher = lambda: stirred.append(None)
    number = connect(net, session, 80)
    sent = 0
    while not session.is_full(number):
        feed(net, session, number, bytes(1024))
        sent += 1024
    assert sent <= 3 * WINDOW
    stirred.clear()
    net.cri.advance(10)
    assert not session.is_full(number)
    assert stirred
    feed(net, session, number, bytes(total - sent))
    close(net, session, number)
    net.cri.advance(2)
    assert sum(got) == total


def test_a_slow_client_makes_the_pods_wait(net: Pods) -> None:
    pod = net.pod()
    written = [0, 0]

    def pour(which: int) -> Any:
        def work(_process: Process, connection: Any) -> Waits[None]:
            while True:
                connection.write(bytes(1024))
                written[which] += 1024
                yield from connection.room()

        return work

    for which in range(2):
        net.run(pod, serving(80 + which, pour(which)))
    session = open_forward(net, pod)
    for which in range(2):
        connect(net, session, 80 + which)
    net.cri.advance(10)
    held = sum(written)
    assert held <= ROOM + 2 * WINDOW + 4096
    size = {"data.1": 0, "data.2": 0}
    for _ in range(100):
        with net.cri.host.turn():
            parcel = session.take()
        assert parcel is not None
        size[parcel.channel] += len(parcel.content)
    assert min(size.values()) > 0
    assert sum(written) - sum(size.values()) <= ROOM + 2 * WINDOW + 4096


def test_what_the_pod_has_sent_arrives_whole_however_slow_the_client_is(net: Pods) -> None:
    pod = net.pod()

    def pour(_process: Process, connection: Any) -> Waits[None]:
        for number in range(256):
            connection.write(bytes([number]) * 1000)
            yield from connection.room()

    net.run(pod, serving(80, pour))
    session = open_forward(net, pod)
    connect(net, session, 80)
    content = b""
    for _ in range(1000):
        net.cri.advance(0.01)
        with net.cri.host.turn():
            parcel = session.take(500)
        content += parcel.content if parcel else b""
    assert content == b"".join(bytes([number]) * 1000 for number in range(256))


def test_a_client_that_hangs_up_is_gone_for_the_pod_a_second_later(net: Pods) -> None:
    pod = net.pod()
    seen: list[tuple[bytes, float]] = []

    def listen(process: Process, connection: Any) -> Waits[None]:
        began = process.wall_ns()
        chunk = yield from connection.read()
        seen.append((chunk, (process.wall_ns() - began) / 1e9))

    net.run(pod, serving(80, listen))
    session = open_forward(net, pod)
    connect(net, session, 80)
    with net.cri.host.turn():
        session.hang_up()
    assert session.ended
    net.cri.advance(5)
    assert seen == [(b"", 1.0)]
    assert take_all(net, session) == []


def test_a_pod_that_writes_to_a_client_that_hung_up_sees_it_at_once(net: Pods) -> None:
    pod = net.pod()
    ends: list[float] = []

    def tell(process: Process, connection: Any) -> Waits[None]:
        began = process.wall_ns()
        yield from process.sleep(0.5)
        connection.write(b"hello")
        yield from connection.read()
        ends.append((process.wall_ns() - began) / 1e9)

    net.run(pod, serving(80, tell))
    session = open_forward(net, pod)
    connect(net, session, 80)
    with net.cri.host.turn():
        session.hang_up()
    net.cri.advance(5)
    assert ends == [0.5]


def test_the_end_of_the_runtime_ends_its_connections_and_not_the_pods(net: Pods) -> None:
    pod = net.pod()
    container = net.run(pod, echo_server(7))
    session = open_forward(net, pod)
    connect(net, session, 7)
    rows = net.namespace(pod).rows
    assert [row.state for row in rows() if row.remote[1] == 7] == ["ESTABLISHED"]
    net.cri.restart_runtime()
    assert (session.ended, session.cut) == (True, True)
    assert [row.state for row in rows() if row.remote[1] == 7] == []
    assert net.node.status(container).state == pb.CONTAINER_RUNNING


def test_a_client_that_has_hung_up_makes_no_connections(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    session = open_forward(net, pod)
    with net.cri.host.turn():
        session.hang_up()
    connect(net, session, 7)
    assert {row.state for row in net.namespace(pod).rows()} == {"LISTEN"}


def test_a_pod_that_dies_makes_nobody_wait_any_more(net: Pods) -> None:
    pod = net.pod()
    container = net.run(pod, serving(80, wait_forever))
    session = open_forward(net, pod)
    number = connect(net, session, 80)
    while not session.is_full(number):
        feed(net, session, number, bytes(10_000))
    net.node.stop(container)
    net.cri.advance(1)
    assert not session.is_full(number)
    feed(net, session, number, bytes(10 * WINDOW))  # nobody wants it
    assert not session.is_full(number)


def test_what_comes_behind_the_end_of_the_client_is_dropped(net: Pods) -> None:
    pod = net.pod()
    got = bytearray()

    def dawdle(process: Process, connection: Any) -> Waits[None]:
        yield from process.sleep(0.5)
        while chunk := (yield from connection.read()):
            got.extend(chunk)

    net.run(pod, serving(80, dawdle))
    session = open_forward(net, pod)
    number = connect(net, session, 80)
    size = 0
    while not session.is_full(number):
        feed(net, session, number, bytes(10_000))
        size += 10_000
    close(net, session, number)
    feed(net, session, number, b"late")
    net.cri.advance(2)
    assert got == bytes(size)


def test_nothing_follows_an_end_that_a_slow_client_has_not_taken_yet(net: Pods) -> None:
    pod = net.pod()

    def pour(_process: Process, connection: Any) -> Waits[None]:
        while True:
            connection.write(bytes(1024))
            yield from connection.room()

    net.run(pod, serving(80, pour))
    session = open_forward(net, pod)
    close(net, session, connect(net, session, 80))
    net.cri.advance(2)
    parcels = take_all(net, session)
    ends = [Parcel("data.1", b"", ends=True), Parcel("error.1", b"", ends=True)]
    assert parcels[-2:] == ends
    assert {parcel.channel for parcel in parcels[:-2]} == {"data.1"}


def test_who_has_asked_again_waits_again(net: Pods) -> None:
    pod = net.pod()

    def ponder(process: Process, connection: Any) -> Waits[None]:
        while chunk := (yield from connection.read()):
            yield from process.sleep(5)
            connection.write(chunk)

    net.run(pod, serving(80, ponder))
    session = open_forward(net, pod)
    number = connect(net, session, 80)
    for _ in range(2):
        feed(net, session, number, b"hello")
        waited = session.waits
        net.cri.advance(5)
        assert (waited, session.waits) == (True, False)
        assert take_all(net, session) == [Parcel("data.1", b"hello")]
        assert not session.waits


def test_a_hundred_connections_at_once_do_not_get_mixed_up(net: Pods) -> None:
    pod = net.pod()
    for port in range(7, 17):
        net.run(pod, echo_server(port))
    session = open_forward(net, pod)
    numbers = [connect(net, session, 7 + turn % 10) for turn in range(100)]
    for part in (b"first", b"second"):
        for number in numbers:
            feed(net, session, number, b"%d %b;" % (number, part))
    for number in numbers:
        close(net, session, number)
    net.cri.advance(1)
    content: dict[str, bytes] = {}
    for parcel in take_all(net, session):
        content[parcel.channel] = content.get(parcel.channel, b"") + parcel.content
    assert {
        f"data.{n}": b"%d first;%d second;" % (n, n) for n in numbers
    }.items() <= content.items()
    assert {f"error.{n}": b"" for n in numbers}.items() <= content.items()


def recorded(text: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in text.splitlines()]
    return [row for row in rows if row.get("kind") == "session"]


def test_each_connection_is_recorded_with_what_went_over_it() -> None:
    record = StringIO()
    with pods(record=record) as net:
        pod = net.pod()
        net.run(pod, echo_server(7))
        session = open_forward(net, pod)
        number = connect(net, session, 7)
        feed(net, session, number, b"hello")
        take_all(net, session)
        close(net, session, number)
        connect(net, session, 81)
        net.cri.advance(2)
        take_all(net, session)
        connect(net, session, 7)
        with net.cri.host.turn():
            session.hang_up()
        size = len(refused(net, pod, 81)[1].content)
    told = [
        {key: row.get(key) for key in ("what", "port", "bytes")}
        for row in recorded(record.getvalue())
    ]
    assert told[1:] == [
        {"what": "connected", "port": 7, "bytes": None},
        {"what": "connected", "port": 81, "bytes": None},
        {"what": "disconnected", "port": 81, "bytes": {"data": 0, "error": size}},
        {"what": "disconnected", "port": 7, "bytes": {"data": 10, "error": 0}},
        {"what": "connected", "port": 7, "bytes": None},
        {"what": "disconnected", "port": 7, "bytes": {"data": 0, "error": 0}},
        {"what": "closed", "port": None, "bytes": {}},
    ]
