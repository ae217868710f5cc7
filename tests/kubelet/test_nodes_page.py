"""What docs/nodes.md shows is what the command takes."""

from pathlib import Path

import pytest
import yaml

from fakecri import cli
from tests import nodes_page


def test_the_command_takes_the_arguments_of_its_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kubeconfig").touch()
    arguments = [each.replace("/etc/hollow", str(tmp_path)) for each in nodes_page.node_arguments()]
    options = cli._parser().parse_args(["node", "--kubelet=kubelet", *arguments])
    assert (options.count, options.restart) == (10, True)
    settings = dict(options.set)
    (taint,) = settings["registerWithTaints"]
    template = nodes_page.document("Deployment")["spec"]["template"]["spec"]
    (toleration,) = template["tolerations"]
    assert (taint["key"], taint["effect"]) == (toleration["key"], toleration["effect"])
    ((label, value),) = template["nodeSelector"].items()
    assert f"--node-labels={label}={value}" in options.kubelet_flag


def test_the_pod_has_what_its_arguments_name() -> None:
    pod = nodes_page.document("StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    assert mounts == {"/etc/hollow", "/var/lib/hollow"}
    assert {"--kubeconfig=/etc/hollow/kubeconfig", "--directory=/var/lib/hollow"} <= set(
        container["args"]
    )
    assert pod["serviceAccountName"] == nodes_page.document("ServiceAccount")["metadata"]["name"]
    kubeconfig = yaml.safe_load(nodes_page.document("ConfigMap")["data"]["kubeconfig"])
    assert kubeconfig["current-context"] == kubeconfig["contexts"][0]["name"]
