"""crictl on pod sandboxes: runp, pods, stopp, rmp."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.real.runtimes import Difference, Runtime, Stage

if TYPE_CHECKING:
    from tests.real.crictl import Answer, Crictl

pytestmark = pytest.mark.real

FULL_ID = re.compile(r"[0-9a-f]{64}")
NO_SANDBOX = (
    "rpc error: code = NotFound desc = an error occurred when try to find sandbox: not found"
)

NAME_TAKEN = Difference(
    real="code = Unknown",
    fake="code = FailedPrecondition",
    why="1.6 gives a conflict no code of its own",
)
STOP_OF_NOTHING: Difference[str] = Difference(
    real=(
        'stopping the pod sandbox "deadbeef": rpc error: code = NotFound desc = '
        'an error occurred when try to find sandbox "deadbeef": not found'
    ),
    fake="",
    why="1.6 does not yet let StopPodSandbox of an unknown sandbox succeed",
)


def test_runp_prints_the_full_id(stage: Stage) -> None:
    _, path = stage.pod_config()
    printed = stage.runtime.crictl.ok("runp", str(path)).out
    stage.pods.append(printed.strip())
    assert FULL_ID.fullmatch(printed.strip())


def test_runp_of_a_name_in_use_fails(stage: Stage) -> None:
    pod = stage.pod()
    error = stage.runtime.crictl.fails("runp", str(pod.config_path))
    taken = f"{pod.name}_real_uid-{pod.name}_0"
    assert error.startswith("run pod sandbox: rpc error: ")
    assert stage.runtime.expects(NAME_TAKEN) in error
    assert error.endswith(
        f'failed to reserve sandbox name "{taken}": name "{taken}" is reserved for "{pod.id}"'
    )


def test_runp_of_the_next_attempt_makes_a_second_pod(stage: Stage) -> None:
    first = stage.pod()
    second = stage.pod(metadata=first.config["metadata"] | {"attempt": 1})
    assert first.id != second.id
    assert {row["ATTEMPT"] for row in _rows(stage.runtime.crictl, "--name", first.name)} == {
        "0",
        "1",
    }


def test_runp_with_an_unknown_handler_fails_and_leaves_nothing(stage: Stage) -> None:
    name, path = stage.pod_config()
    error = stage.runtime.crictl.fails("runp", "--runtime", "nosuch", str(path))
    assert "code = Unknown" in error
    assert error.endswith('no runtime for "nosuch" is configured')
    assert _rows(stage.runtime.crictl, "--name", name) == []


def test_runp_with_a_named_handler_shows_it(stage: Stage) -> None:
    name, path = stage.pod_config()
    pod = stage.runtime.crictl.ok("runp", "--runtime", "runc", str(path)).out.strip()
    stage.pods.append(pod)
    (row,) = _rows(stage.runtime.crictl, "--name", name)
    assert row["RUNTIME"] == "runc"
    assert stage.runtime.crictl.ok("inspectp", pod).json["status"]["runtimeHandler"] == "runc"


def test_pods_prints_a_table(stage: Stage) -> None:
    pod = stage.pod()
    (row,) = _rows(stage.runtime.crictl, "--id", pod.id)
    assert row.pop("CREATED").endswith(" ago")
    assert row == {
        "POD ID": pod.id[:13],
        "STATE": "Ready",
        "NAME": pod.name,
        "NAMESPACE": "real",
        "ATTEMPT": "0",
        "RUNTIME": "(default)",
    }


def test_pods_prints_json(stage: Stage) -> None:
    pod = stage.pod(annotations={"note": "first"})
    (item,) = stage.runtime.crictl.ok("pods", "--id", pod.id, "--output", "json").json["items"]
    assert int(item.pop("createdAt")) > 0
    assert item == {
        "id": pod.id,
        "metadata": pod.config["metadata"],
        "state": "SANDBOX_READY",
        "labels": pod.config["labels"],
        "annotations": {"note": "first"},
        "runtimeHandler": "",
    }


def test_pods_prints_yaml_and_a_verbose_text(stage: Stage) -> None:
    pod = stage.pod(labels={"tier": "front"}, annotations={"note": "first"})
    crictl = stage.runtime.crictl
    assert (
        "- annotations:\n    note: first\n" in crictl.ok("pods", "--id", pod.id, "-o", "yaml").out
    )
    text = crictl.ok("pods", "--id", pod.id, "--verbose").out
    assert f"ID: {pod.id}\nName: {pod.name}\nUID: uid-{pod.name}\nNamespace: real\n" in text
    assert "Labels:\n\ttier -> front\nAnnotations:\n\tnote -> first\nRuntime: (default)\n" in text


def test_pods_prints_ids_whole_when_asked(stage: Stage) -> None:
    pod = stage.pod()
    crictl = stage.runtime.crictl
    assert crictl.ok("pods", "--quiet", "--name", pod.name).out == f"{pod.id}\n"
    (row,) = _rows(crictl, "--no-trunc", "--name", pod.name)
    assert row["POD ID"] == pod.id


def test_pods_filters_by_id_label_name_and_namespace(stage: Stage) -> None:
    front, back = (
        stage.pod(labels={"side": side, "of": stage.title}) for side in ("front", "back")
    )
    crictl = stage.runtime.crictl
    assert _ids(crictl, "--label", f"of={stage.title}") == {front.id, back.id}
    assert _ids(crictl, "--label", f"of={stage.title}", "--label", "side=back") == {back.id}
    assert _ids(crictl, "--label", "side=nowhere") == set()
    assert _ids(crictl, "--id", front.id[:20]) == {front.id}
    assert _ids(crictl, "--id", "deadbeef") == set()
    assert _ids(crictl, "--name", f"^{stage.title}-[01]$") == {front.id, back.id}
    assert _ids(crictl, "--namespace", "^real$", "--name", back.name) == {back.id}
    assert _ids(crictl, "--namespace", "elsewhere") == set()


def test_pods_filters_by_state(stage: Stage) -> None:
    ready, stopped = stage.pod(), stage.pod()
    crictl = stage.runtime.crictl
    crictl.ok("stopp", stopped.id)
    ours = ("--name", f"^{stage.title}-")
    assert _ids(crictl, *ours, "--state", "ready") == {ready.id}
    assert _ids(crictl, *ours, "--state", "notready") == {stopped.id}
    assert crictl.fails("pods", "--state", "nonsense").endswith(
        "--state should be ready or notready"
    )


def test_pods_shows_the_latest_first(stage: Stage) -> None:
    pods = [stage.pod() for _ in range(3)]
    crictl = stage.runtime.crictl
    newest_first = [pod.id for pod in reversed(pods)]
    assert crictl.ok("pods", "--quiet", "--name", f"^{stage.title}-").out.split() == newest_first
    assert crictl.ok("pods", "--quiet", "--latest").out.split() == newest_first[:1]
    assert crictl.ok("pods", "--quiet", "--last", "2").out.split() == newest_first[:2]


def test_stopp_makes_the_pod_notready_and_kills_its_containers(stage: Stage) -> None:
    pod = stage.pod()
    running = pod.start("running", "sleep", "300")
    created = pod.create("created", "sleep", "300")
    done = pod.finish("done", "true")
    answer = stage.runtime.crictl.ok("stopp", pod.id)
    assert answer.out == f"Stopped sandbox {pod.id}\n"
    (row,) = _rows(stage.runtime.crictl, "--name", pod.name)
    assert row["STATE"] == "NotReady"
    killed = pod.status(running)
    assert (killed["state"], killed["exitCode"], killed["reason"]) == (
        "CONTAINER_EXITED",
        137,
        "Error",
    )
    assert pod.status(created)["state"] == "CONTAINER_CREATED"
    assert pod.status(done)["exitCode"] == 0


def test_stopp_again_succeeds(stage: Stage) -> None:
    pod = stage.pod()
    for _ in range(2):
        assert stage.runtime.crictl.ok("stopp", pod.id).out == f"Stopped sandbox {pod.id}\n"


def test_stopp_of_an_unknown_pod(runtime: Runtime) -> None:
    _succeeds_or_says(runtime, runtime.crictl.run("stopp", "deadbeef"), STOP_OF_NOTHING)


def test_stopp_takes_a_prefix_of_the_id(stage: Stage) -> None:
    pod = stage.pod()
    stage.runtime.crictl.ok("stopp", pod.id[:20])
    assert _ids(stage.runtime.crictl, "--state", "notready", "--name", pod.name) == {pod.id}


def test_rmp_of_a_ready_pod_needs_force(stage: Stage) -> None:
    pod = stage.pod()
    error = stage.runtime.crictl.fails("rmp", pod.id)
    assert error == f'pod sandbox "{pod.id}" is running, please stop it first'
    answer = stage.runtime.crictl.ok("rmp", "--force", pod.id)
    assert answer.out == f"Stopped sandbox {pod.id}\nRemoved sandbox {pod.id}\n"
    assert _rows(stage.runtime.crictl, "--name", pod.name) == []


def test_rmp_removes_the_containers_and_frees_the_name(stage: Stage) -> None:
    pod = stage.pod()
    pod.start("running", "sleep", "300")
    crictl = stage.runtime.crictl
    crictl.ok("stopp", pod.id)
    assert crictl.ok("rmp", pod.id).out == f"Removed sandbox {pod.id}\n"
    assert crictl.ok("ps", "--all", "--quiet", "--pod", pod.id).out == ""
    assert stage.pod(metadata=pod.config["metadata"]).id != pod.id


def test_rmp_takes_several_pods(stage: Stage) -> None:
    pods = [stage.pod() for _ in range(2)]
    stage.runtime.crictl.ok("rmp", "--force", *(pod.id for pod in pods))
    assert _rows(stage.runtime.crictl, "--name", f"^{stage.title}-") == []


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_rmp_of_an_unknown_pod_fails(crictl: Crictl, force: tuple[str, ...]) -> None:
    error = crictl.fails("rmp", *force, "deadbeef")
    assert error == f'getting sandbox status of pod "deadbeef": {NO_SANDBOX}'


def _rows(crictl: Crictl, *filters: str) -> list[dict[str, str]]:
    return crictl.ok("pods", *filters).table


def _ids(crictl: Crictl, *filters: str) -> set[str]:
    return set(crictl.ok("pods", "--quiet", *filters).out.split())


def _succeeds_or_says(runtime: Runtime, answer: Answer, difference: Difference[str]) -> None:
    expected = runtime.expects(difference)
    if expected:
        assert (answer.status, answer.error) == (1, expected)
    else:
        assert (answer.status, answer.out) == (0, "Stopped sandbox deadbeef\n")
