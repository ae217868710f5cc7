"""The OCI specs of containers and sandboxes, as verbose statuses show them."""

import json
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.known_images import Recipe
from tests.support import Node, node, sandbox_config
from tests.support import create_request as request_of

SLEEP = ("sleep", "1d")
CRI = "io.containerd.grpc.v1.cri"
DEFAULT_MOUNTS = ["/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys"]
OWN_MOUNTS = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/shm"]
USERNS = pb.UserNamespace(
    mode=pb.POD,
    uids=[pb.IDMapping(host_id=65536, container_id=0, length=65536)],
    gids=[pb.IDMapping(host_id=65536, container_id=0, length=65536)],
)
MAPPED = [{"containerID": 0, "hostID": 65536, "size": 65536}]


def container_spec(
    node: Node,
    linux: pb.LinuxContainerConfig | None = None,
    pod: pb.LinuxPodSandboxConfig | None = None,
    **fields: Any,
) -> Any:
    """Return the spec of a new container in a new pod."""
    pod_config = sandbox_config("web", linux=pod)
    run = pb.RunPodSandboxRequest(config=pod_config)
    sandbox = node.runtime.RunPodSandbox(run).pod_sandbox_id
    request = request_of(sandbox, *SLEEP, linux=linux, **fields)
    request.sandbox_config.CopyFrom(pod_config)
    return spec_of(node, node.runtime.CreateContainer(request).container_id)


def spec_of(node: Node, container_id: str) -> Any:
    request = pb.ContainerStatusRequest(container_id=container_id, verbose=True)
    return json.loads(node.runtime.ContainerStatus(request).info["info"])["runtimeSpec"]


def sandbox_spec(node: Node, linux: pb.LinuxPodSandboxConfig | None = None, **fields: Any) -> Any:
    sandbox = node.run_sandbox(linux=linux, **fields)
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox, verbose=True)
    return json.loads(node.runtime.PodSandboxStatus(request).info["info"])["runtimeSpec"]


def secured(**fields: Any) -> pb.LinuxContainerConfig:
    return pb.LinuxContainerConfig(security_context=pb.LinuxContainerSecurityContext(**fields))


def pod_secured(**fields: Any) -> pb.LinuxPodSandboxConfig:
    return pb.LinuxPodSandboxConfig(security_context=pb.LinuxSandboxSecurityContext(**fields))


def in_namespaces(**modes: Any) -> pb.LinuxContainerConfig:
    return secured(namespace_options=pb.NamespaceOption(**modes))


def destinations(spec: Any) -> list[str]:
    return [each["destination"] for each in spec["mounts"]]


def namespaces(spec: Any) -> dict[str, str]:
    return {each["type"]: each.get("path", "") for each in spec["linux"]["namespaces"]}


# The process of a container.


def test_the_process_is_what_the_config_asks_for(ready: Node) -> None:
    linux = secured(
        run_as_user=pb.Int64Value(value=1002),
        run_as_group=pb.Int64Value(value=5),
        supplemental_groups=[3000],
        no_new_privs=True,
    )
    linux.resources.oom_score_adj = 999
    process = container_spec(ready, linux, working_dir="/tmp", tty=True)["process"]
    del process["capabilities"]
    assert process == {
        "terminal": True,
        "user": {"uid": 1002, "gid": 5, "additionalGids": [5, 3000]},
        "args": ["sleep", "1d"],
        "env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM=xterm",
            "HOSTNAME=fakecri",
        ],
        "cwd": "/tmp",
        "noNewPrivileges": True,
        "oomScoreAdj": 999,
    }


def test_without_resources_nothing_is_limited(ready: Node) -> None:
    spec = container_spec(ready)
    assert "oomScoreAdj" not in spec["process"]
    assert spec["linux"]["resources"] == {"devices": [{"allow": False, "access": "rwm"}]}


def test_empty_resources_leave_empty_objects(ready: Node) -> None:
    linux = pb.LinuxContainerConfig(resources=pb.LinuxContainerResources())
    spec = container_spec(ready, linux)
    assert spec["process"]["oomScoreAdj"] == 0
    resources = spec["linux"]["resources"]
    assert (resources["memory"], resources["cpu"]) == ({}, {})


def test_an_update_of_the_resources_shows_in_the_spec(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), *SLEEP)
    asked = pb.LinuxContainerResources(
        cpu_shares=204,
        cpu_quota=20000,
        cpu_period=100000,
        cpuset_cpus="0-1",
        memory_limit_in_bytes=67108864,
        unified={"memory.high": "1"},
    )
    ready.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(container_id=container, linux=asked)
    )
    resources = spec_of(ready, container)["linux"]["resources"]
    assert resources["cpu"] == {"shares": 204, "quota": 20000, "period": 100000, "cpus": "0-1"}
    assert resources["memory"] == {"limit": 67108864, "swap": 67108864}
    assert resources["unified"] == {"memory.high": "1"}


