"""CreateContainer: what it refuses, in containerd's words. Source: lifecycle 8.1 and 8.4."""

import errno
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import grpc
import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import MemoryFiles
from tests.behaviour.configs import linux, target, userns
from tests.behaviour.steps import (
    CREATED,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNKNOWN,
    containers,
    crash_sandbox,
    held,
    id_of,
    listen,
)
from tests.support import Node, create_request, raises_status, sandbox_config

ABSENT = "docker.io/library/nginx:1.27"
SPEC = f'failed to generate container "{id_of("container", 1)}" spec: '
OPTS = f"{SPEC}failed to generate spec opts: "
USERNS = f"{OPTS}user namespace configuration: "
MOUNTS = f"{SPEC}failed to generate spec: "
IMAGE_MOUNTS = "failed to mount image volume: ImageVolumeMountFailed: "
OF_RUNC = "failed to create containerd container: "
MOUNT = f"/var/lib/containerd/tmpmounts/containerd-mount{int(id_of('container', 1)[:8], 16)}"
IN_FILES = f"{OF_RUNC}mount callback failed on {MOUNT}: "


@dataclass(frozen=True)
class Refusal:
    """What is asked for, and what comes of it."""

    why: str
    text: str
    code: grpc.StatusCode = UNKNOWN
    fields: dict[str, Any] = field(default_factory=dict)
    mount: dict[str, Any] = field(default_factory=dict)
    security: dict[str, Any] = field(default_factory=dict)

    def asked(self) -> dict[str, Any]:
        """Return the fields of the container's config."""
        fields = dict(self.fields)
        if self.mount:
            fields["mounts"] = [pb.Mount(container_path="/vol", **self.mount)]
        if self.security:
            fields["linux"] = linux(**self.security)
        return fields


def stop_signal(number: int) -> Refusal:
    """Return the row of a signal that the contract does not have."""
    return Refusal(
        f"stop signal {number}",
        f"unknown CRI stop signal {number}: invalid argument",
        INVALID_ARGUMENT,
        {"stop_signal": number},
    )


def uid(number: int) -> Refusal:
    """Return the row of a user that runc does not take."""
    return Refusal(
        f"uid {number}",
        OF_RUNC + f'invalid USER value "{number}": uid out of range',
        security={"run_as_user": number},
    )


BUSYBOX = pb.ImageSpec(image="busybox")

