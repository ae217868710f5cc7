"""A runtime that speaks the API of an older Kubernetes."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.levels import LEVELS, level_of
from fakecri.core.personalities import PROFILES
from fakecri.errors import UsageError
from fakecri.replay.serving import Replay
from fakecri.rpcs import RPCS, Rpc
from tests.core.test_levels import younger
from tests.support import Node, create_request, node, raises_status, sandbox_config

UNKNOWN = grpc.StatusCode.UNIMPLEMENTED
DEADLINE_S = 0.05


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Name a level; a test runs at each."""
    return str(request.param)


def stub(opened: Node, rpc: Rpc) -> Any:
    return getattr(opened.runtime if rpc.service == "RuntimeService" else opened.images, rpc.name)


def requests(opened: Node) -> Iterator[tuple[Rpc, Any]]:
    """Return a request for each RPC, about things that there are where there can be some."""
    opened.pull()
    ids = {"pod_sandbox_id": opened.run_sandbox()}
    ids["container_id"] = opened.run(ids["pod_sandbox_id"], "sleep", "1000")
    special = {
        "ExecSync": pb.ExecSyncRequest(container_id=ids["container_id"], cmd=["true"]),
        "ImageStatus": pb.ImageStatusRequest(image=pb.ImageSpec(image="busybox"), verbose=True),
        "PullImage": pb.PullImageRequest(image=pb.ImageSpec(image="busybox")),
        "RunPodSandbox": pb.RunPodSandboxRequest(config=sandbox_config("other")),
        "CreateContainer": create_request(ids["pod_sandbox_id"], "true", name="other"),
    }
    last = ("StopContainer", "RemoveContainer", "StopPodSandbox", "RemovePodSandbox", "RemoveImage")
    for name in sorted(RPCS, key=lambda name: last.index(name) if name in last else -1):
        rpc = RPCS[name]
        request: Any = special.get(name) or rpc.request()
        for field in rpc.request.DESCRIPTOR.fields:
            if name not in special and field.name in ids:
                setattr(request, field.name, ids[field.name])
            if field.name == "verbose":
                request.verbose = True
        yield rpc, request


