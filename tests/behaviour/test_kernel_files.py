"""What /proc and /sys show of a container. Source: conformance 3.4 and its notes."""

import json

import grpc
import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import exec_sync
from tests.support import Node, node, sandbox_config


def _linux(**security: object) -> pb.LinuxContainerConfig:
    options = security.pop("namespace_options", pb.NamespaceOption(pid=pb.CONTAINER))
    context = pb.LinuxContainerSecurityContext(namespace_options=options, **security)  # type: ignore[arg-type]  # fields by name
    return pb.LinuxContainerConfig(security_context=context)


def _cat(node: Node, container_id: str, path: str) -> str:
    answer = exec_sync(node, container_id, "cat", path)
    assert (answer.exit_code, answer.stderr) == (0, b"")
    return answer.stdout.decode()


def _status(node: Node, container_id: str) -> dict[str, str]:
    lines = _cat(node, container_id, "/proc/self/status").splitlines()
    return {name: value.strip() for name, _, value in (each.partition(":") for each in lines)}


def test_status_shows_the_default_capabilities(ready: Node) -> None:
    status = _status(ready, ready.run(ready.run_sandbox(), "top"))
    assert status["CapBnd"] == status["CapEff"] == status["CapPrm"] == "00000000a80425fb"
    assert (status["CapInh"], status["CapAmb"]) == ("0" * 16, "0" * 16)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("0", "0")
    assert (status["Name"], status["Uid"]) == ("cat", "0\t0\t0\t0")


@pytest.mark.parametrize(
    ("capabilities", "mask"),
    [
        (pb.Capability(add_capabilities=["ALL"]), "000001ffffffffff"),
        (pb.Capability(drop_capabilities=["ALL"]), "0000000000000000"),
        (pb.Capability(add_capabilities=["NET_ADMIN"]), "00000000a80435fb"),
        (pb.Capability(drop_capabilities=["NET_RAW"]), "00000000a80405fb"),
    ],
)
def test_status_shows_what_was_added_and_dropped(
    ready: Node, capabilities: pb.Capability, mask: str
) -> None:
    running = ready.run(ready.run_sandbox(), "top", linux=_linux(capabilities=capabilities))
    assert _status(ready, running)["CapBnd"] == mask


def test_a_user_has_an_empty_effective_set_and_his_groups(ready: Node) -> None:
    linux = _linux(
        run_as_user=pb.Int64Value(value=1000),
        run_as_group=pb.Int64Value(value=7),
        supplemental_groups=[1234],
        no_new_privs=True,
    )
    status = _status(ready, ready.run(ready.run_sandbox(), "top", linux=linux))
    assert (status["CapEff"], status["CapBnd"]) == ("0" * 16, "00000000a80425fb")
    assert (status["Uid"], status["Gid"]) == ("1000\t" * 3 + "1000", "7\t" * 3 + "7")
    assert status["Groups"].split() == ["7", "1234"]
    assert status["NoNewPrivs"] == "1"


def test_seccomp_profiles_are_filters(ready: Node) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO"}],
    }
    ready.cri.files.make_dirs("/profiles")
    ready.cri.files.write("/profiles/block.json", json.dumps(profile).encode())
    kinds = pb.SecurityProfile
    pod = ready.run_sandbox()
    default = _linux(seccomp=kinds(profile_type=kinds.RuntimeDefault))
    local = _linux(
        seccomp=kinds(profile_type=kinds.Localhost, localhost_ref="/profiles/block.json")
    )
    assert _status(ready, ready.run(pod, "top", name="a", linux=default))["Seccomp"] == "2"
    running = ready.run(pod, "top", name="b", linux=local)
    assert _status(ready, running)["Seccomp"] == "2"
    refused = exec_sync(ready, running, "chmod", "400", "/")
    assert refused.exit_code == 1
    assert b"Operation not permitted" in refused.stderr


