"""The info maps of verbose answers, as clients get them and as crictl reads them."""

import json
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core import info
from tests.support import Node, create_request, own_pid_namespace, sandbox_config

SLEEP = ("sleep", "1d")
HOST_NETWORK = pb.LinuxPodSandboxConfig(
    security_context=pb.LinuxSandboxSecurityContext(
        namespace_options=pb.NamespaceOption(network=pb.NODE)
    )
)
QUIET = (
    '{"pid":0,"processStatus":"","netNamespaceClosed":false,"image":"","snapshotKey":"",'
    '"snapshotter":"","runtimeType":"","runtimeOptions":null,"config":null,"runtimeSpec":null,'
    '"cniResult":null,"sandboxMetadata":null'
)
"""What containerd 2.4 was heard to say to who did not ask."""
NOT_LOADED = (
    "cni config load failed: no network config found in /etc/cni/net.d: "
    "cni plugin not initialized: failed to load cni config"
)


def container_map(node: Node, id_: str, *, verbose: bool = True) -> dict[str, str]:
    request = pb.ContainerStatusRequest(container_id=id_, verbose=verbose)
    return dict(node.runtime.ContainerStatus(request).info)


def container_info(node: Node, id_: str) -> Any:
    return json.loads(container_map(node, id_)["info"])


def sandbox_map(node: Node, id_: str, *, verbose: bool = True) -> dict[str, str]:
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=id_, verbose=verbose)
    return dict(node.runtime.PodSandboxStatus(request).info)


def sandbox_info(node: Node, id_: str) -> Any:
    return json.loads(sandbox_map(node, id_)["info"])


def node_map(node: Node) -> dict[str, str]:
    return dict(node.runtime.Status(pb.StatusRequest(verbose=True)).info)


# Containers.


def test_a_container_has_info_only_where_it_is_asked_for(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), *SLEEP)
    assert container_map(ready, container, verbose=False) == {}
    assert set(container_map(ready, container)) == {"info"}


def test_a_containers_info_has_containerds_members_in_its_order(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    container = ready.create(sandbox, *SLEEP)
    shown = container_info(ready, container)
    spec = shown.pop("runtimeSpec")
    assert list(spec) == ["ociVersion", "process", "root", "mounts", "annotations", "linux"]
    assert list(shown.pop("config"))[:2] == ["metadata", "image"]
    assert list(shown.items()) == [
        ("sandboxID", sandbox),
        ("pid", 0),
        ("removing", False),
        ("snapshotKey", container),
        ("snapshotter", "overlayfs"),
        ("runtimeType", "io.containerd.runc.v2"),
        ("runtimeOptions", None),
    ]


def test_a_container_has_a_pid_while_it_runs(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), *SLEEP)
    pids = [container_info(ready, container)["pid"]]
    ready.start(container)
    pids.append(container_info(ready, container)["pid"])
    ready.stop(container)
    pids.append(container_info(ready, container)["pid"])
    assert pids[0] == pids[2] == 0
    assert pids[1] > 0


def test_the_config_is_shown_as_go_prints_its_struct(ready: Node) -> None:
    linux = own_pid_namespace()
    linux.resources.SetInParent()
    linux.security_context.run_as_user.value = 0
    sandbox = ready.run_sandbox()
    container = ready.create(
        sandbox,
        *SLEEP,
        linux=linux,
        envs=[pb.KeyValue(key="COLOR", value=b"blue")],
        labels={"b": "<1>", "a": "2"},
        tty=True,
        stop_signal=pb.SIGNAL_SIGINT,
    )
    assert container_info(ready, container)["config"] == {
        "metadata": {"name": "main"},
        "image": {"image": "busybox"},
        "command": ["sleep", "1d"],
        "envs": [{"key": "COLOR", "value": "Ymx1ZQ=="}],
        "labels": {"a": "2", "b": "<1>"},
        "log_path": "main/0.log",
        "tty": True,
        "linux": {
            "resources": {},
            "security_context": {"namespace_options": {"pid": 1}, "run_as_user": {}},
        },
        "stop_signal": int(pb.SIGNAL_SIGINT),
    }
    assert '"labels":{"a":"2","b":"\\u003c1\\u003e"}' in container_map(ready, container)["info"]


