"""Real clients of simulated servers, over this machine's loopback."""

import asyncio
import http.client
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # no types

from fakecri import CRI, UsageError, cli
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.core.net.connections import pair
from fakecri.core.net.daemons import Health, echo_server, http_server
from fakecri.core.net.grpc_health import grpc_health
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.host import Host
from fakecri.network import doors
from fakecri.network.bridges import Bridge
from tests.core.net.pods import Pods
from tests.support import create_request, node, raises_status, sandbox_config
from tests.test_cli import serving

PATIENCE_S = 60
SUBNET = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 256}.0/24"
"""Of this process alone, as others may run these tests too."""
FIRST = SUBNET.replace(".0/24", ".2")
SECOND = SUBNET.replace(".0/24", ".3")
PACKAGE = Path(__file__).parents[1] / "fakecri"


@pytest.fixture(params=["autojump", "rate"])
def net(request: pytest.FixtureRequest) -> Iterator[Pods]:
    """A node whose pods real clients reach, under paces that leap and that run."""
    with node("object", network="loopback", pace=request.param, pod_subnets=(SUBNET,)) as opened:
        opened.pull("busybox")
        yield Pods(opened)


def get(address: str, port: int, target: str = "/") -> tuple[int, bytes]:
    """Ask a web server, as any client would."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def dial(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=PATIENCE_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def read_all(connection: socket.socket) -> bytes:
    content = bytearray()
    while chunk := connection.recv(65_536):
        content += chunk
    return bytes(content)


def test_a_pod_has_an_address_of_the_loopback_block() -> None:
    with node("object", network="loopback") as opened:
        net = Pods(opened)
        assert net.address(net.pod()) == "127.88.0.2"


def test_a_web_server_in_a_pod_is_reached_at_its_address(net: Pods) -> None:
    pod = net.pod()
    net.start(pod, "nginx")
    status, body = get(net.address(pod), 80)
    assert (status, b"Welcome to nginx!" in body) == (200, True)


def test_a_host_port_refuses_until_the_container_listens(net: Pods) -> None:
    port = free_port()
    mapping = pb.PortMapping(host_port=port, container_port=80)
    pod = net.pod(port_mappings=[mapping])
    with pytest.raises(ConnectionRefusedError):
        dial("127.0.0.1", port)
    container = net.start(pod, "nginx")
    assert get("127.0.0.1", port)[0] == 200
    net.node.stop(container)
    with pytest.raises(ConnectionRefusedError):
        dial("127.0.0.1", port)
    net.start(pod, "nginx")
    assert get("127.0.0.1", port)[0] == 200


def test_a_host_port_that_is_taken_on_the_machine_fails_the_sandbox(net: Pods) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with raises_status(grpc.StatusCode.UNKNOWN):
            net.pod(port_mappings=[pb.PortMapping(host_port=port, container_port=80)])
    assert net.cri.host.world.addresses.taken() == []
    net.pod(port_mappings=[pb.PortMapping(host_port=port, container_port=80)])


@pytest.mark.parametrize("host_ip", ["192.0.2.1", "8.8.8.8"])
def test_a_host_port_beyond_loopback_is_refused(net: Pods, host_ip: str) -> None:
    mapping = pb.PortMapping(host_port=free_port(), container_port=80, host_ip=host_ip)
    with raises_status(grpc.StatusCode.UNKNOWN):
        net.pod(port_mappings=[mapping])


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104  # refused
def test_nothing_is_ever_bound_beyond_loopback(address: str) -> None:
    with pytest.raises(UsageError, match="no loopback address"):
        doors.bind(socket.SOCK_STREAM, address, 0)


def test_sockets_are_bound_in_one_place_alone() -> None:
    binders = {
        str(source.relative_to(PACKAGE))
        for source in PACKAGE.joinpath("network").rglob("*.py")
        if re.search(r"\.bind\(|create_server|start_server", source.read_text())
    }
    assert binders == {"network/doors.py"}


def test_a_server_of_a_host_network_pod_listens_on_loopback(net: Pods) -> None:
    port = free_port()
    net.run(net.host_pod(), http_server(port))
    assert get("127.0.0.1", port, "/healthz") == (200, b"ok")


def test_a_port_that_the_machine_has_taken_is_in_use(net: Pods) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        container = net.run(net.host_pod(), http_server(server.getsockname()[1]))
        assert net.node.status(container).exit_code == 1
        assert b"bind: address already in use" in net.cri.log(container)


def test_a_connection_is_refused_when_its_server_has_ended(net: Pods) -> None:
    pod = net.pod()
    container = net.run(pod, echo_server(7000))
    connection = dial(net.address(pod), 7000)
    connection.sendall(b"x")
    assert connection.recv(1) == b"x"
    net.node.stop(container)
    assert connection.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        dial(net.address(pod), 7000)
    net.run(pod, echo_server(7000))  # the port is free at once
    dial(net.address(pod), 7000).close()


def test_a_half_close_lets_the_answer_through(net: Pods) -> None:
    pod = net.pod()

    def count(process: Process) -> Waits[int]:
        connection = yield from process.listen(7000).accept()
        total = 0
        while chunk := (yield from connection.read()):
            total += len(chunk)
        connection.write(str(total).encode())
        connection.close()
        return 0

    net.run(pod, count)
    with dial(net.address(pod), 7000) as connection:
        connection.sendall(b"x" * 300_000)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"300000"


def test_a_reset_comes_through_in_both_directions(net: Pods) -> None:
    pod = net.pod()
    seen: list[str] = []
    done = threading.Event()

    def serve(process: Process) -> Waits[int]:
        listener = process.listen(7000)
        first = yield from listener.accept()
        first.abort()
        second = yield from listener.accept()
        try:
            while (yield from second.read()):
                pass
        except ConnectionResetError:
            seen.append("reset")
        done.set()
        return 0

    net.run(pod, serve)
    with pytest.raises(ConnectionResetError), dial(net.address(pod), 7000) as connection:
        connection.recv(1)
    connection = dial(net.address(pod), 7000)
    connection.sendall(b"hello")
    doors.reset(connection)
    assert done.wait(PATIENCE_S)
    assert seen == ["reset"]


def test_an_end_comes_too_late_for_a_client_that_has_reset() -> None:
    """The kernel then refuses to end what we send, before the loop has seen the reset."""
    complaints: list[dict[str, Any]] = []

    async def meet(host: Host) -> None:
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            doors.reset(socket.create_connection(listener.getsockname()))
            accepted, _ = listener.accept()
        near, far = pair(host.world.scheduler, ("127.0.0.1", 1), ("127.0.0.1", 2))
        near.shutdown()
        bridge = Bridge(host, loop, far, lambda _: gone.set(), dialled=False)
        await loop.connect_accepted_socket(lambda: bridge, accepted)
        await asyncio.wait_for(gone.wait(), PATIENCE_S)

    with CRI() as cri:
        asyncio.run(meet(cri.host))
    assert complaints == []


def test_large_transfers_go_both_ways(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, echo_server(7000))
    content = bytes(range(256)) * 32_768  # 8 MiB
    received: list[bytes] = []
    with dial(net.address(pod), 7000) as connection:
        reader = threading.Thread(target=lambda: received.append(read_all(connection)))
        reader.start()
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        reader.join(PATIENCE_S)
    assert received == [content]


def test_a_real_client_that_does_not_read_holds_the_server_up(net: Pods) -> None:
    pod = net.pod()
    written = [0]

    def pour(process: Process) -> Waits[int]:
        connection = yield from process.listen(7000).accept()
        for _ in range(400):
            yield from connection.room()
            connection.write(b"x" * 65_536)
            written[0] += 65_536
        connection.close()
        return 0

    net.run(pod, pour)
    with dial(net.address(pod), 7000) as connection:
        connection.recv(1)
        assert written[0] < 20 * 1024 * 1024
        assert len(read_all(connection)) == 400 * 65_536 - 1


def test_hundreds_of_clients_at_once(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, http_server(8000))
    address = net.address(pod)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: get(address, 8000, "/healthz"), range(300)))
    assert answers == [(200, b"ok")] * 300


def test_a_server_may_take_virtual_time_to_answer(net: Pods) -> None:
    pod = net.pod()
    delay_s = 3600.0 if net.cri.host.pace.jumps else 0.05
    net.run(pod, http_server(8000, delay_s=delay_s))
    before_ns = net.cri.now_ns
    assert get(net.address(pod), 8000, "/healthz") == (200, b"ok")
    assert net.cri.now_ns - before_ns >= delay_s * 1e9


def test_under_the_manual_pace_an_answer_waits_for_advance() -> None:
    with node("object", network="loopback", pace="manual", pod_subnets=(SUBNET,)) as opened:
        opened.pull("busybox")
        net = Pods(opened)
        pod = net.pod()
        net.run(pod, http_server(8000, delay_s=60))
        with dial(net.address(pod), 8000) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n")
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            net.cri.advance(61)
            connection.settimeout(PATIENCE_S)
            assert connection.recv(15) == b"HTTP/1.1 200 OK"


def test_datagrams_reach_a_pod_and_its_host_port(net: Pods) -> None:
    port = free_port()
    mapping = pb.PortMapping(host_port=port, container_port=5300, protocol=pb.UDP)
    pod = net.pod(port_mappings=[mapping])
    net.run(pod, echo_server(5300, "udp"))
    for to in ((net.address(pod), 5300), ("127.0.0.1", port)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE_S)
            client.bind(("127.0.0.1", 0))
            client.sendto(b"ping", to)
            assert client.recvfrom(100) == (b"ping", to)


def test_the_health_client_of_grpc_sees_a_service_fail(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, grpc_health(5000, health=Health(fails_from=2)))
    with grpc.insecure_channel(f"{net.address(pod)}:5000") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answers = [
            stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S).status for _ in range(2)
        ]
        with pytest.raises(grpc.RpcError) as raised:
            stub.Check(health_pb2.HealthCheckRequest(service="other"), timeout=PATIENCE_S)
    assert answers == [
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    ]
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_host_network_pod_reaches_a_real_listener(net: Pods) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        got: list[bytes] = []

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        ended = threading.Event()

        def talk(process: Process) -> Waits[int]:
            connection = yield from process.connect("127.0.0.1", port)
            connection.write(b"hello")
            got.append((yield from connection.read()))
            ended.set()
            return 0

        net.run(net.host_pod(), talk)
        assert ended.wait(PATIENCE_S)
        thread.join(PATIENCE_S)
    assert got == [b"HELLO"]


def test_a_pod_of_its_own_network_does_not_reach_a_real_listener(net: Pods) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = net.result(net.pod(), lambda process: process.connect("127.0.0.1", port), 0)
    assert isinstance(error, ConnectionRefusedError)


def test_host_network_pods_see_the_real_listeners_and_others_do_not(net: Pods) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]

        def ports(pod: str) -> set[int]:
            with net.cri.host.turn():
                return {row.local[1] for row in net.namespace(pod).rows()}

        assert port in ports(net.host_pod())
        assert port not in ports(net.pod())


def test_nothing_listens_when_the_pods_are_gone() -> None:
    threads = set(threading.enumerate())
    with node("object", network="loopback", pod_subnets=(SUBNET,)) as opened:
        opened.pull("busybox")
        net = Pods(opened)
        pod = net.pod()
        net.run(pod, echo_server(7000))
        address = net.address(pod)
        connection = dial(address, 7000)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        net.node.remove_sandbox(pod)
        with pytest.raises(ConnectionRefusedError):
            dial(address, 7000)
        second = net.pod("second")
        net.run(second, echo_server(7000))
        left = dial(net.address(second), 7000)
        left.sendall(b"x")
        assert left.recv(1) == b"x"
    assert connection.recv(1) == b""
    with pytest.raises(ConnectionResetError):
        left.recv(1)
    connection.close()
    left.close()
    with pytest.raises(ConnectionRefusedError):
        dial(SECOND, 7000)
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize(
    "subnets",
    [
        ("10.0.0.0/8",),
        ("127.0.0.0/8",),
        ("127.1.0.0/16", "fd00::/64"),
        ("nonsense",),
        ("127.1.0.0/31",),
    ],
)
def test_subnets_that_loopback_cannot_have_are_refused(subnets: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        CRI(network="loopback", pod_subnets=subnets)


def test_a_network_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a network"):
        CRI(network="wifi")


def test_the_subnet_on_loopback_can_be_chosen() -> None:
    with node("object", network="loopback", pod_subnets=("127.90.1.0/24",)) as opened:
        net = Pods(opened)
        assert net.address(net.pod()) == "127.90.1.2"


def test_the_command_line_serves_pods_on_loopback(tmp_path: Path) -> None:
    options = ("--network", "loopback", "--pod-subnet", SUBNET, "--logs", "memory")
    with serving("127.0.0.1:0", *options) as server, connect(server.endpoint) as channel:
        runtime, images = runtime_stub(channel), image_stub(channel)
        images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="nginx")))
        pod = runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config())).pod_sandbox_id
        container = runtime.CreateContainer(create_request(pod, image="nginx")).container_id
        runtime.StartContainer(pb.StartContainerRequest(container_id=container))
        assert get(FIRST, 80)[0] == 200
        assert server.stop() == (0, "", "")


def test_the_command_line_refuses_subnets_beyond_loopback() -> None:
    words = ["--listen", "127.0.0.1:0", "--network", "loopback", "--pod-subnet", "10.0.0.0/8"]
    options = cli._parser().parse_args(["serve", *words])
    with pytest.raises(UsageError, match="is no part of 127"):
        cli.serving.serve(options)