# In the order in which containerd asks.
REFUSALS = [
    stop_signal(66),
    stop_signal(-1),
    Refusal(
        "image",
        f'failed to resolve image "{ABSENT}": not found',
        NOT_FOUND,
        {"image": ABSENT},
    ),
    Refusal(
        "image volume with host path",
        IMAGE_MOUNTS + "hostpath must be empty while mount image: "
        'container_path: "/vol" host_path: "/mnt" readonly: true image { image: "busybox" }',
        mount={"host_path": "/mnt", "readonly": True, "image": BUSYBOX},
    ),
    Refusal(
        "writable image volume",
        IMAGE_MOUNTS + "readonly must be true while mount image: "
        'container_path: "/vol" image { image: "busybox" }',
        mount={"image": BUSYBOX},
    ),
    Refusal(
        "nameless image volume",
        IMAGE_MOUNTS + "image not specified in: ",
        mount={"readonly": True, "image": pb.ImageSpec()},
    ),
    Refusal(
        "image volume of an absent image",
        IMAGE_MOUNTS + f'failed to resolve image "{ABSENT}": not found',
        NOT_FOUND,
        mount={"readonly": True, "image": pb.ImageSpec(image=ABSENT)},
    ),
    Refusal(
        "privileged",
        OPTS + "no privileged container allowed in sandbox",
        security={"privileged": True},
    ),
    Refusal(
        "no target",
        OPTS + f'invalid target container: container "{"f" * 64}" does not exist: not found',
        NOT_FOUND,
        security={"namespace_options": target("f" * 64)},
    ),
    Refusal(
        "empty target",
        OPTS + 'invalid target container: container "" does not exist: prefix can\'t be empty',
        security={"namespace_options": target("")},
    ),
    Refusal(
        "two mappings",
        USERNS + "GID mapping: only one mapping line supported, got 2 mapping lines",
        security={"namespace_options": userns(pb.POD, 1, 2)},
    ),
    Refusal(
        "user namespace without mappings",
        USERNS + 'can\'t use user namespace mode "POD" without UID and GID mappings',
        security={"namespace_options": userns(pb.POD)},
    ),
    Refusal(
        "user namespace of the node with mappings",
        USERNS + 'can\'t use user namespace mode "NODE" with mappings. '
        "Got 1 UID mappings and 0 GID mappings",
        security={"namespace_options": userns(pb.NODE, 1)},
    ),
    Refusal(
        "user namespace of the container",
        USERNS + 'unsupported user namespace mode: "CONTAINER"',
        security={"namespace_options": userns(pb.CONTAINER, 1, 1)},
    ),
    Refusal(
        "user namespace of an unknown mode",
        USERNS + 'unsupported user namespace mode: "7"',
        security={"namespace_options": userns(7)},
    ),
    Refusal(
        "user namespace that the pod has not",
        OPTS + "user namespace config for sandbox is different from container. "
        "Sandbox userns config: <nil> - Container userns config: mode: NODE",
        security={"namespace_options": userns(pb.NODE)},
    ),
    Refusal(
        "no command",
        SPEC + "failed to generate spec: no command specified",
        fields={"image": "example.com/nothing"},
    ),
    Refusal(
        "mount of nothing",
        MOUNTS + 'failed to mkdir "": mkdir : no such file or directory',
        mount={"readonly": True},
    ),
    Refusal(
        "mount below a file",
        MOUNTS + 'failed to stat "/file/x": stat /file/x: not a directory',
        mount={"host_path": "/file/x"},
    ),
    Refusal(
        "writable recursive read-only mount",
        MOUNTS + 'recursive read-only mount conflicts with RW mount (hostPath="/mnt")',
        mount={"host_path": "/mnt", "recursive_read_only": True},
    ),
    Refusal(
        "shared recursive read-only mount",
        MOUNTS + "recursive read-only mount needs private propagation, got "
        '"PROPAGATION_BIDIRECTIONAL" (hostPath="/mnt")',
        mount={
            "host_path": "/mnt",
            "readonly": True,
            "recursive_read_only": True,
            "propagation": pb.PROPAGATION_BIDIRECTIONAL,
        },
    ),
    Refusal(
        "group",
        "failed to get container spec opts: failed to generate user string: user group "
        '"7" is specified without user',
        security={"run_as_group": 7},
    ),
    Refusal(
        "policy",
        "failed to get container spec opts: not implemented in this containerd release: "
        "SupplementalGroupsPolicy=9",
        security={"supplemental_groups_policy": 9},
    ),
    Refusal("user", IN_FILES + "no users found", security={"run_as_username": "nemo"}),
    Refusal("group name", IN_FILES + "no groups found", security={"run_as_username": "root:nemo"}),
    Refusal(
        "three parts",
        OF_RUNC + "invalid USER value a:b:c",
        security={"run_as_username": "a:b:c"},
    ),
    *(uid(number) for number in (-1, 2**31, 2**63 - 1, -(2**63))),
    Refusal(
        "gid",
        OF_RUNC + 'invalid USER value "1:-2": gid out of range',
        security={"run_as_user": 1, "run_as_group": -2},
    ),
    Refusal(
        "endless uid",
        OF_RUNC + f'invalid USER value "{"9" * 5000}": uid out of range',
        security={"run_as_username": "9" * 5000},
    ),
    Refusal(
        "label",
        OF_RUNC + "create container failed validation: "
        "containers.Labels: label key and value length (4164 bytes) greater than "
        f"maximum size (4096 bytes), key: {'k' * 64}: invalid argument",
        INVALID_ARGUMENT,
        {"labels": {"k" * 70: "x" * 4094}},
    ),
]


@pytest.fixture
def odd(ready: Node) -> Node:
    """Return a node that also has an image without a command, and a file."""
    ready.cri.add_image("example.com/nothing", Recipe(base="scratch"))
    ready.pull("example.com/nothing")
    with ready.cri.host.turn() as world:
        world.files.write("/file", b"")
    return ready


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.why)
def test_a_creation_that_fails_leaves_no_trace(odd: Node, refusal: Refusal) -> None:
    pod = odd.run_sandbox()
    events = listen(odd)
    with raises_status(refusal.code, refusal.text):
        odd.create(pod, **refusal.asked())
    assert containers(odd) == []
    assert events.drain() == []
    assert held(odd)[1] == set()
    made = odd.create(pod)
    assert containers(odd) == [made]


