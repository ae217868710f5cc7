"""What containers see of what a real kubelet gives them: environment, volumes, names.

A static pod can have neither ConfigMaps nor Secrets, and a kubelet without an API server sets up no
projected volumes. Files that change are those of the machine, and those of the downward API, which
come about as those of a ConfigMap do.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.services import ExitError
from tests.real.kubelet_suite.manifests import await_running, box, pod, run_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

SEES = "sees"
UID = "0123456789abcdef0123456789abcdef"


def field(path: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": path}}


ENVIRONMENT: list[dict[str, Any]] = [
    {"name": "PLAIN", "value": "one two"},
    {"name": "COMPOSED", "value": "$(PLAIN)/$(NAME)/$$(PLAIN)"},
    {"name": "NAME", "valueFrom": field("metadata.name")},
    {"name": "COMPOSED_LATER", "value": "$(NAME)"},
    {"name": "NAMESPACE", "valueFrom": field("metadata.namespace")},
    {"name": "UID_OF_POD", "valueFrom": field("metadata.uid")},
    {"name": "ADDRESS", "valueFrom": field("status.podIP")},
    {"name": "NODE", "valueFrom": field("spec.nodeName")},
    {"name": "APP", "valueFrom": field("metadata.labels['app']")},
    {
        "name": "MEMORY",
        "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
    },
]

MOUNTS: list[dict[str, Any]] = [
    {"name": "scratch", "mountPath": "/scratch"},
    {"name": "scratch", "mountPath": "/part", "subPath": "some/part"},
    {"name": "scratch", "mountPath": "/own", "subPathExpr": "$(NAME)"},
    {"name": "memory", "mountPath": "/memory"},
    {"name": "downward", "mountPath": "/downward"},
    {"name": "machine", "mountPath": "/machine"},
    {"name": "machine", "mountPath": "/settings", "subPath": "settings", "readOnly": True},
]


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with the one pod of this module."""
    machine = kubelet_node.directory / "machine"
    (machine / "settings").mkdir(parents=True)
    (machine / "settings" / "mode").write_text("calm\n")
    with kubelet_node.placed(seeing(kubelet_node, colour="red")):
        await_running(kubelet_node, SEES)
        yield kubelet_node


def seeing(node: KubeletNode, colour: str) -> dict[str, Any]:
    """The pod. Its uid is given, so that what changes is no new pod."""
    downward = [
        {"path": "labels", **field("metadata.labels")},
        {"path": "colour", **field("metadata.annotations['colour']"), "mode": 0o400},
        {
            "path": "below/cpu",
            "resourceFieldRef": {
                "containerName": "main",
                "resource": "limits.cpu",
                "divisor": "1m",
            },
        },
    ]
    return pod(
        SEES,
        box(
            env=ENVIRONMENT,
            volumeMounts=MOUNTS,
            resources={"limits": {"memory": "64Mi", "cpu": "250m"}},
        ),
        box(name="other", volumeMounts=MOUNTS[:1]),
        metadata={"uid": UID, "labels": {"app": "eyes"}, "annotations": {"colour": colour}},
        volumes=[
            {"name": "scratch", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}},
            {"name": "downward", "downwardAPI": {"items": downward}},
            {
                "name": "machine",
                "hostPath": {"path": str(node.directory / "machine"), "type": "Directory"},
            },
        ],
        hostname="eye",
        subdomain="head",
        hostAliases=[{"ip": "192.0.2.7", "hostnames": ["db.example", "db"]}],
        dnsPolicy="None",
        dnsConfig={
            "nameservers": ["192.0.2.53"],
            "searches": ["svc.example"],
            "options": [{"name": "ndots", "value": "5"}, {"name": "edns0"}],
        },
    )


def read(node: KubeletNode, path: str, container: str = "main") -> str:
    return run_in(node, SEES, ["cat", path], container)


def volume_of(node: KubeletNode, kind: str, name: str) -> Path:
    """Where the kubelet has a volume of the pod."""
    return node.kubelet.places.root / "pods" / UID / "volumes" / f"kubernetes.io~{kind}" / name