def test_processes_are_those_of_the_pid_namespace(ready: Node) -> None:
    pod = ready.run_sandbox()
    own = ready.run(pod, "sleep", "60", name="own")
    shared = pb.NamespaceOption(pid=pb.POD)
    with_pod = ready.run(pod, "top", name="shared", linux=_linux(namespace_options=shared))
    # Nobody has looked into /proc yet.
    shown = exec_sync(ready, with_pod, "ps", "-o", "pid,user,args").stdout.splitlines()
    assert shown[1].split() == [b"1", b"65535", b"/pause"]
    assert _cat(ready, own, "/proc/1/cmdline") == "sleep\x0060\0"
    assert _cat(ready, own, "/proc/1/comm") == "sleep\n"
    assert _cat(ready, with_pod, "/proc/1/cmdline") == "/pause\0"
    assert _cat(ready, own, "/proc/self/cmdline") == "cat\0/proc/self/cmdline\0"
    assert exec_sync(ready, own, "cat", "/proc/999/cmdline").exit_code == 1


def test_sysctls_of_the_pod_are_in_proc_sys(ready: Node) -> None:
    linux = pb.LinuxPodSandboxConfig(
        sysctls={"kernel.shm_rmid_forced": "1", "fs.mqueue.msg_max": "100"}
    )
    running = ready.run(ready.run_sandbox(linux=linux), "top")
    assert _cat(ready, running, "/proc/sys/kernel/shm_rmid_forced") == "1\n"
    assert _cat(ready, running, "/proc/sys/fs/mqueue/msg_max") == "100\n"
    plain = ready.run(ready.run_sandbox("other"), "top", pod="other")
    assert _cat(ready, plain, "/proc/sys/kernel/shm_rmid_forced") == "0\n"


def test_id_maps_are_those_of_the_user_namespace(ready: Node) -> None:
    ids = [pb.IDMapping(host_id=1000, container_id=0, length=100_000)]
    userns = pb.UserNamespace(mode=pb.POD, uids=ids, gids=ids)
    options = pb.NamespaceOption(pid=pb.CONTAINER, userns_options=userns)
    security = pb.LinuxSandboxSecurityContext(namespace_options=options)
    pod_linux = pb.LinuxPodSandboxConfig(security_context=security)
    pod = ready.run_sandbox(linux=pod_linux)
    request = pb.CreateContainerRequest(
        pod_sandbox_id=pod,
        sandbox_config=sandbox_config(linux=pod_linux),
        config=pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name="main"),
            image=pb.ImageSpec(image="busybox"),
            command=["top"],
            linux=_linux(namespace_options=options),
        ),
    )
    running = ready.runtime.CreateContainer(request).container_id
    ready.start(running)
    assert _cat(ready, running, "/proc/self/uid_map") == "         0       1000     100000\n"


def test_the_mount_table_shows_propagation_and_read_only(ready: Node) -> None:
    mounts = [
        pb.Mount(host_path="/a", container_path="/a", propagation=pb.PROPAGATION_BIDIRECTIONAL),
        pb.Mount(host_path="/b", container_path="/b", readonly=True),
    ]
    running = ready.run(ready.run_sandbox(), "top", mounts=mounts)
    rows = [each.split() for each in _cat(ready, running, "/proc/self/mountinfo").splitlines()]
    by_path = {row[4]: row for row in rows}
    assert by_path["/a"][5:8] == ["rw,relatime", "shared:1", "-"]
    assert by_path["/b"][5:7] == ["ro,relatime", "-"]
    assert by_path["/"][7:9] == ["overlay", "overlay"]
    assert {"/proc", "/dev", "/dev/shm", "/sys", "/sys/fs/cgroup", "/etc/hosts"} <= set(by_path)
    assert by_path["/dev/shm"][1] == by_path["/dev"][0]
    assert by_path["/dev/shm"][7:] == ["tmpfs", "shm", "rw,size=65536k"]
    assert by_path["/etc/hosts"][7:] == ["ext4", "/dev/sda1", "rw"]


