"""Who the processes of containers are, and what they may do, as a real kubelet asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakecri.services import ExitError
from tests.real.kubelet_suite.manifests import await_running, box, pod, run_in
from tests.real.kubelet_suite.seen import told, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

SCRATCH: dict[str, Any] = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
VOLUMES = [{"name": "scratch", "emptyDir": {}}]
USER, GROUP, FS_GROUP, MORE = 1000, 3000, 2000, 4000
IDS_OF_A_POD = 65536


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    user = {"runAsUser": USER, "runAsGroup": GROUP}
    groups = {"fsGroup": FS_GROUP, "supplementalGroups": [MORE]}
    bare = {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }
    with kubelet_node.placed(
        pod(
            "user",
            box(**SCRATCH),
            box(name="root", securityContext={"runAsUser": 0}, **SCRATCH),
            securityContext={**user, **groups},
            volumes=VOLUMES,
        ),
        pod(
            "strict",
            box(),
            securityContext={**user, **groups, "supplementalGroupsPolicy": "Strict"},
        ),
        pod("bare", box(securityContext=bare, **SCRATCH), volumes=VOLUMES),
        pod("privileged", box(securityContext={"privileged": True})),
        pod("rootless", box(), securityContext={"runAsNonRoot": True}),
        pod("sysctl", box(), securityContext={"sysctls": [SYSCTL]}),
        pod("mapped", box(**SCRATCH), hostUsers=False, volumes=VOLUMES),
        pod("mapped-too", box(), hostUsers=False),
        pod("shared", box(), {"name": "other", "image": "nginx"}, shareProcessNamespace=True),
    ):
        yield kubelet_node


SYSCTL = {"name": "net.ipv4.ip_local_port_range", "value": "40000 50000"}


def status_line(node: KubeletNode, name: str, key: str) -> str:
    """A line of /proc/PID/status."""
    lines = run_in(node, name, ["cat", "/proc/1/status"]).splitlines()
    return next(each.partition(":")[2].strip() for each in lines if each.startswith(f"{key}:"))


def test_a_process_is_of_the_user_and_the_groups_of_its_pod(node: KubeletNode) -> None:
    await_running(node, "user")
    shown = run_in(node, "user", ["id"]).strip()
    assert shown == f"uid={USER} gid={GROUP} groups={FS_GROUP},{GROUP},{MORE}"
    assert run_in(node, "user", ["id", "-u"], "root") == "0\n"
    user = node.kubelet.container("user", "main")["user"]["linux"]
    assert (user["uid"], user["gid"]) == (USER, GROUP)
    assert set(user["supplementalGroups"]) == {FS_GROUP, GROUP, MORE}


def test_a_volume_is_of_the_group_for_file_systems(node: KubeletNode) -> None:
    await_running(node, "user")
    run_in(node, "user", ["touch", "/scratch/mine"])
    owners = run_in(node, "user", ["stat", "-c", "%u:%g", "/scratch/mine", "/scratch"])
    # The directory hands its group on.
    assert owners == f"{USER}:{FS_GROUP}\n0:{FS_GROUP}\n"


def test_the_groups_of_the_image_are_left_out_where_the_policy_is_strict(node: KubeletNode) -> None:
    await_running(node, "strict")
    groups = node.kubelet.container("strict", "main")["user"]["linux"]["supplementalGroups"]
    assert set(groups) == {FS_GROUP, GROUP, MORE}


def test_a_root_that_is_read_only_is_written_nowhere_but_in_volumes(node: KubeletNode) -> None:
    await_running(node, "bare")
    with pytest.raises(ExitError, match="Read-only file system"):
        run_in(node, "bare", ["touch", "/etc/mine"])
    run_in(node, "bare", ["touch", "/scratch/mine"])


def test_capabilities_are_those_that_were_asked_for(node: KubeletNode) -> None:
    await_running(node, "bare", "privileged")
    assert int(status_line(node, "bare", "CapEff"), 16) == 1 << 10
    assert status_line(node, "bare", "NoNewPrivs") == "1"
    assert int(status_line(node, "privileged", "CapEff"), 16) & 1 << 21
    assert status_line(node, "privileged", "NoNewPrivs") == "0"


def test_an_image_that_runs_as_root_is_not_run_where_nobody_may(node: KubeletNode) -> None:
    message = waiting(node, "rootless", "main", "CreateContainerConfigError")
    assert message.startswith("container has runAsNonRoot and image will run as root")
    node.cri.history.never("CreateContainer", pod="rootless-*")


def test_a_sysctl_holds_for_the_pod(node: KubeletNode) -> None:
    await_running(node, "sysctl")
    path = "/proc/sys/net/ipv4/ip_local_port_range"
    assert run_in(node, "sysctl", ["cat", path]).split() == ["40000", "50000"]


def test_the_users_of_a_pod_are_others_on_the_node(node: KubeletNode) -> None:
    await_running(node, "mapped", "mapped-too")
    first, second = (mapping_of(node, each) for each in ("mapped", "mapped-too"))
    assert first[::2] == second[::2] == [0, IDS_OF_A_POD]
    assert first[1] % IDS_OF_A_POD == second[1] % IDS_OF_A_POD == 0
    assert len({0, first[1], second[1]}) == 3
    # What it writes to a volume is its own all the same.
    run_in(node, "mapped", ["touch", "/scratch/mine"])
    assert run_in(node, "mapped", ["stat", "-c", "%u", "/scratch/mine"]) == "0\n"


def mapping_of(node: KubeletNode, name: str) -> list[int]:
    """Users of the pod begin with the first number, those of the node with the second one."""
    users, groups = (
        run_in(node, name, ["cat", f"/proc/self/{kind}_map"]).split() for kind in ("uid", "gid")
    )
    assert users == groups
    return [int(each) for each in users]


def test_users_are_not_others_where_the_runtime_cannot_do_it(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    with (
        fresh_node(personality="containerd-1.7") as node,
        node.placed(pod("mapped", box(), hostUsers=False)),
    ):
        node.until(lambda: told(node, "FailedCreatePodSandBox", "mapped"), "it to be refused")
        (message, *_) = told(node, "FailedCreatePodSandBox", "mapped")
        assert "runtime does not support user namespaces" in message
        node.cri.history.never("RunPodSandbox")


def test_containers_see_each_others_processes_where_they_share_them(node: KubeletNode) -> None:
    await_running(node, "shared", "user")
    shown = run_in(node, "shared", ["ps"])
    assert shown.splitlines()[1].split() == ["1", "65535", "0:00", "/pause"]
    assert "nginx: master process" in shown
    assert run_in(node, "user", ["ps", "-o", "pid,comm"]).splitlines()[1].split() == ["1", "sleep"]
