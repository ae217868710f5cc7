"""The record: all that happened, in one order; equal runs, equal bytes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fakecri import CRI, Code, CRIError
from fakecri.api import runtime_pb2 as pb
from tests.recording_script import run
from tests.support import Node, node

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
        "format": 1,
        "contract": "runtime.v1",
        "profile": "containerd",
        "seed": 3,
        "t": cri.now_ns,
    }
    assert call == {
        "kind": "call",
        "call": 1,
        "rpc": "Version",
        "request": {"version": "v1"},
        "timeout_ns": 2_000_000_000,
        "t": cri.now_ns,
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
    assert record.getvalue() == expected.getvalue()


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
