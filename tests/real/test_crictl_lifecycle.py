"""crictl on containers, lists and ends: ps, stop, rm, update."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.runtimes import BUSYBOX, Difference, Pod, Runtime, Stage, instant, until

if TYPE_CHECKING:
    from tests.real.crictl import Crictl

pytestmark = pytest.mark.real

NO_CONTAINER = (
    'rpc error: code = NotFound desc = an error occurred when try to find container "{}": not found'
)
AMBIGUOUS = (
    "rpc error: code = Unknown desc = an error occurred when try to find container "
    '"{0}": Multiple IDs found with provided prefix: {0}'
)
OWN_PIDS = {"security_context": {"namespace_options": {"pid": 1}}}

STOP_OF_NOTHING = Difference(
    real=f'stopping the container "deadbeef": {NO_CONTAINER.format("deadbeef")}',
    fake="",
    why="1.6 does not yet let StopContainer of an unknown container succeed",
)
LISTED_IMAGE_ID = Difference(real=False, fake=True, why="1.6 does not know the field")


def test_ps_prints_a_table_of_running_containers(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    pod.create("created", "sleep", "300")
    pod.finish("done", "true")
    (row,) = _rows(pod)
    assert row.pop("CREATED").endswith(" ago")
    assert row == {
        "CONTAINER": running[:13],
        "IMAGE": BUSYBOX,
        "STATE": "Running",
        "NAME": "main",
        "ATTEMPT": "0",
        "POD ID": pod.id[:13],
        "POD": pod.name,
        "NAMESPACE": "real",
    }


def test_ps_prints_json(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300", annotations={"why": "test"})
    crictl = stage.runtime.crictl
    (item,) = crictl.ok("ps", "--id", running, "--output", "json").json["containers"]
    image_id = crictl.ok("inspecti", BUSYBOX).json["status"]["id"]
    assert int(item.pop("createdAt")) > 0
    assert item.pop("image")["image"] == BUSYBOX
    assert item == {
        "id": running,
        "podSandboxId": pod.id,
        "metadata": {"name": "main", "attempt": 0},
        "imageRef": image_id,
        "imageId": image_id if stage.runtime.expects(LISTED_IMAGE_ID) else "",
        "state": "CONTAINER_RUNNING",
        "labels": pod.config["labels"] | {"io.kubernetes.container.name": "main"},
        "annotations": {"why": "test"},
    }


def test_ps_all_shows_every_state(stage: Stage) -> None:
    pod = stage.pod()
    pod.start("running", "sleep", "300")
    pod.create("created", "sleep", "300")
    pod.finish("done", "true")
    states = {row["NAME"]: row["STATE"] for row in _rows(pod, "--all")}
    assert states == {"running": "Running", "created": "Created", "done": "Exited"}


def test_ps_filters_by_state(stage: Stage) -> None:
    pod = stage.pod()
    pod.start("running", "sleep", "300")
    pod.create("created", "sleep", "300")
    pod.finish("done", "true")
    for state, name in {"running": "running", "created": "created", "exited": "done"}.items():
        assert [row["NAME"] for row in _rows(pod, "--state", state)] == [name]
    assert _rows(pod, "--state", "unknown") == []
    error = stage.runtime.crictl.fails("ps", "--state", "nonsense")
    assert error.endswith("--state should be one of created, running, exited or unknown")


def test_ps_filters_by_id_label_name_image_and_namespace(stage: Stage) -> None:
    pod = stage.pod()
    one, two = (pod.start(name, "sleep", "300", labels={"side": name}) for name in ("one", "two"))
    crictl = stage.runtime.crictl
    assert _ids(pod) == {one, two}
    assert _ids(pod, "--label", "side=two") == {two}
    assert _ids(pod, "--label", "side=three") == set()
    assert _ids(pod, "--name", "^on") == {one}
    assert _ids(pod, "--image", "busybox") == {one, two}
    assert _ids(pod, "--image", "not-there") == set()
    assert _ids(pod, "--namespace", "^unknown$") == {one, two}  # they carry no namespace label
    assert crictl.ok("ps", "--quiet", "--id", one[:20]).out.split() == [one]
    assert crictl.ok("ps", "--quiet", "--id", "deadbeef").out == ""
    assert crictl.ok("ps", "--quiet", "--pod", "deadbeef").out == ""


def test_ps_shows_the_latest_first(stage: Stage) -> None:
    pod = stage.pod()
    made = [pod.create(name, "true") for name in ("one", "two", "three")]
    newest_first = made[::-1]
    listed = stage.runtime.crictl.ok("ps", "--all", "--quiet", "--pod", pod.id).out.split()
    assert listed == newest_first
    assert stage.runtime.crictl.ok("ps", "--quiet", "--latest").out.split() == newest_first[:1]
    assert stage.runtime.crictl.ok("ps", "--quiet", "--last", "2").out.split() == newest_first[:2]


def test_ps_prints_whole_ids_image_paths_and_verbose_text(stage: Stage) -> None:
    pod = stage.pod()
    crictl = stage.runtime.crictl
    image_id = crictl.ok("inspecti", BUSYBOX).json["status"]["id"]
    running = pod.start("main", "sleep", "300", image={"image": image_id})
    (row,) = _rows(pod, "--no-trunc")
    assert (row["CONTAINER"], row["POD ID"], row["IMAGE"]) == (running, pod.id, image_id)
    (row,) = _rows(pod)
    assert row["IMAGE"] == image_id.removeprefix("sha256:")[:13]
    (row,) = _rows(pod, "--resolve-image-path")
    assert row["IMAGE"] == BUSYBOX
    text = crictl.ok("ps", "--verbose", "--id", running).out
    assert text.startswith(
        f"ID: {running}\nPodID: {pod.id}\nNamespace: real\nName: main\nAttempt: 0\n"
    )


def test_stop_without_a_timeout_kills_at_once(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    assert stage.runtime.crictl.ok("stop", running).out == f"{running}\n"
    status = pod.status(running)
    assert (status["state"], status["exitCode"], status["reason"]) == (
        "CONTAINER_EXITED",
        137,
        "Error",
    )
    assert instant(status["startedAt"]) < instant(status["finishedAt"])


def test_stop_with_a_timeout_asks_first(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    stage.runtime.crictl.ok("stop", "--timeout", "60", running)
    assert pod.status(running)["exitCode"] == 143


def test_stop_waits_for_the_first_process_of_a_namespace_and_kills_it(stage: Stage) -> None:
    pod = stage.pod(linux={"cgroup_parent": stage.runtime.cgroup_parent} | OWN_PIDS)
    running = pod.start("main", "sleep", "300", linux=OWN_PIDS)
    crictl = stage.runtime.crictl
    # What runc makes of itself before it is the program hears the signal.
    until(lambda: "sleep 300" in crictl.ok("exec", "--sync", running, "ps").out, "the program")
    before = time.monotonic()
    crictl.ok("stop", "--timeout", "1", running)
    assert time.monotonic() - before >= 1
    assert pod.status(running)["exitCode"] == 137


def test_stop_of_a_created_container_changes_nothing(stage: Stage) -> None:
    pod = stage.pod()
    created = pod.create("main", "true")
    stage.runtime.crictl.ok("stop", created)
    assert pod.status(created)["state"] == "CONTAINER_CREATED"
    stage.runtime.crictl.ok("start", created)


def test_stop_of_an_exited_container_changes_nothing(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("main", "false")
    before = pod.status(done)
    stage.runtime.crictl.ok("stop", "--timeout", "1", done)
    assert pod.status(done) == before


def test_stop_of_an_unknown_container(runtime: Runtime) -> None:
    answer = runtime.crictl.run("stop", "deadbeef")
    expected = runtime.expects(STOP_OF_NOTHING)
    if expected:
        assert (answer.status, answer.error) == (1, expected)
    else:
        assert (answer.status, answer.out) == (0, "deadbeef\n")


def test_stop_all_stops_what_runs(stage: Stage) -> None:
    pod = stage.pod()
    made = {pod.start(name, "sleep", "300") for name in ("one", "two")}
    assert set(stage.runtime.crictl.ok("stop", "--all").out.split()) == made
    assert _rows(pod) == []


def test_rm_of_a_running_container_needs_force(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    crictl = stage.runtime.crictl
    assert crictl.fails("rm", running) == f'container "{running}" is running, please stop it first'
    assert pod.status(running)["state"] == "CONTAINER_RUNNING"
    assert crictl.ok("rm", "--force", running).out == f"{running}\n{running}\n"
    assert NO_CONTAINER.format(running) in crictl.fails("inspect", running)


def test_rm_of_created_and_exited_containers(stage: Stage) -> None:
    pod = stage.pod()
    made = {pod.create("created", "true"), pod.finish("done", "true")}
    assert set(stage.runtime.crictl.ok("rm", *made).out.split()) == made
    assert _rows(pod, "--all") == []


def test_rm_frees_the_name(stage: Stage) -> None:
    pod = stage.pod()
    first = pod.create("main", "true")
    stage.runtime.crictl.ok("rm", first)
    assert pod.create("main", "true") != first


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_rm_of_an_unknown_container_fails(crictl: Crictl, force: tuple[str, ...]) -> None:
    error = crictl.fails("rm", *force, "deadbeef")
    assert error == f'getting container status "deadbeef": {NO_CONTAINER.format("deadbeef")}'


def test_rm_removes_the_log_unless_told_to_keep_it(stage: Stage) -> None:
    pod = stage.pod()
    kept, dropped = (pod.finish(name, "echo", "hi") for name in ("kept", "dropped"))
    logs = {one: Path(pod.status(one)["logPath"]) for one in (kept, dropped)}
    stage.runtime.crictl.ok("rm", "--keep-logs", kept)
    stage.runtime.crictl.ok("rm", dropped)
    assert logs[kept].exists()
    assert not logs[dropped].exists()


def test_rm_all_removes_everything(stage: Stage) -> None:
    pod = stage.pod()
    made = {pod.start("running", "sleep", "300"), pod.create("created", "true")}
    assert set(stage.runtime.crictl.ok("rm", "--all", "--force").out.split()) == made
    assert "No containers to remove" in stage.runtime.crictl.ok("rm", "--all").err


def test_an_ambiguous_prefix_is_an_error_everywhere(stage: Stage) -> None:
    pod = stage.pod()
    prefix = _shared_prefix(pod)
    text = AMBIGUOUS.format(prefix)
    crictl = stage.runtime.crictl
    status = "get the status of containers: get container status"
    assert crictl.fails("inspect", prefix) == f"{status}: {text}"
    assert crictl.fails("start", prefix) == f'starting the container "{prefix}": {text}'
    assert crictl.fails("stop", prefix) == f'stopping the container "{prefix}": {text}'
    assert crictl.fails("rm", prefix) == f'getting container status "{prefix}": {text}'
    assert crictl.ok("ps", "--all", "--quiet", "--id", prefix).out == ""


def test_update_changes_the_resources(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300", linux={"resources": {"cpu_shares": 512}})
    changes = ("--cpu-share", "256", "--memory", "134217728", "--cpuset-cpus", "0")
    assert stage.runtime.crictl.ok("update", *changes, running).out == f"{running}\n"
    resources = pod.status(running)["resources"]["linux"]
    assert resources["cpuShares"] == "256"
    assert resources["memoryLimitInBytes"] == "134217728"
    assert resources["cpusetCpus"] == "0"
    assert resources["cpuQuota"] == "0"


def test_update_of_created_and_exited_containers(stage: Stage) -> None:
    pod = stage.pod()
    for one in (pod.create("created", "true"), pod.finish("done", "true")):
        stage.runtime.crictl.ok("update", "--cpu-period", "50000", "--cpu-quota", "10000", one)
        resources = pod.status(one)["resources"]["linux"]
        assert (resources["cpuPeriod"], resources["cpuQuota"]) == ("50000", "10000")


def test_update_of_an_unknown_container_fails(crictl: Crictl) -> None:
    error = crictl.fails("update", "--cpu-share", "256", "deadbeef")
    assert error == (
        'updating container resources for "deadbeef": rpc error: code = NotFound '
        "desc = failed to find container: not found"
    )


def _rows(pod: Pod, *filters: str) -> list[dict[str, str]]:
    return pod.crictl.ok("ps", "--pod", pod.id, *filters).table


def _ids(pod: Pod, *filters: str) -> set[str]:
    return set(pod.crictl.ok("ps", "--quiet", "--pod", pod.id, *filters).out.split())


def _shared_prefix(pod: Pod) -> str:
    """The first character that two containers' ids have in common, of as many as it takes."""
    seen: set[str] = set()
    for number in range(17):
        first = pod.create(f"many-{number}", "true")[0]
        if first in seen:
            return first
        seen.add(first)
    raise AssertionError("17 ids cannot begin with 16 different digits")
