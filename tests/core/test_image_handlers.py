"""ListImages, StreamImages, ImageStatus, PullImage, RemoveImage and ImageFsInfo."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.known_images import Recipe
from tests.behaviour.steps import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    NOT_FOUND,
    UNKNOWN,
    all_ended,
    until,
)
from tests.support import Node, create_request, node, raises_status

PAUSE = "registry.k8s.io/pause:3.10.2"
BUSYBOX = "docker.io/library/busybox:latest"
HEAD_BUSYBOX = 'Head "https://registry-1.docker.io/v2/library/busybox/manifests/latest"'
SLEEP = ("sleep", "1d")


@pytest.fixture
def strict(face: str) -> Iterator[Node]:
    """Open a node whose registries have but what the test adds."""
    with node(face, strict_images=True) as opened:
        yield opened


@pytest.fixture
def still(face: str) -> Iterator[Node]:
    """Open a node whose time stands still, and whose pulls need time."""
    with node(face, pace="manual") as opened:
        opened.cri.host.world.node.pull_ns = 5_000_000
        yield opened


def spec(image: str) -> pb.ImageSpec:
    return pb.ImageSpec(image=image)


def listed(node: Node, filter_: pb.ImageFilter | None = None) -> list[pb.Image]:
    """Return what the list gives; the stream must give the same."""
    images = list(node.images.ListImages(pb.ListImagesRequest(filter=filter_)).images)
    streamed = node.images.StreamImages(pb.StreamImagesRequest(filter=filter_))
    assert [each for message in streamed for each in message.images] == images
    return images


def status(node: Node, image: str, *, verbose: bool = False) -> pb.ImageStatusResponse:
    return node.images.ImageStatus(pb.ImageStatusRequest(image=spec(image), verbose=verbose))


def remove(node: Node, image: str) -> None:
    node.images.RemoveImage(pb.RemoveImageRequest(image=spec(image)))


def filesystem(node: Node) -> pb.FilesystemUsage:
    response = node.images.ImageFsInfo(pb.ImageFsInfoRequest())
    assert not response.container_filesystems
    (usage,) = response.image_filesystems
    return usage


def pull_as(node: Node, image: str, **auth: str) -> str:
    request = pb.PullImageRequest(image=spec(image), auth=pb.AuthConfig(**auth))
    return node.images.PullImage(request).image_ref


# Lists and status.


def test_nothing_is_listed_on_an_empty_node(node: Node) -> None:
    assert listed(node) == []
    assert list(node.images.StreamImages(pb.StreamImagesRequest())) == []


def test_an_image_is_listed_as_its_status_shows_it(node: Node) -> None:
    image_id = node.pull("busybox:1.36")
    (image,) = listed(node)
    assert image == status(node, image_id).image
    filled = {field.name for field, _ in image.ListFields()}
    assert filled == {"id", "repo_tags", "repo_digests", "size"}
    assert image.id == image_id
    assert list(image.repo_tags) == ["docker.io/library/busybox:1.36"]


def test_the_filter_of_a_list_is_ignored(node: Node) -> None:
    node.pull("busybox")
    node.pull("alpine")
    assert len(listed(node, pb.ImageFilter(image=spec("nonexistent")))) == 2


def test_a_stream_is_cut_into_batches(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.profile = replace(world.profile, stream_batch=2)
    for tag in range(5):
        node.pull(f"quay.io/team/app:{tag}")
    batches = [len(each.images) for each in node.images.StreamImages(pb.StreamImagesRequest())]
    assert batches == [2, 2, 1]


@pytest.mark.parametrize("name", ["", "nosuchimage", "sha256:" + "0" * 64, "a b", "BusyBox"])
def test_the_status_of_an_absent_image_is_empty_and_no_error(node: Node, name: str) -> None:
    assert status(node, name, verbose=True) == pb.ImageStatusResponse()


def test_all_names_of_an_image_give_one_status(node: Node) -> None:
    image_id = node.pull("busybox")
    whole = status(node, image_id)
    digest = whole.image.repo_digests[0]
    names = ["busybox", "library/busybox:latest", BUSYBOX, digest, f"busybox:latest@{digest[-71:]}"]
    for name in [*names, image_id[7:], image_id[:10], image_id[7:12]]:
        assert status(node, name) == whole, name


def test_the_beginning_of_two_ids_is_ambiguous(node: Node) -> None:
    node.pull("busybox")
    node.pull("alpine")
    text = 'can not resolve "" locally: ambiguous digest string'
    with raises_status(UNKNOWN, text):
        status(node, "")
    with raises_status(UNKNOWN, text):
        remove(node, "")
    assert len(listed(node)) == 2


@pytest.mark.parametrize(
    ("user", "uid", "username"),
    [
        ("1002", 1002, ""),
        ("1003:users", 1003, ""),
        ("0", 0, ""),
        ("-5", -5, ""),
        ("www-data:100", None, "www-data"),
        (":100", None, ""),
        ("", None, ""),
    ],
)
def test_a_uid_is_set_only_where_the_image_has_a_number(
    node: Node, user: str, uid: int | None, username: str
) -> None:
    node.cri.add_image("quay.io/team/app:1", Recipe(cmd=("sh",), user=user))
    node.pull("quay.io/team/app:1")
    (image,) = listed(node)
    assert image.HasField("uid") == (uid is not None)
    assert (image.uid.value, image.username) == (uid or 0, username)


def test_the_sandbox_image_is_pinned_and_others_are_not(node: Node) -> None:
    pinned = node.pull(PAUSE)
    node.pull("busybox")
    assert [each.id for each in listed(node) if each.pinned] == [pinned]


def test_a_verbose_status_shows_the_chain_and_the_config(node: Node) -> None:
    node.pull("busybox")
    response = status(node, "busybox", verbose=True)
    assert set(response.info) == {"info"}
    shown = json.loads(response.info["info"])
    assert set(shown) == {"chainID", "imageSpec"}
    assert shown["chainID"].startswith("sha256:")
    assert shown["imageSpec"]["config"]["Cmd"] == ["sh"]
    assert shown["imageSpec"]["rootfs"]["type"] == "layers"
    assert not status(node, "busybox").info


# Pulls.


def test_a_pull_returns_the_id_again_and_again(node: Node) -> None:
    image_id = node.pull("busybox")
    assert node.pull(BUSYBOX) == image_id
    assert [each.id for each in listed(node)] == [image_id]


def test_a_pull_by_digest_leaves_no_tag(node: Node) -> None:
    node.pull("busybox")
    (digest,) = status(node, "busybox").image.repo_digests
    remove(node, "busybox")
    node.pull(f"busybox:latest@{digest.partition('@')[2]}")
    (image,) = listed(node)
    assert (list(image.repo_tags), list(image.repo_digests)) == ([], [digest])


def test_a_pull_takes_a_little_virtual_time(still: Node) -> None:
    pulling = still.images.PullImage.future(pb.PullImageRequest(image=spec("busybox")))
    until(lambda: still.cri.calls)
    still.cri.advance(0.004)
    assert listed(still) == []
    still.cri.advance(0.001)
    assert pulling.result().image_ref == listed(still)[0].id


def test_identical_pulls_at_once_give_one_image(still: Node) -> None:
    request = pb.PullImageRequest(image=spec("busybox"))
    pulls = [still.images.PullImage.future(request) for _ in range(5)]
    until(lambda: len(still.cri.calls) == 5)
    still.cri.advance(0.005)
    (image,) = listed(still)
    assert {each.result().image_ref for each in pulls} == {image.id}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        (
            "BusyBox",
            "invalid reference format: repository name (library/BusyBox) must be lowercase",
        ),
        (
            "b" * 64,
            f"invalid repository name ({'b' * 64}), cannot specify 64-byte hexadecimal strings",
        ),
        ("docker.io/app@sha256:" + "0" * 32, "invalid checksum digest length"),
    ],
)
def test_a_malformed_reference_is_refused(node: Node, name: str, text: str) -> None:
    with raises_status(UNKNOWN, f'failed to parse image reference "{name}": {text}'):
        node.pull(name)
    assert node.cri.calls[-1].ended_ns == node.cri.calls[-1].began_ns


def test_a_malformed_reference_is_quoted_as_go_quotes(node: Node) -> None:
    with raises_status(
        UNKNOWN, r'failed to parse image reference "a\"\n\\": invalid reference format'
    ):
        node.pull('a"\n\\')


@pytest.mark.parametrize("digest", ["", "@sha256:" + "0" * 64])
def test_what_no_registry_has_is_not_found(strict: Node, digest: str) -> None:
    name = f"quay.io/team/app{digest or ':latest'}"
    prefix = f'failed to pull and unpack image "{name}": failed to resolve image: '
    with raises_status(NOT_FOUND, f"{prefix}{name}: not found"):
        strict.pull(f"quay.io/team/app{digest}")


def test_an_image_id_cannot_be_pulled(strict: Node) -> None:
    strict.cri.add_image("busybox")
    image_id = strict.pull("busybox")
    name = f"docker.io/library/{image_id}"
    prefix = f'failed to pull and unpack image "{name}": failed to resolve image: '
    with raises_status(NOT_FOUND, f"{prefix}{name}: not found"):
        strict.pull(image_id)


def test_nothing_listens_on_localhost(node: Node) -> None:
    name = "localhost/app:1"
    with raises_status(
        UNKNOWN,
        f'failed to pull and unpack image "{name}": failed to resolve image: failed to do request: '
        'Head "https://localhost/v2/app/manifests/1": dial tcp 127.0.0.1:443: connect: '
        "connection refused",
    ):
        node.pull(name)


def test_a_deadline_of_a_millisecond_ends_a_pull() -> None:
    with node("object") as opened:
        with raises_status(
            DEADLINE_EXCEEDED,
            f'failed to pull and unpack image "{BUSYBOX}": failed to resolve image: '
            f"failed to do request: {HEAD_BUSYBOX}: context deadline exceeded",
        ):
            opened.images.PullImage(pb.PullImageRequest(image=spec("busybox")), timeout=0.001)
        opened.cri.advance(60)
        assert listed(opened) == []


def test_a_cancelled_pull_leaves_nothing(still: Node) -> None:
    pulling = still.images.PullImage.future(pb.PullImageRequest(image=spec("busybox")))
    until(lambda: still.cri.calls)
    pulling.cancel()
    until(lambda: all_ended(still))
    still.cri.advance(60)
    assert listed(still) == []
    (pull, *_) = still.cri.calls
    assert pull.error is not None
    assert pull.error.code == CANCELLED.value[0]
    assert pull.error.message == (
        f'failed to pull and unpack image "{BUSYBOX}": failed to resolve image: '
        f"failed to do request: {HEAD_BUSYBOX}: context canceled"
    )


# Credentials; how they are read is in test_credentials.


@pytest.mark.parametrize(
    "auth",
    [
        {"username": "user", "password": "secret"},
        {"auth": "dXNlcjpzZWNyZXQ="},
        {"identity_token": "token"},
        {"registry_token": "token"},
        {"server_address": "https://elsewhere.example", "auth": "nonsense!"},
        {},
    ],
)
def test_registries_let_everybody_in(node: Node, auth: dict[str, str]) -> None:
    assert pull_as(node, "busybox", **auth) == listed(node)[0].id


@pytest.mark.parametrize(
    ("auth", "text"),
    [
        ({"auth": "nonsense!"}, "illegal base64 data at input byte 8"),
        ({"auth": "bm9jb2xvbg=="}, r'invalid decoded auth: "nocolon\x00\x00"'),
        (
            {"server_address": ":5000"},
            'parse server address: parse ":5000": missing protocol scheme',
        ),
    ],
)
def test_credentials_that_cannot_be_read_fail_the_pull(
    node: Node, auth: dict[str, str], text: str
) -> None:
    prefix = f'failed to pull and unpack image "{BUSYBOX}": failed to resolve image: '
    asked = 'failed to get credentials for "registry-1.docker.io": '
    with raises_status(UNKNOWN, f"{prefix}{asked}{text}"):
        pull_as(node, "busybox", **auth)
    assert listed(node) == []


def test_who_comes_is_asked_before_what_is_there_is_told(strict: Node) -> None:
    with raises_status(UNKNOWN):
        pull_as(strict, "quay.io/team/app", auth="nonsense!")


# Removal.


def test_removal_takes_all_names_of_an_image(node: Node) -> None:
    node.pull("registry.k8s.io/pause:3.9")
    image_id = node.pull("k8s.gcr.io/pause:3.9")
    assert len(status(node, image_id).image.repo_tags) == 2
    remove(node, "registry.k8s.io/pause:3.9")
    assert listed(node) == []
    assert not status(node, "k8s.gcr.io/pause:3.9").HasField("image")


@pytest.mark.parametrize("name", ["", "nosuchimage", "sha256:" + "0" * 64, "a b"])
def test_removal_of_what_is_not_there_succeeds(node: Node, name: str) -> None:
    remove(node, name)
    assert listed(node) == []


def test_removal_twice_succeeds(node: Node) -> None:
    image_id = node.pull()
    remove(node, image_id)
    remove(node, image_id)
    assert not status(node, image_id).HasField("image")


def test_removal_without_a_name_takes_the_only_image(node: Node) -> None:
    node.pull()
    remove(node, "")
    assert listed(node) == []


def test_a_pinned_image_can_be_removed(node: Node) -> None:
    remove(node, node.pull(PAUSE))
    assert listed(node) == []


def test_an_image_in_use_can_be_removed_and_its_container_lives_on(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    container = ready.run(sandbox, *SLEEP)
    before = ready.status(container)
    remove(ready, "busybox")
    after = ready.status(container)
    assert after.state == pb.CONTAINER_RUNNING
    assert (after.image_id, after.image_ref) == (before.image_id, before.image_id)
    with raises_status(NOT_FOUND, 'failed to resolve image "busybox": not found'):
        ready.runtime.CreateContainer(create_request(sandbox, *SLEEP, name="second"))
    ready.pull()
    assert ready.status(container).image_ref == before.image_ref


# The filesystem.


def test_an_empty_node_has_one_filesystem_with_nothing_on_it(node: Node) -> None:
    usage = filesystem(node)
    mountpoint = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
    assert usage.fs_id.mountpoint == mountpoint
    assert usage.HasField("used_bytes")
    assert usage.HasField("inodes_used")
    assert (usage.used_bytes.value, usage.inodes_used.value) == (0, 0)
    assert usage.timestamp >= node.cri.now_ns


def test_images_sandboxes_and_containers_take_room_and_give_it_back(node: Node) -> None:
    def used() -> tuple[int, int]:
        usage = filesystem(node)
        return usage.used_bytes.value, usage.inodes_used.value

    readings = [used()]
    node.pull(PAUSE)
    node.pull()
    readings.append(used())
    sandbox = node.run_sandbox()
    readings.append(used())
    node.run(sandbox, *SLEEP)
    readings.append(used())
    assert readings == sorted(set(readings))
    node.remove_sandbox(sandbox)
    assert used() == readings[1]
    remove(node, "busybox")
    remove(node, PAUSE)
    assert used() == readings[0]


def test_a_containers_room_is_what_its_statistics_say(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    before = filesystem(ready)
    container = ready.run(sandbox, *SLEEP)
    ready.cri.advance(20)
    request = pb.ContainerStatsRequest(container_id=container)
    layer = ready.runtime.ContainerStats(request).stats.writable_layer
    after = filesystem(ready)
    assert after.used_bytes.value - before.used_bytes.value == layer.used_bytes.value
    assert after.inodes_used.value - before.inodes_used.value == layer.inodes_used.value
    assert layer.fs_id == after.fs_id
