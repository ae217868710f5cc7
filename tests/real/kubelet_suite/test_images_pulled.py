"""Images of a real kubelet: pulled or not as its policies say, again after failures, noted down."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from fakecri.services import ExitError
from tests.real.kubelet_suite.manifests import await_running, box, pod, run_in
from tests.real.kubelet_suite.seen import hear, told, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

NEW = "images.test/new:1"
PRESENT = "images.test/present:1"
ALWAYS = "images.test/always:1"
NEVER = "images.test/never:1"
LATER = "images.test/later:1"
CONTENT = "images.test/content:1"
AWAY = "away.images.test/app:1"
AWAY_CONTENT = "away.images.test/content:1"
GONE = "gone.images.test/app:1"

BACK_OFF_S = 10
MANY = 16
"""More than a kubelet pulls at once unless it is told that it may."""
UNAVAILABLE = (
    "unexpected status from HEAD request to https://away.images.test/v2/app/manifests/1: 503"
)


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    content = Recipe(base="scratch", files={"/hello": "hello\n", "/below/deep": "deep\n"})
    kubelet_node.cri.add_image(CONTENT, content)
    kubelet_node.cri.registry.host("away.images.test").fail(503)
    kubelet_node.cri.registry.host("gone.images.test").fail(404)
    for each in (PRESENT, ALWAYS, NEVER):
        kubelet_node.cri.image_service.pull_image(pb.ImageSpec(image=each))
    volumes = [{"name": "content", "image": {"reference": CONTENT}}]
    mounts = [
        {"name": "content", "mountPath": "/content"},
        {"name": "content", "mountPath": "/below", "subPath": "below"},
    ]
    away = [{"name": "content", "image": {"reference": AWAY_CONTENT}}]
    with kubelet_node.placed(
        app("new", NEW),
        app("present", PRESENT),
        app("always", ALWAYS, "Always"),
        app("never", NEVER, "Never"),
        app("never-there", LATER, "Never"),
        app("untagged", "images.test/untagged"),
        app("invalid", "UPPER"),
        app("away", AWAY),
        app("gone", GONE),
        pod("content", box(volumeMounts=mounts), volumes=volumes),
        pod("content-away", box(volumeMounts=mounts[:1]), volumes=away),
    ):
        yield kubelet_node


def app(name: str, image: str, policy: str | None = None) -> dict[str, Any]:
    return pod(name, {"name": "main", "image": image, "imagePullPolicy": policy})


@pytest.fixture(scope="module")
def brought(node: KubeletNode) -> None:
    """What is missing at first has been missed, and is there now."""
    missed = {"never-there": "ErrImageNeverPull", "away": "BackOff", "content-away": "BackOff"}
    node.until(
        lambda: all(told(node, reason, name) for name, reason in missed.items()), f"{missed}"
    )
    node.cri.registry.host("away.images.test").reset()
    node.cri.image_service.pull_image(pb.ImageSpec(image=LATER))


def asked(node: KubeletNode, image: str) -> list[str]:
    """The calls about an image, and that which made a container of it, in their order."""
    calls = node.cri.history.select(["PullImage", "ImageStatus", "CreateContainer"], image=image)
    return [each.rpc for each in calls]


def test_an_image_that_is_not_there_is_looked_for_pulled_and_looked_at(node: KubeletNode) -> None:
    await_running(node, "new")
    # For whether it is there; for its size; for its user.
    looks = ["ImageStatus", "PullImage", "ImageStatus", "ImageStatus", "CreateContainer"]
    assert asked(node, NEW) == looks
    node.cri.history.order(
        "RunPodSandbox", "PullImage", "CreateContainer", "StartContainer", pod="new-*"
    )
    assert hear(node, "Pulled", "new")[0].startswith(f'Successfully pulled image "{NEW}"')


def test_an_image_that_is_there_is_not_pulled(node: KubeletNode) -> None:
    await_running(node, "present")
    ours, *theirs = asked(node, PRESENT)
    assert (ours, theirs) == ("PullImage", ["ImageStatus", "ImageStatus", "CreateContainer"])


def test_always_is_a_pull_without_a_look_before(node: KubeletNode) -> None:
    await_running(node, "always")
    ours, *theirs = asked(node, ALWAYS)
    assert ours == "PullImage"
    assert theirs == ["PullImage", "ImageStatus", "ImageStatus", "CreateContainer"]


def test_an_image_without_a_tag_is_the_latest_which_is_always_pulled(node: KubeletNode) -> None:
    await_running(node, "untagged")
    calls = node.cri.history.select(["PullImage", "ImageStatus"], image="images.test/untagged*")
    assert [(each.rpc, each.request.image.image) for each in calls] == [
        ("PullImage", "images.test/untagged:latest"),
        ("ImageStatus", "images.test/untagged:latest"),
        ("ImageStatus", "images.test/untagged"),
    ]
    status = node.kubelet.container("untagged", "main")
    assert status["image"] == "images.test/untagged:latest"


def test_never_is_enough_for_an_image_that_is_there(node: KubeletNode) -> None:
    await_running(node, "never")
    ours, *theirs = asked(node, NEVER)
    assert (ours, theirs) == ("PullImage", ["ImageStatus", "ImageStatus", "CreateContainer"])


@pytest.mark.usefixtures("brought")
def test_an_image_that_must_not_be_pulled_is_waited_for(node: KubeletNode) -> None:
    await_running(node, "never-there")
    assert told(node, "ErrImageNeverPull", "never-there")[0] == (
        f'Container image "{LATER}" is not present with pull policy of Never'
    )
    node.cri.history.never("PullImage", pod="never-there-*")


def test_a_pod_waits_in_back_off_for_an_image_that_never_comes(node: KubeletNode) -> None:
    message = waiting(node, "gone", "main", "ImagePullBackOff")
    # What a runtime answers with another code than UNKNOWN is shown as gRPC has it.
    assert message.startswith(f'Back-off pulling image "{GONE}": ErrImagePull: rpc error: ')
    assert f'code = NotFound desc = failed to pull and unpack image "{GONE}"' in message


def test_a_container_reads_the_content_of_an_image(node: KubeletNode) -> None:
    await_running(node, "content")
    assert run_in(node, "content", ["cat", "/content/hello", "/below/deep"]) == "hello\ndeep\n"
    with pytest.raises(ExitError, match="Read-only file system"):
        run_in(node, "content", ["touch", "/content/more"])
    # The volume's image comes first, then the container's own.
    pulls = node.cri.history.select("PullImage", pod=f"content-{node.kubelet.name}")
    assert [each.request.image.image for each in pulls] == [CONTENT, "busybox:latest"]


def test_many_images_are_pulled_without_a_pause(node: KubeletNode) -> None:
    names = [f"many-{number}" for number in range(MANY)]
    with node.placed(*(app(each, f"images.test/{each}:1") for each in names)):
        await_running(node, *names)
    assert not [each for name in names for each in told(node, "Failed", name)]


def test_a_name_that_is_none_is_never_asked_for(node: KubeletNode) -> None:
    waiting(node, "invalid", "main", "InvalidImageName")
    node.cri.history.never(["PullImage", "ImageStatus"], pod="invalid-*")


def test_what_was_pulled_is_noted_down_under_the_id_of_the_image(node: KubeletNode) -> None:
    await_running(node, "new", "present")
    present, new = (image_named(node, each) for each in (PRESENT, NEW))
    (pull,) = node.cri.history.select("PullImage", image=NEW)
    assert pull.response.image_ref == new.id
    record = json.loads(record_of(node, new.id).read_text())
    assert record["imageRef"] == new.id
    assert record["credentialMapping"] == {"images.test/new": {"nodePodsAccessible": True}}
    # Nothing is known of what was there before.
    assert not record_of(node, present.id).exists()


# The others have taken some of the time that it takes.
@pytest.mark.usefixtures("brought")
def test_a_pull_that_failed_is_made_again_after_a_while(node: KubeletNode) -> None:
    await_running(node, "away")
    node.cri.history.gap("PullImage", at_least=BACK_OFF_S, pod="away-*")
    *failed, pulled = node.cri.history.select("PullImage", pod="away-*")
    assert failed
    assert all(each.error for each in failed)
    assert pulled.error is None
    reasons = [each.reason for each in node.kubelet.events(pod="away")]
    assert reasons[:4] == ["Pulling", "Failed", "Failed", "BackOff"]
    first, second, *_ = told(node, "Failed", "away")
    assert (UNAVAILABLE in first, second) == (True, "Error: ErrImagePull")
    assert told(node, "BackOff", "away")[0] == f'Back-off pulling image "{AWAY}"'


@pytest.mark.usefixtures("brought")
def test_the_image_of_a_volume_is_pulled_again_likewise(node: KubeletNode) -> None:
    await_running(node, "content-away")
    node.cri.history.gap("PullImage", at_least=BACK_OFF_S, image=AWAY_CONTENT)


def image_named(node: KubeletNode, name: str) -> pb.Image:
    images = node.cri.image_service.list_images()
    return next(each for each in images if name in each.repo_tags)


def record_of(node: KubeletNode, image_id: str) -> Path:
    """Where the kubelet notes down who may use an image."""
    name = f"sha256-{sha256(image_id.encode()).hexdigest()}"
    return node.kubelet.places.root / "image_manager" / "pulled" / name
