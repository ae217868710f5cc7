"""A plugin's connection without a socket: registering, in turn, and whatever else is said."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri import CRI
from fakecri.api import nri_pb2 as nri
from fakecri.api import ttrpc_pb2 as ttrpc
from fakecri.nri.connections import MOST_BUFFERED, Connection, Registrations
from fakecri.nri.frames import DATA, REQUEST, RESPONSE, Decoder, Frame
from fakecri.nri.mux import PLUGIN, RUNTIME, Demux, framed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.core.world import World

SERVICE = "nri.pkg.api.v1alpha1"
SECOND_NS = 1_000_000_000


class Talk:
    """A connection, from the plugin's end of it."""

    def __init__(self, world: World, line: Registrations | None = None) -> None:
        self.world = world
        self.pokes: list[None] = []
        self.real_s = 0.0
        self.calls: list[tuple[int, ttrpc.Request]] = []
        """What the runtime has called: the stream, and the request."""
        self.answers: list[tuple[int, ttrpc.Response]] = []
        self.connection = Connection(
            world,
            lambda: self.pokes.append(None),
            Registrations() if line is None else line,
            lambda: self.real_s,
        )
        self._demux = Demux(
            {
                PLUGIN: Decoder(self._called, self._fail),
                RUNTIME: Decoder(self._answered, self._fail),
            }
        )
        self._stream = -1

    def _called(self, frame: Frame) -> None:
        assert frame.kind == REQUEST
        self.calls.append((frame.stream, ttrpc.Request.FromString(frame.content)))

    def _answered(self, frame: Frame) -> None:
        assert frame.kind == RESPONSE
        self.answers.append((frame.stream, ttrpc.Response.FromString(frame.content)))

    def _fail(self, text: str) -> None:
        raise AssertionError(text)

    def settle(self) -> None:
        """Let the runtime do what there is to do, and hear what it says."""
        self.world.scheduler.run()
        self._demux.feed(self.connection.take())

    def feed(self, content: bytes) -> None:
        """Say something."""
        self.connection.feed(content)
        self.settle()

    def call(self, method: str, **fields: Any) -> None:
        """Call the runtime."""
        self._stream += 2
        payload = getattr(nri, f"{method}Request")(**fields).SerializeToString()
        request = ttrpc.Request(service=f"{SERVICE}.Runtime", method=method, payload=payload)
        frame = Frame(self._stream, REQUEST, request.SerializeToString())
        self.feed(framed(RUNTIME, frame.wire))

    def answer(self, **fields: Any) -> None:
        """Answer the last call of the runtime."""
        response = ttrpc.Response(**fields).SerializeToString()
        self.feed(framed(PLUGIN, Frame(self.calls[-1][0], RESPONSE, response).wire))

    def register(self, name: str = "test", index: str = "00") -> None:
        """Register."""
        self.call("RegisterPlugin", plugin_name=name, plugin_idx=index)

    def join(self, name: str = "test", index: str = "00") -> None:
        """Register, and answer all that is asked then."""
        self.register(name, index)
        self.answer()
        self.answer()

    @property
    def methods(self) -> list[str]:
        """What the runtime has called."""
        return [request.method for _, request in self.calls]

    @property
    def statuses(self) -> list[tuple[int, str]]:
        """The code and the text of each answer of the runtime."""
        return [(answer.status.code, answer.status.message) for _, answer in self.answers]


@pytest.fixture
def world() -> Iterator[World]:
    with CRI(pace="manual") as cri, cri.host.turn() as world:
        yield world


@pytest.fixture
def talk(world: World) -> Talk:
    return Talk(world)


def names(world: World) -> list[str]:
    return [seat.name for seat in world.nri.seats]


def test_a_plugin_registers_and_is_configured_and_synchronised(world: World, talk: Talk) -> None:
    talk.register("tuner", "10")
    assert talk.answers == [(1, ttrpc.Response())]
    stream, request = talk.calls[-1]
    assert (stream, request.service, request.method) == (1, f"{SERVICE}.Plugin", "Configure")
    assert request.timeout_nano == 1_900_000_000  # the way of the answer is part of the 2 s
    configure = nri.ConfigureRequest.FromString(request.payload)
    assert configure == nri.ConfigureRequest(
        runtime_name=world.profile.runtime_name,
        runtime_version=world.profile.runtime_version,
        registration_timeout=5000,
        request_timeout=2000,
        NRI_version="v0.12.2",
    )
    talk.answer(payload=nri.ConfigureResponse(events=1).SerializeToString())
    assert talk.methods == ["Configure", "Synchronize"]
    assert names(world) == []
    talk.answer()
    assert names(world) == ["10-tuner"]
    assert not talk.connection.ended


