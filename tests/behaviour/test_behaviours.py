"""Behaviour that a test chooses: rules, magic images, annotations."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from fakecri import Answer, Behaviour, BehaviourError, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.net import http
from fakecri.core.processes import Process, Signalled
from fakecri.core.scheduler import SECOND_NS, Waits
from tests.behaviour.steps import (
    EXITED,
    INVALID_ARGUMENT,
    NOT_FOUND,
    RUNNING,
    UNKNOWN,
    begin,
    begin_stop,
    exec_sync,
    put_image,
    still_node,
    until,
    wait,
)
from tests.support import FACES, Node, create_request, raises_status
from tests.support import node as open_node


@pytest.fixture(params=FACES)
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with still_node(request.param) as opened:
        yield opened


def run(node: Node, *command: str, **fields: Any) -> str:
    """Run a container in a pod of its own."""
    pod = f"web-{node.cri.now_ns}-{len(node.cri.calls)}"
    return node.run(node.run_sandbox(pod), *command, pod=pod, **fields)


def run_magic(node: Node, path: str, **fields: Any) -> str:
    """Run a container of a magic image."""
    put_image(node, f"fakecri.test/{path}")
    return run(node, image=f"fakecri.test/{path}", **fields)


def end(node: Node, container_id: str) -> tuple[int, str, float]:
    """Return exit code, reason, and how many seconds the container lived."""
    status = node.status(container_id)
    assert status.state == EXITED
    lived_ns = status.finished_at - status.started_at
    return status.exit_code, status.reason, round(lived_ns / SECOND_NS, 6)


def lines(node: Node, container_id: str) -> list[tuple[str, str, str]]:
    """Return stream, tag and content of a log."""
    records = node.cri.log(container_id).decode().splitlines()
    return [tuple(each.split(" ", 3)[1:]) for each in records]  # type: ignore[misc]  # of three


def stop(node: Node, container_id: str, grace_s: int) -> tuple[int, float]:
    """Stop; return the exit code and how many seconds that took."""
    call = begin_stop(node, container_id, grace_s)
    for _ in range(10 * grace_s + 2):
        wait(node, 0.1)
    call.result()
    status = node.status(container_id)
    return status.exit_code, status.finished_at / SECOND_NS


# Ends.


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("exit/3", (3, "Error", 0.0)),
        ("exit/0", (0, "Completed", 0.0)),
        ("exit/3/30s", (3, "Error", 30.0)),
        ("sleep/30s", (0, "Completed", 30.0)),
        ("crashloop/2s", (1, "Error", 2.0)),
        ("crashloop/2s/139", (139, "Error", 2.0)),
        ("oom/5s", (137, "OOMKilled", 5.0)),
        ("ignore-term/exit/4/7s", (4, "Error", 7.0)),
    ],
)
def test_a_magic_image_ends_as_its_name_says(
    node: Node, path: str, expected: tuple[int, str, float]
) -> None:
    container_id = run_magic(node, path)
    wait(node, 60)
    assert end(node, container_id) == expected


def test_a_container_runs_until_its_time_has_come(node: Node) -> None:
    container_id = run_magic(node, "exit/3/30s")
    wait(node, 29.9)
    assert node.status(container_id).state == RUNNING
    wait(node, 0.1)
    assert node.status(container_id).state == EXITED


def test_a_crash_loop_may_last_for_some_attempts_only(node: Node) -> None:
    first, second, third = (
        run_magic(node, "crashloop/2s/7/2x", attempt=attempt) for attempt in (0, 1, 2)
    )
    wait(node, 60)
    assert [end(node, each)[0] for each in (first, second)] == [7, 7]
    assert node.status(third).state == RUNNING


def test_the_program_beneath_goes_on_and_its_own_end_counts_for_nothing(node: Node) -> None:
    with node.cri.behave(container="main", exit_code=3, after=30):
        container_id = run(node, "echo", "hello")
    wait(node, 60)
    assert lines(node, container_id) == [("stdout", "F", "hello")]
    assert end(node, container_id) == (3, "Error", 30.0)


def test_a_chosen_end_is_no_answer_to_sigterm(node: Node) -> None:
    container_id = run_magic(node, "exit/3/300s")
    wait(node, 1)
    stopped_at = node.cri.now_ns / SECOND_NS
    code, finished_at = stop(node, container_id, 5)
    assert (code, round(finished_at - stopped_at, 3)) == (0, 0)


def test_what_is_missing_in_the_image_needs_no_program(node: Node) -> None:
    with node.cri.behave(image="busybox", exit_code=3, after=1):
        container_id = run(node, "python3", "app.py")
    wait(node, 2)
    assert end(node, container_id) == (3, "Error", 1.0)


def test_a_start_can_be_chosen_to_fail(node: Node) -> None:
    pod_sandbox_id = node.run_sandbox()
    with node.cri.behave(start_error="error during container init: no such device"):
        container_id = node.create(pod_sandbox_id, "sleep", "1")
        text = (
            "failed to create containerd task: failed to create shim task: OCI runtime create "
            "failed: runc create failed: unable to start container process: error during "
            "container init: no such device: unknown"
        )
        with raises_status(UNKNOWN, text):
            node.start(container_id)
    status = node.status(container_id)
    assert (status.exit_code, status.reason, status.message) == (128, "StartError", text)


# Signals.


def test_sigterm_can_be_ignored(node: Node) -> None:
    container_id = run_magic(node, "ignore-term")
    stopped_at = node.cri.now_ns / SECOND_NS
    code, finished_at = stop(node, container_id, 3)
    assert (code, round(finished_at - stopped_at, 3)) == (137, 3)


@pytest.mark.parametrize(
    ("path", "grace_s", "expected"),
    [("term/2s", 10, (0, 2)), ("term/2s/143", 10, (143, 2)), ("term/20s", 3, (137, 3))],
)
def test_it_may_take_time_to_end(
    node: Node, path: str, grace_s: int, expected: tuple[int, int]
) -> None:
    container_id = run_magic(node, path)
    stopped_at = node.cri.now_ns / SECOND_NS
    code, finished_at = stop(node, container_id, grace_s)
    assert (code, round(finished_at - stopped_at, 3)) == expected


def test_the_stop_signal_of_an_image_is_ignored_with_sigterm(node: Node) -> None:
    put_image(node, "nginx")
    with node.cri.behave(image="nginx", ignore_term=True):
        container_id = run(node, image="nginx")
    assert stop(node, container_id, 2)[0] == 137


# Logs.


def test_a_log_has_exactly_the_volume_that_was_chosen(node: Node) -> None:
    container_id = run_magic(node, "log/1kb/exit/4")
    wait(node, 1)
    contents = [content for _, _, content in lines(node, container_id)]
    assert sum(len(each) + 1 for each in contents) == 1000
    assert contents[0].startswith("00000001 the quick brown fox")
    assert end(node, container_id)[0] == 4


def test_a_log_is_written_at_its_rate(node: Node) -> None:
    container_id = run_magic(node, "log/5lps/stderr/12chars")
    wait(node, 1)
    assert lines(node, container_id) == [("stderr", "F", f"{n:08d} the") for n in range(1, 6)]
    wait(node, 9)
    assert len(lines(node, container_id)) == 50
    times = [each.split(b" ")[0] for each in node.cri.log(container_id).splitlines()]
    assert len(set(times)) == 50


def test_bytes_come_at_a_rate_too(node: Node) -> None:
    container_id = run_magic(node, "log/1mb/10kbps")
    wait(node, 10)
    written = sum(len(content) + 1 for _, _, content in lines(node, container_id))
    assert written == 100_000
    assert node.status(container_id).state == RUNNING


def test_a_log_without_a_rate_does_not_hold_up_time(node: Node) -> None:
    container_id = run_magic(node, "log/1tb")
    wait(node, 0.05)
    assert 1_000_000 < len(node.cri.log(container_id)) < 10_000_000
    node.stop(container_id)
    assert node.status(container_id).state == EXITED


def test_log_ends_with_its_container(node: Node) -> None:
    container_id = run_magic(node, "log/1lps/sleep/3s")
    wait(node, 60)
    assert 2 <= len(lines(node, container_id)) <= 3


# Execs.


def test_execs_are_answered_by_exact_argv_by_glob_and_by_a_callable(node: Node) -> None:
    def add(argv: tuple[str, ...]) -> Answer | None:
        return Answer(stdout=str(sum(map(int, argv[1:])))) if len(argv) > 1 else None

    node.cri.behave(
        execs={
            "cat *": "from a glob\n",
            ("cat", "/tmp/ready"): Answer(stdout=b"ok\n", stderr="hm\n", exit_code=3),
            "add*": add,
            "gone": Answer(missing=True),
            "fails": 7,
        }
    )
    container_id = run(node, "sleep", "1000")
    exact = exec_sync(node, container_id, "cat", "/tmp/ready")
    assert (exact.stdout, exact.stderr, exact.exit_code) == (b"ok\n", b"hm\n", 3)
    assert exec_sync(node, container_id, "cat", "/etc/passwd").stdout == b"from a glob\n"
    assert exec_sync(node, container_id, "add", "3", "4").stdout == b"7"
    assert exec_sync(node, container_id, "fails").exit_code == 7
    for argv in (("gone",), ("add",)):
        with raises_status(UNKNOWN):
            exec_sync(node, container_id, *argv)
    assert exec_sync(node, container_id, "echo", "real").stdout == b"real\n"


def test_an_answer_may_take_time(node: Node) -> None:
    node.cri.behave(execs={"slow": Answer(stdout="done", delay=2)})
    container_id = run(node, "sleep", "1000")
    pending = begin(node, "ExecSync", pb.ExecSyncRequest(container_id=container_id, cmd=["slow"]))
    wait(node, 1.9)
    assert not pending.done()
    wait(node, 0.1)
    assert pending.result().stdout == b"done"


def test_probes_fail_in_a_window_and_succeed_elsewhere(node: Node) -> None:
    container_id = run_magic(node, "unready/0s/10s/unready/20s/30s")
    codes = {}
    for age_s in range(0, 40, 5):
        codes[age_s] = exec_sync(node, container_id, "probe").exit_code
        wait(node, 5)
    assert codes == {0: 1, 5: 1, 10: 0, 15: 0, 20: 1, 25: 1, 30: 0, 35: 0}


def test_a_window_may_be_for_some_execs_only(node: Node) -> None:
    node.cri.behave(execs={"probe *": Answer(unready=[(0, None)])})
    container_id = run(node, "sleep", "1000")
    failed = exec_sync(node, container_id, "probe", "it")
    assert (failed.exit_code, failed.stderr) == (1, b"not ready\n")
    assert exec_sync(node, container_id, "true").exit_code == 0


def test_a_magic_web_server_is_unready_in_its_window(node: Node) -> None:
    statuses = []

    def probe(process: Process) -> Waits[int]:
        connection = yield from process.connect("127.0.0.1", 8080)
        received = yield from http.ask(connection, "GET", "/healthz", (("Host", "x"),))
        statuses.append(received.status)
        return 0

    node.cri.register(probe, command="probe")
    container_id = run_magic(node, "http/8080/unready/0s/10s")
    exec_sync(node, container_id, "probe")
    wait(node, 10)
    exec_sync(node, container_id, "probe")
    assert statuses == [503, 200]
    assert stop(node, container_id, 5)[0] == 0


# Which one holds.


def test_the_later_rule_wins_and_each_can_be_taken_back(node: Node) -> None:
    node.cri.behave(exit_code=1)
    two = node.cri.behave(exit_code=2)
    three = node.cri.behave(pod="default/web-*", container="ma*", exit_code=3)
    codes = [end(node, run(node, "true"))[0]]
    codes.append(end(node, run(node, "true", name="other"))[0])
    three.stop()
    codes.append(end(node, run(node, "true"))[0])
    two.stop()
    two.stop()
    codes.append(end(node, run(node, "true"))[0])
    assert codes == [3, 2, 2, 1]


def test_two_rules_may_have_a_say_in_different_things(node: Node) -> None:
    node.cri.behave(exit_code=3, after=30)
    node.cri.behave(execs={"probe": 5})
    container_id = run(node, "sleep", "1000")
    assert exec_sync(node, container_id, "probe").exit_code == 5
    wait(node, 30)
    assert end(node, container_id)[0] == 3


def test_a_rule_wins_over_an_image_program_and_over_magic(node: Node) -> None:
    put_image(node, "example.com/app")
    node.cri.register(lambda _process: 9, image="example.com/app")
    container_id = run(node, image="example.com/app")
    assert end(node, container_id)[0] == 9
    node.cri.behave(exit_code=3)
    assert end(node, run(node, image="example.com/app"))[0] == 3
    assert end(node, run_magic(node, "exit/4"))[0] == 3


def test_a_program_of_a_command_wins_over_a_rule(node: Node) -> None:
    def program(process: Process) -> Waits[int]:
        process.trap(15)
        try:
            yield from process.sleep(5)
        except Signalled:
            return 7
        return 8

    node.cri.register(program, command="special")
    node.cri.behave(exit_code=3, execs={"special": 4})
    container_id = run(node, "special")
    request = pb.ExecSyncRequest(container_id=container_id, cmd=["special"])
    pending = begin(node, "ExecSync", request)
    wait(node, 2)
    stop(node, container_id, 3)
    assert end(node, container_id)[0] == 7
    assert pending.result().exit_code == 137


def test_a_rule_can_be_a_text_or_a_behaviour(node: Node) -> None:
    node.cri.behave('container=main exec="probe" : exit/5')
    node.cri.behave(run=Behaviour.parse("log/1line"), exit_code=6)
    container_id = run(node, "sleep", "1000", name="main")
    wait(node, 1)
    assert end(node, container_id)[0] == 6
    assert len(lines(node, container_id)) == 1


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({}, "nothing is chosen"),
        ({"exit": 3}, "'exit' is nothing that can be chosen"),
        ({"exit_code": 256}, 'column 6: "exit" takes an exit code from 0 to 255, not "256"'),
        ({"after": -1}, 'column 8: "-1s" is no behaviour, and "exit" may be followed by a time'),
        ({"after": 1, "crash_after": 1}, "after and crash_after are two ends of one container"),
        ({"attempts": 1}, "attempts goes with crash_after"),
        ({"log_bytes": 1, "log_lines": 1}, "log_bytes and log_lines are two sizes of one log"),
        ({"run": "exti/3"}, 'column 1: "exti" is no behaviour'),
        ({"unready": [(3, 2)]}, 'column 1: "unready" ends before it begins'),
        ({"pod": "x", "run": "pull/404"}, "a pull knows no pod and no container"),
    ],
)
def test_what_cannot_be_chosen_is_a_usage_error(
    node: Node, choices: dict[str, Any], text: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        node.cri.behave(**choices)
    assert str(refusal.value).startswith(text)


def test_a_text_that_is_no_rule_says_where(node: Node) -> None:
    with pytest.raises(BehaviourError, match=r"column 9: .*exti"):
        node.cri.behave("pod=x : exti/3")


# Magic images.


def test_a_magic_image_is_an_image_like_any_other(node: Node) -> None:
    ids = {put_image(node, f"fakecri.test/exit/3:{tag}") for tag in ("latest", "v1")}
    assert len(ids) == 2
    request = pb.ImageStatusRequest(
        image=pb.ImageSpec(image="fakecri.test/exit/3:v1"), verbose=True
    )
    status = node.images.ImageStatus(request)
    assert status.image.size > 1_000_000
    assert status.image.repo_tags == ["fakecri.test/exit/3:v1"]
    assert '"fakecri.dev/run":"exit/3"' in status.info["info"]


def test_an_unknown_magic_image_is_not_found_and_the_text_says_what_is_known(node: Node) -> None:
    with raises_status(NOT_FOUND) as _:
        node.pull("fakecri.test/exti/3")
    try:
        node.pull("fakecri.test/exit/300:v2")
    except Exception as error:  # noqa: BLE001  # of one face or the other
        details = error.details()  # type: ignore[attr-defined]  # a grpc.RpcError
    assert details == (
        'failed to pull and unpack image "fakecri.test/exit/300:v2": failed to resolve image: '
        'fakecri.test/exit/300:v2: column 6: "exit" takes an exit code from 0 to 255, not "300": '
        "not found"
    )


@pytest.mark.parametrize("face", FACES)
def test_a_strict_registry_has_magic_images(face: str) -> None:
    with open_node(face, pace="manual", strict_images=True) as node:
        node.pull("fakecri.test/exit/3:any")
        container_id = run(node, image="fakecri.test/exit/3:any")
        assert end(node, container_id)[0] == 3


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("pull/404", NOT_FOUND, "failed to resolve image: fakecri.test/pull/404:latest: not found"),
        ("pull/500", UNKNOWN, "500 Internal Server Error"),
        ("pull/401", UNKNOWN, "authorization failed"),
        ("pull/dns", UNKNOWN, "no such host"),
    ],
)
def test_a_pull_can_fail(node: Node, path: str, code: grpc.StatusCode, text: str) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        node.pull(f"fakecri.test/{path}")
    assert refusal.value.code() == code
    assert text in (refusal.value.details() or "")
    node.cri.behave(image="docker.io/*/nginx", run=path)
    with pytest.raises(grpc.RpcError) as refusal:
        node.pull("nginx")
    assert refusal.value.code() == code
    node.pull("busybox")


def begin_pull(node: Node, image: str) -> Any:
    seen = len(node.cri.calls)
    pending = node.images.PullImage.future(pb.PullImageRequest(image=pb.ImageSpec(image=image)))
    until(lambda: len(node.cri.calls) > seen)
    return pending


@pytest.mark.parametrize(
    ("path", "seconds"), [("pull/slow/10m", 600), ("pull/rate/1mbps/exit/0", 3.2)]
)
def test_a_pull_can_take_its_time(node: Node, path: str, seconds: float) -> None:
    pending = begin_pull(node, f"fakecri.test/{path}")
    wait(node, seconds * 0.9)
    assert not pending.done()
    wait(node, seconds * 0.1)
    assert pending.result().image_ref.startswith("sha256:")


def test_a_pull_can_hang(node: Node) -> None:
    pending = begin_pull(node, "fakecri.test/pull/hang")
    wait(node, 4 * 3600)
    if not pending.done():
        pending.cancel()
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
        pending.result()
    assert not node.images.ListImages(pb.ListImagesRequest()).images[1:]


def test_a_magic_image_takes_a_command(node: Node) -> None:
    container_id = run_magic(node, "sleep/5s", name="echo")
    put_image(node, "fakecri.test/sleep/5s")
    pod_sandbox_id = node.run_sandbox("more")
    other = node.run(
        pod_sandbox_id, "echo", "hi", pod="more", image="fakecri.test/sleep/5s", name="more"
    )
    wait(node, 5)
    assert [end(node, each)[2] for each in (container_id, other)] == [5.0, 5.0]
    assert lines(node, other) == [("stdout", "F", "hi")]


# Annotations.


@pytest.fixture(params=FACES)
def annotated(request: pytest.FixtureRequest) -> Iterator[Node]:
    with still_node(request.param, annotations=True) as opened:
        yield opened


def run_annotated(node: Node, annotations: dict[str, str], name: str = "main") -> str:
    pod_sandbox_id = node.run_sandbox(annotations=annotations)
    return node.run(pod_sandbox_id, "sleep", "1000", name=name)


def test_an_annotation_says_what_a_container_does(annotated: Node) -> None:
    container_id = run_annotated(annotated, {"fakecri.dev/run.main": "log/1line/exit/3"})
    wait(annotated, 1)
    assert end(annotated, container_id)[0] == 3
    assert len(lines(annotated, container_id)) == 1


def test_an_annotation_answers_execs_a_line_each(annotated: Node) -> None:
    rules = "cat *ready : stdout/yes\nprobe : exit/2\n"
    container_id = run_annotated(annotated, {"fakecri.dev/exec.main": rules})
    assert exec_sync(annotated, container_id, "cat", "/ready").stdout == b"yes"
    assert exec_sync(annotated, container_id, "probe").exit_code == 2


def test_an_annotation_is_for_the_container_that_it_names(annotated: Node) -> None:
    container_id = run_annotated(annotated, {"fakecri.dev/run.main": "exit/3"}, name="other")
    assert annotated.status(container_id).state == RUNNING


def test_a_rule_wins_over_an_annotation(annotated: Node) -> None:
    annotated.cri.behave(exit_code=4)
    container_id = run_annotated(annotated, {"fakecri.dev/run.main": "exit/3"})
    assert end(annotated, container_id)[0] == 4


def test_annotations_are_ignored_unless_switched_on(node: Node) -> None:
    container_id = run_annotated(node, {"fakecri.dev/run.main": "exti/3"})
    assert node.status(container_id).state == RUNNING


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (
            "fakecri.dev/run.main",
            "exit/x",
            'run.main: column 6: "exit" takes an exit code from 0 to 255, not "x"',
        ),
        (
            "fakecri.dev/exec.main",
            "a : exit/1\nb : exit/y",
            'exec.main: line 2: column 10: "exit" takes an exit code from 0 to 255, not "y"',
        ),
    ],
)
def test_a_malformed_annotation_is_an_error_of_create_and_nothing_is_left(
    annotated: Node, key: str, value: str, text: str
) -> None:
    pod_sandbox_id = annotated.run_sandbox(annotations={key: value})
    for _ in range(2):
        whole = f"annotation fakecri.dev/{text}: invalid argument"
        with raises_status(INVALID_ARGUMENT, whole):
            annotated.runtime.CreateContainer(create_request(pod_sandbox_id, "true"))
    assert not annotated.runtime.ListContainers(pb.ListContainersRequest()).containers
    annotated.create(pod_sandbox_id, "true", name="other")
