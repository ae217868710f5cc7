"""crictl on usage: stats, statsp, metricdescs, metricsp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import Runtime, Stage, until

if TYPE_CHECKING:
    from tests.real.runtimes import Pod

pytestmark = pytest.mark.real

MEMORY = (
    "workingSetBytes",
    "availableBytes",
    "usageBytes",
    "rssBytes",
    "pageFaults",
    "majorPageFaults",
)
POD_METRIC = "container_network_receive_bytes_total"
CONTAINER_METRIC = "container_memory_working_set_bytes"


def test_stats_prints_a_table(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    _until_it_uses_memory(pod, running)
    (row,) = stage.runtime.crictl.ok("stats", running).table
    assert list(row) == ["CONTAINER", "NAME", "CPU %", "MEM", "DISK", "INODES", "SWAP"]
    assert (row["CONTAINER"], row["NAME"]) == (running[:13], "main")
    assert float(row["CPU %"]) >= 0
    assert row["MEM"].endswith("B")


def test_stats_prints_json(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300", annotations={"why": "test"})
    (item,) = _stats(pod, "--id", running)
    assert item["attributes"] == {
        "id": running,
        "metadata": {"name": "main", "attempt": 0},
        "labels": pod.config["labels"] | {"io.kubernetes.container.name": "main"},
        "annotations": {"why": "test"},
    }
    assert int(item["cpu"]["timestamp"]) > 0
    assert int(item["cpu"]["usageCoreNanoSeconds"]["value"]) >= 0
    assert set(item["memory"]) >= {"timestamp", *MEMORY}
    for key in MEMORY:
        assert int(item["memory"][key]["value"]) >= 0
    layer = item["writableLayer"]
    assert layer["fsId"]["mountpoint"].startswith("/")
    assert int(layer["usedBytes"]["value"]) >= 0


def test_stats_show_the_room_below_the_limit(stage: Stage) -> None:
    pod = stage.pod()
    limit = 64 * 2**20
    running = pod.start(
        "main", "sleep", "300", linux={"resources": {"memory_limit_in_bytes": limit}}
    )
    (item,) = _stats(pod, "--id", running)
    memory = {key: int(item["memory"][key]["value"]) for key in MEMORY}
    assert memory["availableBytes"] == limit - memory["workingSetBytes"]


def test_stats_of_the_same_container_move_on(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    first, second = (_stats(pod, "--id", running)[0]["cpu"] for _ in range(2))
    assert int(first["timestamp"]) < int(second["timestamp"])
    used = [int(cpu["usageCoreNanoSeconds"]["value"]) for cpu in (first, second)]
    assert used == sorted(used)


def test_stats_filters_by_id_pod_and_label(stage: Stage) -> None:
    pod, other = stage.pod(), stage.pod()
    one, two = (pod.start(name, "sleep", "300", labels={"side": name}) for name in ("one", "two"))
    third = other.start("three", "sleep", "300")
    assert _stat_ids(pod, "--pod", pod.id) == {one, two}
    assert _stat_ids(pod, "--pod", other.id) == {third}
    assert _stat_ids(pod, "--label", "side=two") == {two}
    assert _stat_ids(pod, "--id", one[:20]) == {one}
    assert _stat_ids(pod, "--id", "deadbeef") == set()


def test_stats_hides_exited_containers_unless_all_are_asked_for(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("done", "true")
    assert stage.runtime.crictl.ok("stats", "--id", done).table == []
    (row,) = stage.runtime.crictl.ok("stats", "--all", "--id", done).table
    assert (row["CONTAINER"], row["CPU %"], row["MEM"]) == (done[:13], "0.00", "0B")


def test_statsp_prints_a_table(stage: Stage) -> None:
    pod = stage.pod()
    _until_it_uses_memory(pod, pod.start("main", "sleep", "300"))
    (row,) = stage.runtime.crictl.ok("statsp", "--id", pod.id).table
    assert list(row) == ["POD", "POD ID", "CPU %", "MEM"]
    assert (row["POD"], row["POD ID"]) == (pod.name, pod.id[:13])


def test_statsp_prints_json(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    (item,) = stage.runtime.crictl.ok("statsp", "--id", pod.id, "--output", "json").json["stats"]
    assert item["attributes"] == {
        "id": pod.id,
        "metadata": pod.config["metadata"],
        "labels": pod.config["labels"],
        "annotations": {},
    }
    linux = item["linux"]
    assert int(linux["cpu"]["timestamp"]) > 0
    assert int(linux["memory"]["workingSetBytes"]["value"]) >= 0
    assert linux["network"]["defaultInterface"]["name"] == "eth0"
    assert int(linux["process"]["processCount"]["value"]) >= 1
    assert [one["attributes"]["id"] for one in linux["containers"]] == [running]


def test_statsp_leaves_stopped_pods_out(stage: Stage) -> None:
    ready, stopped = (stage.pod(labels={"of": stage.title}) for _ in range(2))
    crictl = stage.runtime.crictl
    crictl.ok("stopp", stopped.id)
    listed = crictl.ok("statsp", "--label", f"of={stage.title}", "--output", "json").json["stats"]
    assert [item["attributes"]["id"] for item in listed] == [ready.id]
    assert crictl.ok("statsp", "--id", "deadbeef").table == []


def test_metricdescs_describe_the_metrics(runtime: Runtime) -> None:
    answer = runtime.crictl.run("metricdescs")
    if runtime.refuses("ListMetricDescriptors", answer):
        return
    described = {one["name"]: one for one in answer.json["descriptors"]}
    assert {POD_METRIC, CONTAINER_METRIC} <= set(described)
    for one in described.values():
        assert one["help"]
        assert one["labelKeys"]


def test_metricsp_prints_the_metrics_that_are_described(stage: Stage) -> None:
    pod = stage.pod()
    pod.start("main", "sleep", "300")
    crictl = stage.runtime.crictl
    answer = crictl.run("metricsp")
    if stage.runtime.refuses("ListPodSandboxMetrics", answer):
        return
    ours = next(one for one in answer.json["podMetrics"] if one["podSandboxId"] == pod.id)
    keys = {one["name"]: one["labelKeys"] for one in crictl.ok("metricdescs").json["descriptors"]}
    samples = [*ours["metrics"], *ours["containerMetrics"][0]["metrics"]]
    assert {POD_METRIC, CONTAINER_METRIC} <= {sample["name"] for sample in samples}
    for sample in samples:
        assert len(sample["labelValues"]) == len(keys[sample["name"]])
        assert sample["value"] is not None


def _stats(pod: Pod, *filters: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = pod.crictl.ok("stats", "--output", "json", *filters).json[
        "stats"
    ]
    return answer


def _stat_ids(pod: Pod, *filters: str) -> set[str]:
    return {item["attributes"]["id"] for item in _stats(pod, *filters)}


def _until_it_uses_memory(pod: Pod, running: str) -> None:
    def uses_memory() -> bool:
        (item,) = _stats(pod, "--id", running)
        return int(item["memory"]["workingSetBytes"]["value"]) > 0

    until(uses_memory, "memory in use")
