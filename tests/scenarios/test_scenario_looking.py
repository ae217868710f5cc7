"""Facts, as they are read of a kubelet and of a runtime."""

import gzip
import math
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import Code, CRIError
from fakecri.kubelet import KubeletError, KubeletEvent
from fakecri.scenarios import looking
from fakecri.scenarios.conditions import Known, Values, parse_condition
from fakecri.scenarios.facts import FACTS
from fakecri.scenarios.lines import Words
from fakecri.scenarios.looking import Look
from tests.behaviour.steps import until
from tests.scenarios.nodes import TellingNode, pod
from tests.support import create_request, raises_status, sandbox_config

PODS = {"web": ["app", "init"], "db-0": ["app"], "db-1": ["app"], "never": ["app"]}
CRASHED = {
    "name": "app",
    "ready": False,
    "restartCount": 2,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
    "lastState": {"terminated": {"reason": "Error", "exitCode": 3}},
}
DONE = {"name": "init", "state": {"terminated": {"reason": "Completed", "exitCode": 0}}}


@pytest.fixture
def node() -> Iterator[TellingNode]:
    """A node with pods in several states."""
    node = TellingNode()
    node.kubelet.show(
        pod(
            "web",
            "Pending",
            podIP="127.1.0.2",
            conditions=[{"type": "Ready", "status": "False"}],
            containerStatuses=[CRASHED],
            initContainerStatuses=[DONE],
        ),
        pod("db-0"),
        pod("db-1", reason="Evicted"),
    )
    with node.cri:
        yield node


def read(node: TellingNode, text: str) -> Values:
    (term,) = parse_condition(Words(text), Known(PODS)).terms
    return Look(node.as_node, list(PODS), []).values(term)


@pytest.mark.parametrize(
    ("fact", "values"),
    [
        ("phase web", ["Pending"]),
        ("phase db-*", ["Running", "Running"]),
        ("phase never", [""]),
        ("pods *", [3]),
        ("pods db-* phase=Running", [2]),
        ("pods * reason=Evicted", [1]),
        ("reason db-1", ["Evicted"]),
        ("condition web Ready", ["False"]),
        ("condition db-0 Ready", [""]),
        ("waiting web/app", ["CrashLoopBackOff"]),
        ("waiting db-0/app", [""]),
        ("terminated web/init", ["Completed"]),
        ("terminated web/app", [""]),
        ("last web/app", ["Error"]),
        ("message web/app", ["back-off 10s"]),
        ("exit-code web/app", [3]),
        ("exit-code web/init", [0]),
        ("restarts web/app", [2]),
        ("ready web/app", ["false"]),
        ("field web status.podIP", ["127.1.0.2"]),
        ("field web status.containerStatuses.app.restartCount", ["2"]),
        ("field web status.hostIP", [""]),
    ],
)
def test_facts_of_pods_are_those_that_the_kubelet_shows(
    node: TellingNode, fact: str, values: Values
) -> None:
    assert read(node, fact) == values


def test_a_number_that_there_is_not_is_none(node: TellingNode) -> None:
    (restarts,) = read(node, "restarts never/app")
    assert isinstance(restarts, float)
    assert math.isnan(restarts)


def test_a_kubelet_that_does_not_answer_shows_nothing(node: TellingNode) -> None:
    node.kubelet.answers.clear()
    assert read(node, "phase web") == [""]
    assert read(node, "pods *") == [0]
    assert read(node, "http /healthz") == [0]
    assert read(node, "body /healthz") == [""]


def test_what_it_answers_is_read_once_in_a_look(node: TellingNode) -> None:
    condition = parse_condition(Words("phase web and restarts web/app"), Known(PODS))
    look = Look(node.as_node, list(PODS), [])
    assert condition.holds(look.values)
    assert node.kubelet.asked == ["/pods"]


def test_facts_of_the_kubelet_are_what_it_says(node: TellingNode) -> None:
    kubelet = node.kubelet
    kubelet.answers["/healthz"] = 200, "ok"
    kubelet.answers["tls /configz"] = 401, "who are you?"
    kubelet.answers["/metrics"] = 200, 'n{a="1",b="x"} 2\nn{a="2",b="x"} 3\n'
    kubelet.answers["/metrics/resource"] = 200, "e 1\n"
    kubelet.log += ["PLEG is not healthy", "PLEG is", "else"]
    kubelet.told += [
        KubeletEvent(0, "web-node", "app", "Warning", "Unhealthy", "probe failed: no"),
        KubeletEvent(0, "db-0-node", "app", "Warning", "Unhealthy", "probe failed: no"),
    ]
    assert read(node, "http /healthz") == [200]
    assert read(node, "http /configz port=tls") == [401]
    assert read(node, "body /configz port=tls") == ["who are you?"]
    assert read(node, "metric n{b=x}") == [5]
    assert read(node, 'metric n{a="2", b=x}') == [3]
    assert read(node, "metric e at=/metrics/resource") == [1]
    assert read(node, 'lines "PLEG is"') == [2]
    assert read(node, "kubelet-events Unhealthy") == [2]
    assert read(node, 'kubelet-events Un* pod=web text="*failed*"') == [1]
    assert read(node, "kubelet-events BackOff") == [0]


