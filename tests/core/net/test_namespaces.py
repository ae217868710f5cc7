"""Namespaces: low ports, host ports, datagrams, and what goes through an interface."""

import errno
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.net.connections import Connection
from fakecri.core.net.daemons import echo_server
from fakecri.core.net.names import UnknownNameError, resolve
from fakecri.core.processes import Process
from fakecri.core.scheduler import Task, Waits
from tests.core.net.pods import Pods, pods
from tests.support import raises_status


def listen(port: int) -> Any:
    def work(process: Process) -> Waits[int]:
        yield from process.sleep(0)
        return process.listen(port).port

    return work


def mapping(host_port: int, port: int, host_ip: str = "", protocol: Any = pb.TCP) -> pb.PortMapping:
    return pb.PortMapping(
        host_port=host_port, container_port=port, host_ip=host_ip, protocol=protocol
    )


def sysctl(name: str, value: str) -> pb.LinuxPodSandboxConfig:
    return pb.LinuxPodSandboxConfig(sysctls={name: value})


def test_root_listens_on_any_port_of_its_pod(net: Pods) -> None:
    assert net.result(net.pod(), listen(80)) == 80


def test_port_0_is_a_free_ephemeral_one(net: Pods) -> None:
    assert 32768 <= net.result(net.pod(), listen(0)) <= 60999


def run_as(uid: int) -> pb.LinuxContainerConfig:
    security = pb.LinuxContainerSecurityContext(run_as_user=pb.Int64Value(value=uid))
    return pb.LinuxContainerConfig(security_context=security)


@pytest.mark.parametrize(("start", "code"), [("0", None), ("1024", errno.EACCES)])
def test_a_low_port_needs_a_capability_where_the_sysctl_says_so(
    net: Pods, start: str, code: int | None
) -> None:
    pod = net.pod(linux=sysctl("net.ipv4.ip_unprivileged_port_start", start))
    errors: list[int | None] = []

    def program(process: Process) -> int:
        try:
            process.listen(80)
        except OSError as error:
            errors.append(error.errno)
        else:
            errors.append(None)
        return 0

    net.run(pod, program, linux=run_as(1000))
    assert errors == [code]


def test_an_ordinary_user_gets_no_low_port_of_the_node(net: Pods) -> None:
    errors: list[int | None] = []

    def program(process: Process) -> int:
        with pytest.raises(PermissionError) as raised:
            process.listen(80)
        errors.append(raised.value.errno)
        return 0

    net.run(net.host_pod(), program, linux=run_as(1000))
    assert errors == [errno.EACCES]


def test_a_host_port_leads_into_the_pod(net: Pods) -> None:
    pod = net.pod(port_mappings=[mapping(12000, 7)])
    net.run(pod, echo_server(7))
    for source in (net.host_pod(), net.pod("other")):
        address = "127.0.0.1" if not net.address(source) else "10.88.0.1"

        def talk(process: Process, address: str = address) -> Waits[bytes]:
            connection = yield from process.connect(address, 12000)
            connection.write(b"ping")
            return (yield from connection.read())

        assert net.result(source, talk) == b"ping"


def test_a_host_port_of_a_pod_that_does_not_listen_refuses(net: Pods) -> None:
    net.pod(port_mappings=[mapping(12000, 7)])
    error = net.result(net.host_pod(), lambda process: process.connect("127.0.0.1", 12000))
    assert isinstance(error, ConnectionRefusedError)


def test_of_two_pods_with_one_host_port_the_first_gets_what_comes(net: Pods) -> None:
    first = net.pod("first", port_mappings=[mapping(12000, 7)])
    second = net.pod("second", port_mappings=[mapping(12000, 7)])
    net.run(second, echo_server(7))
    host = net.host_pod()
    assert isinstance(
        net.result(host, lambda process: process.connect("127.0.0.1", 12000)),
        ConnectionRefusedError,
    )
    net.node.remove_sandbox(first)
    assert isinstance(
        net.result(host, lambda process: process.connect("127.0.0.1", 12000)), Connection
    )


def test_a_host_ip_that_is_no_address_is_refused_and_nothing_is_kept(net: Pods) -> None:
    with raises_status(grpc.StatusCode.UNKNOWN):
        net.pod(port_mappings=[mapping(12000, 80, "no-address")])
    assert net.cri.host.world.addresses.taken() == []
    assert net.address(net.pod()) == "10.88.0.3"


