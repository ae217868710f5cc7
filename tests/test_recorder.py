"""The record: all that happened, in one order; equal runs, equal bytes."""

import io
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import grpc
import pytest

from fakecri import CRI, Code, CRIError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.rules import Action, Phase, Rule, Term
from fakecri.rpcs import RPCS, VERSION
from fakecri.version import own_version
from tests.behaviour.steps import until
from tests.recording_script import run
from tests.support import Node, node, raises_status

ROOT = Path(__file__).parents[1]


def recorded(hash_seed: str, seed: int) -> str:
    """Run the script in a process of its own, under a PYTHONHASHSEED."""
    return subprocess.run(
        [sys.executable, "-m", "tests.recording_script", str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_same_seed_and_calls_give_the_same_bytes_in_any_process() -> None:
    first = recorded("0", seed=7)
    assert first.count("\n") > 50
    assert first == recorded("1", seed=7) == recorded("4242", seed=7) == run(7)


def test_another_seed_gives_other_ids() -> None:
    assert run(7) != run(8)


def lines(record: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.getvalue().splitlines()]


def test_a_recording_is_json_lines_with_a_header() -> None:
    record = io.StringIO()
    with CRI(seed=3, record=record) as cri:
        cri.runtime.Version(pb.VersionRequest(version="v1"), timeout=2)
    header, call, reply = lines(record)
    assert header == {
        "kind": "header",
        "format": 2,
        "contract": "runtime.v1",
        "contract_version": VERSION,
        "fakecri": own_version(),
        "profile": "containerd",
        "pace": "autojump",
        "rules": [],
        "seed": 3,
        "n": 0,
        "t": cri.now_ns,
        "v": 0,
    }
    assert call == {
        "kind": "call",
        "call": 1,
        "n": 1,
        "peer": "object",
        "rpc": "Version",
        "request": {"version": "v1"},
        "timeout_ns": 2_000_000_000,
        "t": cri.now_ns,
        "v": 0,
    }
    assert reply["response"]["runtime_name"] == "containerd"


@pytest.mark.parametrize("face", ["object", "grpc"])
def test_both_faces_are_recorded_alike(face: str) -> None:
    record, expected = io.StringIO(), io.StringIO()
    with node(face, record=record) as opened, CRI(record=expected) as other:
        for each in (opened, Node(other, other.runtime, other.images, "object")):
            each.pull()
            container = each.run(each.run_sandbox(), "sleep", "100")
            each.stop(container, 3)
    assert record.getvalue().replace(f'"peer":"{face}"', '"peer":"object"') == expected.getvalue()


def test_calls_moves_and_events_stand_in_the_order_in_which_they_happened() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        opened = Node(cri, cri.runtime, cri.images, "object")
        opened.pull()
        opened.run(opened.run_sandbox(), "true")
    told = [
        line.get("rpc") or line["trigger"]
        for line in lines(record)
        if line["kind"] in {"call", "reply", "move"}
    ]
    assert told == [
        *("PullImage", "PullImage"),
        *("RunPodSandbox", "create", "start", "RunPodSandbox"),
        *("CreateContainer", "create", "CreateContainer"),
        *("StartContainer", "start", "StartContainer"),
        "exit",
    ]


def test_an_error_is_recorded_with_its_code_and_text() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        cri.inject_error("Version", CRIError("no luck", Code.UNAVAILABLE))
        with pytest.raises(Exception, match="no luck"):
            cri.runtime.Version(pb.VersionRequest())
    assert lines(record)[-1]["error"] == {"code": "UNAVAILABLE", "text": "no luck"}
    assert cri.calls[-1].error is not None
    assert cri.calls[-1].error.message == "no luck"


def test_secrets_are_masked() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        request = pb.PullImageRequest(
            image=pb.ImageSpec(image="busybox"),
            auth=pb.AuthConfig(username="me", password="hunter2"),
        )
        cri.images.PullImage(request)
    assert "hunter2" not in record.getvalue()
    assert '"password":"***"' in record.getvalue()


@pytest.mark.parametrize("face", ["object", "grpc"])
def test_metadata_is_recorded_without_credentials_and_without_the_transports_own(face: str) -> None:
    record = io.StringIO()
    sent = (("x-trace", "1"), ("authorization", "Bearer x"), ("x-trace", "2"), ("b-bin", b"\xff"))
    with node(face, record=record) as opened:
        opened.runtime.Version(pb.VersionRequest(), metadata=sent)
    call = lines(record)[1]
    assert call["metadata"] == {
        "authorization": ["***"],
        "b-bin": ["/w=="],
        "x-trace": ["1", "2"],
    }
    assert opened.cri.calls[0].metadata["x-trace"] == ("1", "2")


def test_a_call_without_metadata_says_nothing_of_it() -> None:
    record = io.StringIO()
    with node("grpc", record=record) as opened:
        opened.runtime.Version(pb.VersionRequest())
    assert "metadata" not in lines(record)[1]


@pytest.mark.parametrize("face", ["object", "grpc"])
def test_a_call_that_its_deadline_ends_is_recorded_as_cancelled_and_unsent(face: str) -> None:
    record = io.StringIO()
    with node(face, record=record) as opened:
        opened.pull()
        container = opened.run(opened.run_sandbox(), "sleep", "infinity")
        request = pb.ExecSyncRequest(container_id=container, cmd=["sleep", "9"])
        with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED):
            opened.runtime.ExecSync(request, timeout=2)
        until(lambda: opened.cri.calls[-1].ended_ns is not None)
        call = opened.cri.calls[-1]
        cancel, reply = lines(record)[-2:]
    assert (cancel["kind"], cancel["cause"], cancel["call"]) == ("cancel", "deadline", call.serial)
    assert (reply["kind"], reply["unsent"]) == ("reply", True)
    assert (call.cancelled, call.unsent) == ("deadline", True)
    assert call.timeout_ns is not None
    assert call.cancelled_ns == call.began_ns + call.timeout_ns


@pytest.mark.parametrize("face", ["object", "grpc"])
def test_a_call_whose_client_hangs_up_is_recorded_as_cancelled_by_it(face: str) -> None:
    record = io.StringIO()
    with node(face, record=record) as opened:
        stream = opened.runtime.GetContainerEvents(pb.GetEventsRequest())
        until(lambda: bool(opened.cri.calls))
        stream.cancel()
        until(lambda: lines(record)[-1]["kind"] == "reply")
    cancel, reply = lines(record)[-2:]
    assert (cancel["kind"], cancel["cause"]) == ("cancel", "client")
    assert reply["unsent"] is True


def test_a_call_that_the_end_of_the_runtime_ends_is_recorded_as_closed() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        stream = cri.runtime.GetContainerEvents(pb.GetEventsRequest())
    assert stream.code() is grpc.StatusCode.UNAVAILABLE
    assert [line["cause"] for line in lines(record) if line["kind"] == "cancel"] == ["closed"]


def test_a_reply_says_what_the_call_touched() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        opened = Node(cri, cri.runtime, cri.images, "object")
        image = opened.pull()
        sandbox = opened.run_sandbox()
        container = opened.create(sandbox, "true")
        opened.status(container[:12])
        opened.remove_sandbox(sandbox)
        told = {line["rpc"]: line.get("touched") for line in lines(record) if "touched" in line}
        touched = {call.rpc: list(call.touched) for call in cri.calls}
    assert told == touched
    assert told == {
        "PullImage": [image],
        "RunPodSandbox": [sandbox],
        "CreateContainer": sorted([sandbox, container, image]),
        "ContainerStatus": [container],
        "RemovePodSandbox": sorted([sandbox, container]),
    }


def test_what_a_call_made_is_told_although_its_answer_is_an_error() -> None:
    late = Term(Action("error", (Code.UNKNOWN, "late")), Phase.AFTER)
    with CRI() as cri:
        cri.host.world.faults.arm(Rule(("RunPodSandbox",), (late,)))
        with raises_status(grpc.StatusCode.UNKNOWN, "late"):
            Node(cri, cri.runtime, cri.images, "object").run_sandbox()
        (sandbox,) = cri.runtime_service.list_pod_sandbox()
        assert cri.calls[0].touched == (sandbox.id,)
        assert [each.effect for each in cri.calls[0].faults] == ["indefinite"]


def test_a_move_says_which_call_did_it_and_of_what_pod_it_is() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        opened = Node(cri, cri.runtime, cri.images, "object")
        opened.pull()
        sandbox = opened.run_sandbox()
        opened.run(sandbox, "sleep", "1")
        cri.advance(1)
    moves = [line for line in lines(record) if line["kind"] == "move"]
    assert [(each["trigger"], each.get("call")) for each in moves] == [
        *[("create", 2), ("start", 2)],
        *[("create", 3), ("start", 4)],
        ("exit", None),
    ]
    assert {each["pod"] for each in moves} == {"default/web"}
    assert [each.get("name") for each in moves] == [None, None, "main", "main", "main"]
    assert moves[-1]["sandbox"] == sandbox


def test_virtual_time_goes_on_where_the_wall_is_set_back() -> None:
    record = io.StringIO()
    with CRI(record=record) as cri:
        cri.advance(5)
        with cri.host.turn() as world:
            world.clock.set_wall(cri.now_ns - 100 * 10**9)
        cri.runtime_service.version("v1")
    header, *_, call, reply = lines(record)
    assert call["t"] == header["t"] - 95 * 10**9
    assert (call["v"], reply["v"]) == (5 * 10**9, 5 * 10**9)


def test_the_one_order_counts_alike_with_and_without_a_recording() -> None:
    orders = []
    for record in (io.StringIO(), None):
        with CRI(record=record) as cri:
            opened = Node(cri, cri.runtime, cri.images, "object")
            opened.pull()
            opened.remove_sandbox(opened.run_sandbox())
            orders.append([(call.n, call.ended_n) for call in cri.calls])
    assert orders[0] == orders[1]


def test_calls_are_there_for_assertions() -> None:
    with CRI() as cri:
        cri.runtime.Version(pb.VersionRequest(), timeout=3)
        cri.runtime_service.status()
        version, status = cri.calls
        assert (version.rpc, version.timeout_ns) == ("Version", 3_000_000_000)
        assert version.response.runtime_api_version == "v1"
        assert status.rpc == "Status"
        assert status.ended_ns is not None


def test_a_bound_keeps_the_latest_calls() -> None:
    with CRI(keep_calls=2) as cri:
        for name in ("1", "2", "3"):
            cri.runtime.Version(pb.VersionRequest(version=name))
        assert [call.request.version for call in cri.calls] == ["2", "3"]


def test_a_call_that_has_ended_leaves_nothing_in_a_circle() -> None:
    # Else it would live until the garbage collector comes, which takes its time with each of them.
    with CRI(keep_calls=0) as cri:
        call = cri.host.start(RPCS["Version"], pb.VersionRequest())
        left = weakref.ref(call)
        del call
        assert left() is None
