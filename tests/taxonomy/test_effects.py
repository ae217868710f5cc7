"""Level 2 of the taxonomy: what a call did, whatever it was answered."""

import grpc

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import READY, RUNNING, begin, begin_stop, sandboxes
from tests.support import Node, raises_status, sandbox_config
from tests.taxonomy.shows import shows

S = grpc.StatusCode
RUN = pb.RunPodSandboxRequest(config=sandbox_config())


def run_within(node: Node, seconds: float) -> None:
    """Run the sandbox with a deadline that is expected to pass."""
    with raises_status(S.DEADLINE_EXCEEDED):
        node.runtime.RunPodSandbox(RUN, timeout=seconds)


@shows(
    "E2",
    'StartContainer = 1*after:error(UNKNOWN, "not in created state: running")',
    "an error; the container runs",
)
def test_it_happened_and_the_answer_is_an_error(node: Node, rule: None) -> None:
    container_id = node.create(node.run_sandbox(), "sleep", "infinity")
    with raises_status(S.UNKNOWN, "not in created state: running"):
        node.start(container_id)
    assert node.status(container_id).state == RUNNING


@shows("E3", "RunPodSandbox = 1*after:hang", "DEADLINE_EXCEEDED; a retry meets the reserved name")
@shows("E3", "RunPodSandbox = 1*after:hang(deadline)", "DEADLINE_EXCEEDED at once; likewise")
def test_it_happened_and_no_answer_comes(node: Node, rule: None) -> None:
    run_within(node, 240)
    (left,) = sandboxes(node)
    with raises_status(
        S.FAILED_PRECONDITION,
        'failed to reserve sandbox name "web_default_uid-web_0": '
        f'name "web_default_uid-web_0" is reserved for "{left}"',
    ):
        node.runtime.RunPodSandbox(RUN)


@shows("E4", "RunPodSandbox = during:cancel(abort)", "the name is free again; a retry works")
@shows(
    "E4", "RunPodSandbox = during:cancel(finish)", "the sandbox appears after its client has gone"
)
@shows("E4", "RunPodSandbox = during:cancel(leak)", "nothing is listed; each retry is refused")
def test_what_becomes_of_work_whose_client_has_gone(node: Node, text: str, rule: None) -> None:
    with node.cri.faults("RunPodSandbox = 1*during:delay(30s)"):
        run_within(node, 5)
    if "finish" in text:
        assert sandboxes(node) == []
        node.cri.advance(30)
        assert len(sandboxes(node)) == 1
        return
    assert sandboxes(node) == []
    if "abort" in text:
        assert node.runtime.RunPodSandbox(RUN).pod_sandbox_id
        return
    for _ in range(2):
        with raises_status(S.FAILED_PRECONDITION):
            node.runtime.RunPodSandbox(RUN)
    assert sandboxes(node) == []


@shows("E6", "RunPodSandbox = 1*twice", "two READY sandboxes of one pod and attempt")
def test_it_happened_twice(node: Node, rule: None) -> None:
    answered = node.run_sandbox()
    items = node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert [each.state for each in items] == [READY, READY]
    assert len({each.id for each in items}) == 2
    assert answered in {each.id for each in items}
    assert items[0].metadata == items[1].metadata


@shows("E7", "StopPodSandbox = 1*later(60s)", "OK at once; it is READY for another minute")
def test_acknowledged_now_and_effective_later(node: Node, rule: None) -> None:
    pod_sandbox_id = node.run_sandbox()
    node.stop_sandbox(pod_sandbox_id)
    node.cri.advance(59)
    assert node.sandbox_status(pod_sandbox_id).state == READY
    node.cri.advance(2)
    assert node.sandbox_status(pod_sandbox_id).state != READY


@shows("E8", "UpdateContainerResources = noop", "OK; the old resources for ever")
def test_acknowledged_and_never_effective(node: Node, rule: None) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "infinity")
    before = node.status(container_id).resources
    linux = pb.LinuxContainerResources(cpu_shares=512, memory_limit_in_bytes=64 * 2**20)
    node.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(container_id=container_id, linux=linux)
    )
    assert node.status(container_id).resources == before


@shows("E9", "StopContainer = hang", "stops time out, one after another; it runs on")
def test_what_cannot_be_killed(node: Node, rule: None) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "infinity")
    for _ in range(2):
        with raises_status(S.DEADLINE_EXCEEDED):
            begin_stop(node, container_id, 30, timeout=150).result()
        assert node.status(container_id).state == RUNNING


def test_the_call_that_hangs_is_seen_by_the_recorder(node: Node) -> None:
    with node.cri.faults("RunPodSandbox = 1*before:hang", strict=True):
        pending = begin(node, "RunPodSandbox", RUN, timeout=10)
        with raises_status(S.DEADLINE_EXCEEDED):
            pending.result()
    assert sandboxes(node) == []
