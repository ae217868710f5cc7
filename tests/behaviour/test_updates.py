"""UpdateContainerResources and UpdatePodSandboxResources. Source: lifecycle 14 and 15."""

import json
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    RUNNING,
    UNKNOWN,
    container,
    crash_sandbox,
    listen,
    lose,
)
from tests.support import Node, raises_status


def update(node: Node, id_: str, **resources: Any) -> None:
    """Update the resources of a container."""
    node.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(
            container_id=id_, linux=pb.LinuxContainerResources(**resources)
        )
    )


def resources(node: Node, id_: str) -> pb.LinuxContainerResources:
    """Return what a status shows of a container's resources."""
    return node.status(id_).resources.linux


def with_resources(**fields: Any) -> pb.LinuxContainerConfig:
    """Return the config of a container with resources."""
    return pb.LinuxContainerConfig(resources=pb.LinuxContainerResources(**fields))


@pytest.mark.parametrize("state", ["created", "running", "exited", "lost"])
def test_resources_are_updated_in_every_state_and_shown_at_once(ready: Node, state: str) -> None:
    made = ready.create(ready.run_sandbox(), "false" if state == "exited" else "sleep", "99")
    if state in {"running", "exited"}:
        ready.start(made)
    if state == "lost":
        lose(ready, made)
    before = ready.status(made)
    events = listen(ready)
    update(ready, made, cpu_shares=512, memory_limit_in_bytes=1 << 20)
    after = ready.status(made)
    assert after.resources.linux == pb.LinuxContainerResources(
        cpu_shares=512, memory_limit_in_bytes=1 << 20, memory_swap_limit_in_bytes=1 << 20
    )
    after.ClearField("resources")
    before.ClearField("resources")
    assert after == before
    assert events.drain() == []


def test_updates_of_a_container_that_was_not_started_hold_when_it_is(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "9")
    update(ready, made, cpu_shares=512)
    ready.start(made)
    assert (ready.status(made).state, resources(ready, made).cpu_shares) == (RUNNING, 512)
    ready.stop(made)
    assert (ready.status(made).state, resources(ready, made).cpu_shares) == (EXITED, 512)


def test_what_an_update_leaves_out_stays(ready: Node) -> None:
    made = ready.create(
        ready.run_sandbox(),
        linux=with_resources(cpu_period=1, cpu_quota=2, cpuset_cpus="0", oom_score_adj=-5),
    )
    update(ready, made, cpu_quota=-1, cpuset_mems="1")
    update(ready, made)
    assert resources(ready, made) == pb.LinuxContainerResources(
        cpu_period=1, cpu_quota=-1, cpuset_cpus="0", cpuset_mems="1", oom_score_adj=-5
    )


@pytest.mark.parametrize("asked", [7, -1000])
def test_the_oom_score_is_that_of_the_creation(ready: Node, asked: int) -> None:
    made = ready.create(ready.run_sandbox(), linux=with_resources(oom_score_adj=-5))
    other = ready.create(ready.run_sandbox("db"), pod="db", linux=linux())
    for each in (made, other):
        update(ready, each, oom_score_adj=asked)
    assert [resources(ready, each).oom_score_adj for each in (made, other)] == [-5, 0]


def test_maps_are_merged_and_lists_grow(ready: Node) -> None:
    pages = [pb.HugepageLimit(page_size="2MB", limit=limit) for limit in (1, 2)]
    made = ready.create(
        ready.run_sandbox(),
        linux=with_resources(unified={"a": "1", "b": "1"}, hugepage_limits=pages[:1]),
    )
    for _ in range(2):
        update(ready, made, unified={"b": "2", "c": "3"}, hugepage_limits=pages[1:])
    assert resources(ready, made) == pb.LinuxContainerResources(
        unified={"a": "1", "b": "2", "c": "3"}, hugepage_limits=[pages[0], pages[1], pages[1]]
    )


def test_swap_follows_memory_unless_it_is_said(ready: Node) -> None:
    made = ready.create(ready.run_sandbox())
    for asked, swap in (((4, 0), 4), ((0, 0), 4), ((5, 9), 9), ((0, 8), 8), ((6, 0), 6)):
        update(ready, made, memory_limit_in_bytes=asked[0], memory_swap_limit_in_bytes=asked[1])
        assert resources(ready, made).memory_swap_limit_in_bytes == swap


def test_an_update_of_nothing_succeeds(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), linux=with_resources(cpu_shares=3))
    before = ready.status(made)
    for request in (
        pb.UpdateContainerResourcesRequest(container_id=made),
        pb.UpdateContainerResourcesRequest(
            container_id=made,
            windows=pb.WindowsContainerResources(cpu_shares=9),
            annotations={"a": "b"},
        ),
    ):
        ready.runtime.UpdateContainerResources(request)
    assert ready.status(made) == before


def test_a_container_that_is_being_removed_is_not_updated(ready: Node) -> None:
    made = ready.create(ready.run_sandbox())
    container(ready, made).removing = True
    text = f'failed to update resources: container "{made}" is in removing state'
    with raises_status(UNKNOWN, text):
        update(ready, made, cpu_shares=1)
    assert resources(ready, made) == pb.LinuxContainerResources()
    assert ready.status(made).state == CREATED


# Sandboxes (15).


def info(node: Node, pod: str, *, verbose: bool) -> dict[str, Any]:
    """Return what a sandbox's status says of it in JSON."""
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=verbose)
    parsed: dict[str, Any] = json.loads(node.runtime.PodSandboxStatus(request).info["info"])
    return parsed


@pytest.mark.parametrize("state", ["ready", "stopped", "crashed"])
def test_a_sandbox_update_replaces_both_and_shows_in_the_info_alone(node: Node, state: str) -> None:
    pod = node.run_sandbox()
    if state == "stopped":
        node.stop_sandbox(pod)
    if state == "crashed":
        crash_sandbox(node, pod)
    before = node.sandbox_status(pod)
    for verbose in (False, True):
        assert {"overhead", "resources"}.isdisjoint(info(node, pod, verbose=verbose))

    def set_both(**fields: Any) -> None:
        node.runtime.UpdatePodSandboxResources(
            pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, **fields)
        )

    small, large = (pb.LinuxContainerResources(cpu_shares=shares) for shares in (2, 2048))
    set_both(overhead=small, resources=large)
    for verbose in (False, True):
        shown = info(node, pod, verbose=verbose)
        assert shown["overhead"] == {"linux": {"cpu_shares": 2}}
        assert shown["resources"] == {"linux": {"cpu_shares": 2048}}
    set_both(resources=small)
    shown = info(node, pod, verbose=False)
    assert (shown["overhead"], shown["resources"]) == ({}, {"linux": {"cpu_shares": 2}})
    assert node.sandbox_status(pod) == before
