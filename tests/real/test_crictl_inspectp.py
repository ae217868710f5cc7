"""crictl inspectp: the status of pod sandboxes."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import Difference

if TYPE_CHECKING:
    from tests.real.crictl import Crictl
    from tests.real.runtimes import Pod, Stage

pytestmark = pytest.mark.real

POD_OPTIONS = {"ipc": "POD", "network": "POD", "pid": "POD", "targetId": ""}
NAMESPACES = Difference[dict[str, Any]](
    real={"options": POD_OPTIONS},
    fake={},
    why="newer versions echo the options of the request as they are; this one has none",
)
HOST_NETWORK = {"security_context": {"namespace_options": {"network": 2}}}


def test_inspectp_prints_the_status(stage: Stage) -> None:
    pod = stage.pod(annotations={"note": "first"})
    status = _status(pod)
    assert status.pop("createdAt").startswith("20")
    assert ip_address(status.pop("network")["ip"]).version == 4
    assert status == {
        "id": pod.id,
        "metadata": pod.config["metadata"],
        "state": "SANDBOX_READY",
        "labels": pod.config["labels"],
        "annotations": {"note": "first"},
        "linux": {"namespaces": stage.runtime.expects(NAMESPACES)},
        "runtimeHandler": "",
    }


def test_inspectp_shows_the_config_and_the_pause(stage: Stage) -> None:
    pod = stage.pod()
    info = stage.runtime.crictl.ok("inspectp", pod.id).json["info"]
    assert info["config"]["metadata"]["name"] == pod.name
    assert info["config"]["log_directory"] == pod.config["log_directory"]
    assert info["processStatus"] == "running"
    assert info["pid"] > 0
    assert info["netNamespaceClosed"] is False
    assert info["runtimeType"] == "io.containerd.runc.v2"
    assert info["runtimeSpec"]["hostname"] == "stage"


def test_inspectp_echoes_the_namespace_options(stage: Stage) -> None:
    options = {"pid": 1, "ipc": 2, "network": 0}
    linux = {"security_context": {"namespace_options": options}}
    pod = stage.pod(linux={"cgroup_parent": stage.runtime.cgroup_parent} | linux)
    echoed = _status(pod)["linux"]["namespaces"]["options"]
    assert echoed == POD_OPTIONS | {"pid": "CONTAINER", "ipc": "NODE"}


def test_inspectp_of_a_host_network_pod_shows_no_address(stage: Stage) -> None:
    pod = stage.pod(
        hostname="", linux={"cgroup_parent": stage.runtime.cgroup_parent} | HOST_NETWORK
    )
    status = _status(pod)
    assert status["network"] == {"additionalIps": [], "ip": ""}
    assert status["linux"]["namespaces"]["options"]["network"] == "NODE"


def test_inspectp_of_a_stopped_pod_shows_no_address(stage: Stage) -> None:
    pod = stage.pod()
    before = _status(pod)
    stage.runtime.crictl.ok("stopp", pod.id)
    after = stage.runtime.crictl.ok("inspectp", pod.id).json
    assert after["status"]["state"] == "SANDBOX_NOTREADY"
    assert after["status"]["network"] == {"additionalIps": [], "ip": ""}
    assert after["status"]["createdAt"] == before["createdAt"]
    assert (after["info"]["pid"], after["info"]["processStatus"]) == (0, "deleted")


def test_each_pod_has_an_address_of_its_own(stage: Stage) -> None:
    addresses = [_status(stage.pod())["network"]["ip"] for _ in range(3)]
    assert len(set(addresses)) == 3


def test_inspectp_prints_a_table(stage: Stage) -> None:
    pod = stage.pod(labels={"tier": "front"})
    text = stage.runtime.crictl.ok("inspectp", "--output", "table", pod.id).out
    expected = f"ID: {pod.id}\nName: {pod.name}\nUID: uid-{pod.name}\nNamespace: real\nAttempt: 0\n"
    assert text.startswith(expected)
    assert "\nStatus: SANDBOX_READY\n" in text
    assert f"\nIP Addresses: {_status(pod)['network']['ip']}\n" in text
    assert "\nLabels:\n\ttier -> front\n" in text


def test_inspectp_prints_yaml_and_templates(stage: Stage) -> None:
    pod = stage.pod()
    crictl = stage.runtime.crictl
    assert f"\n  id: {pod.id}\n" in crictl.ok("inspectp", "--output", "yaml", pod.id).out
    template = "{{.status.metadata.name}} {{.status.state}}"
    answer = crictl.ok("inspectp", "--output", "go-template", "--template", template, pod.id)
    assert answer.out == f"{pod.name} SANDBOX_READY\n"


def test_inspectp_takes_prefixes_several_ids_and_filters(stage: Stage) -> None:
    pods = [stage.pod(), stage.pod()]
    crictl = stage.runtime.crictl
    assert crictl.ok("inspectp", pods[0].id[:20]).json["status"]["id"] == pods[0].id
    both = crictl.ok("inspectp", *(pod.id for pod in pods)).json
    assert [one["status"]["id"] for one in both] == [pod.id for pod in pods]
    assert crictl.ok("inspectp", "--name", pods[1].name).json["status"]["id"] == pods[1].id


def test_inspectp_of_an_unknown_pod_fails(crictl: Crictl) -> None:
    assert crictl.fails("inspectp", "deadbeef") == (
        "get the status of pod sandboxes: get pod sandbox status: rpc error: code = NotFound "
        "desc = an error occurred when try to find sandbox: not found"
    )


def test_inspectp_of_an_ambiguous_prefix_fails(stage: Stage) -> None:
    seen: set[str] = set()
    prefix = ""
    while not prefix:  # after 17 pods at the latest
        first = stage.pod().id[0]
        prefix = first if first in seen else ""
        seen.add(first)
    assert stage.runtime.crictl.fails("inspectp", prefix) == (
        "get the status of pod sandboxes: get pod sandbox status: rpc error: code = Unknown "
        "desc = an error occurred when try to find sandbox: "
        f"Multiple IDs found with provided prefix: {prefix}"
    )
    assert stage.runtime.crictl.fails("stopp", prefix) == (
        f'stopping the pod sandbox "{prefix}": rpc error: code = Unknown '
        f'desc = an error occurred when try to find sandbox "{prefix}": '
        f"Multiple IDs found with provided prefix: {prefix}"
    )


def _status(pod: Pod) -> dict[str, Any]:
    status: dict[str, Any] = pod.crictl.ok("inspectp", pod.id).json["status"]
    return status
