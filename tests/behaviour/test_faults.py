"""Errors that a test injects: the runtime never sees the call. Both faces tell them alike."""

import grpc
import pytest

from fakecri import Code, CRIError, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.rpcs import RPCS
from tests.behaviour.steps import (
    NOT_FOUND,
    RUNNING,
    containers,
    count,
    heard,
    listen,
    sandboxes,
)
from tests.support import Node, raises_status

BUSY = CRIError('no room for "you"\n\u2026', Code.UNAVAILABLE)


def test_an_injected_error_answers_the_next_call_of_its_rpc_and_no_other(ready: Node) -> None:
    pod = ready.run_sandbox()
    running = ready.run(pod, "sleep", "99")
    events = listen(ready)
    ready.cri.inject_error("StopContainer", BUSY)
    assert ready.status(running).state == RUNNING
    with raises_status(grpc.StatusCode.UNAVAILABLE, BUSY.message):
        ready.stop(running)
    assert ready.status(running).state == RUNNING
    assert events.drain() == []
    ready.stop(running)
    assert heard(events) == [(running, "STOPPED")]


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_every_code_can_be_injected(node: Node, code: Code) -> None:
    node.cri.inject_error("ListContainers", CRIError("so it is", code))
    with pytest.raises(grpc.RpcError) as refusal:
        containers(node)
    status = refusal.value.code()
    assert (status.value[0], refusal.value.details()) == (code.value, "so it is")
    assert containers(node) == []


def test_errors_wait_in_line(node: Node) -> None:
    for number in range(3):
        node.cri.inject_error("ListPodSandbox", CRIError(f"number {number}"))
    node.cri.inject_error("ListContainers", CRIError("another"))
    for number in range(3):
        with raises_status(grpc.StatusCode.UNKNOWN, f"number {number}"):
            sandboxes(node)
    assert sandboxes(node) == []
    with raises_status(grpc.StatusCode.UNKNOWN, "another"):
        containers(node)


@pytest.mark.parametrize("rpc", sorted(RPCS))
def test_every_rpc_can_be_made_to_fail(node: Node, rpc: str) -> None:
    node.cri.inject_error(rpc, CRIError("made to fail", Code.ABORTED))
    service = node.runtime if RPCS[rpc].service == "RuntimeService" else node.images
    call, request = getattr(service, rpc), RPCS[rpc].request()
    with raises_status(grpc.StatusCode.ABORTED, "made to fail"):
        if RPCS[rpc].streams:
            next(call(request))
        else:
            call(request)
    (record,) = node.cri.calls
    assert record.error is not None
    assert (record.rpc, record.error.code, record.response) == (rpc, Code.ABORTED, None)


def test_a_refused_creation_holds_nothing(ready: Node) -> None:
    ready.cri.inject_error("RunPodSandbox", BUSY)
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        ready.run_sandbox()
    pod = ready.run_sandbox()
    ready.cri.inject_error("CreateContainer", BUSY)
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        ready.create(pod)
    made = ready.create(pod)
    assert (sandboxes(ready), containers(ready)) == ([pod], [made])


def test_a_stream_can_be_made_to_fail_at_its_first_message(ready: Node) -> None:
    # So a kubelet learns that it must not use streams of lists (26.19).
    text = "unknown method StreamContainers for service runtime.v1.RuntimeService"
    ready.cri.inject_error("StreamContainers", CRIError(text, Code.UNIMPLEMENTED))
    stream = ready.runtime.StreamContainers(pb.StreamContainersRequest())
    with raises_status(grpc.StatusCode.UNIMPLEMENTED, text):
        next(stream)
    assert list(ready.runtime.StreamContainers(pb.StreamContainersRequest())) == []


def test_an_error_for_what_is_no_rpc_is_refused_to_the_test(node: Node) -> None:
    for rpc in ("stop_container", "Nonsense", ""):
        with pytest.raises(UsageError, match="is not an RPC of the CRI"):
            node.cri.inject_error(rpc, BUSY)
    with pytest.raises(UsageError, match="OK is the code of no error"):
        node.cri.inject_error("Version", CRIError("fine", Code.OK))


def test_one_error_can_be_injected_many_times(node: Node) -> None:
    gone = CRIError("gone", Code.NOT_FOUND)
    for _ in range(2):
        node.cri.inject_error("PodSandboxStatus", gone)
    for _ in range(2):
        with raises_status(NOT_FOUND, "gone"):
            node.sandbox_status("x")
    assert gone.__traceback__ is None
    assert count(node, "PodSandboxStatus") == 2
