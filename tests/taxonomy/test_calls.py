"""Level 1 of the taxonomy: what a single call is answered."""

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import Code
from tests.support import Node, raises_status
from tests.taxonomy.shows import shows

S = grpc.StatusCode
VERSION = pb.VersionRequest()
LIST = pb.ListContainersRequest()


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_each_of_the_codes_comes_as_it_was_asked_for(node: Node, code: Code) -> None:
    rule = f'RunPodSandbox = error({code.name}, "not today: 100%")'
    with (
        node.cri.faults(rule, strict=True),
        raises_status(getattr(S, code.name), "not today: 100%"),
    ):
        node.run_sandbox()
    assert not node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items


@shows("C1", 'RunPodSandbox = 1*error(UNAVAILABLE, "gone")', "UNAVAILABLE; nothing was made")
@shows("E1", 'RunPodSandbox = 1*before:error(UNAVAILABLE, "gone")', "UNAVAILABLE; a retry works")
def test_an_error_before_any_effect(node: Node, rule: None) -> None:
    with raises_status(S.UNAVAILABLE, "gone"):
        node.run_sandbox()
    assert not node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert node.run_sandbox()


@shows(
    "C2",
    'ContainerStatus{state=removed} = error(UNKNOWN, "no such container")',
    "UNKNOWN where NOT_FOUND is meant",
)
def test_the_wrong_code_for_the_right_condition(node: Node, rule: None) -> None:
    container_id = node.create(node.run_sandbox())
    assert node.status(container_id).id == container_id
    node.remove(container_id)
    with raises_status(S.UNKNOWN, "no such container"):
        node.status(container_id)


@shows("C3", 'PullImage = 1*error(UNKNOWN, "RegistryUnavailable")', "the bare sentinel text")
@shows(
    "C3",
    'PullImage = 1*error(UNKNOWN, "SignatureValidationFailed: no signature")',
    "the sentinel with more text",
)
def test_a_sentinel_text(node: Node, text: str, rule: None) -> None:
    with raises_status(S.UNKNOWN, text.split('"')[1]):
        node.pull()


@shows(
    "C4",
    'RuntimeConfig, streams = error(UNIMPLEMENTED, "unknown method")',
    "UNIMPLEMENTED for what is new; the rest works",
)
def test_an_old_runtime_has_not_all_rpcs(node: Node, rule: None) -> None:
    with raises_status(S.UNIMPLEMENTED, "unknown method"):
        node.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
    with raises_status(S.UNIMPLEMENTED, "unknown method"):
        next(iter(node.runtime.StreamContainers(pb.StreamContainersRequest())))
    assert node.runtime.Version(VERSION).version


@shows("C5", "ContainerStatus = reply:empty", "OK, and no status")
def test_an_empty_answer(node: Node, rule: None) -> None:
    container_id = node.create(node.run_sandbox())
    request = pb.ContainerStatusRequest(container_id=container_id)
    assert node.runtime.ContainerStatus(request) == pb.ContainerStatusResponse()


@shows("C6", '* = for 60s error(UNAVAILABLE, "storm")', "every call fails for a minute")
def test_an_error_storm(node: Node, rule: None) -> None:
    for _ in range(2):
        with raises_status(S.UNAVAILABLE, "storm"):
            node.runtime.Version(VERSION)
        with raises_status(S.UNAVAILABLE, "storm"):
            node.pull()
        node.cri.advance(29)
    node.cri.advance(2)
    assert node.runtime.Version(VERSION).version
    assert node.pull()


@shows("C7", 'ListContainers = every 2 error(UNAVAILABLE, "flap")', "fails every other time")
def test_flapping(node: Node, rule: None) -> None:
    for _ in range(3):
        node.runtime.ListContainers(LIST)
        with raises_status(S.UNAVAILABLE, "flap"):
            node.runtime.ListContainers(LIST)


@shows(
    "C8",
    'StopPodSandbox = 1*off -> error(UNKNOWN, "already stopped")',
    "the second stop is an error",
)
def test_a_second_stop_is_an_error(node: Node, rule: None) -> None:
    pod_sandbox_id = node.run_sandbox()
    node.stop_sandbox(pod_sandbox_id)
    with raises_status(S.UNKNOWN, "already stopped"):
        node.stop_sandbox(pod_sandbox_id)
