"""CheckpointContainer, CheckpointPod and RestorePod. Source: lifecycle 19."""

import errno
import json
import tarfile
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import MemoryFiles
from tests.behaviour.steps import (
    CREATED,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    READY,
    UNKNOWN,
    containers,
    heard,
    held,
    id_of,
    listen,
    lose,
    sandboxes,
)
from tests.support import LOGS, Node, create_request, raises_status, sandbox_config

LOG = f"{LOGS}/main/0.log"


def checkpoint(node: Node, id_: str, location: str = "/checkpoint.tar") -> None:
    """Checkpoint a container."""
    node.runtime.CheckpointContainer(
        pb.CheckpointContainerRequest(container_id=id_, location=location, timeout=5)
    )


def files_of(node: Node) -> MemoryFiles:
    """Return the files of the node."""
    files = node.cri.host.world.files
    assert isinstance(files, MemoryFiles)
    return files


def members(archive: bytes) -> dict[str, bytes]:
    """Return what a tar archive holds."""
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        found = {each.name: tar.extractfile(each) for each in tar.getmembers()}
        return {name: file.read() for name, file in found.items() if file}


# Containers.


def test_a_checkpoint_is_an_archive_of_a_container_that_goes_on(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.cri.register(lambda process: process.write(b"hello\n"), command="greet")
    running = ready.run(pod, "sleep", "99")
    before, events = ready.status(running), listen(ready)
    checkpoint(ready, running[:10])
    assert ready.status(running) == before
    assert events.drain() == []
    archive = members(files_of(ready).read("/checkpoint.tar"))
    assert list(archive) == [
        "config.dump",
        "spec.dump",
        "status.dump",
        "checkpoint/process.json",
        "rootfs-diff.tar",
        "dump.log",
        "container.log",
    ]
    config = json.loads(archive["config.dump"])
    assert (config["id"], config["name"]) == (running, "main")
    assert json.loads(archive["status.dump"])["id"] == running
    assert files_of(ready).mode_of("/checkpoint.tar") == 0o600


def test_a_checkpoint_holds_the_log_as_it_is_if_there_is_one(ready: Node) -> None:
    pod = ready.run_sandbox()

    def app(process: Any) -> Any:
        process.write(b"hello\n")
        yield from process.forever()

    ready.cri.register(app, command="app")
    running = ready.run(pod, "app")
    checkpoint(ready, running)
    assert members(files_of(ready).read("/checkpoint.tar"))["container.log"] == files_of(
        ready
    ).read(LOG)
    files_of(ready).remove(LOG)
    checkpoint(ready, running, "/second.tar")
    assert "container.log" not in members(files_of(ready).read("/second.tar"))


def test_an_archive_that_is_there_is_written_over_and_not_cut_off(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "99")
    files_of(ready).write("/checkpoint.tar", b"x" * 1_000_000)
    checkpoint(ready, running)
    archive = files_of(ready).read("/checkpoint.tar")
    assert (len(archive), archive[-1:]) == (1_000_000, b"x")
    assert "config.dump" in members(archive)


@pytest.mark.parametrize("state", ["CREATED", "EXITED", "UNKNOWN"])
def test_only_what_runs_is_checkpointed(ready: Node, state: str) -> None:
    made = ready.create(ready.run_sandbox(), "true")
    if state == "EXITED":
        ready.start(made)
    if state == "UNKNOWN":
        lose(ready, made)
    text = (
        f'container "{made}" is in CONTAINER_{state} state. only CONTAINER_RUNNING containers can '
        "be checkpointed"
    )
    with raises_status(UNKNOWN, text):
        checkpoint(ready, made)
    assert not files_of(ready).exists("/checkpoint.tar")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("/no/such/x.tar", "open /no/such/x.tar: no such file or directory"),
        ("/var", "open /var: is a directory"),
        ("", "open : no such file or directory"),
        ("/x\x00", "open /x\x00: invalid argument"),
        (f"/{'x' * 256}", f"open /{'x' * 256}: file name too long"),
    ],
)
def test_an_archive_that_cannot_be_written_is_an_error(
    ready: Node, location: str, text: str
) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "99")
    before = ready.status(running)
    with raises_status(UNKNOWN, text):
        checkpoint(ready, running, location)
    assert ready.status(running) == before