def test_the_first_thing_that_is_wrong_is_what_is_told(odd: Node) -> None:
    pod = odd.run_sandbox()
    rungs = ["stop signal 66", "image", "nameless image volume", "privileged", "no target"]
    rungs += ["policy", "user", "label"]
    rows = {each.why: each for each in REFUSALS}
    for first, second in pairwise(rows[each] for each in rungs):
        request = create_request(pod, **(second.asked() | first.asked()))
        request.config.linux.MergeFrom(linux(**second.security))
        with pytest.raises(grpc.RpcError) as refusal:
            odd.runtime.CreateContainer(request)
        assert without_ids(refusal.value.details() or "") == without_ids(first.text)


def without_ids(text: str) -> str:
    """Return a text that does not tell one id from another."""
    return re.sub("[0-9a-f]{64}|(?<=containerd-mount)[0-9]+", "ID", text)


def test_a_name_that_is_taken_is_told_before_an_image_that_is_absent(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.create(pod)
    with raises_status(FAILED_PRECONDITION):
        ready.create(pod, image=ABSENT)
    with raises_status(INVALID_ARGUMENT):
        ready.create(pod, stop_signal=66)


METADATA = pb.ContainerMetadata()
NO_METADATA = "container config must include metadata"
NO_POD_METADATA = "pod sandbox config must include metadata"


@pytest.mark.parametrize(
    ("config", "pod_config", "text"),
    [
        (None, sandbox_config(), NO_METADATA),
        (pb.ContainerConfig(), sandbox_config(), NO_METADATA),
        (pb.ContainerConfig(metadata=METADATA), None, NO_POD_METADATA),
        (pb.ContainerConfig(metadata=METADATA), pb.PodSandboxConfig(), NO_POD_METADATA),
    ],
)
def test_metadata_are_needed_of_both(ready: Node, config: Any, pod_config: Any, text: str) -> None:
    request = pb.CreateContainerRequest(
        pod_sandbox_id=ready.run_sandbox(), config=config, sandbox_config=pod_config
    )
    with raises_status(UNKNOWN, text):
        ready.runtime.CreateContainer(request)


def test_a_sandbox_that_is_not_ready_takes_no_containers(ready: Node) -> None:
    for spoil in (ready.stop_sandbox, lambda pod: crash_sandbox(ready, pod)):
        pod = ready.run_sandbox()
        spoil(pod)
        # This comes before all that may be wrong with the configs.
        with raises_status(UNKNOWN, f'sandbox container "{pod}" is not running'):
            ready.runtime.CreateContainer(pb.CreateContainerRequest(pod_sandbox_id=pod[:9]))
        ready.remove_sandbox(pod)


def test_what_only_the_start_can_know_is_not_asked_before(ready: Node) -> None:
    made = ready.create(
        ready.run_sandbox(),
        "/no/such/program",
        working_dir="/no/such/directory",
        log_path="../" * 40 + "file/x",
    )
    assert ready.status(made).state == CREATED


def test_a_disk_that_refuses_directories_refuses_the_mount(ready: Node) -> None:
    pod = ready.run_sandbox()
    with ready.cri.host.turn() as world:
        assert isinstance(world.files, MemoryFiles)
        world.files.refuse("/srv", errno.EROFS)
    with raises_status(
        UNKNOWN, MOUNTS + 'failed to mkdir "/srv/x": mkdir /srv: read-only file system'
    ):
        ready.create(pod, mounts=[pb.Mount(container_path="/x", host_path="/srv/x")])
    assert held(ready)[1] == set()


def test_names_are_quoted_as_go_does(ready: Node) -> None:
    pod = ready.run_sandbox()
    odd_name = 'a"\n\x00ü'
    made = ready.create(pod, name=odd_name)
    text = '"a\\"\\n\\x00ü_web_default_uid-web_0"'
    with raises_status(
        FAILED_PRECONDITION,
        f"failed to reserve container name {text}; check if another CreateContainer request is in "
        f'progress: name {text} is reserved for "{made}"',
    ):
        ready.create(pod, name=odd_name)
    with raises_status(NOT_FOUND, 'failed to resolve image "a\\tb": not found'):
        ready.runtime.CreateContainer(create_request(pod, image="a\tb"))
