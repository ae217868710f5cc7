"""CreateContainer: what it makes. Source: lifecycle 1.4, 8.2 and 8.3."""

from typing import Any

import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import MemoryFiles
from tests.behaviour.configs import MAPPING
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    FAILED_PRECONDITION,
    UNKNOWN,
    container,
    containers,
    held,
    id_of,
    listen,
)
from tests.support import LOGS, Node, create_request, raises_status

NAME = "main_web_default_uid-web_0"


# Success (8.3).


def test_a_container_is_seen_when_it_is_made(ready: Node) -> None:
    pod = ready.run_sandbox()
    events = listen(ready)
    made = ready.create(pod)
    assert made == id_of("container", 1)
    assert containers(ready) == [made]
    (created,) = events.drain()
    assert created.container_event_type == pb.CONTAINER_CREATED_EVENT
    assert (created.container_id, created.pod_sandbox_status.id) == (made, pod)
    assert [(each.id, each.state) for each in created.containers_statuses] == [(made, CREATED)]
    assert created.pod_sandbox_status.state == pb.SANDBOX_READY
    # No process, no log.
    status = ready.status(made)
    assert (status.state, status.started_at, status.finished_at) == (CREATED, 0, 0)
    with ready.cri.host.turn() as world:
        assert not world.files.exists(f"{LOGS}/main/0.log")


def test_created_at_of_two_containers_is_never_equal(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = [ready.create(pod, name=f"c{number}") for number in range(3)]
    times = [ready.status(each).created_at for each in made]
    assert times == sorted(set(times))


IMAGE = Recipe(
    entrypoint=("env",),
    cmd=("MODE=image",),
    env=("PATH=/usr/bin:/bin", "KEEP=image", "BOTH=image", "BARE"),
    working_dir="/srv",
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("env", "MODE=image")),
        ({"args": ["MODE=args"]}, ("env", "MODE=args")),
        ({"command": ["env"]}, ("env",)),
        ({"command": ["env"], "args": ["MODE=args"]}, ("env", "MODE=args")),
    ],
)
def test_command_and_args_come_from_the_config_or_else_from_the_image(
    node: Node, fields: dict[str, Any], expected: tuple[str, ...]
) -> None:
    node.cri.add_image("example.com/app", IMAGE)
    node.pull("example.com/app")
    pod = node.run_sandbox()
    request = create_request(
        pod, image="example.com/app", envs=[pb.KeyValue(key="BOTH", value=b"config")]
    )
    request.config.MergeFrom(pb.ContainerConfig(**fields))
    request.sandbox_config.hostname = "web-0"
    made = node.runtime.CreateContainer(request).container_id
    spec = container(node, made).spec
    assert (spec.argv, spec.cwd) == (expected, "/srv")
    node.start(made)
    lines = [line.split(b" ", 3)[3] for line in node.cri.log(made).splitlines()]
    assert lines[:5] == [
        b"PATH=/usr/bin:/bin",
        b"HOSTNAME=web-0",
        b"KEEP=image",
        b"BOTH=config",
        b"BARE=",
    ]


def test_a_terminal_has_a_kind(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), tty=True)
    assert container(ready, made).spec.environment["TERM"] == "xterm"


def test_a_working_directory_of_the_config_comes_first(node: Node) -> None:
    node.cri.add_image("example.com/app", IMAGE)
    node.pull("example.com/app")
    made = node.create(node.run_sandbox(), image="example.com/app", working_dir="/tmp")
    assert container(node, made).spec.cwd == "/tmp"


def test_the_configs_are_kept_whatever_becomes_of_the_messages_of_the_client(ready: Node) -> None:
    request = create_request(ready.run_sandbox(), "true")
    made = ready.runtime.CreateContainer(request).container_id
    request.config.labels["later"] = "yes"
    request.config.metadata.name = "other"
    status = ready.status(made)
    assert (status.metadata.name, dict(status.labels)) == ("main", {})


def test_an_image_is_found_by_name_id_and_the_beginning_of_its_id(ready: Node) -> None:
    pod = ready.run_sandbox()
    image = ready.pull()
    references = [image, image.removeprefix("sha256:"), image[7:19], "library/busybox"]
    for attempt, reference in enumerate(references):
        made = ready.create(pod, image=reference, attempt=attempt)
        assert ready.status(made).image_id == image


