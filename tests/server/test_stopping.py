"""Starting and stopping a server."""

import asyncio
import threading
from pathlib import Path

import grpc
import grpc.aio
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.core.scheduler import SECOND_NS
from fakecri.endpoints import UnusableAddress
from fakecri.errors import UsageError
from fakecri.host import Host
from fakecri.server import Server
from tests.server.served import CANCELLED, PATIENCE_S, Served, event, method, until
from tests.support import raises_status

GONE = "error reading from server: EOF"


def test_calls_that_wait_end_as_unavailable_when_the_server_stops(served: Served) -> None:
    call = served.park()
    stream, send = served.stream()
    send(event("a"))
    next(stream)
    served.server.stop()
    assert [served.reason(), served.reason()] == [CANCELLED, CANCELLED]
    for ended in (call.result, stream.__next__):
        with raises_status(grpc.StatusCode.UNAVAILABLE, GONE):
            ended()


def test_a_call_may_come_to_its_end_while_the_server_stops(served: Served, directory: Path) -> None:
    call = served.park()
    stopping = threading.Thread(target=served.server.stop, args=(PATIENCE_S,))
    stopping.start()
    until(lambda: not (directory / "cri.sock").exists())
    with raises_status(grpc.StatusCode.UNAVAILABLE, GONE):
        served.stub.Version(pb.VersionRequest())
    served.host.advance(SECOND_NS)
    assert call.result(timeout=PATIENCE_S) == pb.StopContainerResponse()
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()


def test_a_stopped_server_leaves_no_thread_and_no_file(host: Host, directory: Path) -> None:
    threads = set(threading.enumerate())
    with Server(host, f"{directory}/s") as server, connect(server.endpoint) as channel:
        runtime_stub(channel).Version(pb.VersionRequest())
        with raises_status(grpc.StatusCode.UNIMPLEMENTED):
            method(channel, "/a/b")(b"")
    until(lambda: set(threading.enumerate()) <= threads)
    assert list(directory.iterdir()) == []


def test_a_server_that_stopped_starts_again_for_the_same_client(served: Served) -> None:
    for _ in range(5):
        served.server.stop()
        served.server.stop()
        served.server.start()
        assert served.version() == "v"


def test_a_server_starts_once(served: Served) -> None:
    with pytest.raises(UsageError, match="is running"):
        served.server.start()


def test_a_server_has_no_endpoint_before_it_starts(host: Host) -> None:
    with pytest.raises(UsageError, match="before it was opened"):
        _ = Server(host, "127.0.0.1:0").endpoint


def test_a_server_that_cannot_start_leaves_nothing_behind(served: Served, host: Host) -> None:
    threads = set(threading.enumerate())
    with pytest.raises(UnusableAddress, match="another server listens"):
        Server(host, served.server.endpoint).start()
    assert set(threading.enumerate()) <= threads
    assert served.version() == "v"


def test_a_loopback_port_is_served(host: Host) -> None:
    with Server(host, "tcp://localhost:0") as server, connect(server.endpoint) as channel:
        assert server.endpoint.startswith("127.0.0.1:")
        runtime_stub(channel).Version(pb.VersionRequest())
        with pytest.raises(UnusableAddress, match="Address already in use"):
            Server(host, server.endpoint).start()


def test_a_path_with_special_characters_is_served(host: Host, directory: Path) -> None:
    with Server(host, f"{directory}/é %41?#.sock") as server:
        assert [path.name for path in directory.iterdir()] == ["é %41?#.sock"]
        assert Server(host, server.endpoint)._address == server._address
        with connect(server.endpoint) as channel:
            runtime_stub(channel).Version(pb.VersionRequest())


def test_a_server_runs_on_the_loop_of_its_caller(host: Host, directory: Path) -> None:
    async def both() -> bytes:
        async with (
            Server(host, f"{directory}/s") as server,
            grpc.aio.insecure_channel(server.endpoint) as channel,
        ):
            request = pb.VersionRequest(version="aio").SerializeToString()
            answer: bytes = await method(channel, "/runtime.v1.RuntimeService/Version")(request)
            return answer

    assert pb.VersionResponse.FromString(asyncio.run(both())).runtime_name == "aio"