def test_capabilities_are_the_same_in_three_sets(ready: Node) -> None:
    asked = pb.Capability(add_capabilities=["NET_ADMIN"], drop_capabilities=["MKNOD"])
    sets = container_spec(ready, secured(capabilities=asked))["process"]["capabilities"]
    assert list(sets) == ["bounding", "effective", "permitted"]
    assert sets["bounding"] == sets["effective"] == sets["permitted"]
    assert sets["bounding"][-1] == "CAP_NET_ADMIN"
    assert "CAP_MKNOD" not in sets["bounding"]


def test_no_capabilities_are_no_sets(ready: Node) -> None:
    asked = pb.Capability(drop_capabilities=["ALL"])
    assert container_spec(ready, secured(capabilities=asked))["process"]["capabilities"] == {}


def test_a_privileged_container_is_held_back_by_nothing(ready: Node) -> None:
    linux = secured(privileged=True, masked_paths=["/proc/kcore"], seccomp=pb.SecurityProfile())
    spec = container_spec(ready, linux, pod_secured(privileged=True))
    assert len(spec["process"]["capabilities"]["bounding"]) == 41
    assert not {"maskedPaths", "readonlyPaths", "seccomp"} & set(spec["linux"])
    assert spec["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "/dev/null" in {each["path"] for each in spec["linux"]["devices"]}
    assert "cgroup" not in namespaces(spec)
    options = {each["destination"]: each["options"] for each in spec["mounts"]}
    assert "rw" in options["/sys"]
    assert options["/sys/fs/cgroup"][-3:] == ["rw", "nsdelegate", "memory_recursiveprot"]


def test_paths_are_masked_only_where_the_client_says_so(ready: Node) -> None:
    linux = secured(masked_paths=["/proc/kcore"], readonly_paths=["/proc/sys"])
    shown = container_spec(ready, linux)["linux"]
    assert (shown["maskedPaths"], shown["readonlyPaths"]) == (["/proc/kcore"], ["/proc/sys"])
    with node(ready.face) as other:
        other.pull()
        assert not {"maskedPaths", "readonlyPaths"} & set(container_spec(other)["linux"])


def test_a_readonly_root_makes_the_runtimes_own_files_readonly(ready: Node) -> None:
    spec = container_spec(ready, secured(readonly_rootfs=True))
    assert spec["root"] == {"path": "rootfs", "readonly": True}
    options = {each["destination"]: each["options"] for each in spec["mounts"]}
    assert options["/etc/hosts"] == ["rbind", "rprivate", "ro"]
    assert options["/dev/shm"] == ["rbind", "rprivate", "rw"]


# Seccomp.


@pytest.mark.parametrize(
    ("security", "action"),
    [
        ({}, None),
        ({"seccomp": pb.SecurityProfile()}, "SCMP_ACT_ERRNO"),
        ({"seccomp": pb.SecurityProfile(profile_type=pb.SecurityProfile.Unconfined)}, None),
        ({"seccomp_profile_path": "runtime/default"}, "SCMP_ACT_ERRNO"),
        ({"seccomp_profile_path": "unconfined"}, None),
        ({"seccomp_profile_path": "localhost/none.json"}, None),
    ],
)
def test_system_calls_are_filtered_where_a_profile_is_given(
    ready: Node, security: dict[str, Any], action: str | None
) -> None:
    shown = container_spec(ready, secured(**security))["linux"].get("seccomp", {})
    assert shown.get("defaultAction") == action


@pytest.mark.parametrize("content", [b'{"defaultAction":"SCMP_ACT_LOG"}', b"[]", b"nonsense"])
def test_a_local_profile_is_read_from_its_file(ready: Node, content: bytes) -> None:
    with ready.cri.host.turn() as world:
        world.files.make_dirs("/profiles")
        world.files.write("/profiles/log.json", content)
    profile = pb.SecurityProfile(
        profile_type=pb.SecurityProfile.Localhost, localhost_ref="/profiles/log.json"
    )
    shown = container_spec(ready, secured(seccomp=profile))["linux"].get("seccomp")
    assert shown == ({"defaultAction": "SCMP_ACT_LOG"} if b"LOG" in content else None)


# Mounts and devices.


def test_the_runtime_brings_its_own_mounts(ready: Node) -> None:
    spec = container_spec(ready)
    assert destinations(spec) == [*DEFAULT_MOUNTS, "/sys/fs/cgroup", *OWN_MOUNTS]


def test_mounts_are_sorted_by_depth_and_hide_the_runtimes_own(ready: Node) -> None:
    mounts = [
        pb.Mount(container_path="/a/b/c/", host_path="/deep"),
        pb.Mount(container_path="/etc/hosts", host_path="/hosts"),
        pb.Mount(container_path="/a", host_path="/flat"),
    ]
    spec = container_spec(ready, mounts=mounts)
    binds = destinations(spec)[6:]
    assert binds == [
        "/a",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/resolv.conf",
        "/dev/shm",
        "/a/b/c/",
    ]
    assert [each["source"] for each in spec["mounts"][6:8]] == ["/flat", "/hosts"]


def test_a_mounted_dev_hides_what_would_be_under_it(ready: Node) -> None:
    spec = container_spec(ready, mounts=[pb.Mount(container_path="/dev/", host_path="/dev")])
    assert destinations(spec)[:5] == ["/proc", "/sys", "/sys/fs/cgroup", "/dev/", "/etc/hostname"]


@pytest.mark.parametrize(
    ("fields", "options", "propagation"),
    [
        ({}, ["rbind", "rprivate", "rw"], None),
        ({"readonly": True}, ["rbind", "rprivate", "ro"], None),
        ({"readonly": True, "recursive_read_only": True}, ["rbind", "rprivate", "rro"], None),
        ({"propagation": 1}, ["rbind", "rslave", "rw"], "rslave"),
        ({"propagation": 2}, ["rbind", "rshared", "rw"], "rshared"),
    ],
)
def test_a_mount_has_the_options_of_its_kind(
    ready: Node, fields: dict[str, Any], options: list[str], propagation: str | None
) -> None:
    mount = pb.Mount(container_path="/data", host_path="/vol", **fields)
    spec = container_spec(ready, mounts=[mount])
    assert spec["mounts"][6] == {
        "destination": "/data",
        "type": "bind",
        "source": "/vol",
        "options": options,
    }
    assert spec["linux"].get("rootfsPropagation") == propagation


def test_volumes_of_the_image_are_mounted_unless_the_client_does(node: Node) -> None:
    recipe = Recipe(cmd=("sh",), volumes=("/data", "cache"))
    node.cri.add_image("quay.io/team/app:1", recipe)
    node.pull("quay.io/team/app:1")
    mounts = [pb.Mount(container_path="/data/", host_path="/mine")]
    spec = container_spec(node, mounts=mounts, image="quay.io/team/app:1")
    sources = {each["destination"]: each["source"] for each in spec["mounts"]}
    assert sources["/data/"] == "/mine"
    assert "/data" not in sources
    assert sources["/cache"].startswith(f"/var/lib/containerd/{CRI}/containers/")


def test_a_device_is_made_and_allowed(ready: Node) -> None:
    device = pb.Device(container_path="/dev/f", host_path="/dev/fuse", permissions="rw")
    linux = container_spec(ready, devices=[device])["linux"]
    (made,) = linux["devices"]
    assert (made["path"], made["type"], made["major"], made["minor"]) == ("/dev/f", "c", 10, 229)
    assert linux["resources"]["devices"][1] == {
        "allow": True,
        "type": "c",
        "major": 10,
        "minor": 229,
        "access": "rw",
    }


# Namespaces and cgroups.


def test_a_container_shares_its_pods_namespaces(ready: Node) -> None:
    shown = namespaces(container_spec(ready))
    assert list(shown) == ["pid", "ipc", "uts", "mount", "network", "cgroup"]
    pid = shown["ipc"].split("/")[2]
    assert shown["pid"] == f"/proc/{pid}/ns/pid"
    assert shown["network"] == f"/proc/{pid}/ns/net"
    assert shown["mount"] == shown["cgroup"] == ""


def test_a_container_may_have_a_pid_namespace_of_its_own(ready: Node) -> None:
    assert namespaces(container_spec(ready, in_namespaces(pid=pb.CONTAINER)))["pid"] == ""


def test_a_container_may_join_the_pid_namespace_of_another(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    target = ready.run(sandbox, *SLEEP)
    linux = in_namespaces(pid=pb.TARGET, target_id=target)
    shown = namespaces(spec_of(ready, ready.create(sandbox, *SLEEP, name="debug", linux=linux)))
    request = pb.ContainerStatusRequest(container_id=target, verbose=True)
    pid = json.loads(ready.runtime.ContainerStatus(request).info["info"])["pid"]
    assert shown["pid"] == f"/proc/{pid}/ns/pid"
    assert shown["ipc"] != f"/proc/{pid}/ns/ipc"


def test_a_pods_user_namespace_is_that_of_its_containers(ready: Node) -> None:
    options = pb.NamespaceOption(userns_options=USERNS)
    spec = container_spec(
        ready, secured(namespace_options=options), pod_secured(namespace_options=options)
    )
    assert (spec["linux"]["uidMappings"], spec["linux"]["gidMappings"]) == (MAPPED, MAPPED)
    assert namespaces(spec)["user"].endswith("/ns/user")
    mapped = {each["destination"] for each in spec["mounts"] if each.get("uidMappings") == MAPPED}
    assert mapped == {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}


def test_the_nodes_ipc_namespace_brings_its_shared_memory(ready: Node) -> None:
    spec = container_spec(ready, in_namespaces(ipc=pb.NODE))
    (shm,) = (each for each in spec["mounts"] if each["destination"] == "/dev/shm")
    assert shm["source"] == "/dev/shm"


@pytest.mark.parametrize(
    ("parent", "path"),
    [
        ("", "/k8s.io/{id}"),
        ("/kubepods/pod1/", "/kubepods/pod1/{id}"),
        ("kubepods.slice/kubepods-pod1.slice", "kubepods-pod1.slice:cri-containerd:{id}"),
    ],
)
def test_a_cgroup_is_below_its_parent(node: Node, parent: str, path: str) -> None:
    sandbox = node.run_sandbox(linux=pb.LinuxPodSandboxConfig(cgroup_parent=parent))
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox, verbose=True)
    shown = json.loads(node.runtime.PodSandboxStatus(request).info["info"])
    assert shown["runtimeSpec"]["linux"]["cgroupsPath"] == path.format(id=sandbox)


# Sandboxes.


def test_a_sandbox_runs_pause_as_nobody(node: Node) -> None:
    process = sandbox_spec(node)["process"]
    assert process["args"] == ["/pause"]
    assert process["user"] == {"uid": 65535, "gid": 65535, "additionalGids": [65535]}
    assert (process["noNewPrivileges"], process["oomScoreAdj"]) == (True, -998)
    assert len(process["capabilities"]["bounding"]) == 14


def test_a_sandbox_runs_pause_as_whom_the_config_says(node: Node) -> None:
    linux = pod_secured(run_as_user=pb.Int64Value(value=1000))
    user = sandbox_spec(node, linux)["process"]["user"]
    assert user == {"uid": 1000, "gid": 0, "additionalGids": [0]}


def test_a_sandboxs_mounts_are_readonly(node: Node) -> None:
    spec = sandbox_spec(node, hostname="web")
    assert spec["hostname"] == "web"
    assert spec["root"] == {"path": "rootfs", "readonly": True}
    assert destinations(spec) == [*DEFAULT_MOUNTS, "/dev/shm", "/etc/resolv.conf"]
    for mount in spec["mounts"][5:]:
        assert mount["options"] == ["rbind", "ro", "nosuid", "nodev", "noexec"]


def test_a_sandbox_hides_paths_and_may_use_low_ports(node: Node) -> None:
    linux = sandbox_spec(node, pb.LinuxPodSandboxConfig(sysctls={"a": "1"}))["linux"]
    assert "/proc/kcore" in linux["maskedPaths"]
    assert "/proc/sys" in linux["readonlyPaths"]
    assert linux["resources"]["cpu"] == {"shares": 2}
    assert linux["sysctl"] == {
        "a": "1",
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    }


def test_a_sandbox_on_the_node_has_fewer_namespaces(node: Node) -> None:
    options = pb.NamespaceOption(network=pb.NODE, pid=pb.NODE, ipc=pb.NODE)
    spec = sandbox_spec(node, pod_secured(namespace_options=options))
    assert namespaces(spec) == {"mount": ""}
    assert "sysctl" not in spec["linux"]


def test_a_sandboxs_user_namespace_is_pinned(node: Node) -> None:
    options = pb.NamespaceOption(userns_options=USERNS)
    spec = sandbox_spec(node, pod_secured(namespace_options=options))
    assert spec["linux"]["uidMappings"] == MAPPED
    assert namespaces(spec)["user"].endswith("/pinned-namespaces/user")
    assert namespaces(spec)["network"].startswith("/var/run/netns/cni-")


def test_a_sandbox_is_annotated_with_its_pods_resources(node: Node) -> None:
    resources = pb.LinuxContainerResources(cpu_period=100000, cpu_shares=2)
    spec = sandbox_spec(node, pb.LinuxPodSandboxConfig(resources=resources))
    shown = {key.removeprefix("io.kubernetes.cri."): v for key, v in spec["annotations"].items()}
    del shown["sandbox-id"]
    assert shown == {
        "container-type": "sandbox",
        "podsandbox.image-name": "registry.k8s.io/pause:3.10.2",
        "sandbox-cpu-period": "100000",
        "sandbox-cpu-quota": "0",
        "sandbox-cpu-shares": "2",
        "sandbox-log-directory": "/var/log/pods/default_web_uid-1",
        "sandbox-memory": "0",
        "sandbox-name": "web",
        "sandbox-namespace": "default",
        "sandbox-uid": "uid-web",
    }