def test_the_beginning_of_several_image_ids_names_none(ready: Node) -> None:
    pod = ready.run_sandbox()  # which brings the pause image
    with raises_status(UNKNOWN, 'failed to resolve image "": ambiguous digest string'):
        ready.create(pod, image="")
    assert held(ready)[1] == set()


def test_a_container_outlives_its_image(ready: Node) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod, "echo", "here")
    ready.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="busybox")))
    ready.start(made)
    assert ready.status(made).state == EXITED
    assert ready.cri.log(made).endswith(b" stdout F here\n")


def test_missing_host_paths_become_directories(ready: Node) -> None:
    mounts = [
        pb.Mount(container_path="/data", host_path="/var/lib/pods/data"),
        pb.Mount(container_path="/logs", host_path="/var/log/there.txt"),
    ]
    with ready.cri.host.turn() as world:
        world.files.make_dirs("/var/log")
        world.files.write("/var/log/there.txt", b"")
    made = ready.create(ready.run_sandbox(), mounts=mounts)
    with ready.cri.host.turn() as world:
        assert isinstance(world.files, MemoryFiles)
        assert world.files.is_dir("/var/lib/pods/data")
        assert world.files.mode_of("/var/lib/pods/data") == 0o755
        assert not world.files.is_dir("/var/log/there.txt")
    assert list(ready.status(made).mounts) == mounts


def test_an_image_volume_gets_a_host_path_and_loses_its_mappings(ready: Node) -> None:
    pod = ready.run_sandbox()
    mount = pb.Mount(
        container_path="/vol",
        readonly=True,
        image=pb.ImageSpec(image="busybox"),
        uidMappings=[MAPPING],
        gidMappings=[MAPPING],
    )
    made = ready.create(pod, mounts=[mount])
    request = pb.ImageStatusRequest(image=pb.ImageSpec(image="busybox"))
    image = ready.images.ImageStatus(request).image
    (digest,) = image.repo_digests
    root = "/run/containerd/io.containerd.grpc.v1.cri/image-volumes"
    (shown,) = ready.status(made).mounts
    assert shown == pb.Mount(
        container_path="/vol",
        host_path=f"{root}/{pod}/{digest.partition('sha256:')[2]}",
        readonly=True,
        image=pb.ImageSpec(image="busybox", image_ref=image.id),
    )


# Names (1.4).


def test_a_name_is_taken_while_an_exited_container_of_an_older_sandbox_holds_it(
    ready: Node,
) -> None:
    old = ready.run_sandbox()
    first = ready.run(old, "false")
    ready.stop_sandbox(old)
    new = ready.run_sandbox(attempt=1)
    with raises_status(
        FAILED_PRECONDITION,
        f'failed to reserve container name "{NAME}"; check if another CreateContainer request is '
        f'in progress: name "{NAME}" is reserved for "{first}"',
    ):
        ready.create(new)
    second = ready.create(new, attempt=1)
    ready.remove(first)
    third = ready.create(new)
    assert containers(ready) == [second, third]


def test_the_name_comes_from_the_request_and_not_from_the_sandbox(ready: Node) -> None:
    pods = [ready.run_sandbox("web"), ready.run_sandbox("db")]
    made = ready.create(pods[0], pod="other")
    with raises_status(FAILED_PRECONDITION):
        ready.create(pods[1], pod="other")
    ready.create(pods[1], pod="db")
    assert containers(ready, pod_sandbox_id=pods[0]) == [made]
    assert held(ready)[1] == {"main_other_default_uid-other_0", "main_db_default_uid-db_0"}


def test_sandboxes_and_containers_have_names_of_their_own(ready: Node) -> None:
    # web_default_uid-web_0 as a container's name: container "web" of a pod without other names.
    pod = ready.run_sandbox()
    request = create_request(pod, name="web")
    request.sandbox_config.metadata.CopyFrom(
        pb.PodSandboxMetadata(name="default", namespace="uid-web", uid="0")
    )
    ready.runtime.CreateContainer(request)
    assert held(ready)[0] == {"web_default_uid-web_0"}
    assert held(ready)[1] == {"web_default_uid-web_0_0"}


def test_a_name_with_odd_characters_is_quoted_as_go_does(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.create(pod, name='a"\n\x00ü')
    text = '"a\\"\\n\\x00ü_web_default_uid-web_0"'
    with raises_status(
        FAILED_PRECONDITION,
        f"failed to reserve container name {text}; check if another CreateContainer request is "
        f'in progress: name {text} is reserved for "{id_of("container", 1)}"',
    ):
        ready.create(pod, name='a"\n\x00ü')
