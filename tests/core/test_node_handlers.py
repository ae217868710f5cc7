"""Version, Status, RuntimeConfig and UpdateRuntimeConfig."""

import json
from dataclasses import replace

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import UNKNOWN
from tests.support import Node, raises_status


def status(node: Node, *, verbose: bool = False) -> pb.StatusResponse:
    return node.runtime.Status(pb.StatusRequest(verbose=verbose))


def conditions(node: Node) -> list[pb.RuntimeCondition]:
    return list(status(node).status.conditions)


@pytest.mark.parametrize("asked", ["", "0.1.0", "v1"])
def test_the_version_is_the_kubelets_whatever_is_asked(node: Node, asked: str) -> None:
    assert node.runtime.Version(pb.VersionRequest(version=asked)) == pb.VersionResponse(
        version="0.1.0",
        runtime_name="containerd",
        runtime_version="2.4.0",
        runtime_api_version="v1",
    )


def test_a_new_node_is_ready_and_warns_of_nothing(node: Node) -> None:
    assert conditions(node) == [
        pb.RuntimeCondition(type="RuntimeReady", status=True),
        pb.RuntimeCondition(type="NetworkReady", status=True),
        pb.RuntimeCondition(type="ContainerdHasNoDeprecationWarnings", status=True),
    ]


def test_a_network_that_is_not_ready_says_why(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.node.network_error = "cni plugin not initialized"
    assert conditions(node)[1] == pb.RuntimeCondition(
        type="NetworkReady",
        reason="NetworkPluginNotReady",
        message="Network plugin returns error: cni plugin not initialized",
    )
    assert conditions(node)[0].status
    with node.cri.host.turn() as world:
        world.node.network_error = ""
    assert conditions(node)[1].status


def test_deprecations_are_json_in_a_message(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.node.deprecations = {"io.containerd/b": "<old>", "io.containerd/a": "older"}
    assert conditions(node)[2] == pb.RuntimeCondition(
        type="ContainerdHasNoDeprecationWarnings",
        reason="ContainerdHasDeprecationWarnings",
        message='{"io.containerd/a":"older","io.containerd/b":"\\u003cold\\u003e"}',
    )


@pytest.mark.parametrize("verbose", [False, True])
def test_handlers_and_features_are_always_told(node: Node, verbose: bool) -> None:
    response = status(node, verbose=verbose)
    assert [each.name for each in response.runtime_handlers] == ["", "runc"]
    for handler in response.runtime_handlers:
        assert handler.features.recursive_read_only_mounts
        assert handler.features.user_namespaces
    assert response.features == pb.RuntimeFeatures(
        supplemental_groups_policy=True, user_namespaces_host_network=True
    )


def test_handlers_are_those_of_the_profile(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.profile = replace(world.profile, runtime_handlers=("", "kata", "runc"))
    response = status(node, verbose=True)
    assert [each.name for each in response.runtime_handlers] == ["", "kata", "runc"]
    runtimes = json.loads(response.info["config"])["containerd"]["runtimes"]
    assert list(runtimes) == ["kata", "runc"]


def test_a_quiet_status_has_no_info(node: Node) -> None:
    assert not status(node).info


def test_the_runtime_config_names_the_cgroup_driver(node: Node) -> None:
    response = node.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
    assert response.HasField("linux")
    assert response.linux.cgroup_driver == pb.CGROUPFS


def update(node: Node, pod_cidr: str) -> None:
    network = pb.NetworkConfig(pod_cidr=pod_cidr)
    config = pb.RuntimeConfig(network_config=network)
    node.runtime.UpdateRuntimeConfig(pb.UpdateRuntimeConfigRequest(runtime_config=config))


def test_an_empty_update_succeeds(node: Node) -> None:
    node.runtime.UpdateRuntimeConfig(pb.UpdateRuntimeConfigRequest())


# What Go's net.ParseCIDR takes and refuses; each row was put to it.


@pytest.mark.parametrize(
    "pod_cidr",
    [
        "",
        "10.244.0.0/24",
        "10.244.0.0/24,fd00::/64",
        " 10.244.0.0/24 ,\tfd00::/64 ",
        "10.0.0.1/8",
        "10.0.0.0/08",
        "::1/0128",
        "::/0",
        "1:2:3:4:5:6:7::/3",
        "::ffff:1.2.3.4/120",
    ],
)
def test_a_list_of_cidrs_is_taken(node: Node, pod_cidr: str) -> None:
    update(node, pod_cidr)


@pytest.mark.parametrize(
    "pod_cidr",
    [
        "10.244.0.0",
        "10.244.0.0/",
        "10.0.0.0/33",
        "010.0.0.0/8",
        "00.0.0.0/1",
        "1.2.3/8",
        "1.2.3.4./8",
        "1.2.3.4/+8",
        "1.2.3.4/8/8",
        "1.2.3.4/\u0663",
        "fd00::/129",
        "fe80::1%eth0/64",
        "12345::/5",
        "::1.2.3.04/8",
        "/8",
        "/",
        "here",
    ],
)
def test_what_is_no_cidr_is_refused(node: Node, pod_cidr: str) -> None:
    with raises_status(UNKNOWN, f"get routes: invalid CIDR address: {pod_cidr}"):
        update(node, pod_cidr)


@pytest.mark.parametrize(
    ("pod_cidr", "bad"),
    [("10.0.0.0/8,here", "here"), ("10.0.0.0/8,", ""), (" , ", ""), ("a, b", "a")],
)
def test_the_first_bad_one_of_a_list_is_told(node: Node, pod_cidr: str, bad: str) -> None:
    with raises_status(UNKNOWN, f"get routes: invalid CIDR address: {bad}"):
        update(node, pod_cidr)
