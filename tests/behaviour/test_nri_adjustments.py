"""What plugins of NRI make of containers: in their specs, and in what their processes live in."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import grpc
import pytest

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from tests.support import Node, raises_status

Adjust = Callable[[nri.Container], Any]


class Adjusts:
    """A plugin that adjusts all containers."""

    def __init__(self, adjust: nri.ContainerAdjustment | Adjust) -> None:
        self._adjust = adjust
        self.seen: list[nri.Container] = []

    def create_container(self, _: nri.PodSandbox, container: nri.Container) -> Any:
        """Adjust it."""
        self.seen.append(container)
        return self._adjust(container) if callable(self._adjust) else self._adjust


def connect(node: Node, *adjustments: nri.ContainerAdjustment | Adjust) -> list[Adjusts]:
    """Connect plugins named `a`, `b` and so on, in their order; return them."""
    plugins = [Adjusts(each) for each in adjustments]
    for number, plugin in enumerate(plugins):
        node.cri.nri.connect(plugin, name="abcdef"[number], index=f"0{number}")
    return plugins


def linux(**fields: Any) -> nri.ContainerAdjustment:
    """Return an adjustment of what is in `linux`."""
    return nri.ContainerAdjustment(linux=nri.LinuxContainerAdjustment(**fields))


def spec_of(node: Node, container: str) -> dict[str, Any]:
    """Return the OCI spec of a container, as its verbose status has it."""
    request = pb.ContainerStatusRequest(container_id=container, verbose=True)
    info = json.loads(node.runtime.ContainerStatus(request).info["info"])
    spec: dict[str, Any] = info["runtimeSpec"]
    return spec


def run_adjusted(node: Node, adjustment: nri.ContainerAdjustment, *command: str) -> str:
    """Run a container that is adjusted so; return its id."""
    connect(node, adjustment)
    return node.run(node.run_sandbox(), *(command or ("sleep", "1000")))


def said(node: Node, container: str, *command: str) -> str:
    """Return what a command in a container says."""
    request = pb.ExecSyncRequest(container_id=container, cmd=command)
    return node.runtime.ExecSync(request).stdout.decode()


def test_arguments_are_replaced(ready: Node) -> None:
    container = run_adjusted(ready, nri.ContainerAdjustment(args=["sleep", "2000"]), "true")
    assert spec_of(ready, container)["process"]["args"] == ["sleep", "2000"]
    assert said(ready, container, "cat", "/proc/1/cmdline") == "sleep\x002000\x00"


def test_the_environment_is_what_the_process_gets(ready: Node) -> None:
    new = [nri.KeyValue(key="NEW", value="1"), nri.KeyValue(key="OLD", value="2")]
    connect(ready, nri.ContainerAdjustment(env=new))
    envs = [pb.KeyValue(key="OLD", value=b"1")]
    container = ready.run(ready.run_sandbox(), "sleep", "1000", envs=envs)
    assert spec_of(ready, container)["process"]["env"][-2:] == ["OLD=2", "NEW=1"]
    assert said(ready, container, "sh", "-c", "echo $OLD $NEW") == "2 1\n"


def test_annotations_are_set_and_removed_in_the_spec_alone(ready: Node) -> None:
    name = "io.kubernetes.cri.container-name"
    adjustment = nri.ContainerAdjustment(annotations={"tuned": "yes", f"-{name}": ""})
    container = run_adjusted(ready, adjustment)
    annotations = spec_of(ready, container)["annotations"]
    assert annotations["tuned"] == "yes"
    assert name not in annotations
    assert not ready.status(container).annotations


def test_mounts_are_mounted(ready: Node) -> None:
    ready.cri.files.make_dirs("/data", 0o755)
    ready.cri.files.write("/data/file", b"content")
    mounts = [
        nri.Mount(destination="/cache", type="tmpfs", source="tmpfs", options=["nosuid"]),
        nri.Mount(destination="/in", type="bind", source="/data", options=["rbind", "ro"]),
        nri.Mount(destination="-/dev/mqueue"),
    ]
    container = run_adjusted(ready, nri.ContainerAdjustment(mounts=mounts))
    found = {each["destination"]: each for each in spec_of(ready, container)["mounts"]}
    assert found["/in"] == {
        "destination": "/in",
        "type": "bind",
        "source": "/data",
        "options": ["rbind", "ro"],
    }
    assert "/dev/mqueue" not in found
    assert said(ready, container, "cat", "/in/file") == "content"
    script = "touch /cache/x && ls /cache; touch /in/x || echo refused"
    assert said(ready, container, "sh", "-c", script) == "x\nrefused\n"
    assert not ready.status(container).mounts


def test_devices_are_there_and_allowed(ready: Node) -> None:
    asked = nri.LinuxDevice(
        path="/dev/accel", type="c", major=240, minor=3, file_mode=nri.OptionalFileMode(value=0o660)
    )
    container = run_adjusted(ready, linux(devices=[asked]))
    spec = spec_of(ready, container)["linux"]
    shape = {"path": "/dev/accel", "type": "c", "major": 240, "minor": 3, "fileMode": 0o660}
    assert spec["devices"] == [shape]
    rule = {"allow": True, "type": "c", "major": 240, "minor": 3, "access": "rw"}
    assert spec["resources"]["devices"][-1] == rule
    assert said(ready, container, "stat", "-c", "%A %t %T", "/dev/accel") == "crw-rw---- f0 3\n"


def test_limits_hold_and_the_first_status_does_not_know_of_them(ready: Node) -> None:
    resources = nri.LinuxResources(
        memory=nri.LinuxMemory(limit=nri.OptionalInt64(value=64 << 20)),
        cpu=nri.LinuxCPU(
            quota=nri.OptionalInt64(value=50_000),
            period=nri.OptionalUInt64(value=100_000),
            shares=nri.OptionalUInt64(value=512),
            cpus="0",
        ),
        pids=nri.LinuxPids(limit=77),
        unified={"memory.high": "1048576"},
    )
    container = run_adjusted(ready, linux(resources=resources))
    spec = spec_of(ready, container)["linux"]["resources"]
    assert spec["memory"] == {"limit": 64 << 20, "swap": 64 << 20}
    assert spec["cpu"] == {"shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0"}
    assert spec["pids"] == {"limit": 77}
    assert spec["unified"] == {"memory.high": "1048576"}
    files = "cpu.max memory.max memory.high pids.max"
    script = f"cd /sys/fs/cgroup; cat {files}"
    assert said(ready, container, "sh", "-c", script) == f"50000 100000\n{64 << 20}\n1048576\n77\n"
    assert not ready.status(container).resources.linux.memory_limit_in_bytes
    ready.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(
            container_id=container, linux=pb.LinuxContainerResources(cpu_shares=100)
        )
    )
    known = ready.status(container).resources.linux
    assert (known.memory_limit_in_bytes, known.cpu_shares) == (64 << 20, 100)


def test_what_else_a_process_is_started_with(ready: Node) -> None:
    adjustment = linux(
        oom_score_adj=nri.OptionalInt(value=500),
        cgroups_path="/tuned/box",
        scheduler=nri.LinuxScheduler(policy=nri.SCHED_BATCH, nice=5),
        sysctl={"net.core.somaxconn": "64"},
        memory_policy=nri.LinuxMemoryPolicy(mode=nri.MPOL_BIND, nodes="0"),
        net_devices={"eth7": nri.LinuxNetDevice(name="data")},
        namespaces=[nri.LinuxNamespace(type="-ipc"), nri.LinuxNamespace(type="time")],
    )
    setattr(adjustment.linux.io_priority, "class", nri.IOPRIO_CLASS_BE)
    adjustment.linux.io_priority.priority = 4
    adjustment.linux.rdt.clos_id.value = "gold"
    adjustment.rlimits.add(type="RLIMIT_NOFILE", hard=2048, soft=1024)
    container = run_adjusted(ready, adjustment)
    spec = spec_of(ready, container)
    process, found = spec["process"], spec["linux"]
    assert process["oomScoreAdj"] == 500
    assert process["scheduler"] == {"policy": "SCHED_BATCH", "nice": 5}
    assert process["ioPriority"] == {"class": "IOPRIO_CLASS_BE", "priority": 4}
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": 2048, "soft": 1024}]
    assert found["cgroupsPath"] == "/tuned/box"
    assert found["sysctl"] == {"net.core.somaxconn": "64"}
    assert found["memoryPolicy"] == {"mode": "MPOL_BIND", "nodes": "0"}
    assert found["netDevices"] == {"eth7": {"name": "data"}}
    assert found["intelRdt"] == {"closID": "gold"}
    kinds = [each["type"] for each in found["namespaces"]]
    assert "ipc" not in kinds
    assert "time" in kinds
    assert said(ready, container, "cat", "/proc/1/oom_score_adj") == "500\n"
    assert "1024                 2048" in said(ready, container, "cat", "/proc/1/limits")
    assert said(ready, container, "cat", "/proc/sys/net/core/somaxconn") == "64\n"


def test_hooks_of_the_low_level_runtime_stand_in_the_spec(ready: Node) -> None:
    hook = nri.Hook(path="/bin/hook", args=["hook", "x"], timeout=nri.OptionalInt(value=3))
    adjustment = nri.ContainerAdjustment(hooks=nri.Hooks(create_runtime=[hook]))
    container = run_adjusted(ready, adjustment)
    shape = {"path": "/bin/hook", "args": ["hook", "x"], "timeout": 3}
    assert spec_of(ready, container)["hooks"] == {"createRuntime": [shape]}


def test_a_filter_of_system_calls_filters(ready: Node) -> None:
    policy = nri.LinuxSeccomp(
        default_action="SCMP_ACT_ALLOW",
        syscalls=[
            nri.LinuxSyscall(
                names=["chmod"], action="SCMP_ACT_ERRNO", errno_ret=nri.OptionalUInt32(value=1)
            )
        ],
    )
    container = run_adjusted(ready, linux(seccomp_policy=policy))
    assert spec_of(ready, container)["linux"]["seccomp"] == {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["chmod"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
    }
    script = "touch /tmp/x; chmod 700 /tmp/x || echo refused"
    assert said(ready, container, "sh", "-c", script) == "refused\n"


def test_a_plugin_sees_what_those_before_it_did(ready: Node) -> None:
    first = nri.ContainerAdjustment(
        env=[nri.KeyValue(key="A", value="1")],
        args=["top"],
        mounts=[nri.Mount(destination="/x", type="tmpfs")],
    )
    _, second = connect(ready, first, nri.ContainerAdjustment())
    ready.create(ready.run_sandbox(), "true")
    (seen,) = second.seen
    assert "A=1" in seen.env
    assert list(seen.args) == ["top"]
    assert seen.mounts[-1].destination == "/x"


def memory(limit: int) -> nri.ContainerAdjustment:
    """Return an adjustment of the memory limit."""
    return linux(
        resources=nri.LinuxResources(memory=nri.LinuxMemory(limit=nri.OptionalInt64(value=limit)))
    )


CONFLICTS = {
    "Env A": nri.ContainerAdjustment(env=[nri.KeyValue(key="A", value="1")]),
    "Args ": nri.ContainerAdjustment(args=["x"]),
    "Annotations a": nri.ContainerAdjustment(annotations={"a": "b"}),
    "Mounts /x": nri.ContainerAdjustment(mounts=[nri.Mount(destination="/x", type="tmpfs")]),
    "Devices /dev/x": linux(devices=[nri.LinuxDevice(path="/dev/x", type="c")]),
    "MemLimit ": memory(1 << 30),
    "CPUSetCPUs ": linux(resources=nri.LinuxResources(cpu=nri.LinuxCPU(cpus="0"))),
    "PidsLimit ": linux(resources=nri.LinuxResources(pids=nri.LinuxPids(limit=5))),
    "CgroupsUnified a": linux(resources=nri.LinuxResources(unified={"a": "b"})),
    "CgroupsPath ": linux(cgroups_path="/a"),
    "OomScoreAdj ": linux(oom_score_adj=nri.OptionalInt(value=5)),
    "Sysctl a.b": linux(sysctl={"a.b": "1"}),
    "Namespace ipc": linux(namespaces=[nri.LinuxNamespace(type="ipc")]),
    "Rlimits RLIMIT_CPU": nri.ContainerAdjustment(rlimits=[nri.POSIXRlimit(type="RLIMIT_CPU")]),
    "CdiDevices a/b=c": nri.ContainerAdjustment(CDI_devices=[nri.CDIDevice(name="a/b=c")]),
    "RdtClosID ": linux(rdt=nri.LinuxRdt(clos_id=nri.OptionalString(value="x"))),
}


@pytest.mark.parametrize("what", CONFLICTS)
def test_two_plugins_do_not_set_the_same(ready: Node, what: str) -> None:
    connect(ready, CONFLICTS[what], CONFLICTS[what])
    text = (
        "failed to create containerd container: failed to get NRI adjustment for container: "
        f'plugins "01-b" and "00-a" both tried to set {what}'
    )
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        ready.create(ready.run_sandbox(), "true")
    listed = ready.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert not listed


def test_a_plugin_that_removes_first_may_set_what_another_one_has(ready: Node) -> None:
    mine = nri.ContainerAdjustment(
        env=[nri.KeyValue(key="-A"), nri.KeyValue(key="A", value="2")],
        args=["", "sleep", "3000"],
        mounts=[nri.Mount(destination="-/x"), nri.Mount(destination="/x", type="tmpfs")],
        annotations={"-a": "", "a": "mine"},
    )
    theirs = nri.ContainerAdjustment(
        env=[nri.KeyValue(key="A", value="1")],
        args=["top"],
        mounts=[nri.Mount(destination="/x", type="bind", source="/none")],
        annotations={"a": "theirs"},
    )
    connect(ready, theirs, mine)
    container = ready.run(ready.run_sandbox(), "true")
    spec = spec_of(ready, container)
    assert spec["process"]["args"] == ["sleep", "3000"]
    assert "A=2" in spec["process"]["env"]
    assert spec["annotations"]["a"] == "mine"
    assert [each["type"] for each in spec["mounts"] if each["destination"] == "/x"] == ["tmpfs"]


def test_hooks_are_added_up(ready: Node) -> None:
    hooks = [
        nri.ContainerAdjustment(hooks=nri.Hooks(poststop=[nri.Hook(path=path)]))
        for path in ("/a", "/b")
    ]
    connect(ready, *hooks)
    container = ready.create(ready.run_sandbox(), "true")
    assert spec_of(ready, container)["hooks"] == {"poststop": [{"path": "/a"}, {"path": "/b"}]}


@pytest.mark.parametrize(
    ("adjustment", "text"),
    [
        (
            nri.ContainerAdjustment(CDI_devices=[nri.CDIDevice(name="a/b=c")]),
            "CDI device injection failed: unresolvable CDI devices a/b=c",
        ),
        (
            linux(resources=nri.LinuxResources(blockio_class=nri.OptionalString(value="slow"))),
            (
                "failed to adjust BlockIO class in OCI Spec: no OCI BlockIO parameters for class "
                '"slow"'
            ),
        ),
    ],
)
def test_what_the_node_has_not_cannot_be_had(
    ready: Node, adjustment: nri.ContainerAdjustment, text: str
) -> None:
    connect(ready, adjustment)
    prefix = "failed to create containerd container: failed to NRI-adjust container Spec"
    with raises_status(grpc.StatusCode.UNKNOWN, f"{prefix}: {text}"):
        ready.create(ready.run_sandbox(), "true")


def update(container: str, limit: int, **fields: Any) -> nri.ContainerUpdate:
    """Return an update of a container's memory limit."""
    resources = memory(limit).linux.resources
    linux = nri.LinuxContainerUpdate(resources=resources)
    return nri.ContainerUpdate(container_id=container, linux=linux, **fields)


