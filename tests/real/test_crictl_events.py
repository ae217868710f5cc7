"""crictl events and crictl checkpoint."""

from __future__ import annotations

import json
import tarfile
from contextlib import contextmanager
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import FAKE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.crictl import Crictl
    from tests.real.runtimes import Pod, Runtime, Stage

pytestmark = pytest.mark.real

CREATED, STARTED, STOPPED, DELETED = (
    f"CONTAINER_{what}_EVENT" for what in ("CREATED", "STARTED", "STOPPED", "DELETED")
)


def test_events_tell_the_life_of_a_pod_and_its_container(stage: Stage) -> None:
    if _refuses_events(stage.runtime):
        return
    crictl = stage.runtime.crictl
    with _listening(crictl) as events:
        events.wait_until_subscribed(stage)
        pod = stage.pod()
        container = pod.start("main", "sleep", "300")
        crictl.ok("stop", container)
        crictl.ok("rm", container)
        crictl.ok("rmp", "--force", pod.id)
        told = events.of(pod)
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
    with _listening(crictl, "--output", "json") as events:
        events.wait_until_subscribed(stage)
        pod = stage.pod()
        container = pod.finish("main", "false")
        crictl.ok("rmp", "--force", pod.id)
        told = events.of(pod)
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


@contextmanager
def _listening(crictl: Crictl, *options: str) -> Iterator[_Events]:
    events = _Events()
    with crictl.started("events", *options) as process:
        assert process.stdout is not None
        reader = Thread(target=events.read, args=(process.stdout,))
        reader.start()
        try:
            yield events
        finally:
            process.kill()
            reader.join()


class _Events:
    """What crictl has told of so far, an indented JSON object each."""

    def __init__(self) -> None:
        self._told: list[dict[str, Any]] = []

    def read(self, stream: IO[str]) -> None:
        """Listen to the end."""
        text = ""
        for line in stream:
            text += line
            if line == "}\n":
                self._told.append(json.loads(text))
                text = ""

    def wait_until_subscribed(self, stage: Stage) -> None:
        """Make pods until one is told of; from then on nothing is missed."""
        until(lambda: STARTED in self._kinds(stage.pod()), "a word of a pod")

    def of(self, pod: Pod) -> list[dict[str, Any]]:
        """Wait until a pod is gone; return what was told of it and its containers."""
        until(lambda: DELETED in self._kinds(pod), "the last of the pod")
        return [event for event in self._told if event["podSandboxStatus"]["id"] == pod.id]

    def _kinds(self, pod: Pod) -> set[str]:
        told = tuple(self._told)
        return {each["containerEventType"] for each in told if each["containerId"] == pod.id}
