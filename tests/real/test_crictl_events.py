"""crictl events and crictl checkpoint."""

from __future__ import annotations

import json
import tarfile
from typing import IO, TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import FAKE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.runtimes import Pod, Runtime, Stage

pytestmark = pytest.mark.real

CREATED, STARTED, STOPPED, DELETED = (
    f"CONTAINER_{what}_EVENT" for what in ("CREATED", "STARTED", "STOPPED", "DELETED")
)


def test_events_tell_the_life_of_a_pod_and_its_container(stage: Stage) -> None:
    if _refuses_events(stage.runtime):
        return
    crictl = stage.runtime.crictl
    with crictl.started("events") as process:
        events = _events(process.stdout)
        _until_subscribed(stage, events)
        pod = stage.pod()
        container = pod.start("main", "sleep", "300")
        crictl.ok("stop", container)
        crictl.ok("rm", container)
        crictl.ok("rmp", "--force", pod.id)
        told = _until_deleted(events, pod)
    assert [(event["containerEventType"], event["containerId"]) for event in told] == [
        (CREATED, pod.id),
        (STARTED, pod.id),
        (CREATED, container),
        (STARTED, container),
        (STOPPED, container),
        (DELETED, container),
        (STOPPED, pod.id),
        (DELETED, pod.id),
    ]
    stamps = [int(event["createdAt"]) for event in told]
    assert stamps == sorted(stamps)


def test_events_carry_the_status_of_the_pod_and_its_containers(stage: Stage) -> None:
    if _refuses_events(stage.runtime):
        return
    crictl = stage.runtime.crictl
    with crictl.started("events", "--output", "json") as process:
        events = _events(process.stdout)
        _until_subscribed(stage, events)
        pod = stage.pod()
        container = pod.finish("main", "false")
        crictl.ok("rmp", "--force", pod.id)
        told = _until_deleted(events, pod)
    by_kind = {(event["containerId"], event["containerEventType"]): event for event in told}
    for event in told:
        assert event["podSandboxStatus"]["metadata"] == pod.config["metadata"]
    stopped = by_kind[container, STOPPED]["containersStatuses"]
    assert [(one["id"], one["exitCode"], one["reason"]) for one in stopped] == [
        (container, 1, "Error")
    ]
    assert by_kind[container, DELETED]["containersStatuses"] == []
    assert by_kind[pod.id, STARTED]["podSandboxStatus"]["state"] == "SANDBOX_READY"
    assert by_kind[pod.id, STOPPED]["podSandboxStatus"]["state"] == "SANDBOX_NOTREADY"


def test_checkpoint_of_a_running_container_writes_an_archive(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    archive = stage.directory / "checkpoint.tar"
    answer = stage.runtime.crictl.run("checkpoint", "--export", str(archive), running)
    if stage.runtime.refuses("CheckpointContainer", answer):
        return
    assert answer.status == 0
    assert tarfile.is_tarfile(archive)
    assert pod.status(running)["state"] == "CONTAINER_RUNNING"


def test_checkpoint_of_what_does_not_run_fails(stage: Stage) -> None:
    created = stage.pod().create("main", "true")
    archive = stage.directory / "checkpoint.tar"
    answer = stage.runtime.crictl.run("checkpoint", "--export", str(archive), created)
    if stage.runtime.refuses("CheckpointContainer", answer):
        return
    assert answer.error == (
        f'checkpointing the container "{created}" failed: rpc error: code = Unknown desc = '
        f'container "{created}" is in CONTAINER_CREATED state. '
        "only CONTAINER_RUNNING containers can be checkpointed"
    )
    assert not archive.exists()


def _refuses_events(runtime: Runtime) -> bool:
    """Where the RPC is missing, crictl ends at once; elsewhere it would not end."""
    if runtime.name == FAKE:
        return False
    return runtime.refuses("GetContainerEvents", runtime.crictl.run("events"))


def _events(stream: IO[str] | None) -> Iterator[dict[str, Any]]:
    """The events as crictl prints them, one indented JSON object after the other."""
    text = ""
    for line in stream or ():
        text += line
        if line == "}\n":
            yield json.loads(text)
            text = ""


def _until_subscribed(stage: Stage, events: Iterator[dict[str, Any]]) -> None:
    """Makes pods until one is told of; from then on nothing is missed."""
    first = stage.pod()
    for event in events:
        if event["containerId"] == first.id and event["containerEventType"] == STARTED:
            return
    raise AssertionError("crictl events ended without a word of the first pod")


def _until_deleted(events: Iterator[dict[str, Any]], pod: Pod) -> list[dict[str, Any]]:
    told = []
    for event in events:
        if event["podSandboxStatus"]["id"] == pod.id:
            told.append(event)
        if (event["containerId"], event["containerEventType"]) == (pod.id, DELETED):
            break
    return told