def limit_of(node: Node, container: str) -> int:
    """Return the memory limit that a container's status shows."""
    return node.status(container).resources.linux.memory_limit_in_bytes


def test_other_containers_are_updated(ready: Node) -> None:
    pod = ready.run_sandbox()
    other = ready.run(pod, "sleep", "1000", name="other")
    connect(ready, lambda _: (None, [update(other, 1 << 26)]))
    ready.create(pod, "true")
    assert limit_of(ready, other) == 1 << 26
    assert said(ready, other, "cat", "/sys/fs/cgroup/memory.max") == f"{1 << 26}\n"


def test_a_container_cannot_be_updated_while_it_is_made(ready: Node) -> None:
    plugins = connect(ready, lambda made: (None, [update(made.id, 1)]))
    with pytest.raises(grpc.RpcError) as refusal:
        ready.create(ready.run_sandbox(), "true")
    id_ = plugins[0].seen[0].id
    assert str(refusal.value.details()).endswith(
        f'plugin "00-a" asked update of "{id_}" during creation'
    )


def test_updates_of_what_is_not_there_are_left_out(ready: Node) -> None:
    plugins = connect(ready, lambda _: (None, [update("nobody", 1 << 20)]))
    id_ = ready.create(ready.run_sandbox(), "true")
    assert [each.id for each in plugins[0].seen] == [id_]


