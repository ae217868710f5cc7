"""A full disk: what fails, how, and what is left behind; and the account of who uses what."""

import hashlib
from contextlib import suppress
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri import CRI, Process, Recipe
from fakecri.api import runtime_pb2 as pb
from fakecri.core.disk import BLOCK_BYTES, Room
from fakecri.core.references import parse_reference
from fakecri.core.scheduler import Waits
from fakecri.core.world import World
from tests.behaviour.steps import UNKNOWN, id_of
from tests.support import LOGS, Node, create_request, raises_status

ROOT = "/var/lib/containerd"
SNAPSHOTS = f"{ROOT}/io.containerd.snapshotter.v1.overlayfs/snapshots"
FULL = "no space left on device"


def failure(node: Node, image: str) -> str:
    with pytest.raises(grpc.RpcError) as refusal:
        node.pull(image)
    assert refusal.value.code() is UNKNOWN
    return str(refusal.value.details())


def test_content_that_has_no_room_fails_where_it_is_written(node: Node) -> None:
    node.cri.node.disk.fill(leave_bytes=1_000_000)
    before = node.cri.node.disk.accounts
    digest = node.cri.registry.resolve(parse_reference("busybox")).content.layers[-1].digest
    ingest = hashlib.sha256(f"k8s.io/1/layer-{digest}".encode()).hexdigest()
    assert failure(node, "busybox") == (
        'failed to pull and unpack image "docker.io/library/busybox:latest": failed to copy: '
        f"write {ROOT}/io.containerd.content.v1.content/ingest/{ingest}/data: {FULL}"
    )
    assert node.cri.node.disk.accounts == before


def test_without_inodes_content_has_no_file_to_go_to(node: Node) -> None:
    node.cri.node.disk.fill(leave_bytes=10**9, leave_inodes=0)
    before, _, after = failure(node, "busybox").partition("/ingest/")
    assert before.endswith(f": mkdir {ROOT}/io.containerd.content.v1.content")
    assert after[64:] == f": {FULL}"


def test_a_base_layer_that_has_no_room_fails_where_it_is_unpacked(node: Node) -> None:
    node.cri.node.disk.fill(leave_bytes=5_000_000)
    content = node.cri.registry.resolve(parse_reference("busybox")).content
    text = failure(node, "busybox")
    head, _, rest = text.partition(": failed to extract layer (")
    assert head == 'failed to pull and unpack image "docker.io/library/busybox:latest"'
    media_type, digest = rest.split(") ")[0].split()
    assert (media_type, digest) == (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        content.layers[0].digest,
    )
    assert ' to overlayfs as "extract-' in text
    assert (
        f' {content.chain_ids[0]}": mount callback failed on {ROOT}/tmpmounts/containerd-m' in text
    )
    assert text.endswith(f"/bin/busybox: {FULL}")
    assert node.cri.node.disk.accounts.keys() == {"other"}


def test_an_upper_layer_is_unpacked_in_its_own_place(node: Node) -> None:
    recipe = Recipe(cmd=("/app",), size_bytes=3_000_000, unpacked_bytes=90_000_000)
    node.cri.add_image("localhost/app", recipe)
    node.cri.node.disk.capacity_bytes = 20_000_000
    text = failure(node, "localhost/app")
    assert "mount callback" not in text
    assert f'": write {SNAPSHOTS}/' in text
    assert text.endswith(f"/fs/app: {FULL}")


def test_what_is_removed_makes_room_at_once(node: Node) -> None:
    node.pull("nginx")
    node.cri.node.disk.fill(leave_bytes=5_000_000)
    failure(node, "busybox")
    node.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="nginx")))
    assert node.pull("busybox")


def test_images_that_share_layers_take_their_room_once(node: Node) -> None:
    disk = node.cri.node.disk
    node.pull("one.test/app")
    alone = disk.used_bytes
    node.pull("mirror.test/base:1")
    node.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="mirror.test/base:1")))
    assert disk.used_bytes == alone
    node.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="one.test/app")))
    assert disk.accounts == {}