def test_it_is_answered_before_it_is_asked(talk: Talk) -> None:
    talk.connection.feed(b"")
    payload = nri.RegisterPluginRequest(plugin_name="a", plugin_idx="00").SerializeToString()
    request = ttrpc.Request(service=f"{SERVICE}.Runtime", method="RegisterPlugin", payload=payload)
    talk.connection.feed(framed(RUNTIME, Frame(1, REQUEST, request.SerializeToString()).wire))
    talk.world.scheduler.run()
    sent = talk.connection.take()
    assert [sent[3], sent.count(b"Configure")] == [RUNTIME, 1]


@pytest.mark.parametrize(
    ("name", "index", "text"),
    [
        ("", "00", "invalid plugin name: invalid plugin name: name is empty"),
        (
            "a b",
            "00",
            "invalid plugin name: invalid plugin name \"a b\": contains invalid character ' '",
        ),
        ("a", "1", 'invalid plugin index: invalid plugin index "1", must be 2 digits'),
        ("a", "1x", 'invalid plugin index: invalid plugin index "1x" (not [0-9][0-9])'),
    ],
)
def test_a_name_or_an_index_that_cannot_be_is_refused(
    world: World, talk: Talk, name: str, index: str, text: str
) -> None:
    talk.register(name, index)
    assert talk.statuses == [(2, text)]
    assert talk.methods == []
    world.scheduler.advance_to(world.scheduler.now_ns + 60 * SECOND_NS)
    assert not talk.connection.ended  # it is the plugin's to go
    talk.register()
    assert talk.statuses[1:] == [(0, "")]
    assert talk.methods == []  # there is one attempt


def test_who_says_nothing_for_5_s_is_cut_off(world: World, talk: Talk) -> None:
    start_ns = world.scheduler.now_ns
    world.scheduler.advance_to(start_ns + 5 * SECOND_NS - 1)
    assert not talk.connection.ended
    world.scheduler.advance_to(start_ns + 5 * SECOND_NS)
    assert talk.connection.ended


def test_who_has_registered_may_be_silent(world: World, talk: Talk) -> None:
    talk.join()
    world.scheduler.advance_to(world.scheduler.now_ns + 60 * SECOND_NS)
    assert not talk.connection.ended


@pytest.mark.parametrize("answered", [0, 1])
def test_a_plugin_that_does_not_answer_at_first_is_cut_off(
    world: World, talk: Talk, answered: int
) -> None:
    talk.register()
    for _ in range(answered):
        talk.answer()
    world.scheduler.advance_to(world.scheduler.now_ns + 2 * SECOND_NS)
    assert talk.connection.ended
    assert names(world) == []


def test_a_plugin_that_refuses_its_configuration_is_cut_off(talk: Talk) -> None:
    talk.register()
    talk.answer(status=ttrpc.Status(code=2, message="no"))
    assert talk.connection.ended


def test_one_registers_after_the_other(world: World) -> None:
    line = Registrations()
    first, second, third = (Talk(world, line) for _ in range(3))
    third.register("third")
    second.register("second")
    assert second.answers == third.answers == []
    first.register("first")
    first.answer()
    assert second.answers == []
    first.answer()
    second.settle()
    assert second.answers == [(1, ttrpc.Response())]
    second.connection.hang_up()
    third.settle()
    assert third.methods == ["Configure"]
    assert names(world) == ["00-first"]


def test_one_that_waits_has_5_s_from_when_it_is_its_turn(world: World) -> None:
    line = Registrations()
    first, second = Talk(world, line), Talk(world, line)
    world.scheduler.advance_to(world.scheduler.now_ns + 5 * SECOND_NS)
    assert (first.connection.ended, second.connection.ended) == (True, False)
    world.scheduler.advance_to(world.scheduler.now_ns + 4 * SECOND_NS)
    second.join("second")
    assert names(world) == ["00-second"]


def test_one_that_leaves_the_line_holds_nobody_up(world: World) -> None:
    line = Registrations()
    first, second, third = (Talk(world, line) for _ in range(3))
    second.connection.hang_up()
    first.join("first")
    third.join("third")
    assert names(world) == ["00-first", "00-third"]


def test_not_all_is_read_of_one_that_waits(world: World) -> None:
    line = Registrations()
    first, second = Talk(world, line), Talk(world, line)
    second.connection.feed(bytes(MOST_BUFFERED))
    full = [second.connection.full]
    first.connection.hang_up()
    assert [*full, second.connection.full] == [True, False]
    assert second.pokes  # so that somebody looks


