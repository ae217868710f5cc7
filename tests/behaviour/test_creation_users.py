"""CreateContainer: namespaces to join, and users to look up. Source: lifecycle 8.1 and 12.2."""

from typing import Any

import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux, pod_linux, target, userns
from tests.behaviour.steps import CREATED, UNKNOWN, containers, exec_sync, held, id_of
from tests.support import Node, create_request, raises_status

# Namespaces (8.1).


@pytest.mark.parametrize("state", ["CREATED", "EXITED"])
def test_a_target_has_to_run(ready: Node, state: str) -> None:
    pod = ready.run_sandbox()
    other = ready.create(pod, "true", name="target")
    if state == "EXITED":
        ready.start(other)
    options = target(other[:8])
    text = (
        f'failed to generate container "{id_of("container", 2)}" spec: failed to generate spec '
        f'opts: invalid target container: container "{other[:8]}" is not running - in state '
        f"CONTAINER_{state}"
    )
    with raises_status(UNKNOWN, text):
        ready.create(pod, linux=linux(namespace_options=options))
    assert held(ready)[1] == {"target_web_default_uid-web_0"}


def test_a_target_has_to_be_in_the_same_sandbox(ready: Node) -> None:
    pods = [ready.run_sandbox(name) for name in ("web", "db")]
    other = ready.run(pods[1], "sleep", "99", pod="db")
    options = target(other)
    text = (
        f'failed to generate container "{id_of("container", 2)}" spec: failed to generate spec '
        f'opts: invalid target container: container "{other}" (sandbox {pods[1]}) does not '
        f"belong to sandbox {pods[0]}"
    )
    with raises_status(UNKNOWN, text):
        ready.create(pods[0], linux=linux(namespace_options=options))


def test_a_debug_container_joins_a_running_one(ready: Node) -> None:
    pod = ready.run_sandbox()
    other = ready.run(pod, "sleep", "99", name="target")
    options = target(other)
    debugger = ready.run(pod, "sleep", "99", linux=linux(namespace_options=options))
    # It is no PID 1, so that a signal it does not trap ends it.
    ready.stop(debugger, timeout=5)
    assert ready.status(debugger).exit_code == 143


def test_a_pod_with_a_user_namespace_takes_containers_with_the_same(ready: Node) -> None:
    options = userns(pb.POD, 1, 1)
    pod = ready.run_sandbox(linux=pod_linux(namespace_options=options))
    request = create_request(pod, linux=linux(namespace_options=options))
    request.sandbox_config.linux.CopyFrom(pod_linux(namespace_options=options))
    made = ready.runtime.CreateContainer(request).container_id
    assert ready.status(made).state == CREATED


def test_a_privileged_pod_takes_privileged_containers(ready: Node) -> None:
    pod = ready.run_sandbox(linux=pod_linux(privileged=True))
    request = create_request(pod, linux=linux(privileged=True))
    # It is the request's sandbox config that is asked.
    request.sandbox_config.linux.CopyFrom(pod_linux(privileged=True))
    assert ready.runtime.CreateContainer(request).container_id == containers(ready)[0]


# Users (12.2).


@pytest.mark.parametrize(
    ("security", "uid", "gid", "groups"),
    [
        ({}, 0, 0, [0, 10]),
        ({"run_as_user": 1000}, 1000, 0, [0]),
        ({"run_as_user": 1000, "run_as_group": 7}, 1000, 7, [7]),
        ({"run_as_user": 2**31 - 1, "run_as_group": 2**31 - 1}, 2**31 - 1, 2**31 - 1, [2**31 - 1]),
        ({"run_as_username": "daemon", "run_as_user": 5}, 1, 1, [1]),
        ({"run_as_username": "daemon", "run_as_group": 5}, 1, 5, [5]),
        ({"run_as_username": "root:wheel"}, 0, 10, [10]),
        ({"supplemental_groups": [9, 3, 9]}, 0, 0, [0, 3, 9, 10]),
        ({"supplemental_groups": [-1, 2**32 + 4]}, 0, 0, [0, 4, 10, 2**32 - 1]),
        # Nothing but what was asked for, and what came with a user that was asked for.
        ({"supplemental_groups_policy": pb.Strict, "supplemental_groups": [9]}, 0, 0, [9]),
        ({"supplemental_groups_policy": pb.Strict}, 0, 0, []),
        (
            {
                "supplemental_groups_policy": pb.Strict,
                "supplemental_groups": [9],
                "run_as_user": 0,
            },
            0,
            0,
            [0, 9],
        ),
    ],
)
def test_a_user_is_looked_up_in_the_image(
    ready: Node, security: dict[str, Any], uid: int, gid: int, groups: list[int]
) -> None:
    made = ready.create(ready.run_sandbox(), linux=linux(**security))
    assert ready.status(made).user.linux == pb.LinuxContainerUser(
        uid=uid, gid=gid, supplemental_groups=groups
    )


def test_the_user_of_the_image_is_the_one_of_who_asks_for_none(node: Node) -> None:
    node.cri.add_image("example.com/app", Recipe(cmd=("sh",), user="daemon:wheel"))
    node.pull("example.com/app")
    made = node.create(node.run_sandbox(), image="example.com/app")
    shown = pb.LinuxContainerUser(uid=1, gid=10, supplemental_groups=[10])
    assert node.status(made).user.linux == shown


def test_execs_and_the_first_process_are_the_same_user(ready: Node) -> None:
    made = ready.create(
        ready.run_sandbox(),
        "sleep",
        "99",
        linux=linux(run_as_user=1000, run_as_group=7, supplemental_groups=[9]),
    )
    ready.start(made)
    assert exec_sync(ready, made, "id").stdout == b"uid=1000 gid=7(lp) groups=7(lp),9(kmem)\n"
