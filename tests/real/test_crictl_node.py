"""crictl on the runtime as a whole: version, info, runtime-config, update-runtime-config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.runtimes import Difference, Runtime

if TYPE_CHECKING:
    from tests.real.crictl import Crictl

pytestmark = pytest.mark.real

EXTRA_KEYS: Difference[list[str]] = Difference(
    real=[],
    fake=["runtimeHandlers", "features"],
    why="the CRI of 1.6 does not have them yet",
)
THIRD_CONDITION: Difference[list[str]] = Difference(
    real=[], fake=["ContainerdHasNoDeprecationWarnings"], why="1.6 does not add it yet"
)


def test_version_names_the_api_and_the_runtime(crictl: Crictl) -> None:
    lines = crictl.ok("version").out.splitlines()
    values = dict(line.split(":  ") for line in lines)
    assert list(values) == ["Version", "RuntimeName", "RuntimeVersion", "RuntimeApiVersion"]
    assert values["Version"] == "0.1.0"
    assert values["RuntimeName"] == "containerd"
    assert values["RuntimeVersion"][0].isdigit()
    assert values["RuntimeApiVersion"] == "v1"


def test_info_says_that_runtime_and_network_are_ready(runtime: Runtime) -> None:
    info = runtime.crictl.ok("info").json
    conditions = info["status"]["conditions"]
    expected = ["RuntimeReady", "NetworkReady", *runtime.expects(THIRD_CONDITION)]
    assert [condition["type"] for condition in conditions] == expected
    for condition in conditions[:2]:
        assert condition["status"] is True
        assert condition["reason"] == condition["message"] == ""


def test_info_shows_the_configuration_and_the_cni_load_status(runtime: Runtime) -> None:
    info = runtime.crictl.ok("info", "--output", "json").json
    verbose = {
        "cniconfig",
        "config",
        "golang",
        "lastCNILoadStatus",
        "lastCNILoadStatus.default",
        "status",
    }
    assert set(info) == {*verbose, *runtime.expects(EXTRA_KEYS)}
    assert info["lastCNILoadStatus"] == info["lastCNILoadStatus.default"] == "OK"
    assert info["golang"].startswith("go1.")
    assert info["config"]["containerd"]["defaultRuntimeName"] == "runc"


def test_quiet_info_shows_the_status_alone(runtime: Runtime) -> None:
    info = runtime.crictl.ok("info", "--quiet").json
    assert set(info) == {"status", *runtime.expects(EXTRA_KEYS)}


def test_info_as_yaml_and_by_template(crictl: Crictl) -> None:
    assert '- message: ""\n' in crictl.ok("info", "--quiet", "--output", "yaml").out
    template = "{{range .status.conditions}}{{.type}}={{.status}} {{end}}"
    answer = crictl.ok("info", "--output", "go-template", "--template", template)
    assert answer.out.startswith("RuntimeReady=true NetworkReady=true ")


def test_info_in_an_unknown_format_fails(crictl: Crictl) -> None:
    error = crictl.fails("info", "--output", "nonsense")
    assert error == 'getting status of runtime: unsupported format: "nonsense"'


def test_runtime_config_names_the_cgroup_driver(runtime: Runtime) -> None:
    answer = runtime.crictl.run("runtime-config")
    if runtime.refuses("RuntimeConfig", answer):
        return
    assert answer.status == 0
    assert answer.out.split() == ["cgroup", "driver:", "CGROUPFS"]


@pytest.mark.parametrize("cidr", ["", "10.244.0.0/24", "10.244.0.0/24,fd00::/64"])
def test_update_runtime_config_takes_a_pod_cidr(crictl: Crictl, cidr: str) -> None:
    assert crictl.ok("update-runtime-config", "--pod-cidr", cidr).status == 0