def test_two_plugins_do_not_update_the_same_unless_that_is_ignored(ready: Node) -> None:
    pod = ready.run_sandbox()
    other = ready.run(pod, "sleep", "1000", name="other")
    ignored = [False]
    answers: list[Adjust] = [
        lambda _: (None, [update(other, 1 << 26)]),
        lambda _: (None, [update(other, 1 << 27, ignore_failure=ignored[0])]),
    ]
    connect(ready, *answers)
    with pytest.raises(grpc.RpcError, match='plugins "01-b" and "00-a" both tried to set MemLimit'):
        ready.create(pod, "true")
    ignored[0] = True
    ready.create(pod, "true", attempt=1)
    assert limit_of(ready, other) == 1 << 26


class Updates:
    """A plugin that changes updates."""

    def __init__(self, answer: Callable[[nri.Container], Iterable[nri.ContainerUpdate]]) -> None:
        self._answer = answer
        self.asked: list[nri.LinuxResources] = []

    def update_container(
        self, _: nri.PodSandbox, container: nri.Container, resources: nri.LinuxResources
    ) -> Iterable[nri.ContainerUpdate]:
        """Change it."""
        self.asked.append(resources)
        return self._answer(container)


def ask_for_memory(node: Node, container: str, limit: int) -> None:
    """Ask for another memory limit of a container."""
    node.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(
            container_id=container, linux=pb.LinuxContainerResources(memory_limit_in_bytes=limit)
        )
    )


