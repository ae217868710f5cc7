"""The gRPC health service, asked by an HTTP/2 client without a socket."""

from dataclasses import dataclass, field

import pytest
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]  # it has no stubs
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, TrailersReceived

from fakecri.core.net.daemons import Health
from fakecri.core.net.grpc_health import grpc_health
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from tests.core.net.pods import Pods


@dataclass
class Reply:
    messages: list[bytes] = field(default_factory=list)
    status: str = ""
    message: str = ""


def check(process: Process, service: str, method: str = "Check", wait_s: float = 0) -> Waits[Reply]:
    connection = yield from process.connect("127.0.0.1", 5000)
    protocol = H2Connection()
    protocol.initiate_connection()
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "health"),
        (":path", f"/grpc.health.v1.Health/{method}"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    body = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    protocol.send_headers(1, headers)
    protocol.send_data(1, b"\0" + len(body).to_bytes(4, "big") + body, end_stream=True)
    connection.write(protocol.data_to_send())
    reply = Reply()
    if wait_s:
        yield from process.sleep(wait_s)
    while True:
        for event in protocol.receive_data((yield from connection.read())):
            if isinstance(event, DataReceived):
                reply.messages.append(event.data)
                if wait_s and len(reply.messages) > 1:
                    return reply
            elif isinstance(event, ResponseReceived | TrailersReceived):
                found = {name.decode(): value.decode() for name, value in event.headers}
                reply.status = found.get("grpc-status", reply.status)
                reply.message = found.get("grpc-message", reply.message)
            elif isinstance(event, StreamEnded):
                return reply


def statuses(reply: Reply) -> list[str]:
    found = (health_pb2.HealthCheckResponse.FromString(each[5:]) for each in reply.messages)
    return [health_pb2.HealthCheckResponse.ServingStatus.Name(each.status) for each in found]


@pytest.mark.parametrize("service", ["", "db"])
def test_a_good_service_is_serving(net: Pods, service: str) -> None:
    pod = net.pod()
    net.run(pod, grpc_health(services=("db",)))
    reply = net.result(pod, lambda process: check(process, service))
    assert (statuses(reply), reply.status) == (["SERVING"], "0")


def test_a_service_that_fails_from_the_second_check_on(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, grpc_health(health=Health(fails_from=2)))
    replies = [net.result(pod, lambda process: check(process, "")) for _ in range(2)]
    assert [statuses(each) for each in replies] == [["SERVING"], ["NOT_SERVING"]]


def test_a_service_that_nobody_knows_is_not_found(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, grpc_health())
    reply = net.result(pod, lambda process: check(process, "x" * 300))
    assert (reply.messages, reply.status, reply.message) == ([], "5", "unknown service")


def test_another_method_is_unimplemented(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, grpc_health())
    assert net.result(pod, lambda process: check(process, "", "List")).status == "12"


def test_a_watch_tells_of_a_change(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, grpc_health(health=Health(fails_after_s=5)))
    reply = net.result(pod, lambda process: check(process, "", "Watch", wait_s=10))
    assert statuses(reply) == ["SERVING", "NOT_SERVING"]


def test_what_is_no_http2_is_hung_up_on(net: Pods) -> None:
    pod = net.pod()
    net.run(pod, grpc_health())

    def talk(process: Process) -> Waits[bytes]:
        connection = yield from process.connect("127.0.0.1", 5000)
        connection.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        content = b""
        while chunk := (yield from connection.read()):
            content += chunk
        return content

    assert net.result(pod, talk).startswith(b"\0\0*\x04")  # settings, and the end


AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def start_agnhost(net: Pods, *flags: str) -> tuple[str, str]:
    pod = net.pod()
    return pod, net.start(pod, AGNHOST, "/agnhost", "grpc-health-checking", *flags)


def test_agnhost_is_told_over_http_what_to_say(net: Pods) -> None:
    pod, main = start_agnhost(net)
    seen = []
    for order in ("", "make-not-serving", "make-serving"):
        if order:
            asked = ["wget", "-qO-", f"http://127.0.0.1:8080/{order}"]
            net.cri.runtime_service.exec_sync(main, asked)
        seen += statuses(net.result(pod, lambda process: check(process, "")))
    assert seen == ["SERVING", "NOT_SERVING", "SERVING"]


def test_agnhost_does_not_serve_after_its_delay_whatever_it_is_told(net: Pods) -> None:
    pod, main = start_agnhost(net, "--delay-unhealthy-sec=5")
    assert statuses(net.result(pod, lambda process: check(process, ""))) == ["SERVING"]
    net.cri.advance(5)
    asked = ["wget", "-qO-", "http://127.0.0.1:8080/make-serving"]
    net.cri.runtime_service.exec_sync(main, asked)
    assert statuses(net.result(pod, lambda process: check(process, ""))) == ["NOT_SERVING"]


def test_agnhost_knows_the_service_of_its_flag_alone(net: Pods) -> None:
    pod, _ = start_agnhost(net, "--service=db")
    assert statuses(net.result(pod, lambda process: check(process, "db"))) == ["SERVING"]
    assert net.result(pod, lambda process: check(process, "")).status == "5"
