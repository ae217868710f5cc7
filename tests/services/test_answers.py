"""Successful answers that lack something."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.services import IncompleteResponse
from tests.services.scripted import Script

POD = pb.PodSandboxMetadata(name="p", namespace="n", uid="u")
NAMED = pb.ContainerMetadata(name="c")
IMAGE = pb.ImageSpec(image='say "hi"')


def pod_status(**fields: Any) -> pb.PodSandboxStatusResponse:
    """A complete answer, but for the fields given; None takes one away."""
    complete: dict[str, Any] = {"id": "p1", "metadata": POD, "created_at": 1}
    return pb.PodSandboxStatusResponse(status=pb.PodSandboxStatus(**complete | fields))


def container_status(**fields: Any) -> pb.ContainerStatusResponse:
    """Likewise, of a container."""
    complete: dict[str, Any] = {
        "id": "c1",
        "metadata": NAMED,
        "created_at": 1,
        "image": pb.ImageSpec(image="busybox"),
        "image_ref": "sha256:0",
    }
    return pb.ContainerStatusResponse(status=pb.ContainerStatus(**complete | fields))


def version(**fields: str) -> pb.VersionResponse:
    """Likewise, of the runtime's versions."""
    complete = {
        "version": "0.1.0",
        "runtime_name": "r",
        "runtime_version": "1.2",
        "runtime_api_version": "v1",
    }
    return pb.VersionResponse(**complete | fields)


def conditions(count: int) -> pb.StatusResponse:
    """A status with so many conditions."""
    return pb.StatusResponse(status=pb.RuntimeStatus(conditions=[pb.RuntimeCondition()] * count))


NOT_ALL = "not all fields are set in VersionResponse"
NO_NAME = "metadata.Name, metadata.Namespace or metadata.Uid is not in metadata"
NOT_READY = "RuntimeReady or NetworkReady condition are not set"
NO_IMAGE = r'Id or size of image "say \"hi\"" is not set'

RUNTIME: list[tuple[str, Callable[[Any], object], Message, str]] = [
    ("Version", lambda s: s.version(), version(version=""), f"{NOT_ALL} (missing Version)"),
    (
        "Version",
        lambda s: s.version(),
        pb.VersionResponse(),
        f"{NOT_ALL} (missing Version, RuntimeName, RuntimeApiVersion, RuntimeVersion)",
    ),
    ("Status", lambda s: s.status(), pb.StatusResponse(), NOT_READY),
    ("Status", lambda s: s.status(), conditions(1), NOT_READY),
    (
        "RunPodSandbox",
        lambda s: s.run_pod_sandbox(pb.PodSandboxConfig(metadata=POD)),
        pb.RunPodSandboxResponse(),
        r'PodSandboxId is not set for sandbox "name: \"p\" uid: \"u\" namespace: \"n\""',
    ),
    (
        "RunPodSandbox",
        lambda s: s.run_pod_sandbox(pb.PodSandboxConfig()),
        pb.RunPodSandboxResponse(),
        'PodSandboxId is not set for sandbox "<nil>"',
    ),
    (
        "CreateContainer",
        lambda s: s.create_container(
            "p1", pb.ContainerConfig(metadata=NAMED), pb.PodSandboxConfig()
        ),
        pb.CreateContainerResponse(),
        r'ContainerId is not set for container "name: \"c\""',
    ),
    ("Exec", lambda s: s.exec(pb.ExecRequest()), pb.ExecResponse(), "URL is not set"),
    ("Attach", lambda s: s.attach(pb.AttachRequest()), pb.AttachResponse(), "URL is not set"),
    (
        "PortForward",
        lambda s: s.port_forward(pb.PortForwardRequest()),
        pb.PortForwardResponse(),
        "URL is not set",
    ),
]