def answers(opened: Node, rpc: Rpc, request: Any) -> list[Any]:
    """Make a call, and return what it answers; of what lasts, what comes in a moment."""
    got: list[Any] = []
    if not rpc.streams:
        return [stub(opened, rpc)(request)]
    try:
        got += stub(opened, rpc)(request, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise
    return got


def whatever(opened: Node, rpc: Rpc, request: Any) -> list[Any]:
    """Likewise, but nothing of a call that fails as it does at any level."""
    try:
        return answers(opened, rpc, request)
    except grpc.RpcError as error:
        if error.code() is UNKNOWN and "unknown method" in str(error.details()):
            raise
        return []


def test_no_answer_has_what_is_younger_and_no_younger_rpc_is_there(face: str, level: str) -> None:
    contract = level_of(level).v1
    kinds = set()
    with node(face, api_level=level) as opened:
        for rpc, request in requests(opened):
            if rpc.name not in contract.methods:
                text = f"unknown method {rpc.name} for service runtime.v1.{rpc.service}"
                with raises_status(UNKNOWN, text):
                    answers(opened, rpc, request)
                continue
            for each in whatever(opened, rpc, request):
                assert younger(each, contract) == []
                kinds.add(rpc.name)
        assert len(kinds) > len(contract.methods) * 0.7
        calls = {call.rpc: call for call in opened.cri.calls}
    assert set(calls) == set(RPCS), "what nobody knows is on record all the same"
    for name, call in calls.items():
        for message in (call.request, call.response, *call.messages):
            assert (
                message is None or younger(message, contract) == [] or name not in contract.methods
            )


@pytest.mark.parametrize("name", [name for name, each in PROFILES.items() if each.api_level])
def test_a_personality_speaks_its_level(face: str, name: str) -> None:
    profile = PROFILES[name]
    contract = level_of(profile.api_level).v1
    with node(face, personality=name) as opened:
        for rpc, request in requests(opened):
            lacks = rpc.name not in contract.methods
            try:
                told = answers(opened, rpc, request)
            except grpc.RpcError as error:
                assert lacks == ("unknown method" in str(error.details()))  # noqa: PT017  # either is right
            else:
                assert not lacks
                assert [field for each in told for field in younger(each, contract)] == []


def test_the_newest_level_is_what_there_is_without_one(face: str) -> None:
    told = []
    for options in ({}, {"api_level": "1.37"}):
        sink = io.StringIO()
        with node(face, record=sink, **options) as opened:
            for rpc, request in requests(opened):
                whatever(opened, rpc, request)
        told.append(sink.getvalue().splitlines())
    plain, level = told
    assert json.loads(level[0]) == json.loads(plain[0]) | {"api_level": "1.37"}
    assert level[1:] == plain[1:]


def test_what_is_younger_in_a_request_is_as_if_it_was_not_there(face: str) -> None:
    """stop_signal came with 1.33: before, a container gets SIGTERM."""
    script = "trap 'exit 3' USR1; trap 'exit 4' TERM; while true; do sleep 1; done"
    codes = {}
    for level in ("1.32", "1.33"):
        with node(face, api_level=level) as opened:
            opened.pull()
            sandbox = opened.run_sandbox()
            signal = pb.Signal.Value("SIGNAL_SIGUSR1")
            id_ = opened.run(sandbox, "sh", "-c", script, stop_signal=signal)
            opened.stop(id_, timeout=30)
            status = opened.status(id_)
            codes[level] = status.exit_code
            assert status.stop_signal == (signal if level == "1.33" else 0)
            created = next(call for call in opened.cri.calls if call.rpc == "CreateContainer")
            assert created.request.config.stop_signal == (signal if level == "1.33" else 0)
    assert codes == {"1.32": 4, "1.33": 3}


def test_fields_come_with_their_level(face: str) -> None:
    seen = {}
    for level in ("1.24", "1.25", "1.30", "1.31"):
        with node(face, api_level=level) as opened:
            opened.pull()
            sandbox = opened.run_sandbox()
            status = opened.status(opened.run(sandbox, "sleep", "9"))
            own = opened.runtime.Status(pb.StatusRequest())
            seen[level] = (
                status.HasField("resources"),
                bool(own.runtime_handlers and status.image_id),
                own.HasField("features") and status.HasField("user"),
            )
    assert seen == {
        "1.24": (False, False, False),
        "1.25": (True, False, False),
        "1.30": (True, True, False),
        "1.31": (True, True, True),
    }


def test_a_rule_puts_nothing_into_an_answer_that_the_level_does_not_know(face: str) -> None:
    rules = [
        'ContainerStatus = set(status.image_id, "x")',
        'ContainerStatus = set(status.reason, "y")',
    ]
    with node(face, api_level="1.29", rules=rules) as opened:
        opened.pull()
        status = opened.status(opened.run(opened.run_sandbox(), "sleep", "9"))
        assert (status.image_id, status.reason) == ("", "y")


def test_a_rule_acts_on_an_rpc_that_the_level_does_not_know(face: str) -> None:
    with node(face, api_level="1.27", rules=["RuntimeConfig = 1* error(INTERNAL)"]) as opened:
        with raises_status(grpc.StatusCode.INTERNAL):
            opened.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
        with raises_status(UNKNOWN):
            opened.runtime.RuntimeConfig(pb.RuntimeConfigRequest())


def test_a_recording_is_replayed_at_its_level(face: str, tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    with path.open("w") as sink, node(face, api_level="1.24", record=sink) as opened:
        opened.runtime.Version(pb.VersionRequest())
        with raises_status(UNKNOWN):
            opened.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
    assert json.loads(path.read_text().splitlines()[0])["api_level"] == "1.24"
    again = io.StringIO()
    with Replay(path, record=again) as replay:
        replay.runtime.Version(pb.VersionRequest())
        text = "unknown method RuntimeConfig for service runtime.v1.RuntimeService"
        with raises_status(UNKNOWN, text):
            replay.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
        assert replay.unplayed == []
    assert json.loads(again.getvalue().splitlines()[0])["api_level"] == "1.24"


def test_a_recording_of_no_level_is_not_replayed(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    with path.open("w") as sink, node("object", api_level="1.24", record=sink):
        pass
    path.write_text(path.read_text().replace('"1.24"', '"1.99"'))
    with pytest.raises(UsageError, match=r"'1.99' is no API level"):
        Replay(path)


def test_what_is_no_level_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'1\.5' is no API level: there are 1\.20 to 1\.37"):
        CRI(api_level="1.5")
