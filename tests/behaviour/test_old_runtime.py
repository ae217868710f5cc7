"""The personality `old`, and what a client of today does without what it lacks."""

import io
import json
from typing import Any

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect
from fakecri.core.levels import level_of
from fakecri.core.personalities import profile_of
from fakecri.replay import Replay
from fakecri.rpcs import RPCS
from tests.support import Node, node, raises_status

LACKS = sorted(set(RPCS) - level_of("1.24").v1.methods)
UNKNOWN = grpc.StatusCode.UNIMPLEMENTED
EVENTS_RETRIED = 5
"""How often a kubelet opens the stream of events before it gives up on it (kubelet-needs 2.6)."""


class Client:
    """A kubelet of today as far as it falls back: by what is UNIMPLEMENTED, and nothing else."""

    def __init__(self, opened: Node) -> None:
        self.node = opened
        self.streams = True
        self.relists_by = "events"

    def begin(self) -> str:
        """Start up; return the cgroup driver that it will use."""
        try:
            answer = self.node.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
        except grpc.RpcError as error:
            if error.code() is not UNKNOWN:
                raise
            return "its own"
        return str(pb.CgroupDriver.Name(answer.linux.cgroup_driver))

    def watch(self) -> None:
        """Follow events; where there are none for good, look at everything once a second."""
        for _ in range(EVENTS_RETRIED):
            with raises_status(UNKNOWN):
                next(self.node.runtime.GetContainerEvents(pb.GetEventsRequest()))
        self.relists_by = "lists"

    def containers(self) -> list[str]:
        """List containers: by a stream, until there turns out to be none."""
        if self.streams:
            try:
                return [
                    each.id
                    for message in self.node.runtime.StreamContainers(pb.StreamContainersRequest())
                    for each in message.containers
                ]
            except grpc.RpcError as error:
                if error.code() is not UNKNOWN:
                    raise
                self.streams = False
        listed = self.node.runtime.ListContainers(pb.ListContainersRequest())
        return [each.id for each in listed.containers]


def test_a_client_of_today_falls_back(face: str) -> None:
    with node(face, personality="old") as opened:
        client = Client(opened)
        assert client.begin() == "its own"
        client.watch()
        assert client.relists_by == "lists"
        opened.pull()
        id_ = opened.run(opened.run_sandbox(), "sleep", "9")
        assert client.containers() == client.containers() == [id_]
        rpcs = [call.rpc for call in opened.cri.calls]
        assert [rpcs.count(each) for each in ("StreamContainers", "GetContainerEvents")] == [1, 5]


def test_what_it_lacks_is_unknown_and_the_rest_works(face: str) -> None:
    assert {"GetContainerEvents", "RuntimeConfig", "StreamContainers", "StreamImages"} <= {*LACKS}
    with node(face, personality="old") as opened:
        for name in LACKS:
            rpc = RPCS[name]
            stub: Any = opened.runtime if rpc.service == "RuntimeService" else opened.images
            text = f"unknown method {name} for service runtime.v1.{rpc.service}"
            with raises_status(UNKNOWN, text):
                answer = getattr(stub, name)(rpc.request())
                next(answer)
        status = opened.runtime.Status(pb.StatusRequest())
        assert all(each.status for each in status.status.conditions[:2])
        assert not status.runtime_handlers
        assert not status.HasField("features")


@pytest.mark.parametrize("personality", ["old", "containerd-1.6"])
def test_it_is_served_under_both_names_of_the_api(personality: str) -> None:
    with (
        CRI(personality=personality) as cri,
        cri.serve("127.0.0.1:0") as server,
        connect(server.endpoint) as channel,
    ):
        for package, told in (("runtime.v1", "v1"), ("runtime.v1alpha2", "v1alpha2")):
            call: Any = channel.unary_unary(f"/{package}.RuntimeService/Version")
            assert pb.VersionResponse.FromString(call(b"")).runtime_api_version == told


@pytest.mark.parametrize(
    ("personality", "text"),
    [
        ("old", "unknown method GetContainerEvents for service runtime.v1.RuntimeService"),
        ("containerd-1.6", "method GetContainerEvents not implemented"),
    ],
)
def test_why_there_are_no_events(face: str, personality: str, text: str) -> None:
    """Debian's containerd 1.6 has the API of 1.25, and does not implement all of it."""
    with node(face, personality=personality) as opened, raises_status(UNKNOWN, text):
        next(opened.runtime.GetContainerEvents(pb.GetEventsRequest()))


def test_another_level_may_be_chosen_for_it(face: str) -> None:
    with node(face, personality="old", api_level="1.28") as opened:
        assert opened.runtime.RuntimeConfig(pb.RuntimeConfigRequest()).HasField("linux")
        version = opened.runtime.Version(pb.VersionRequest())
        assert version.runtime_version == profile_of("old").runtime_version


def test_its_recording_is_its_own(face: str, tmp_path: Any) -> None:
    path = tmp_path / "old.jsonl"
    with path.open("w") as sink, node(face, personality="old", record=sink) as opened:
        Client(opened).begin()
    header, call, reply = map(json.loads, path.read_text().splitlines())
    assert (header["profile"], header["api_level"]) == ("old", "1.24")
    assert (call["rpc"], call["request"]) == ("RuntimeConfig", {})
    assert reply["error"]["code"] == "UNIMPLEMENTED"
    again = io.StringIO()
    with Replay(path, mode="new_episodes", record=again) as replay:
        replayed = Node(None, replay.runtime, replay.images, "object")  # type: ignore[arg-type]  # no CRI
        assert Client(replayed).begin() == "its own"
        assert replay.runtime.Version(pb.VersionRequest()).runtime_version == "1.6.6"
        with raises_status(UNKNOWN):
            next(replay.runtime.GetContainerEvents(pb.GetEventsRequest()))
    assert json.loads(again.getvalue().splitlines()[0])["profile"] == "old"
