"""Sessions without a process behind them: what is put is taken, in order and with bounds."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import Task, Waits
from fakecri.core.streaming.commands import Attach
from fakecri.core.streaming.sessions import IDLE_NS, PIECE, ROOM, Parcel, Session
from fakecri.core.tokens import LIFETIME_NS, Ticket

CHANNELS = ("stdout", "stderr")


def session_of(cri: CRI) -> Session:
    """Open a session that is bound to nothing."""
    world = cri.host.world
    token = world.tokens.insert(Ticket(Attach, pb.AttachRequest()), world.new_token)
    session = world.sessions.redeem("attach", token)
    assert session is not None
    session.begin("object")
    return session


@pytest.fixture
def session() -> Session:
    """Return a session that is bound to nothing."""
    return session_of(CRI())


def taken(session: Session, limit: int = PIECE) -> list[Parcel]:
    """Take all that there is."""
    return list(iter(lambda: session.take(limit), None))


PUTS = st.lists(
    st.tuples(st.sampled_from(CHANNELS), st.binary(max_size=40), st.integers(1, 20)), max_size=30
)


@given(puts=PUTS, limit=st.integers(1, 500), keep=st.integers(0, 5))
def test_what_is_put_is_taken_in_order_and_in_small_pieces(
    puts: list[tuple[str, bytes, int]], limit: int, keep: int
) -> None:
    session = session_of(CRI())
    parcels: list[Parcel] = []
    for channel, content, times in puts:
        session.put(channel, content * times)
        parcels += [each for _ in range(keep) if (each := session.take(limit)) is not None]
    parcels += taken(session, limit)

    def joined(pairs: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        runs = groupby((pair for pair in pairs if pair[1]), lambda pair: pair[0])
        return [(channel, b"".join(content for _, content in run)) for channel, run in runs]

    assert all(0 < len(parcel.content) <= limit for parcel in parcels)
    assert joined([(each.channel, each.content) for each in parcels]) == joined(
        [(channel, content * times) for channel, content, times in puts]
    )
    assert (session.held, session.readable) == (0, False)


def test_small_writes_go_together_and_the_end_goes_alone(session: Session) -> None:
    for _ in range(3):
        session.put("stdout", b"x")
    session.put("stdout", b"y", ends=True)
    session.put("error", b"z")
    assert taken(session) == [
        Parcel("stdout", b"xxxy"),
        Parcel("stdout", b"", ends=True),
        Parcel("error", b"z"),
    ]


def test_a_writer_waits_until_there_is_room_or_nobody_to_wait_for(session: Session) -> None:
    scheduler = session.world.scheduler

    def write() -> Waits[None]:
        for _ in range(3):
            session.put("stdout", b"x" * ROOM)
            yield from session.room()

    writer = Task(scheduler, write())
    writer.step()
    assert session.held == ROOM
    session.take()
    scheduler.run()
    assert (session.held, writer.done) == (2 * ROOM - PIECE, False)
    session.hang_up()
    scheduler.run()
    assert (session.held, writer.done) == (0, True)


def test_the_watcher_hears_of_what_comes_and_of_the_end(session: Session) -> None:
    heard: list[bool] = []
    session.watcher = lambda: heard.append(session.ended)
    session.put("stdout", b"x")
    session.finish("exit")
    session.finish("exit")
    session.put("stdout", b"late")
    assert heard == [False, True]
    assert taken(session) == [Parcel("stdout", b"x")]


def test_who_is_quiet_for_four_hours_is_cut_off(session: Session) -> None:
    scheduler = session.world.scheduler
    scheduler.advance_to(scheduler.now_ns + IDLE_NS - 1)
    session.touch()
    scheduler.advance_to(scheduler.now_ns + IDLE_NS - 1)
    assert not session.ended
    scheduler.advance_to(scheduler.now_ns + 1)
    assert (session.ended, session.cut, session.reason) == (True, True, "idle")


def test_a_token_is_burnt_by_whoever_comes_with_it() -> None:
    world = CRI().host.world
    ticket = Ticket(Attach, pb.AttachRequest())
    tokens = [world.tokens.insert(ticket, world.new_token) for _ in range(3)]
    assert world.sessions.redeem("exec", tokens[0]) is None
    assert world.sessions.redeem("attach", tokens[0]) is None
    first = world.sessions.redeem("attach", tokens[1])
    assert first is not None
    assert first.number == 1
    assert world.sessions.redeem("attach", tokens[1]) is None
    world.scheduler.advance_to(world.scheduler.now_ns + LIFETIME_NS)
    assert world.sessions.redeem("attach", tokens[2]) is None
