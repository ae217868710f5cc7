"""The tables of legal moves, and the one door that knows them. Source: lifecycle 2.1, 2.3, 18.1."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import TypeVar

import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.records import Container, Sandbox
from fakecri.core.states import (
    CONTAINER_MOVES,
    SANDBOX_MOVES,
    ContainerState,
    Row,
    SandboxState,
    Trigger,
)
from fakecri.core.world import World
from fakecri.errors import IllegalMove
from tests.support import Node

S = TypeVar("S", bound=ContainerState | SandboxState)
T = Trigger

CONTAINER_CASES = list(product(ContainerState, Trigger))
SANDBOX_CASES = list(product(SandboxState, Trigger))


def paths(moves: Mapping[tuple[S, Trigger], Row], start: S) -> dict[S, list[Trigger]]:
    """Return, for each state that can be reached, a shortest way there."""
    found: dict[S, list[Trigger]] = {start: []}
    while True:
        ways = {
            type(start)(row.state): [*found[before], trigger]
            for (before, trigger), row in moves.items()
            if before in found and row.state not in found
        }
        if not ways:
            break
        found |= ways
    return found


@pytest.fixture
def world() -> Iterator[World]:
    with CRI() as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        node.create(node.run_sandbox())
        yield cri.host.world


@pytest.fixture
def container(world: World) -> Container:
    """Return a container that is yet to be created."""
    (container,) = world.store.containers
    container.state, container.created_ns = ContainerState.ABSENT, 0
    return container


@pytest.fixture
def sandbox(world: World) -> Sandbox:
    """Return a sandbox that is yet to be created."""
    (sandbox,) = world.store.sandboxes
    sandbox.state, sandbox.created_ns = SandboxState.ABSENT, 0
    return sandbox


def make_moves(world: World, thing: Container | Sandbox, triggers: Iterable[Trigger]) -> list[str]:
    """Move along; return the kinds of the events that were published."""
    events = world.events.subscribe()
    events.drain()
    for trigger in triggers:
        world.move(thing, trigger)
    kinds = [pb.ContainerEventType.Name(each.container_event_type) for each in events.drain()]
    events.gone = True
    return [each.removeprefix("CONTAINER_").removesuffix("_EVENT") for each in kinds]


def told_by(row: Row) -> list[str]:
    """Return the kinds of event that a row publishes."""
    return [] if row.event is None else [row.event.name]


def test_every_state_can_be_reached_and_left() -> None:
    assert set(paths(CONTAINER_MOVES, ContainerState.ABSENT)) == set(ContainerState)
    assert {before for before, _ in CONTAINER_MOVES} == set(ContainerState)
    assert set(paths(SANDBOX_MOVES, SandboxState.ABSENT)) == set(SandboxState)
    assert {before for before, _ in SANDBOX_MOVES} == set(SandboxState)


@pytest.mark.parametrize(("state", "trigger"), CONTAINER_CASES)
def test_a_container_makes_the_moves_of_its_table_and_no_other(
    world: World, container: Container, state: ContainerState, trigger: Trigger
) -> None:
    make_moves(world, container, paths(CONTAINER_MOVES, ContainerState.ABSENT)[state])
    assert container.state is state
    row = CONTAINER_MOVES.get((state, trigger))
    if row is not None:
        assert make_moves(world, container, [trigger]) == told_by(row)
        assert container.state is row.state
        return
    times = (container.created_ns, container.started_ns, container.finished_ns)
    with pytest.raises(IllegalMove, match=f"{container.id}: {state.name} has no"):
        world.move(container, trigger)
    assert container.state is state
    assert times == (container.created_ns, container.started_ns, container.finished_ns)


@pytest.mark.parametrize(("state", "trigger"), SANDBOX_CASES)
def test_a_sandbox_makes_the_moves_of_its_table_and_no_other(
    world: World, sandbox: Sandbox, state: SandboxState, trigger: Trigger
) -> None:
    make_moves(world, sandbox, paths(SANDBOX_MOVES, SandboxState.ABSENT)[state])
    assert sandbox.state is state
    row = SANDBOX_MOVES.get((state, trigger))
    if row is not None:
        assert make_moves(world, sandbox, [trigger]) == told_by(row)
        assert sandbox.state is row.state
        return
    with pytest.raises(IllegalMove, match=f"{sandbox.id}: {state.name} has no"):
        world.move(sandbox, trigger)
    assert sandbox.state is state


# What the spec says of the tables.


def test_nothing_leads_out_of_exited_but_loss_and_removal() -> None:
    ways = {trigger for state, trigger in CONTAINER_MOVES if state is ContainerState.EXITED}
    assert ways == {T.LOSE, T.REMOVE, T.FORGET}


def test_a_failed_start_a_loss_and_what_a_restart_finds_are_told_to_nobody() -> None:
    moves = CONTAINER_MOVES.items()
    silent = {key for key, row in moves if row.event is None and key[1] is not T.FORGET}
    assert silent == {
        (ContainerState.CREATED, T.START_FAILED),
        (ContainerState.CREATED, T.LOSE),
        (ContainerState.RUNNING, T.LOSE),
        (ContainerState.EXITED, T.LOSE),
        (ContainerState.RUNNING, T.FIND_DEAD),
        (ContainerState.CREATED, T.FIND_RUNNING),
        (ContainerState.UNKNOWN, T.FIND_RUNNING),
        (ContainerState.UNKNOWN, T.FIND_CREATED),
    }


def test_what_is_forgotten_is_told_to_nobody() -> None:
    forgotten = [row for (_, trigger), row in CONTAINER_MOVES.items() if trigger is T.FORGET]
    assert {(row.state, row.event) for row in forgotten} == {(ContainerState.ABSENT, None)}
    assert len(forgotten) == len(ContainerState) - 1


def test_what_runs_or_is_lost_is_not_removed() -> None:
    removable = {state for state, trigger in CONTAINER_MOVES if trigger is T.REMOVE}
    assert removable == {ContainerState.CREATED, ContainerState.EXITED}
    assert {state for state, trigger in SANDBOX_MOVES if trigger is T.REMOVE} == {
        SandboxState.NOTREADY
    }


def test_the_states_that_clients_see_have_the_numbers_of_the_contract() -> None:
    of_containers = {f"CONTAINER_{each.name}": each.value for each in ContainerState}
    assert of_containers.pop("CONTAINER_ABSENT") not in pb.ContainerState.values()
    assert of_containers == dict(pb.ContainerState.items())
    of_sandboxes = {f"SANDBOX_{each.name}": each.value for each in SandboxState}
    assert of_sandboxes.pop("SANDBOX_ABSENT") not in pb.PodSandboxState.values()
    assert of_sandboxes == dict(pb.PodSandboxState.items())


def test_times_are_stamped_once(world: World, container: Container) -> None:
    world.move(container, T.CREATE)
    created_ns = container.created_ns
    world.move(container, T.START)
    assert container.started_ns > created_ns
    world.move(container, T.EXIT)
    finished_ns = container.finished_ns
    assert finished_ns > container.started_ns
    world.scheduler.advance_to(world.scheduler.now_ns + 1_000)
    world.move(container, T.LOSE)
    world.move(container, T.FIND_DEAD)
    # The first writer wins.
    assert (container.created_ns, container.finished_ns) == (created_ns, finished_ns)


def test_who_waits_for_an_exit_is_told_by_every_way_there(
    world: World, container: Container
) -> None:
    assert not container.exited.done
    container.exit_code = 7
    for trigger in (T.CREATE, T.LOSE, T.FIND_DEAD):
        world.move(container, trigger)
    assert container.exited.result() == 7