@pytest.mark.parametrize("answer", [None, (404, "n 1"), (200, "<html>")])
def test_metrics_that_cannot_be_had_are_no_number(
    node: TellingNode, answer: tuple[int, str] | None
) -> None:
    if answer:
        node.kubelet.answers["/metrics"] = answer
    (value,) = read(node, "metric n")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_an_end_of_the_kubelet_is_known_by_its_status(
    node: TellingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(node, "exited") == [""]
    node.kubelet.status = 0
    assert read(node, "exited") == ["0"]

    def not_yet(_: object) -> int | None:
        raise KubeletError("it was not started")

    monkeypatch.setattr(type(node.kubelet), "status", property(not_yet), raising=False)
    assert read(node, "exited") == [""]


def test_facts_of_the_runtime_are_its_own(node: TellingNode) -> None:
    cri = node.cri
    image = cri.image_service.pull_image(pb.ImageSpec(image="busybox"))
    ids = []
    for name in ("web-node", "db-0-node"):
        config = sandbox_config(name)
        sandbox = cri.runtime_service.run_pod_sandbox(config)
        request = create_request(sandbox, "sleep", "9", name="app", pod=name)
        ids.append(cri.runtime.CreateContainer(request).container_id)
    cri.runtime_service.start_container(ids[0])
    cri.inject_error("StopContainer", CRIError("no", Code.UNKNOWN))
    with raises_status(grpc.StatusCode.UNKNOWN, "no"):
        cri.runtime_service.stop_container(ids[0], 0)
    assert read(node, "running web") == [1]
    assert read(node, "running web/app") == [1]
    assert read(node, "running web/init") == [0]
    assert read(node, "running *") == [1]
    assert read(node, "containers *") == [2]
    assert read(node, "sandboxes *") == [2]
    assert read(node, "sandboxes db-0") == [1]
    assert read(node, "images *busybox*") == [1]
    assert read(node, f"images {image}") == [1]
    assert read(node, "calls CreateContainer") == [2]
    assert read(node, "calls CreateContainer{pod=web-node}") == [1]
    assert read(node, "calls StopContainer{pod=web-node} error=*") == [1]
    assert read(node, "calls StopContainer error=none") == [0]
    assert read(node, "in-flight *") == [0]


def test_what_a_container_has_logged_is_read_from_its_files_and_links_to_them_are_counted(
    node: TellingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LINKS", tmp_path / "links")
    (tmp_path / "links").mkdir()
    sandbox = sandbox_config("web-node")
    sandbox.log_directory = str(tmp_path / "pod")
    runtime = node.cri.runtime_service
    request = create_request(runtime.run_pod_sandbox(sandbox), name="app", pod="web-node")
    request.config.log_path, request.sandbox_config.log_directory = (
        "app/0.log",
        str(tmp_path / "pod"),
    )
    node.cri.image_service.pull_image(pb.ImageSpec(image="busybox"))
    container = node.cri.runtime.CreateContainer(request).container_id
    assert read(node, "logged web/app") == [""]
    (tmp_path / "pod/app").mkdir(parents=True)
    log = tmp_path / "pod/app/0.log"
    log.write_text("third")
    log.with_name("0.log.20260102-030405").write_text("second ")
    log.with_name("0.log.20260102-030400.gz").write_bytes(gzip.compress(b"first "))
    log.with_name("0.log.20260102-030403.gz").write_bytes(gzip.compress(b"torn")[:9])
    log.with_name("1.log").write_text("another attempt")
    assert read(node, "logged web/app") == ["first second third"]
    (tmp_path / f"links/web-{container}.log").symlink_to(log)
    (tmp_path / f"links/other-{container}.log").symlink_to("/nowhere")
    assert read(node, "log-links web/app") == [1]


def test_calls_that_rules_hold_are_seen(node: TellingNode) -> None:
    scope = node.cri.faults("Version = gate(door)")
    pending = node.cri.runtime.Version.future(pb.VersionRequest())
    until(lambda: read(node, "gate door") == [1])
    (term,) = parse_condition(Words("fired"), Known(PODS)).terms
    assert read(node, "in-flight Version") == [1]
    assert Look(node.as_node, [], [scope]).values(term) == [1]
    node.cri.gates["door"].release()
    pending.result()


def test_every_fact_of_the_table_can_be_read(node: TellingNode) -> None:
    examples = {"POD": "web", "POD/CONTAINER": "web/app", "POD[/CONTAINER]": "web", "CALLS": "*"}
    for name, fact in FACTS.items():
        arguments = " ".join(examples.get(each, "x") for each in fact.arguments)
        assert read(node, f"{name} {arguments}"), name