def test_a_log_that_cannot_be_read_is_an_error(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "99")
    files_of(ready).remove(LOG)
    files_of(ready).make_dirs(LOG)
    with raises_status(UNKNOWN, f"read {LOG}: is a directory"):
        checkpoint(ready, running)


# Pods.


@pytest.fixture
def pod(ready: Node) -> str:
    """Return a sandbox with two running containers, and a directory for its checkpoint."""
    pod = ready.run_sandbox(labels={"app": "web"})
    for name in ("one", "two"):
        ready.run(pod, "sleep", "99", name=name)
    files_of(ready).make_dirs("/checkpoint")
    return pod


def checkpoint_pod(
    node: Node, pod: str, *ids: str, path: str = "/checkpoint", **fields: Any
) -> None:
    """Checkpoint a pod."""
    node.runtime.CheckpointPod(
        pb.CheckpointPodRequest(pod_sandbox_id=pod, container_ids=ids, output_path=path, **fields)
    )


def test_a_checkpoint_of_a_pod_is_an_archive_for_each_container(ready: Node, pod: str) -> None:
    ids = containers(ready)
    before = [ready.status(each) for each in ids]
    events = listen(ready)
    checkpoint_pod(ready, pod, *reversed(ids))
    assert files_of(ready).list_dir("/checkpoint") == sorted(
        ["pod.json", *(f"{each}.tar" for each in ids)]
    )
    assert [ready.status(each) for each in ids] == before
    assert events.drain() == []


def _stop(node: Node, pod: str) -> None:
    node.stop_sandbox(pod)


def _end_one(node: Node, pod: str) -> None:
    del pod
    node.stop(containers(node)[1])


def _fill(node: Node, pod: str) -> None:
    del pod
    files_of(node).write("/checkpoint/x", b"")


@pytest.mark.parametrize(
    ("spoil", "fields", "code", "text"),
    [
        (None, {"ids": []}, INVALID_ARGUMENT, "container_ids must not be empty"),
        (None, {"ids": [0, 0]}, INVALID_ARGUMENT, "container_ids must not hold an id twice"),
        (None, {"options": {"b": "", "a": ""}}, INVALID_ARGUMENT, 'unknown option "a"'),
        (
            None,
            {"path": "checkpoint"},
            INVALID_ARGUMENT,
            'output_path "checkpoint" is not absolute',
        ),
        (
            None,
            {"path": "/nowhere"},
            INVALID_ARGUMENT,
            'output_path "/nowhere" is not an existing directory',
        ),
        (_fill, {}, INVALID_ARGUMENT, 'output_path "/checkpoint" is not empty'),
        (_stop, {}, FAILED_PRECONDITION, 'sandbox "{pod}" is not running'),
        (_end_one, {}, FAILED_PRECONDITION, 'container "{second}" is not running'),
    ],
)
def test_a_checkpoint_of_a_pod_that_is_refused_writes_nothing(
    ready: Node,
    pod: str,
    spoil: Callable[[Node, str], None] | None,
    fields: dict[str, Any],
    code: grpc.StatusCode,
    text: str,
) -> None:
    ids = containers(ready)
    if spoil:
        spoil(ready, pod)
    before = files_of(ready).contents()
    chosen = [ids[each] for each in fields.get("ids", [0, 1])]
    others = {name: value for name, value in fields.items() if name != "ids"}
    with raises_status(code, text.format(pod=pod, second=ids[1])):
        checkpoint_pod(ready, pod, *chosen, **others)
    assert files_of(ready).contents() == before


def test_a_container_of_another_pod_is_not_in_this_one(ready: Node, pod: str) -> None:
    other = ready.run(ready.run_sandbox("db"), "sleep", "99", pod="db")
    text = f'container "{other}" is not in sandbox "{pod}": not found'
    with raises_status(NOT_FOUND, text):
        checkpoint_pod(ready, pod, other)
    with raises_status(NOT_FOUND, "failed to find sandbox: not found"):
        checkpoint_pod(ready, "f" * 64, other)