def test_datagrams_go_there_and_back(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    net.run(pod, echo_server(53, "udp"))

    def talk(process: Process) -> Waits[Any]:
        socket = process.datagrams()
        socket.send(b"ping", (net.address(pod), 53))
        return (yield from socket.receive())

    assert net.result(client, talk) == (b"ping", (net.address(pod), 53))


def test_a_datagram_to_a_closed_port_comes_back_to_a_connected_socket(net: Pods) -> None:
    def talk(process: Process) -> Waits[Any]:
        socket = process.datagrams()
        socket.connect("127.0.0.1", 53)
        socket.send(b"ping")
        return (yield from socket.receive())

    assert isinstance(net.result(net.pod(), talk), ConnectionRefusedError)


def test_names_come_from_the_pod_and_from_the_test_alone(net: Pods) -> None:
    pod = net.pod(hostname="web-0")
    net.cri.host.world.network.names["db.example"] = "10.88.0.9"

    def names(process: Process) -> Waits[list[str]]:
        yield from process.sleep(0)
        with pytest.raises(UnknownNameError):
            resolve(process, "nobody.example")
        return [resolve(process, each) for each in ("localhost", "web-0", "db.example", "::1")]

    assert net.result(pod, names) == ["127.0.0.1", net.address(pod), "10.88.0.9", "::1"]


def test_bytes_and_packets_are_counted_where_they_pass_an_interface(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    net.run(pod, echo_server(7))

    def talk(process: Process) -> Waits[int]:
        connection = yield from process.connect(net.address(pod), 7)
        connection.write(b"x" * 10_000)
        yield from connection.read()
        return 0

    net.result(pod, talk)
    wire, other = net.namespace(pod).wire, net.namespace(client).wire
    assert (wire.sent_bytes, wire.received_bytes) == (0, 0)  # it was loopback
    net.result(client, talk)
    assert (other.sent_bytes, other.sent_packets) == (wire.received_bytes, wire.received_packets)
    assert (other.received_bytes, other.received_packets) == (wire.sent_bytes, wire.sent_packets)
    assert 10_000 + 7 * 66 < wire.received_bytes < 11_500


def test_a_pod_has_an_address_of_each_family_that_is_asked_for() -> None:
    with pods(pod_subnets=("10.90.0.0/24", "fd00:10:88::/64")) as net:
        pod, client = net.pod(), net.pod("client")
        network = net.node.sandbox_status(client).network
        assert network.ip == "10.90.0.3"
        assert [each.ip for each in network.additional_ips] == ["fd00:10:88::3"]
        net.run(pod, echo_server(7))

        def talk(process: Process) -> Waits[Any]:
            connection = yield from process.connect("fd00:10:88::2", 7)
            return connection.local[0]

        assert net.result(client, talk) == "fd00:10:88::3"


def test_a_pool_that_is_used_up_says_so_as_the_plugin_does() -> None:
    with pods(pod_subnets=("10.90.0.0/16", "fd00:10:88::/126")) as net:
        net.pod("one")
        net.pod("two")
        with pytest.raises(grpc.RpcError) as raised:
            net.pod("three")
        assert str(raised.value.details()).endswith(
            'plugin type="bridge" failed (add): failed to allocate for range 1: no IP addresses '
            "available in range set: fd00:10:88::1-fd00:10:88::3"
        )
        world = net.cri.host.world
        assert world.addresses.taken() == ["10.90.0.2", "10.90.0.3"]


def test_what_a_pod_sends_and_receives_is_in_its_stats(net: Pods) -> None:
    pod, client = net.pod(), net.pod("client")
    net.run(pod, echo_server(7))

    def received() -> int:
        request = pb.PodSandboxStatsRequest(pod_sandbox_id=pod)
        stats = net.node.runtime.PodSandboxStats(request).stats
        return stats.linux.network.default_interface.rx_bytes.value

    def talk(process: Process) -> Waits[int]:
        connection = yield from process.connect(net.address(pod), 7)
        connection.write(b"x" * 1_000_000)
        return 0

    before = received()
    net.result(client, talk, 0)
    assert 1_000_000 < received() - before < 1_100_000


def test_a_visitor_from_outside_reaches_what_listens_and_is_seen(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    namespace = net.namespace(pod)
    with net.cri.host.turn() as world:
        visit = Task(world.scheduler, namespace.visit("127.0.0.1", 7))
        visit.step()
        connection = visit.result()
    assert [row.remote[1] for row in namespace.rows() if row.local == connection.local] == [7]
    with net.cri.host.turn():
        connection.write(b"hello")
    assert connection.take() == b"hello"
    with net.cri.host.turn():
        connection.close()
    assert [row for row in namespace.rows() if row.local == connection.local] == []


def test_what_a_pod_has_said_to_a_visitor_outlives_it(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7))
    with net.cri.host.turn() as world:
        visit = Task(world.scheduler, net.namespace(pod).visit("127.0.0.1", 7))
        visit.step()
        connection = visit.result()
        connection.write(b"hello")
    net.node.stop_sandbox(pod)
    assert [connection.take(), connection.take()] == [b"hello", b""]
