"""Errors by rule: before, half-way, after the work, and what goes with them."""

from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import NOTREADY, READY, RUNNING
from tests.support import Node, raises_status, sandbox_config

ABORTED, INTERNAL = grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL
VERSION = pb.VersionRequest()


def refusal(node: Node, rule: str) -> Any:
    """Return what Version raises under a rule."""
    with node.cri.faults(rule), pytest.raises(grpc.RpcError) as raised:
        node.runtime.Version(VERSION)
    return raised.value


def details_of(error: Any) -> Status:
    """Return the details of an error as clients read them."""
    metadata = dict(error.trailing_metadata())
    return Status.FromString(metadata["grpc-status-details-bin"])


def effects(node: Node) -> list[tuple[str, str, str]]:
    """Return action, phase and effect of what rules did to the last call."""
    call = next(each for each in reversed(node.cri.calls) if each.faults)
    return [(each.action.partition("(")[0], each.phase, each.effect) for each in call.faults]


@pytest.mark.parametrize("code", [each for each in grpc.StatusCode if each.value[0]])
def test_every_code_there_is_comes_with_its_text(node: Node, code: grpc.StatusCode) -> None:
    error = refusal(node, f'Version = error({code.name}, "RegistryUnavailable: dial tcp: 503")')
    assert error.code() is code
    assert error.details() == "RegistryUnavailable: dial tcp: 503"


def test_an_error_before_the_work_is_definite(ready: Node) -> None:
    with (
        ready.cri.faults('RunPodSandbox = error(ABORTED, "no")'),
        raises_status(ABORTED, "no"),
    ):
        ready.run_sandbox()
    assert effects(ready) == [("error", "before", "definite")]
    assert not ready.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items


def test_an_error_half_way_leaves_no_sandbox_and_no_name(ready: Node) -> None:
    with (
        ready.cri.faults('RunPodSandbox = during:error(ABORTED, "no")'),
        raises_status(ABORTED),
    ):
        ready.run_sandbox()
    assert effects(ready) == [("error", "during", "indefinite")]
    assert ready.sandbox_status(ready.run_sandbox()).state == READY


def test_an_error_after_the_work_is_indefinite(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with (
        ready.cri.faults('StartContainer = after:error(UNKNOWN, "not in created state: running")'),
        raises_status(grpc.StatusCode.UNKNOWN, "not in created state: running"),
    ):
        ready.start(made)
    assert ready.status(made).state == RUNNING
    assert effects(ready) == [("error", "after", "indefinite")]


def test_a_reason_comes_as_an_error_info_in_the_details(node: Node) -> None:
    error = refusal(node, 'Version = error(ABORTED, "busy", "DEVICE_BUSY")')
    status = details_of(error)
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, status.message) == (grpc.StatusCode.ABORTED.value[0], "busy")
    assert (info.reason, info.domain) == ("DEVICE_BUSY", "fakecri.dev")


def test_details_of_any_type_are_written_in_json(node: Node) -> None:
    detail = r"{\"@type\": \"type.googleapis.com/google.rpc.RetryInfo\", \"retryDelay\": \"5s\"}"
    error = refusal(node, f'Version = error(UNAVAILABLE, "later", "{detail}")')
    retry = RetryInfo()
    assert details_of(error).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 5


def test_an_error_without_details_has_none(node: Node) -> None:
    error = refusal(node, "Version = error(ABORTED)")
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata() or ())


def test_an_error_opens_no_stream(node: Node) -> None:
    request = pb.GetEventsRequest()
    with (
        node.cri.faults('GetContainerEvents = error(UNIMPLEMENTED, "no")'),
        raises_status(grpc.StatusCode.UNIMPLEMENTED, "no"),
    ):
        next(node.runtime.GetContainerEvents(request))


def test_a_teardown_that_fails_is_repeated(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    with ready.cri.faults('StopPodSandbox = 2* after:error(UNKNOWN, "cni del failed")'):
        for _ in range(2):
            with raises_status(grpc.StatusCode.UNKNOWN, "cni del failed"):
                ready.stop_sandbox(sandbox)
        ready.stop_sandbox(sandbox)
    assert ready.sandbox_status(sandbox).state == NOTREADY


def test_one_status_that_fails_is_that_of_one_container(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    sick, well = (ready.create(sandbox, "sleep", "9", name=name) for name in ("sick", "well"))
    with (
        ready.cri.faults('ContainerStatus{container=sick} = error(INTERNAL, "gone wrong")'),
        raises_status(INTERNAL, "gone wrong"),
    ):
        assert ready.status(well).id == well
        ready.status(sick)


def test_a_sandbox_of_another_pod_is_left_alone(ready: Node) -> None:
    with ready.cri.faults("RunPodSandbox{pod=web} = error(ABORTED)"):
        request = pb.RunPodSandboxRequest(config=sandbox_config("db"))
        assert ready.runtime.RunPodSandbox(request).pod_sandbox_id