def test_the_cgroup_shows_limits_and_their_updates(ready: Node) -> None:
    resources = pb.LinuxContainerResources(
        cpu_quota=50_000,
        cpu_period=100_000,
        cpu_shares=1024,
        memory_limit_in_bytes=64 << 20,
        memory_swap_limit_in_bytes=64 << 20,
    )
    linux = _linux()
    linux.resources.CopyFrom(resources)
    running = ready.run(ready.run_sandbox(), "top", linux=linux)
    assert _cat(ready, running, "/sys/fs/cgroup/cpu.max") == "50000 100000\n"
    assert _cat(ready, running, "/sys/fs/cgroup/memory.max") == f"{64 << 20}\n"
    assert _cat(ready, running, "/sys/fs/cgroup/memory.swap.max") == "0\n"
    assert _cat(ready, running, "/sys/fs/cgroup/cpu.weight") == "39\n"
    assert int(_cat(ready, running, "/sys/fs/cgroup/memory.current")) > 0
    more = pb.LinuxContainerResources(cpu_quota=100_000, memory_limit_in_bytes=128 << 20)
    ready.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(container_id=running, linux=more)
    )
    assert _cat(ready, running, "/sys/fs/cgroup/cpu.max") == "100000 100000\n"
    assert _cat(ready, running, "/sys/fs/cgroup/memory.max") == f"{128 << 20}\n"
    unlimited = ready.run(ready.run_sandbox("other"), "top", pod="other")
    assert _cat(ready, unlimited, "/sys/fs/cgroup/memory.max") == "max\n"


def test_an_image_can_be_mounted_read_only(ready: Node) -> None:
    ready.cri.add_image("example.com/models", Recipe(base="scratch", files={"/a/b/c": "weights"}))
    ready.pull("example.com/models")
    image = pb.ImageSpec(image="example.com/models")
    mounts = [
        pb.Mount(container_path="/models", image=image, readonly=True),
        pb.Mount(container_path="/sub", image=image, readonly=True, image_sub_path="a/b"),
    ]
    running = ready.run(ready.run_sandbox(), "top", mounts=mounts)
    assert _cat(ready, running, "/models/a/b/c") == _cat(ready, running, "/sub/c") == "weights"
    assert exec_sync(ready, running, "touch", "/models/x").exit_code == 1


def test_a_status_tells_the_id_of_an_image_that_is_mounted(face: str) -> None:
    for personality, told in (("containerd-2", True), ("crio-1.36", False)):
        with node(face, personality=personality) as opened:
            id_ = opened.pull("busybox")
            mount = pb.Mount(
                container_path="/m", image=pb.ImageSpec(image="busybox"), readonly=True
            )
            created = opened.create(opened.run_sandbox(), "top", mounts=[mount])
            (shown,) = opened.status(created).mounts
            assert (shown.image.image, shown.image.image_ref) == ("busybox", id_ if told else "")


def test_a_sub_path_that_the_image_does_not_have_is_refused(ready: Node) -> None:
    mount = pb.Mount(
        container_path="/m",
        image=pb.ImageSpec(image="busybox"),
        readonly=True,
        image_sub_path="not-existing",
    )
    pod = ready.run_sandbox()
    with pytest.raises(grpc.RpcError) as refused:
        ready.create(pod, "top", mounts=[mount])
    text = refused.value.details() or ""
    assert text.startswith(
        "failed to mount image volume: ImageVolumeMountFailed: failed to ensure image subpath "
        '"not-existing" in "/run/containerd/io.containerd.grpc.v1.cri/image-volumes/'
    )
    assert text.endswith('": openat not-existing: no such file or directory')


def test_a_set_user_id_file_raises_the_effective_user(ready: Node) -> None:
    image = "registry.k8s.io/e2e-test-images/nonewprivs:1.3"
    ready.pull(image)
    pod = ready.run_sandbox()
    shown = {}
    for no_new_privs in (False, True):
        name = str(no_new_privs)
        linux = _linux(run_as_user=pb.Int64Value(value=1000), no_new_privs=no_new_privs)
        running = ready.run(pod, "top", name=name, image=image, linux=linux)
        shown[no_new_privs] = exec_sync(ready, running, "nnp").stdout
        assert exec_sync(ready, running, "id", "-u").stdout == b"1000\n"
    assert shown == {False: b"Effective uid: 0\n", True: b"Effective uid: 1000\n"}