def test_the_environment_has_what_is_written_composed_and_known(node: KubeletNode) -> None:
    name = f"{SEES}-{node.kubelet.name}"
    status = (node.kubelet.pod(SEES) or {})["status"]
    shown = dict(each.split("=", 1) for each in run_in(node, SEES, ["env"]).splitlines())
    expected = {
        "PLAIN": "one two",
        # What comes later is not known yet.
        "COMPOSED": "one two/$(NAME)/$(PLAIN)",
        "NAME": name,
        "COMPOSED_LATER": name,
        "NAMESPACE": "default",
        "UID_OF_POD": UID,
        "ADDRESS": status["podIP"],
        "NODE": node.kubelet.name,
        "APP": "eyes",
        "MEMORY": "64",
        "HOSTNAME": "eye",
    }
    assert {key: shown.get(key) for key in expected} == expected


def test_containers_share_an_empty_directory_which_is_one_of_the_machine(node: KubeletNode) -> None:
    run_in(node, SEES, ["sh", "-c", "echo hello > /scratch/note"])
    assert read(node, "/scratch/note", "other") == "hello\n"
    assert (volume_of(node, "empty-dir", "scratch") / "note").read_text() == "hello\n"


def test_a_part_of_a_volume_is_mounted_by_its_path(node: KubeletNode) -> None:
    run_in(node, SEES, ["sh", "-c", "echo p > /part/file; echo o > /own/file"])
    assert read(node, "/scratch/some/part/file", "other") == "p\n"
    assert read(node, f"/scratch/{SEES}-{node.kubelet.name}/file", "other") == "o\n"


def test_a_volume_in_memory_is_of_its_size(node: KubeletNode) -> None:
    (row,) = (each for each in read(node, "/proc/mounts").splitlines() if " /memory " in each)
    assert row.split()[2] == "tmpfs"
    assert "size=8192k" in row.split()[3].split(",")
    assert "8.0M" in run_in(node, SEES, ["df", "-h", "/memory"])


def test_a_directory_of_the_machine_is_read_and_written(node: KubeletNode) -> None:
    run_in(node, SEES, ["sh", "-c", "echo back > /machine/answer"])
    assert (node.directory / "machine" / "answer").read_text() == "back\n"
    with pytest.raises(ExitError, match="Read-only file system"):
        run_in(node, SEES, ["touch", "/settings/mine"])


def test_a_file_that_changes_on_the_machine_changes_in_the_container(node: KubeletNode) -> None:
    assert read(node, "/settings/mode") == "calm\n"
    written = node.directory / "machine" / "settings" / ".mode"
    written.write_text("busy\n")
    written.rename(written.with_name("mode"))
    assert read(node, "/settings/mode") == "busy\n"


def test_the_downward_api_has_files_that_change_all_at_once(node: KubeletNode) -> None:
    assert read(node, "/downward/labels") == 'app="eyes"'
    assert read(node, "/downward/below/cpu") == "250"
    assert read(node, "/downward/colour") == "red"
    assert run_in(node, SEES, ["stat", "-L", "-c", "%a", "/downward/colour"]) == "400\n"
    before = run_in(node, SEES, ["readlink", "/downward/..data"])
    container_id = node.kubelet.container(SEES, "main")["containerID"]
    node.put(seeing(node, colour="blue"))
    node.until(lambda: colour(node) == "blue", "the file to change", 120)
    assert run_in(node, SEES, ["readlink", "/downward/..data"]) != before
    assert node.kubelet.container(SEES, "main")["containerID"] == container_id


def colour(node: KubeletNode) -> str:
    with suppress(ExitError):  # files that change are away for a moment, for who comes then
        return read(node, "/downward/colour")
    return ""


def test_the_names_of_hosts_are_the_kubelets(node: KubeletNode) -> None:
    address = (node.kubelet.pod(SEES) or {})["status"]["podIP"]
    first, *rows = read(node, "/etc/hosts").splitlines()
    assert first == "# Kubernetes-managed hosts file."
    assert f"{address}\teye.head.default.svc.\teye" in rows
    assert "192.0.2.7\tdb.example\tdb" in rows
    assert run_in(node, SEES, ["hostname"]) == "eye\n"


def test_the_dns_is_that_of_the_pod(node: KubeletNode) -> None:
    *lines, options = read(node, "/etc/resolv.conf").splitlines()
    assert lines == ["search svc.example", "nameserver 192.0.2.53"]
    # The kubelet merges options in a map of Go's, which has no order.
    assert sorted(options.split()) == ["edns0", "ndots:5", "options"]