# Sandboxes.


def test_a_sandbox_has_an_empty_info_where_nobody_asked(node: Node) -> None:
    sandbox = node.run_sandbox()
    assert sandbox_map(node, sandbox, verbose=False) == {"info": QUIET + "}"}


def test_updated_resources_are_shown_also_where_nobody_asked(node: Node) -> None:
    sandbox = node.run_sandbox()
    overhead = pb.LinuxContainerResources(cpu_shares=5)
    node.runtime.UpdatePodSandboxResources(
        pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id=sandbox, overhead=overhead)
    )
    updated = '"overhead":{"linux":{"cpu_shares":5}},"resources":{}}'
    assert sandbox_map(node, sandbox, verbose=False) == {"info": f"{QUIET},{updated}"}
    assert sandbox_map(node, sandbox)["info"].endswith(f",{updated}")


def test_a_sandboxs_info_has_containerds_members_in_its_order(node: Node) -> None:
    sandbox = node.run_sandbox()
    shown = sandbox_info(node, sandbox)
    assert list(shown) == list(json.loads(QUIET + "}"))
    assert shown["config"]["metadata"] == {"name": "web", "uid": "uid-web", "namespace": "default"}
    assert shown["image"] == "registry.k8s.io/pause:3.10.2"
    assert (shown["snapshotKey"], shown["snapshotter"]) == (sandbox, "overlayfs")
    assert (shown["runtimeType"], shown["runtimeOptions"]) == ("io.containerd.runc.v2", None)


def test_a_running_sandbox_has_a_process_and_a_stopped_one_has_none(node: Node) -> None:
    sandbox = node.run_sandbox()
    before = sandbox_info(node, sandbox)
    assert before["pid"] > 0
    assert (before["processStatus"], before["netNamespaceClosed"]) == ("running", False)
    node.stop_sandbox(sandbox)
    after = sandbox_info(node, sandbox)
    changed = {"pid": 0, "processStatus": "deleted", "netNamespaceClosed": True}
    assert after == before | changed


def test_the_network_plugins_result_has_the_pods_address(node: Node) -> None:
    sandbox = node.run_sandbox()
    shown = sandbox_info(node, sandbox)
    address = node.sandbox_status(sandbox).network.ip
    result = shown["cniResult"]
    assert result["Interfaces"]["eth0"]["IPConfigs"] == [{"IP": address, "Gateway": "10.88.0.1"}]
    assert result["Interfaces"]["lo"]["Mac"] == "00:00:00:00:00:00"
    assert list(result["Interfaces"]) == sorted(result["Interfaces"])
    metadata = shown["sandboxMetadata"]
    assert metadata["Version"] == "v1"
    assert metadata["Metadata"]["IP"] == address
    assert metadata["Metadata"]["CNIResult"] == result
    assert metadata["Metadata"]["NetNSPath"] == result["Interfaces"]["eth0"]["Sandbox"]


def test_a_host_network_sandbox_has_no_network_of_its_own(node: Node) -> None:
    sandbox = node.run_sandbox(linux=HOST_NETWORK)
    node.stop_sandbox(sandbox)
    shown = sandbox_info(node, sandbox)
    assert (shown["cniResult"], shown["netNamespaceClosed"]) == (None, False)
    metadata = shown["sandboxMetadata"]["Metadata"]
    assert (metadata["NetNSPath"], metadata["IP"], metadata["CNIResult"]) == ("", "", None)


# The node.