def test_an_update_is_what_plugins_make_of_it(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), "true")
    plugin = Updates(lambda asked: [update(asked.id, 1 << 25)])
    ready.cri.nri.connect(plugin)
    ask_for_memory(ready, container, 1 << 30)
    assert plugin.asked[0].memory.limit.value == 1 << 30
    assert limit_of(ready, container) == 1 << 25


def test_an_update_that_a_plugin_refuses_is_refused(ready: Node) -> None:
    def refuse(_: nri.Container) -> Iterable[nri.ContainerUpdate]:
        raise ValueError("no")

    container = ready.create(ready.run_sandbox(), "true")
    ready.cri.nri.connect(Updates(refuse))
    text = "NRI container update failed: rpc error: code = Unknown desc = no"
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        ask_for_memory(ready, container, 1 << 30)
    assert limit_of(ready, container) == 0


def test_resources_of_a_pod_may_be_refused(ready: Node) -> None:
    class Refuses:
        def update_pod_sandbox(
            self, _: nri.PodSandbox, overhead: nri.LinuxResources, resources: nri.LinuxResources
        ) -> None:
            assert resources.memory.limit.value == 7
            assert not overhead.ByteSize()
            raise ValueError("no")

    ready.cri.nri.connect(Refuses())
    request = pb.UpdatePodSandboxResourcesRequest(
        pod_sandbox_id=ready.run_sandbox(),
        resources=pb.LinuxContainerResources(memory_limit_in_bytes=7),
    )
    text = "NRI sandbox update failed: rpc error: code = Unknown desc = no"
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        ready.runtime.UpdatePodSandboxResources(request)


