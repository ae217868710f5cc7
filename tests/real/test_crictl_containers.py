"""crictl on containers, from birth to start: create, start, run, inspect."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import BUSYBOX, Difference, Runtime, Stage, instant

if TYPE_CHECKING:
    from tests.real.crictl import Crictl

pytestmark = pytest.mark.real

FULL_ID = re.compile(r"[0-9a-f]{64}")
NEVER = "0001-01-01T00:00:00Z"
NO_CONTAINER = (
    'rpc error: code = NotFound desc = an error occurred when try to find container "{}": not found'
)
NAME_TAKEN = Difference(
    real='code = Unknown desc = failed to reserve container name "{name}": ',
    fake=(
        'code = FailedPrecondition desc = failed to reserve container name "{name}"; '
        "check if another CreateContainer request is in progress: "
    ),
    why="1.6 gives a conflict no code of its own and the text no hint",
)
CREATE_IN_STOPPED_POD = Difference(
    real=(
        "code = NotFound desc = failed to get sandbox container task: "
        "no running task found: task {pod} not found: not found"
    ),
    fake='code = Unknown desc = sandbox container "{pod}" is not running',
    why="1.6 looks for the task of the sandbox, newer ones at its state",
)
STOP_SIGNAL = Difference(real="RUNTIME_DEFAULT", fake="SIGTERM", why="1.6 does not know the field")
USER: Difference[Any] = Difference(
    real=None,
    fake={"linux": {"gid": "0", "supplementalGroups": ["0", "10"], "uid": "0"}},
    why="1.6 does not know the field",
)


def test_create_prints_the_full_id_and_starts_nothing(stage: Stage) -> None:
    pod = stage.pod()
    created = pod.create("main", "sleep", "300")
    assert FULL_ID.fullmatch(created)
    status = pod.status(created)
    assert status["state"] == "CONTAINER_CREATED"
    assert (status["startedAt"], status["finishedAt"]) == (NEVER, NEVER)
    assert (status["exitCode"], status["reason"], status["message"]) == (0, "", "")


def test_create_of_a_name_in_use_fails(stage: Stage) -> None:
    pod = stage.pod()
    first = pod.finish("main", "true")
    config = pod.container_config("main", "true")
    error = stage.runtime.crictl.fails("create", pod.id, str(config), str(pod.config_path))
    name = f"main_{pod.name}_real_uid-{pod.name}_0"
    text = stage.runtime.expects(NAME_TAKEN).format(name=name)
    assert error == f'creating container: rpc error: {text}name "{name}" is reserved for "{first}"'


def test_create_of_the_next_attempt_succeeds(stage: Stage) -> None:
    pod = stage.pod()
    first = pod.finish("main", "true")
    second = pod.create("main", "true", metadata={"name": "main", "attempt": 1})
    assert pod.status(second)["metadata"] == {"name": "main", "attempt": 1}
    assert pod.status(first)["metadata"] == {"name": "main", "attempt": 0}


def test_create_in_an_unknown_pod_fails(stage: Stage) -> None:
    pod = stage.pod()
    config = pod.container_config("main", "true")
    error = stage.runtime.crictl.fails("create", "deadbeef", str(config), str(pod.config_path))
    assert error == (
        "creating container: rpc error: code = NotFound "
        'desc = failed to find sandbox id "deadbeef": not found'
    )


def test_create_in_a_stopped_pod_fails(stage: Stage) -> None:
    pod = stage.pod()
    stage.runtime.crictl.ok("stopp", pod.id)
    config = pod.container_config("main", "true")
    error = stage.runtime.crictl.fails("create", pod.id, str(config), str(pod.config_path))
    text = stage.runtime.expects(CREATE_IN_STOPPED_POD).format(pod=pod.id)
    assert error == f"creating container: rpc error: {text}"


def test_create_from_an_absent_image_fails(stage: Stage) -> None:
    pod = stage.pod()
    config = pod.container_config("main", "true", image={"image": "not-there:1"})
    error = stage.runtime.crictl.fails("create", pod.id, str(config), str(pod.config_path))
    assert error == (
        "creating container: rpc error: code = NotFound "
        'desc = failed to resolve image "not-there:1": not found'
    )


def test_create_with_pull_fetches_the_image(stage: Stage) -> None:
    pod = stage.pod()
    image = f"{stage.runtime.registry}/library/third:1"
    config = pod.container_config("main", "true", image={"image": image})
    made = stage.runtime.crictl.ok(
        "create", "--with-pull", pod.id, str(config), str(pod.config_path)
    ).out.strip()
    assert pod.status(made)["image"]["image"] == image
    stage.runtime.crictl.ok("rmi", image)


def test_start_prints_the_id_and_the_container_runs(stage: Stage) -> None:
    pod = stage.pod()
    status = pod.status(pod.start("main", "sleep", "300"))
    assert status["state"] == "CONTAINER_RUNNING"
    assert instant(status["createdAt"]) < instant(status["startedAt"])
    assert status["finishedAt"] == NEVER


def test_start_takes_several_containers(stage: Stage) -> None:
    pod = stage.pod()
    made = [pod.create(name, "sleep", "300") for name in ("one", "two")]
    assert stage.runtime.crictl.ok("start", *made).out.split() == made
    assert {pod.status(one)["state"] for one in made} == {"CONTAINER_RUNNING"}


@pytest.mark.parametrize(
    ("command", "code", "reason"), [("true", 0, "Completed"), ("false", 1, "Error")]
)
def test_a_program_that_ends_leaves_its_code(
    stage: Stage, command: str, code: int, reason: str
) -> None:
    pod = stage.pod()
    status = pod.wait_for_exit(pod.start("main", command))
    assert (status["exitCode"], status["reason"], status["message"]) == (code, reason, "")
    assert instant(status["createdAt"]) < instant(status["finishedAt"])


def test_start_of_a_running_container_fails(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("main", "sleep", "300")
    assert stage.runtime.crictl.fails("start", running) == _wrong_state(running, "RUNNING")
    assert pod.status(running)["state"] == "CONTAINER_RUNNING"


def test_start_of_an_exited_container_fails(stage: Stage) -> None:
    pod = stage.pod()
    done = pod.finish("main", "true")
    assert stage.runtime.crictl.fails("start", done) == _wrong_state(done, "EXITED")


def test_start_of_an_unknown_container_fails(crictl: Crictl) -> None:
    error = crictl.fails("start", "deadbeef")
    assert error == f'starting the container "deadbeef": {NO_CONTAINER.format("deadbeef")}'


def test_run_makes_a_pod_with_a_running_container(stage: Stage) -> None:
    crictl = stage.runtime.crictl
    name, path = stage.pod_config()
    container = stage.directory / "container.json"
    value = {"metadata": {"name": "main"}, "image": {"image": BUSYBOX}, "command": ["sleep", "300"]}
    container.write_text(json.dumps(value))
    answer = crictl.ok("run", str(container), str(path))
    inspected = crictl.ok("inspect", answer.out.strip()).json
    stage.pods.append(inspected["info"]["sandboxID"])
    assert f"Pulling container image: {BUSYBOX}" in answer.err
    assert inspected["status"]["state"] == "CONTAINER_RUNNING"
    assert crictl.ok("pods", "--quiet", "--name", name).out.split() == stage.pods


def test_run_from_an_absent_image_fails(stage: Stage) -> None:
    name, path = stage.pod_config()
    container = stage.directory / "container.json"
    container.write_text(
        json.dumps({"metadata": {"name": "main"}, "image": {"image": "not-there:1"}})
    )
    crictl = stage.runtime.crictl
    error = crictl.fails("run", "--no-pull", str(container), str(path))
    stage.pods += crictl.ok("pods", "--quiet", "--name", name).out.split()
    assert error.endswith('code = NotFound desc = failed to resolve image "not-there:1": not found')


def test_inspect_prints_the_status(stage: Stage) -> None:
    runtime = stage.runtime
    pod = stage.pod()
    host_path = stage.directory / "volume"
    host_path.mkdir()
    mount = {"container_path": "/data", "host_path": str(host_path), "readonly": True}
    made = pod.create("main", "sleep", "300", annotations={"why": "test"}, mounts=[mount])
    status = pod.status(made)
    digest = status.pop("imageRef")
    assert digest.startswith("docker.io/library/busybox@sha256:")
    assert status.pop("createdAt").startswith("20")
    assert status.pop("mounts")[0].items() >= _camel(mount).items()
    assert status.pop("imageId") == _image_id(runtime)
    assert status == {
        "id": made,
        "metadata": {"name": "main", "attempt": 0},
        "state": "CONTAINER_CREATED",
        "startedAt": NEVER,
        "finishedAt": NEVER,
        "exitCode": 0,
        "image": _image_spec(BUSYBOX),
        "reason": "",
        "message": "",
        "labels": pod.config["labels"] | {"io.kubernetes.container.name": "main"},
        "annotations": {"why": "test"},
        "logPath": f"{pod.config['log_directory']}/main.log",
        "resources": {"linux": _resources()},
        "user": runtime.expects(USER),
        "stopSignal": runtime.expects(STOP_SIGNAL),
    }


def test_inspect_shows_the_config_and_the_process(stage: Stage) -> None:
    pod = stage.pod()
    made = pod.create("main", "sleep", "300", envs=[{"key": "COLOR", "value": "blue"}])
    before = stage.runtime.crictl.ok("inspect", made).json["info"]
    assert (before["pid"], before["removing"], before["sandboxID"]) == (0, False, pod.id)
    assert before["config"]["command"] == ["sleep", "300"]
    process = before["runtimeSpec"]["process"]
    assert process["args"] == ["sleep", "300"]
    assert process["cwd"] == "/"
    assert {"HOSTNAME=stage", "COLOR=blue"} <= set(process["env"])
    stage.runtime.crictl.ok("start", made)
    assert stage.runtime.crictl.ok("inspect", made).json["info"]["pid"] > 0


def test_inspect_prints_other_formats(stage: Stage) -> None:
    pod = stage.pod()
    made = pod.start("main", "sleep", "300")
    crictl = stage.runtime.crictl
    text = crictl.ok("inspect", "--output", "table", made).out
    assert text.startswith(f"ID: {made}\nName: main\nState: CONTAINER_RUNNING\nCreated: ")
    assert f"\n  id: {made}\n" in crictl.ok("inspect", "--output", "yaml", made).out
    template = "{{.status.metadata.name}} {{.status.state}}"
    answer = crictl.ok("inspect", "--output", "go-template", "--template", template, made)
    assert answer.out == "main CONTAINER_RUNNING\n"


def test_inspect_takes_prefixes_several_ids_and_filters(stage: Stage) -> None:
    pod = stage.pod()
    made = [pod.start(name, "sleep", "300", labels={"side": name}) for name in ("one", "two")]
    crictl = stage.runtime.crictl
    assert crictl.ok("inspect", made[0][:20]).json["status"]["id"] == made[0]
    both = crictl.ok("inspect", *made).json
    assert [one["status"]["id"] for one in both] == made
    chosen = crictl.ok("inspect", "--pod", pod.id, "--label", "side=two").json
    assert chosen["status"]["id"] == made[1]


def test_inspect_of_an_unknown_container_fails(crictl: Crictl) -> None:
    error = crictl.fails("inspect", "deadbeef")
    text = NO_CONTAINER.format("deadbeef")
    assert error == f"get the status of containers: get container status: {text}"


def _wrong_state(container: str, state: str) -> str:
    return (
        f'starting the container "{container}": rpc error: code = Unknown desc = failed to set '
        f'starting state for container "{container}": container is in CONTAINER_{state} state'
    )


def _image_id(runtime: Runtime) -> str:
    known = str(runtime.crictl.ok("inspecti", BUSYBOX).json["status"]["id"])
    return runtime.expects(Difference(real="", fake=known, why="1.6 does not know the field"))


def _image_spec(image: str) -> dict[str, Any]:
    empty = {"imageRef": "", "runtimeHandler": "", "userSpecifiedImage": "", "annotations": {}}
    return {"image": image} | empty


def _resources() -> dict[str, Any]:
    numbers = ("cpuPeriod", "cpuQuota", "cpuShares", "memoryLimitInBytes")
    more = ("memorySwapLimitInBytes", "oomScoreAdj")
    texts = {"cpusetCpus": "", "cpusetMems": "", "hugepageLimits": [], "unified": {}}
    return dict.fromkeys(numbers + more, "0") | texts


def _camel(mount: dict[str, Any]) -> dict[str, Any]:
    return {
        "containerPath": mount["container_path"],
        "hostPath": mount["host_path"],
        "readonly": mount["readonly"],
        "propagation": "PROPAGATION_PRIVATE",
        "selinuxRelabel": False,
    }