def test_a_container_has_no_room_for_its_directory(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.cri.node.disk.fill()
    path = f"{ROOT}/io.containerd.grpc.v1.cri/containers/{id_of('container', 1)}"
    with raises_status(
        UNKNOWN, f'failed to create container root directory "{path}": mkdir {path}: {FULL}'
    ):
        ready.create(sandbox, "sleep", "60")
    ready.cri.node.disk.clear()
    assert ready.create(sandbox, "sleep", "60")


def test_a_container_has_no_room_for_its_layer(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    ready.cri.node.disk.fill(leave_inodes=1, leave_bytes=10**6)
    with pytest.raises(grpc.RpcError) as refusal:
        ready.create(sandbox, "sleep", "60")
    text = str(refusal.value.details())
    assert text.startswith(
        "failed to create containerd container: failed to create prepare snapshot dir: failed to "
        f"create temp dir: mkdir {SNAPSHOTS}/new-"
    )
    assert text.endswith(f": {FULL}")
    assert "containers" not in ready.cri.node.disk.accounts


def test_a_pod_has_no_room(ready: Node) -> None:
    removed = ready.run_sandbox()
    ready.remove_sandbox(removed)
    ready.cri.node.disk.fill()
    with pytest.raises(grpc.RpcError) as refusal:
        ready.run_sandbox()
    prefix = f'failed to start sandbox "{id_of("sandbox", 2)}": failed to create containerd'
    assert str(refusal.value.details()).startswith(prefix)
    ready.cri.node.disk.clear()
    assert ready.run_sandbox()


def test_a_pod_may_not_get_its_image(node: Node) -> None:
    node.cri.node.disk.capacity_bytes = 1000
    pause = "registry.k8s.io/pause:3.10.2"
    with pytest.raises(grpc.RpcError) as refusal:
        node.run_sandbox()
    assert str(refusal.value.details()).startswith(
        f'failed to start sandbox "{id_of("sandbox", 1)}": failed to pull image "{pause}": '
        f'failed to pull and unpack image "{pause}": '
    )
    assert node.cri.node.disk.accounts == {}


def test_a_log_record_that_has_no_room_is_lost_and_the_container_lives(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    container = ready.run(sandbox, "cat", name="cat", stdin=True)
    disk = ready.cri.node.disk
    with ready.cri.host.turn() as world:
        log = world.store.containers.get(container).log
        disk.fill(leave_bytes=60)
        log.write("stdout", b"fits\n")
        log.write("stdout", b"x" * 100 + b"\n")
        disk.clear()
        log.write("stdout", b"fits again\n")
    lines = ready.cri.log(container).splitlines()
    assert [line.split(b" ", 3)[3] for line in lines] == [b"fits", b"fits again"]
    assert ready.status(container).state == pb.CONTAINER_RUNNING


def test_a_log_file_needs_an_inode(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    container = ready.create(sandbox, "sleep", "60")
    ready.cri.node.disk.fill(leave_inodes=0)
    with pytest.raises(grpc.RpcError, match=FULL):
        ready.start(container)


def test_a_checkpoint_needs_room(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), "sleep", "60")
    ready.cri.node.disk.fill()
    request = pb.CheckpointContainerRequest(container_id=container, location=f"{LOGS}/x.tar")
    with pytest.raises(grpc.RpcError, match=FULL):
        ready.runtime.CheckpointContainer(request)


def writer(process: Process) -> Waits[int]:
    """Write as many bytes as it is told; say what comes of it; then wait."""
    try:
        process.files.write("/tmp/big", b"x" * int(process.spec.argv[1]))
    except OSError as error:
        process.write(f"{error.strerror}\n".encode())
        return 1
    yield from process.forever()
    return 0


def layers(node: Node) -> Room:
    return node.cri.node.disk.accounts.get("layers", Room())


def test_what_a_container_writes_is_on_the_disk_until_it_is_removed(ready: Node) -> None:
    ready.cri.register(writer, command="writer")
    container = ready.run(ready.run_sandbox(), "writer", "100000")
    assert layers(ready).bytes >= 100_000
    assert layers(ready).inodes >= 1
    ready.stop(container)
    assert layers(ready).bytes >= 100_000
    ready.remove(container)
    assert layers(ready) == Room()


def test_a_container_cannot_write_to_a_full_disk(ready: Node) -> None:
    ready.cri.register(writer, command="writer")
    sandbox = ready.run_sandbox()
    ready.cri.node.disk.fill(leave_bytes=50_000)
    container = ready.run(sandbox, "writer", "100000")
    assert ready.cri.log(container).endswith(b" stdout F No space left on device\n")
    assert ready.status(container).exit_code == 1


def test_metrics_say_how_big_the_disk_is(ready: Node) -> None:
    ready.run(ready.run_sandbox(), "sleep", "60")
    disk = ready.cri.node.disk
    disk.capacity_bytes, disk.capacity_inodes = 10**9, 10**5
    response = ready.runtime.ListPodSandboxMetrics(pb.ListPodSandboxMetricsRequest())
    values = {
        metric.name: metric.value.value
        for pod in response.pod_metrics
        for container in pod.container_metrics
        for metric in container.metrics
    }
    assert values["container_fs_limit_bytes"] == 10**9
    assert values["container_fs_inodes_total"] == 10**5
    assert values["container_fs_inodes_free"] == disk.free_inodes


# The account.


def recounted(world: World) -> dict[str, Room]:
    """Return the account of the disk, from what is there."""
    blobs, layers, documents = {}, {}, 0
    for image in world.images.list():
        documents += image.size_bytes - sum(each.size_bytes for each in image.content.layers)
        for chain_id, layer in zip(image.content.chain_ids, image.content.layers, strict=True):
            blobs[layer.digest], layers[chain_id] = layer.size_bytes, layer
    files = world.files.contents()  # type: ignore[attr-defined]  # they are in memory
    directories = {
        "/".join(path.split("/")[:depth])
        for path in files
        for depth in range(2, path.count("/") + 1)
    }
    count = len(list(world.store.containers))
    trees = [each.system.rootfs for each in world.store.containers if each.system is not None]
    used = [each for each in trees if each.layer_inodes]
    rooms = {
        "images": Room(
            documents + sum(blobs.values()) + sum(each.unpacked_bytes for each in layers.values()),
            2 * len(world.images) + len(blobs) + sum(each.inodes for each in layers.values()),
        ),
        "containers": Room(8192 * count, 2 * count),
        "pods": Room(8192 * len(list(world.store.sandboxes)), 2 * len(list(world.store.sandboxes))),
        # The directory at the top came with the container.
        "layers": Room(
            sum(each.layer_bytes - BLOCK_BYTES for each in used),
            sum(each.layer_inodes - 1 for each in used),
        ),
        "files": Room(sum(map(len, files.values())), len(files) + len(directories)),
    }
    return {name: room for name, room in sorted(rooms.items()) if any(room)}


IMAGES = ("busybox", "a.test/one", "a.test/two", "b.test/one", "b.test/two@sha256:" + "1" * 64)
STEPS = st.one_of(
    st.tuples(st.just("pull"), st.sampled_from(IMAGES)),
    st.tuples(st.just("begin"), st.sampled_from(IMAGES)),
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.just("remove"), st.sampled_from(IMAGES)),
    st.tuples(st.just("advance"), st.sampled_from([0.1, 3, 60, 400])),
    st.tuples(st.just("fail"), st.sampled_from(["404", "eof", "digest", "503", "hang", "dns"])),
    st.tuples(st.just("size"), st.sampled_from([3 * 10**6, 10**8, 10**12])),
    st.tuples(st.just("run"), st.sampled_from(["echo hi", "sleep 60", "writer 9999"])),
    st.tuples(st.just("clear"), st.none()),
)


class Story:
    """A node on which something happens, and pulls in flight."""

    def __init__(self, cri: CRI) -> None:
        self.cri = cri
        self.node = Node(cri, cri.runtime, cri.images, "object")
        self.pending: list[Any] = []
        self.serial = 0
        cri.register(writer, command="writer")
        cri.registry.host("a.test").limit(bytes_per_s=2_000_000, latency_s=0.5)

    def do(self, kind: str, value: object) -> None:
        with suppress(grpc.RpcError):
            getattr(self, kind)(value)

    def pull(self, image: str) -> None:
        request = pb.PullImageRequest(image=pb.ImageSpec(image=image))
        self.cri.images.PullImage(request, timeout=20)

    def begin(self, image: str) -> None:
        request = pb.PullImageRequest(image=pb.ImageSpec(image=image))
        self.pending.append(self.cri.images.PullImage.future(request))

    def cancel(self, index: int) -> None:
        if index < len(self.pending):
            self.pending.pop(index).cancel()

    def remove(self, image: str) -> None:
        self.cri.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image=image)))

    def advance(self, seconds: float) -> None:
        self.cri.advance(seconds)

    def fail(self, kind: str) -> None:
        self.cri.registry.host("a.test").fail(kind, times=2)

    def size(self, bytes_: int) -> None:
        self.cri.node.disk.capacity_bytes = bytes_

    def run(self, command: str) -> None:
        self.serial += 1
        pod = f"pod-{self.serial}"
        sandbox = self.node.run_sandbox(pod)
        self.node.start(
            self.cri.runtime.CreateContainer(
                create_request(sandbox, *command.split(), pod=pod)
            ).container_id
        )

    def clear(self, _: None) -> None:
        for item in self.cri.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items:
            self.node.remove_sandbox(item.id)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_the_account_is_what_is_there(steps: list[tuple[str, object]]) -> None:
    with CRI() as cri:
        story = Story(cri)
        for kind, value in steps:
            story.do(kind, value)
        for pending in story.pending:
            pending.cancel()
        with cri.host.turn() as world:
            assert world.disk.accounts == recounted(world)
            assert world.disk.used_bytes == sum(each.bytes for each in world.disk.accounts.values())
        story.clear(None)
        for image in IMAGES:
            story.do("remove", image)
        assert cri.node.disk.accounts.keys() <= {"files", "images"}  # logs, and the pods' image