def test_a_validator_sees_what_all_have_done_and_may_refuse_it(ready: Node) -> None:
    asked: list[nri.ValidateContainerAdjustmentRequest] = []

    class Validates:
        def validate_container_adjustment(
            self, request: nri.ValidateContainerAdjustmentRequest
        ) -> str | None:
            asked.append(request)
            return "no rlimits here" if request.adjust.rlimits else None

    adjustment = nri.ContainerAdjustment(rlimits=[nri.POSIXRlimit(type="RLIMIT_CPU")])
    connect(ready, adjustment)
    ready.cri.nri.connect(Validates(), name="judge", index="90")
    text = 'validator "90-judge" rejected container adjustment, reason: no rlimits here'
    with pytest.raises(grpc.RpcError, match=text):
        ready.create(ready.run_sandbox(), "true")
    (request,) = asked
    assert [(each.index, each.name) for each in request.plugins] == [("00", "a"), ("90", "judge")]
    owners = request.owners.owners[request.container.id].compound[nri.Rlimits].owners
    assert dict(owners) == {"RLIMIT_CPU": "00-a"}
    assert not request.container.rlimits


def test_what_a_plugin_wants_when_it_synchronises_is_done(ready: Node) -> None:
    class Synchronizes:
        def synchronize(
            self, _: list[nri.PodSandbox], containers: list[nri.Container]
        ) -> list[nri.ContainerUpdate]:
            return [update(each.id, 1 << 24) for each in containers]

    container = ready.create(ready.run_sandbox(), "true")
    ready.cri.nri.connect(Synchronizes())
    assert limit_of(ready, container) == 1 << 24


def test_without_an_adjustment_a_container_is_as_without_plugins(ready: Node) -> None:
    pod = ready.run_sandbox()
    plain = spec_of(ready, ready.create(pod, "true", name="plain"))
    connect(ready, nri.ContainerAdjustment())
    same = spec_of(ready, ready.create(pod, "true", name="again"))
    for spec in (plain, same):
        spec["annotations"].pop("io.kubernetes.cri.container-name")
        spec["linux"].pop("cgroupsPath")
    assert same == plain
