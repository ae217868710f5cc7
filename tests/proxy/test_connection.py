"""A runtime that is not there, that goes away, and that comes back."""

import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.proxy import Proxy
from tests.proxy.elsewhere import PATIENCE_S, Elsewhere, listening
from tests.proxy.test_calls import forever
from tests.server.served import until
from tests.support import raises_status, sandbox_config

VERSION = pb.VersionRequest()


def dialling(path: Path, why: str) -> str:
    """Return what a client of grpc-go says."""
    return (
        'connection error: desc = "transport: Error while dialing: '
        f'dial unix {path}: connect: {why}"'
    )


def test_a_runtime_that_is_not_there_is_unavailable_as_to_a_client_of_its_own(
    directory: Path,
) -> None:
    path = directory / "upstream.sock"
    with (
        Proxy(f"unix://{path}") as proxy,
        raises_status(grpc.StatusCode.UNAVAILABLE, dialling(path, "no such file or directory")),
    ):
        proxy.runtime.Version(VERSION)


def test_a_runtime_that_does_not_listen_refuses(directory: Path) -> None:
    path = directory / "upstream.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
        with (
            Proxy(f"{path}") as proxy,
            raises_status(grpc.StatusCode.UNAVAILABLE, dialling(path, "connection refused")),
        ):
            proxy.runtime.Version(VERSION)


def test_a_tcp_port_on_which_nobody_listens_is_named_likewise() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host, port = taken.getsockname()
        text = (
            'connection error: desc = "transport: Error while dialing: '
            f'dial tcp {host}:{port}: connect: connection refused"'
        )
        with (
            Proxy(f"{host}:{port}") as proxy,
            raises_status(grpc.StatusCode.UNAVAILABLE, text),
        ):
            proxy.runtime.Version(VERSION)


def test_calls_and_streams_are_cut_when_the_runtime_goes_and_go_on_when_it_is_back(
    elsewhere: Elsewhere, directory: Path
) -> None:
    path = directory / "upstream.sock"
    elsewhere.answer = forever
    gone = (grpc.StatusCode.UNAVAILABLE, "error reading from server: EOF")
    with (
        listening(elsewhere, path) as upstream,
        Proxy(upstream) as proxy,
        proxy.serve(f"{directory}/cri.sock") as server,
        connect(server.endpoint) as channel,
    ):
        stub = runtime_stub(channel)
        cut: list[Any] = [
            stub.GetContainerEvents(pb.GetEventsRequest()),
            stub.Version.future(VERSION),
        ]
        for _ in cut:
            elsewhere.arrived()
        elsewhere.close()
        assert [(call.code(), call.details()) for call in cut] == [gone, gone]
        elsewhere.answer = lambda _: iter([b""])
        with listening(elsewhere, path):
            back = stub.Version.future(VERSION, timeout=PATIENCE_S)
            while back.code() is grpc.StatusCode.UNAVAILABLE:
                back = stub.Version.future(VERSION, timeout=PATIENCE_S)
            assert back.code() is grpc.StatusCode.OK


def test_events_reach_every_subscriber(directory: Path) -> None:
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        Proxy(upstream.endpoint) as proxy,
        proxy.serve(f"{directory}/cri.sock") as server,
        connect(server.endpoint) as one,
        connect(server.endpoint) as two,
    ):
        streams = [
            runtime_stub(one).GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S),
            runtime_stub(two).GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S),
            proxy.runtime.GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S),
        ]
        until(lambda: len(cri.calls) == len(streams))
        pod = runtime_stub(one).RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config()))
        runtime_stub(two).StopPodSandbox(
            pb.StopPodSandboxRequest(pod_sandbox_id=pod.pod_sandbox_id)
        )
        seen = [[next(stream) for _ in range(2)] for stream in streams]
        assert seen[0] == seen[1] == seen[2]
        assert {each.container_id for each in seen[0]} == {pod.pod_sandbox_id}


# What is asked of the runtime beside what clients ask


def test_nothing_is_asked_that_no_client_asks(directory: Path) -> None:
    with CRI() as cri, cri.serve(f"{directory}/upstream.sock") as upstream:
        with Proxy(upstream.endpoint) as proxy:
            proxy.runtime.Version(VERSION)
        assert [call.rpc for call in cri.calls] == ["Version"]


def test_a_proxy_that_learns_knows_what_was_there_before(directory: Path) -> None:
    with CRI() as cri, cri.serve(f"{directory}/upstream.sock") as upstream:
        pod = cri.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config()))
        with Proxy(upstream.endpoint) as without, Proxy(upstream.endpoint, learn=True) as proxy:
            lookup = proxy.host.world.faults.lookup
            known = lookup.find_pod(pod.pod_sandbox_id)
            assert known is not None
            assert (known.name, known.state) == ("web", "ready")
            assert without.host.world.faults.lookup.find_pod(pod.pod_sandbox_id) is None
            assert not proxy.calls


def test_a_proxy_that_cannot_learn_does_not_begin(directory: Path) -> None:
    path = directory / "upstream.sock"
    with pytest.raises(UsageError) as refusal:
        Proxy(f"unix://{path}", learn=True)
    text = dialling(path, "no such file or directory")
    assert str(refusal.value) == f"cannot learn from unix://{path}: ListPodSandbox: {text}"


@pytest.mark.parametrize("address", ["", "nowhere", "unix://relative", "example.test:1"])
def test_an_upstream_that_no_address_can_be_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        Proxy(address)
