"""Which calls are meant: what they were about is known from what the calls themselves tell."""

import io
import json
from typing import Any

import grpc
import pytest

from fakecri import CRI, Code, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.rules import Action, Phase, Rule, Term
from fakecri.core.history import History
from fakecri.core.recording import Recording
from tests.core.history.past import Past, created, history, on, pulled, ran
from tests.support import Node

LATE = Term(Action("error", (Code.UNKNOWN, "late")), Phase.AFTER)


@pytest.fixture(params=["live", "read"])
def seen(request: pytest.FixtureRequest) -> History:
    """Two pods with a container each, one of which is removed; and calls that failed."""
    record = io.StringIO()
    with CRI(record=record) as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        web, api = node.run_sandbox("web"), node.run_sandbox("api")
        main = node.run(web, "sleep", "9")
        node.run(api, "sleep", "9", name="side", pod="api")
        node.stop(main)
        node.remove(main)
        with pytest.raises(grpc.RpcError):
            node.status(main)
        cri.runtime.Version(pb.VersionRequest())
        live = cri.history
    read = Recording.parse(record.getvalue().splitlines()).history
    return {"live": live, "read": read}[request.param]


def rpcs(calls: list[Any]) -> list[str]:
    return [call.rpc for call in calls]


def test_a_pod_chooses_the_calls_about_it_and_about_its_containers(seen: History) -> None:
    assert rpcs(seen.select(pod="api")) == ["RunPodSandbox", "CreateContainer", "StartContainer"]
    assert seen.select(pod="default/api") == seen.select(pod="a*") == seen.select(pod="api")


def test_a_container_that_was_removed_is_still_known_by_its_name(seen: History) -> None:
    names = ["CreateContainer", "StartContainer", "StopContainer", "RemoveContainer"]
    assert rpcs(seen.select(container="main")) == [*names, "ContainerStatus"]
    assert rpcs(seen.select("ContainerStatus", pod="web")) == ["ContainerStatus"]


def test_an_image_chooses_by_any_of_its_names(seen: History) -> None:
    for name in ("busybox", "docker.io/library/busybox:latest", "sha256:*"):
        assert rpcs(seen.select("CreateContainer", image=name)) == ["CreateContainer"] * 2


def test_an_image_that_is_meant_by_its_id_is_told_by_that() -> None:
    with CRI() as cri:
        image = cri.image_service.pull_image(pb.ImageSpec(image="busybox"))
        cri.image_service.remove_image(pb.ImageSpec(image=image))
        assert f"RemoveImage image={image} " in str(cri.history)
        assert not cri.history.select("RemoveImage", image="docker.io/library/sha256:*")
        assert cri.history.select("RemoveImage", image="busybox")


def test_an_error_chooses_by_its_code_or_its_text(seen: History) -> None:
    assert rpcs(seen.select(error="NOT_FOUND")) == ["ContainerStatus"]
    assert rpcs(seen.select(error="*try to find*")) == ["ContainerStatus"]
    assert rpcs(seen.select(error=True)) == ["ContainerStatus"]
    assert len(seen.select(error=False)) == len(seen) - 1


def test_a_selector_of_a_rule_chooses(seen: History) -> None:
    assert rpcs(seen.select("StartContainer,StopContainer{pod=web}")) == [
        *("StartContainer", "StopContainer")
    ]
    assert rpcs(seen.select("CreateContainer{req.config.metadata.name=side}", pod="api")) == [
        "CreateContainer"
    ]
    assert rpcs(seen.select("writes{container=main,attempt=0}", id="*")) == [
        *("CreateContainer", "StartContainer", "StopContainer", "RemoveContainer")
    ]


def test_several_rpcs_choose_together(seen: History) -> None:
    assert rpcs(seen.select(["Version", "PullImage"])) == ["PullImage", "Version"]


def test_live_calls_and_those_of_their_recording_are_told_alike() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        container = node.run(node.run_sandbox(), "sleep", "infinity")
        request = pb.ExecSyncRequest(container_id=container, cmd=["sleep", "9"])
        cri.runtime.ExecSync.future(request, 2).exception()
        live = str(cri.history)
    assert str(Recording.parse(record.getvalue().splitlines()).history) == live
    assert live.splitlines()[-1].startswith("#5       0.005s  ExecSync pod=web container=main id=")
    assert "timeout=2.000s -> DEADLINE_EXCEEDED" in live


def test_what_an_answer_that_got_lost_would_have_told_is_known() -> None:
    with CRI() as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        faults = cri.host.world.faults
        for rpc in ("RunPodSandbox", "CreateContainer"):
            faults.arm(Rule((rpc,), (LATE,)))
        with pytest.raises(grpc.RpcError, match="late"):
            node.run_sandbox("web")
        (sandbox,) = cri.runtime_service.list_pod_sandbox(pb.PodSandboxFilter(id=""))
        with pytest.raises(grpc.RpcError, match="late"):
            node.create(sandbox.id, "true")
        (container,) = (
            each for each in cri.calls[-1].touched if ":" not in each and each != sandbox.id
        )
        node.start(container)
        assert rpcs(cri.history.select("StartContainer", pod="web", container="main")) == [
            "StartContainer"
        ]


def test_a_call_of_another_contract_is_chosen_by_nothing_but_its_end() -> None:
    dance = json.dumps({"version": 1})
    past = history(Past("Dance", request={"steps": dance}, error="UNKNOWN x"))
    assert past.select("Version") == []
    assert "Dance -> UNKNOWN 'x'" in str(past)


def test_peers_choose() -> None:
    past = history(Past("Version", peer="grpc"), Past("Version"))
    assert [call.serial for call in past.select(peer="g*")] == [1]


def test_ids_choose() -> None:
    past = history(ran("web"), created("web", "main"), on("StartContainer", "web-main-id"))
    assert rpcs(past.select(id="web-main-id")) == ["StartContainer"]
    assert rpcs(past.select(id="web-id")) == ["CreateContainer", "StartContainer"]


def test_a_history_of_a_node_that_was_there_before_knows_what_it_is_told() -> None:
    past = history(on("StartContainer", "x"), pulled("busybox"))
    assert rpcs(past.select(pod="*")) == []
    assert rpcs(past.select(id="x")) == ["StartContainer"]


@pytest.mark.parametrize(
    ("calls", "about", "complaint"),
    [
        ("Nope", {}, 'column 1: expected an RPC or one of .*, not "Nope"'),
        ("Version{pod", {}, "column .*: expected , or }"),
        ([], {}, "which calls are meant"),
        ("Version", {"node": "x"}, "calls cannot be chosen by node"),
    ],
)
def test_what_cannot_be_meant_is_refused(calls: Any, about: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        history().select(calls, **about)