def test_a_verbose_status_of_the_node_has_containerds_keys(node: Node) -> None:
    shown = node_map(node)
    assert set(shown) == {
        "config",
        "golang",
        "cniconfig",
        "lastCNILoadStatus",
        "lastCNILoadStatus.default",
    }
    assert json.loads(shown["golang"]).startswith("go1.")
    assert shown["lastCNILoadStatus"] == shown["lastCNILoadStatus.default"] == "OK"
    config = json.loads(shown["config"])
    assert config["containerd"]["defaultRuntimeName"] == "runc"
    assert config["containerdRootDir"] == "/var/lib/containerd"
    networks = json.loads(shown["cniconfig"])["Networks"]
    assert [each["IFName"] for each in networks] == ["lo", "eth0"]


@pytest.mark.parametrize(
    ("error", "loaded", "interfaces"),
    [
        ("cni plugin not initialized", NOT_LOADED, ["lo"]),
        ("the plugin is out of order", "OK", ["lo", "eth0"]),
    ],
)
def test_a_node_without_a_network_configuration_says_so(
    node: Node, error: str, loaded: str, interfaces: list[str]
) -> None:
    with node.cri.host.turn() as world:
        world.node.network_error = error
    shown = node_map(node)
    assert shown["lastCNILoadStatus"] == shown["lastCNILoadStatus.default"] == loaded
    networks = json.loads(shown["cniconfig"])["Networks"]
    assert [each["IFName"] for each in networks] == interfaces


def test_every_value_is_what_crictl_can_read(ready: Node) -> None:
    sandbox = ready.run_sandbox(annotations={"odd": '<&>"\\\u2028\x01\x7f'})
    request = create_request(
        sandbox, *SLEEP, envs=[pb.KeyValue(key="RAW", value=b"\xff\xfe")], labels={"odd": "\u2029"}
    )
    container = ready.runtime.CreateContainer(request).container_id
    maps = [
        node_map(ready),
        sandbox_map(ready, sandbox),
        sandbox_map(ready, sandbox, verbose=False),
        container_map(ready, container),
    ]
    for value in (value for each in maps for value in each.values()):
        if value.startswith("{"):
            assert isinstance(json.loads(value), dict)
        assert not set(value) & set("<>&\u2028\u2029\n")


def test_a_byte_that_is_no_utf8_is_replaced_in_the_environment(ready: Node) -> None:
    envs = [pb.KeyValue(key="RAW", value=b"a\xffb")]
    container = ready.create(ready.run_sandbox(), *SLEEP, envs=envs)
    environment = container_info(ready, container)["runtimeSpec"]["process"]["env"]
    assert environment[-1] == "RAW=a\ufffdb"


def test_the_same_seed_shows_the_same() -> None:
    from tests.support import node  # noqa: PLC0415  # the name is a fixture's elsewhere

    shown = []
    for _ in range(2):
        with node("object", seed=7) as opened:
            opened.pull()
            sandbox = opened.run_sandbox()
            container = opened.run(sandbox, *SLEEP)
            shown.append((sandbox_map(opened, sandbox), container_map(opened, container)))
    assert shown[0] == shown[1]


def test_an_images_config_is_shown_as_it_is_stored(ready: Node) -> None:
    with ready.cri.host.turn() as world:
        (image,) = world.images.list()
    shown = json.loads(info.image_info(world.profile, image.content)["info"])
    assert shown["chainID"] == image.content.chain_id
    assert shown["imageSpec"] == json.loads(image.content.config_json)


def test_the_pods_config_is_the_sandboxs_own(ready: Node) -> None:
    """A container's request may bring another one, which is not shown."""
    sandbox = ready.run_sandbox()
    request = create_request(sandbox, *SLEEP)
    request.sandbox_config.CopyFrom(sandbox_config("other", hostname="other"))
    container = ready.runtime.CreateContainer(request).container_id
    assert sandbox_info(ready, sandbox)["config"]["metadata"]["name"] == "web"
    annotations = container_info(ready, container)["runtimeSpec"]["annotations"]
    assert annotations["io.kubernetes.cri.sandbox-name"] == "other"
    assert annotations["io.kubernetes.cri.sandbox-id"] == sandbox