def test_a_checkpoint_of_a_pod_that_fails_leaves_no_files(ready: Node, pod: str) -> None:
    ids = containers(ready)
    files_of(ready).refuse(f"/checkpoint/{ids[1]}.tar", errno.ENOSPC)
    text = f"open /checkpoint/{ids[1]}.tar: no space left on device"
    with raises_status(UNKNOWN, text):
        checkpoint_pod(ready, pod, *ids)
    assert files_of(ready).list_dir("/checkpoint") == []


def restore(
    node: Node,
    path: str = "/checkpoint",
    names: Iterable[str] = ("two", "one"),
    config: pb.PodSandboxConfig | None = None,
    **fields: Any,
) -> pb.RestorePodResponse:
    """Restore a pod, under another name."""
    return node.runtime.RestorePod(
        pb.RestorePodRequest(
            checkpoint_path=path,
            config=config or sandbox_config("new"),
            container_configs=[
                create_request("", "sleep", "9", name=name, pod="new").config for name in names
            ],
            **fields,
        )
    )


def test_a_restored_pod_has_containers_that_were_not_started(ready: Node, pod: str) -> None:
    checkpoint_pod(ready, pod, *containers(ready))
    events = listen(ready)
    restored = restore(ready, runtime_handler="runc")
    new = restored.pod_sandbox_id
    assert sandboxes(ready) == [pod, new]
    status = ready.sandbox_status(new)
    assert (status.state, status.metadata.name, status.runtime_handler) == (READY, "new", "runc")
    ids = containers(ready, pod_sandbox_id=new)
    assert [(each.name, each.container_id) for each in restored.restored_containers] == [
        ("two", ids[0]),
        ("one", ids[1]),
    ]
    assert [ready.status(each).state for each in ids] == [CREATED, CREATED]
    assert heard(events) == [
        (new, "CREATED"),
        (new, "STARTED"),
        (ids[0], "CREATED"),
        (ids[1], "CREATED"),
    ]
    ready.start(ids[0])
    assert ready.status(ids[0]).state == pb.CONTAINER_RUNNING


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"path": "checkpoint"}, INVALID_ARGUMENT),
        ({"path": "/nowhere"}, NOT_FOUND),
        ({"path": "/bad"}, INVALID_ARGUMENT),
        ({"path": "/list"}, INVALID_ARGUMENT),
        ({"path": "/later"}, INVALID_ARGUMENT),
        ({"options": {"x": "y"}}, INVALID_ARGUMENT),
        ({"names": []}, INVALID_ARGUMENT),
        ({"names": ["one"]}, INVALID_ARGUMENT),
        ({"names": ["one", ""]}, INVALID_ARGUMENT),
        ({"names": ["one", "one"]}, INVALID_ARGUMENT),
        ({"names": ["one", "two", "three"]}, INVALID_ARGUMENT),
        ({"config": pb.PodSandboxConfig()}, UNKNOWN),
        ({"runtime_handler": "kata"}, UNKNOWN),
        ({"config": sandbox_config("web")}, FAILED_PRECONDITION),
    ],
)
def test_a_restore_that_is_refused_makes_nothing(
    ready: Node, pod: str, fields: dict[str, Any], code: grpc.StatusCode
) -> None:
    checkpoint_pod(ready, pod, *containers(ready))
    contents = {"bad": b"{", "list": b"[]", "later": b'{"format": 99, "containers": []}'}
    for name, content in contents.items():
        files_of(ready).make_dirs(f"/{name}")
        files_of(ready).write(f"/{name}/pod.json", content)
    before = (sandboxes(ready), containers(ready), held(ready))
    with raises_status(code):
        restore(ready, **fields)
    assert (sandboxes(ready), containers(ready), held(ready)) == before


def test_a_restore_that_fails_half_way_removes_what_it_made(ready: Node, pod: str) -> None:
    checkpoint_pod(ready, pod, *containers(ready))
    before = (sandboxes(ready), containers(ready), held(ready))
    ready.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="busybox")))
    with raises_status(NOT_FOUND, 'failed to resolve image "busybox": not found'):
        restore(ready)
    assert (sandboxes(ready), containers(ready), held(ready)) == before
    ready.pull()
    assert restore(ready).pod_sandbox_id == id_of("sandbox", 3)
