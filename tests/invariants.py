"""What must hold of a world after every call, whatever came before."""

from fakecri.core.clock import NO_TIME_NS
from fakecri.core.disk import Room
from fakecri.core.records import Container
from fakecri.core.states import ContainerState, SandboxState
from fakecri.core.world import World


def check_store(world: World) -> None:
    """Check what the store holds against itself, and against the names and addresses held."""
    sandboxes = {each.id: each for each in world.store.sandboxes}
    containers = {each.id: each for each in world.store.containers}

    assert world.store.sandbox_names.holders() == {
        each.name: id_ for id_, each in sandboxes.items()
    }
    assert world.store.container_names.holders() == {
        each.name: id_ for id_, each in containers.items()
    }

    for sandbox in sandboxes.values():
        assert sandbox.state is not SandboxState.ABSENT
        assert sandbox.created_ns > 0
        for container in sandbox.containers.values():
            assert containers[container.id] is container

    for container in containers.values():
        _check_container(container)

    held = [address for each in sandboxes.values() if not each.netns_closed for address in each.ips]
    assert sorted(held) == sorted(world.addresses.taken())


def _check_container(container: Container) -> None:
    state = container.state
    assert state is not ContainerState.ABSENT
    assert container.created_ns > 0
    assert not container.starting
    if state is ContainerState.RUNNING:
        assert container.parent.state is SandboxState.READY
        assert container.process is not None
        assert not container.process.exited.done
        assert container.started_ns > container.created_ns
    assert (container.finished_ns > 0) == (state is ContainerState.EXITED)
    assert container.exited.done == (state is ContainerState.EXITED)
    assert container.log.is_open == (state is ContainerState.RUNNING)
    if state is not ContainerState.RUNNING:
        assert container.execs == []


def check_struck(world: World) -> None:
    """Check what must hold of a world to which state faults have happened, and that serves."""
    sandboxes = {each.id: each for each in world.store.sandboxes}
    containers = {each.id: each for each in world.store.containers}
    nameless = {id_ for id_, each in sandboxes.items() if each.created_ns == NO_TIME_NS}

    assert world.store.sandbox_names.holders() == {
        each.name: id_ for id_, each in sandboxes.items() if id_ not in nameless
    }
    assert world.store.container_names.holders() == {
        each.name: id_ for id_, each in containers.items()
    }
    for sandbox in sandboxes.values():
        assert sandbox.state is not SandboxState.ABSENT
        assert not (sandbox.state is SandboxState.READY and sandbox.pause_exited)
    for container in containers.values():
        _check_struck(container)

    ips = [(*each.ips, *each.held_ips) for each in sandboxes.values() if not each.netns_closed]
    assert sorted(ip for each in ips for ip in each) == sorted(world.addresses.taken())
    room = world.disk.accounts
    assert room.get("pods", Room()).inodes == 2 * sum(each.has_room for each in sandboxes.values())
    assert room.get("containers", Room()).inodes == 2 * len(containers)


def _check_struck(container: Container) -> None:
    state, process = container.state, container.process
    alive = process is not None and not process.exited.done
    assert state is not ContainerState.ABSENT
    assert container.log.is_open == alive
    if not alive:
        assert container.execs == []
    if state is ContainerState.RUNNING:
        assert alive
        assert container.started_ns > 0
    if state is ContainerState.EXITED:
        assert not alive
        assert container.exited.done
    if state is ContainerState.CREATED:
        assert process is None
