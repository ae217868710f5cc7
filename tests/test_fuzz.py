"""Any valid message in any order: never INTERNAL, never a crash, and the store stays in order."""

from functools import cache
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from fakecri.rpcs import RPCS, Rpc
from tests.invariants import check_store
from tests.messages import messages
from tests.support import (
    FACES,
    Node,
    create_request,
    node,
    own_pid_namespace,
    sandbox_config,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

KNOWN = "0123456789abcdef"
IDS = st.sampled_from(["sandbox", "container", "gone", "", KNOWN, "a"])
"""Placeholders: the ids that a node happens to have are put in later."""


@cache
def requests_of(rpc: Rpc) -> st.SearchStrategy[Any]:
    return messages(rpc.request.DESCRIPTOR, IDS)


def calls() -> st.SearchStrategy[list[tuple[Rpc, Any]]]:
    one = st.sampled_from(list(RPCS.values())).flatmap(
        lambda rpc: st.tuples(st.just(rpc), requests_of(rpc))
    )
    return st.lists(one, min_size=1, max_size=6)


def with_ids(request: Any, ids: dict[str, str]) -> Any:
    """Put real ids where a message holds a placeholder for one."""
    for field, content in request.ListFields():
        if field.type == field.TYPE_STRING and not field.is_repeated:
            setattr(request, field.name, ids.get(content, content))
        elif field.message_type and not field.is_repeated:
            with_ids(content, ids)
    return request


def outcome(opened: Node, rpc: Rpc, request: Any) -> grpc.StatusCode:
    """Make a call; return its code. Its deadline ends what would wait for ever."""
    stub = opened.runtime if rpc.service == "RuntimeService" else opened.images
    method = getattr(stub, rpc.name)
    try:
        if rpc.streams:
            for _ in method(request, timeout=0.05):
                pass
        else:
            method(request, timeout=5)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def populated(opened: Node) -> dict[str, str]:
    """Put something on the node that calls can be about; return its ids."""
    opened.pull()
    sandbox = opened.run_sandbox()
    security = own_pid_namespace()
    running = opened.run(sandbox, "sleep", "1000", name="running", linux=security)
    opened.create(sandbox, "true", name="created")
    return {"sandbox": sandbox, "container": running}


@pytest.mark.parametrize("face", FACES)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(made=calls())
def test_no_sequence_of_calls_breaks_a_runtime(face: str, made: list[tuple[Rpc, Any]]) -> None:
    with node(face) as opened:
        ids = populated(opened)
        for rpc, request in made:
            code = outcome(opened, rpc, with_ids(request, ids))
            assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}, rpc.name
            with opened.cri.host.turn() as world:  # calls whose clients have gone may be in it
                check_store(world)
        assert opened.runtime.Version(pb.VersionRequest()).version == "0.1.0"


@pytest.mark.parametrize("rpc", list(RPCS.values()), ids=lambda rpc: rpc.name)
def test_each_rpc_takes_any_message(rpc: Rpc) -> None:
    @settings(
        max_examples=100,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(request=requests_of(rpc))
    def check(request: Any) -> None:
        with node("object") as opened:
            code = outcome(opened, rpc, with_ids(request, populated(opened)))
            assert code is not grpc.StatusCode.INTERNAL
            check_store(opened.cri.host.world)

    check()


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    pod=messages(pb.PodSandboxConfig.DESCRIPTOR, IDS),
    container=messages(pb.ContainerConfig.DESCRIPTOR, IDS),
    update=messages(pb.LinuxContainerResources.DESCRIPTOR, IDS),
)
def test_good_configs_with_anything_added_live_or_leave_no_trace(
    pod: Any, container: Any, update: Any
) -> None:
    with node("object") as opened:
        ids = populated(opened)
        ran = pb.RunPodSandboxRequest(config=sandbox_config("other"))
        ran.config.MergeFrom(with_ids(pod, ids))
        created = create_request(ids["sandbox"], "sleep", "5", name="other")
        created.config.MergeFrom(with_ids(container, ids))
        created.sandbox_config.MergeFrom(pod)
        for name, request in (("RunPodSandbox", ran), ("CreateContainer", created)):
            code = outcome(opened, RPCS[name], request)
            assert code is not grpc.StatusCode.INTERNAL
            check_store(opened.cri.host.world)
        for each in opened.runtime.ListContainers(pb.ListContainersRequest()).containers:
            later: tuple[Message, ...] = (
                pb.StartContainerRequest(container_id=each.id),
                pb.UpdateContainerResourcesRequest(container_id=each.id, linux=update),
                pb.ContainerStatusRequest(container_id=each.id, verbose=True),
                pb.ContainerStatsRequest(container_id=each.id),
                pb.RemoveContainerRequest(container_id=each.id),
            )
            for message in later:
                rpc = RPCS[message.DESCRIPTOR.name.removesuffix("Request")]
                assert outcome(opened, rpc, message) is not grpc.StatusCode.INTERNAL
            check_store(opened.cri.host.world)


@pytest.mark.parametrize("face", FACES)
def test_each_rpc_takes_the_empty_message(face: str) -> None:
    with node(face) as opened:
        populated(opened)
        for rpc in RPCS.values():
            code = outcome(opened, rpc, rpc.request())
            assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED}, rpc.name
            with opened.cri.host.turn() as world:  # likewise
                check_store(world)
