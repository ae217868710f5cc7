"""crictl of three versions drives a whole pod's life at levels of the API, its own and others."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from fakecri import CRI
from fakecri.core.levels import chosen_level
from fakecri.errors import Code
from tests.real import install
from tests.real.crictl import Crictl
from tests.real.runtimes import BUSYBOX, Pod, Runtime, Stage, until
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

CLIENTS = {"crictl-old": "1.30", "crictl": "1.36", "crictl-later": "1.37"}
"""Each crictl, and the Kubernetes minor that it is of."""


@contextmanager
def old_runtime(client: str, level: str) -> Iterator[tuple[CRI, Runtime]]:
    """A runtime of a level on this machine's disk, and a crictl bound to it."""
    skip_for(install.missing(client))
    program = install.find(client).path
    assert program is not None
    with (
        TemporaryDirectory(prefix="fcri-") as home,
        CRI(api_level=level, log_root=Path("/"), pace="rate") as cri,
        cri.serve(f"unix://{home}/cri.sock") as server,
    ):
        crictl = Crictl(program, Path(home) / "crictl.yaml", server.endpoint)
        yield cri, Runtime("fakecri", crictl, "", "/fakecri", server.endpoint)


@pytest.mark.parametrize("level", ["1.20", "1.24", "1.30", "1.36", ""])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_pod_lives_and_dies(client: str, level: str, tmp_path: Path) -> None:
    with old_runtime(client, level) as (cri, runtime):
        stage = Stage(runtime, tmp_path, "life")
        crictl = runtime.crictl
        assert "containerd" in crictl.ok("version").out
        conditions = crictl.ok("info").json["status"]["conditions"]
        assert {each["type"] for each in conditions} >= {"RuntimeReady", "NetworkReady"}
        crictl.ok("pull", BUSYBOX)
        pod = stage.pod()
        id_ = pod.create("main", "sh", "-c", "echo said; sleep 300")
        assert pod.status(id_)["state"] == "CONTAINER_CREATED"
        crictl.ok("start", id_)
        _look(crictl, pod, id_, has_sandbox_stats=_has(level, "PodSandboxStats"))
        crictl.ok("update", "--cpu-share", "256", id_)
        crictl.ok("stop", "--timeout", "1", id_)
        assert pod.status(id_)["state"] == "CONTAINER_EXITED"
        crictl.ok("rm", id_)
        crictl.ok("stopp", pod.id)
        crictl.ok("rmp", pod.id)
        crictl.ok("rmi", BUSYBOX)
        refused = {each.rpc for each in cri.calls if each.error is not None}
        expected = {each for each in refused if not _has(level, each)}
        assert refused == expected, [each.error for each in cri.calls if each.error is not None]


def _has(level: str, rpc: str) -> bool:
    chosen = chosen_level(level)
    return chosen is None or rpc in chosen.v1.methods


def _look(crictl: Crictl, pod: Pod, id_: str, *, has_sandbox_stats: bool) -> None:
    """Look at a container that runs, in all the ways that there are."""
    (row,) = crictl.ok("ps").table
    assert (row["CONTAINER"], row["STATE"]) == (id_[:13], "Running")
    (row,) = crictl.ok("pods").table
    assert (row["POD ID"], row["STATE"]) == (pod.id[:13], "Ready")
    assert crictl.ok("exec", "--sync", id_, "echo", "done").out.strip() == "done"
    assert crictl.ok("exec", id_, "echo", "streamed").out == "streamed\n"
    until(lambda: crictl.ok("logs", id_).out == "said\n", "what it said")
    assert crictl.ok("inspectp", pod.id).json["status"]["id"] == pod.id
    stats = crictl.ok("stats", "--output", "json").json["stats"]
    assert [each["attributes"]["id"] for each in stats] == [id_]
    assert "busybox" in crictl.ok("images").out
    assert crictl.ok("inspecti", BUSYBOX).json["status"]["repoTags"] == [BUSYBOX]
    assert crictl.ok("imagefsinfo").json["status"]
    if has_sandbox_stats:
        assert json.loads(crictl.ok("statsp", "--output", "json").out)["stats"]
    else:
        assert "unknown method ListPodSandboxStats" in crictl.fails("statsp", "--output", "json")


@pytest.mark.parametrize(
    ("client", "level", "command", "rpc"),
    [
        ("crictl-later", "1.27", ("runtime-config",), "RuntimeConfig"),
        ("crictl", "1.24", ("metricdescs",), "ListMetricDescriptors"),
        ("crictl", "1.24", ("checkpoint", "--export", "/tmp/x", "{}"), "CheckpointContainer"),
        ("crictl-old", "1.24", ("checkpoint", "--export", "/tmp/x", "{}"), "CheckpointContainer"),
    ],
)
def test_a_command_of_later_is_refused(
    client: str, level: str, command: tuple[str, ...], rpc: str, tmp_path: Path
) -> None:
    with old_runtime(client, level) as (cri, runtime):
        runtime.crictl.ok("pull", BUSYBOX)
        id_ = Stage(runtime, tmp_path, "later").pod().start("main", "sleep", "300")
        error = runtime.crictl.fails(*(each.format(id_) for each in command))
        assert f"unknown method {rpc} for service runtime.v1.RuntimeService" in error
        (last,) = [each for each in cri.calls if each.error is not None]
        assert (last.rpc, last.error and last.error.code) == (rpc, Code.UNIMPLEMENTED)