def test_a_refused_plugin_holds_nobody_up(world: World) -> None:
    line = Registrations()
    first, second = Talk(world, line), Talk(world, line)
    first.register("a b")
    second.join("second")
    assert names(world) == ["00-second"]


def test_a_call_is_answered_by_the_plugin(world: World, talk: Talk) -> None:
    talk.join()
    future = talk.connection.call("RunPodSandbox", nri.RunPodSandboxRequest())
    talk.settle()
    assert talk.methods[-1] == "RunPodSandbox"
    forming = [talk.connection.is_forming]
    talk.answer()
    assert future.result() == nri.RunPodSandboxResponse()
    assert [*forming, talk.connection.is_forming] == [True, False]
    assert talk.connection.deadline is None


def test_it_is_known_until_when_a_plugin_may_take(world: World, talk: Talk) -> None:
    start_ns = world.scheduler.now_ns
    assert talk.connection.deadline == (start_ns + 5 * SECOND_NS, 5.0)
    talk.join()
    world.scheduler.advance_to(start_ns + SECOND_NS)
    talk.real_s = 70.0
    talk.connection.call("RunPodSandbox", nri.RunPodSandboxRequest())
    assert talk.connection.deadline == (start_ns + 3 * SECOND_NS, 72.0)


def test_a_connection_that_ends_unregisters(world: World, talk: Talk) -> None:
    talk.join()
    future = talk.connection.call("RunPodSandbox", nri.RunPodSandboxRequest())
    talk.connection.hang_up()
    assert names(world) == []
    assert str(future.error) == "ttrpc: closed"
    assert talk.connection.ended
    talk.connection.hang_up()
    talk.connection.close()


def test_one_that_ends_while_it_is_configured_is_no_plugin(world: World, talk: Talk) -> None:
    talk.register()
    talk.connection.hang_up()
    world.scheduler.run()
    assert names(world) == []
    assert talk.methods == ["Configure"]


def test_what_is_said_after_the_end_is_not_heard(talk: Talk) -> None:
    talk.connection.close()
    talk.register()
    assert talk.answers == []


def test_an_answer_in_a_frame_that_is_too_long_ends_the_plugin(world: World, talk: Talk) -> None:
    talk.join()
    future = talk.connection.call("RunPodSandbox", nri.RunPodSandboxRequest())
    talk.feed(struct.pack(">II", PLUGIN, 4097) + bytes(4097))
    assert str(future.error) == "cannot allocate memory"
    assert names(world) == []
    assert talk.connection.ended


def test_a_request_in_a_frame_that_is_too_long_is_never_answered(talk: Talk) -> None:
    talk.feed(struct.pack(">II", RUNTIME, 4097) + bytes(4097))
    talk.register()
    assert talk.answers == []
    assert not talk.connection.ended


def test_there_is_no_other_service_and_no_other_method(talk: Talk) -> None:
    for service, method in (("x.Runtime", "RegisterPlugin"), (f"{SERVICE}.Runtime", "Log")):
        talk._stream += 2
        content = ttrpc.Request(service=service, method=method).SerializeToString()
        talk.feed(framed(RUNTIME, Frame(talk._stream, REQUEST, content).wire))
    assert talk.statuses == [(12, "service x.Runtime"), (12, "method Log")]


FRAMES = st.builds(
    lambda channel, frame: framed(channel, frame.wire),
    st.integers(0, 3),
    st.builds(
        Frame,
        st.integers(0, 9),
        st.sampled_from([REQUEST, RESPONSE, DATA]),
        st.one_of(
            st.binary(max_size=30),
            st.builds(
                lambda method, payload: ttrpc.Request(
                    service=f"{SERVICE}.Runtime", method=method, payload=payload
                ).SerializeToString(),
                st.sampled_from(["RegisterPlugin", "UpdateContainers"]),
                st.sampled_from([b"", b"\xff", b"\x0a\x01a\x12\x0200"]),
            ),
        ),
    ),
)


@given(st.lists(st.one_of(FRAMES, st.binary(max_size=40)), max_size=8))
def test_whatever_is_said_the_runtime_stands(pieces: list[bytes]) -> None:
    with CRI(pace="manual") as cri, cri.host.turn() as world:
        connection = Connection(world, lambda: None, Registrations(), lambda: 0.0)
        for piece in pieces:
            connection.feed(piece)
            world.scheduler.run()
            connection.take()
        world.scheduler.advance_to(world.scheduler.now_ns + 60 * SECOND_NS)
        connection.hang_up()
        assert names(world) == []