POD_STATUS = [
    (pod_status(id=""), "status.Id is not set"),
    (pod_status(metadata=None), "status.Metadata is not set"),
    (
        pod_status(metadata=pb.PodSandboxMetadata(namespace="n", uid="u")),
        rf'{NO_NAME} "uid: \"u\" namespace: \"n\""',
    ),
    (
        pod_status(metadata=pb.PodSandboxMetadata(name="p", uid="u")),
        rf'{NO_NAME} "name: \"p\" uid: \"u\""',
    ),
    (
        pod_status(metadata=pb.PodSandboxMetadata(name="p", namespace="n")),
        rf'{NO_NAME} "name: \"p\" namespace: \"n\""',
    ),
    (pod_status(created_at=0), "status.CreatedAt is not set"),
]

CONTAINER_STATUS = [
    (container_status(id=""), "status.Id is not set"),
    (container_status(metadata=None), "status.Metadata is not set"),
    (
        container_status(metadata=pb.ContainerMetadata(attempt=2)),
        'metadata.Name is not in metadata "attempt: 2"',
    ),
    (container_status(created_at=0), "status.CreatedAt is not set"),
    (container_status(image=None), "status.Image is not set"),
    (container_status(image=pb.ImageSpec()), "status.Image is not set"),
    (container_status(image_ref=""), "status.ImageRef is not set"),
]

IMAGES: list[tuple[str, Callable[[Any], object], Message, str]] = [
    (
        "PullImage",
        lambda s: s.pull_image(IMAGE),
        pb.PullImageResponse(),
        r'imageRef of image "say \"hi\"" is not set',
    ),
    (
        "ImageStatus",
        lambda s: s.image_status(IMAGE),
        pb.ImageStatusResponse(image=pb.Image(size=1)),
        NO_IMAGE,
    ),
    (
        "ImageStatus",
        lambda s: s.image_status(IMAGE),
        pb.ImageStatusResponse(image=pb.Image(id="sha256:0")),
        NO_IMAGE,
    ),
]


def text_of(call: Callable[[], object]) -> str:
    """The text of the IncompleteResponse that the call raises."""
    with pytest.raises(IncompleteResponse) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(("rpc", "call", "answer", "text"), RUNTIME)
def test_a_runtime_answer_that_lacks_something_is_refused(
    rpc: str, call: Callable[[Any], object], answer: Message, text: str, script: Script
) -> None:
    script.answers[rpc] = answer
    assert text_of(lambda: call(script.runtime())) == text


@pytest.mark.parametrize(("rpc", "call", "answer", "text"), IMAGES)
def test_an_image_answer_that_lacks_something_is_refused(
    rpc: str, call: Callable[[Any], object], answer: Message, text: str, script: Script
) -> None:
    script.answers[rpc] = answer
    assert text_of(lambda: call(script.images())) == text


@pytest.mark.parametrize(("answer", "text"), POD_STATUS)
def test_a_pod_sandbox_status_that_lacks_something_is_refused(
    answer: pb.PodSandboxStatusResponse, text: str, script: Script
) -> None:
    script.answers["PodSandboxStatus"] = answer
    assert text_of(lambda: script.runtime().pod_sandbox_status("p1")) == text


@pytest.mark.parametrize(("answer", "text"), CONTAINER_STATUS)
def test_a_container_status_that_lacks_something_is_refused(
    answer: pb.ContainerStatusResponse, text: str, script: Script
) -> None:
    script.answers["ContainerStatus"] = answer
    assert text_of(lambda: script.runtime().container_status("c1")) == text


def test_answers_without_any_status_or_image_are_passed_on(script: Script) -> None:
    script.answers |= {
        "PodSandboxStatus": pb.PodSandboxStatusResponse(),
        "ContainerStatus": pb.ContainerStatusResponse(),
        "ImageStatus": pb.ImageStatusResponse(),
    }
    assert script.runtime().pod_sandbox_status("p1") == pb.PodSandboxStatusResponse()
    assert script.runtime().container_status("c1") == pb.ContainerStatusResponse()
    assert script.images().image_status(IMAGE) == pb.ImageStatusResponse()
