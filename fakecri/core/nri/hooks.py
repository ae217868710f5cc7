"""The moments at which plugins are told, or asked: what the handlers call.

Source: containerd 2, internal/nri, internal/cri/nri and its calls in internal/cri/server.
"""

from collections.abc import Callable
from typing import Any

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.nri.adjustments import Adjustments
from fakecri.core.nri.applying import apply_adjustment
from fakecri.core.nri.contents import bare_container_message, container_message, pod_message
from fakecri.core.nri.ownership import Owners
from fakecri.core.nri.resources import given_resources, resources_for_cri
from fakecri.core.nri.updates import Updates
from fakecri.core.nri.updating import apply_updates
from fakecri.core.nri.validating import validate
from fakecri.core.records import Container, Sandbox
from fakecri.core.scheduler import Task, Waits
from fakecri.core.states import Told
from fakecri.core.world import World
from fakecri.errors import CancelledError, CRIError, at_stage

# Pod sandboxes.


def run_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Ask of a pod that is built, but not to be seen yet; an error refuses it."""
    if not world.nri.active:
        return
    told = _tell_of_pod(world, "RunPodSandbox", sandbox)
    yield from _or_undone(world, "NRI RunPodSandbox failed", told, _forget_pod(world, sandbox))


def _forget_pod(world: World, sandbox: Sandbox) -> Waits[None]:
    yield from stop_pod_sandbox(world, sandbox)
    yield from remove_pod_sandbox(world, sandbox)


def _or_undone(world: World, prefix: str, work: Waits[None], undo: Waits[None]) -> Waits[None]:
    """Work; where that fails have it undone, which whose client is gone does not wait for."""
    with at_stage(prefix):
        try:
            yield from work
        except CancelledError:
            Task(world.scheduler, undo).step()
            raise
        except CRIError as error:
            yield from undo
            raise CRIError(f"{prefix}: {error.message}", error.code) from error


def update_pod_sandbox(world: World, sandbox: Sandbox, asked: Any) -> Waits[None]:
    """Ask of other resources of a pod; an error refuses them."""
    if not world.nri.active:
        return
    with at_stage("NRI sandbox update failed"):
        try:
            yield from _ask_of_pod(world, sandbox, asked)
        except CancelledError:
            raise
        except CRIError as error:
            raise CRIError(f"NRI sandbox update failed: {error.message}", error.code) from error


def _ask_of_pod(world: World, sandbox: Sandbox, asked: Any) -> Waits[None]:
    turns = world.nri.turns
    yield from turns.wait()
    with turns.ending():
        request = nri.UpdatePodSandboxRequest(
            pod=pod_message(world, sandbox),
            overhead_linux_resources=given_resources(asked, "overhead"),
            linux_resources=given_resources(asked, "resources"),
        )
        yield from world.nri.tell("UpdatePodSandbox", request)


def post_update_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Tell of other resources of a pod."""
    if world.nri.active:
        yield from _told_anyway(_tell_of_pod(world, "PostUpdatePodSandbox", sandbox))


def stop_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Tell, once, of a pod whose containers and whose pause process have ended."""
    if not world.nri.active:
        sandbox.told = _stopped(sandbox.told)
        return
    yield from _only_told(_tell_of_pod(world, "StopPodSandbox", sandbox, (Told.BEGUN,)))


def _stopped(told: Told) -> Told:
    return Told.STOPPED if told is Told.BEGUN else told


def remove_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Tell of a pod that is about to vanish."""
    if world.nri.active:
        told = (Told.BEGUN, Told.STOPPED)
        yield from _told_anyway(_tell_of_pod(world, "RemovePodSandbox", sandbox, told))


def _only_told(work: Waits[None]) -> Waits[None]:
    """Tell, and let nothing come of errors: containerd only logs them; they are recorded."""
    try:
        yield from work
    except CancelledError:
        raise  # what comes next would fail of it
    except CRIError:
        return


def _told_anyway(work: Waits[None]) -> Waits[None]:
    """Tell likewise, and go on though the client has gone: nothing that comes next asks for it."""
    try:
        yield from work
    except CRIError:
        return


def _tell_of_pod(
    world: World, method: str, sandbox: Sandbox, told: tuple[Told, ...] = tuple(Told)
) -> Waits[None]:
    """Tell, unless the plugins have been told otherwise than `told` when it is their turn."""
    turns = world.nri.turns
    yield from turns.wait()
    with turns.ending():
        if sandbox.told not in told:
            return
        if method == "StopPodSandbox":
            sandbox.told = Told.STOPPED
        request = getattr(nri, f"{method}Request")(pod=pod_message(world, sandbox))
        yield from world.nri.tell(method, request)


# Containers.


def create_container(world: World, container: Container) -> Waits[None]:
    """Ask of a container that is not to be seen yet, and make of it what plugins want.

    An error refuses it.
    """
    if not world.nri.active:
        return
    undo = _forget_container(world, container)
    created = _create_container(world, container)
    yield from _or_undone(world, "failed to create containerd container", created, undo)


def _forget_container(world: World, container: Container) -> Waits[None]:
    yield from _only_told(_stop(world, container, bare_container_message))
    yield from _only_told(_tell(world, "RemoveContainer", container, bare_container_message))


def _create_container(world: World, container: Container) -> Waits[None]:
    turns = world.nri.turns
    yield from turns.wait()
    with turns.ending():
        total = yield from _or_refused(
            "failed to get NRI adjustment for container", _adjustments(world, container)
        )
    apply_adjustment(container, total)


def _or_refused(prefix: str, work: Waits[Any]) -> Waits[Any]:
    try:
        return (yield from work)
    except CancelledError:
        raise
    except CRIError as error:
        raise CRIError(f"{prefix}: {error.message}", error.code) from error


def _adjustments(world: World, container: Container) -> Waits[nri.ContainerAdjustment]:
    adaptation, pod = world.nri, pod_message(world, container.parent)
    request = nri.CreateContainerRequest(pod=pod, container=container_message(world, container))
    before = nri.Container()
    before.CopyFrom(request.container)
    adjustments = Adjustments(request)
    asked = tuple(adaptation.seats)
    validators = [seat for seat in asked if seat.wants("ValidateContainerAdjustment")]
    for seat in asked:
        response = yield from adaptation.ask(seat, "CreateContainer", request)
        if response is not None:
            adjustments.add(response, seat.name)
    if validators:
        yield from validate(adaptation, validators, asked, pod, before, adjustments)
    yield from apply_updates(world, adjustments.updates.others)
    return adjustments.total


def post_create_container(world: World, container: Container) -> Waits[None]:
    """Tell of a container that is there."""
    if world.nri.active:
        yield from _told_anyway(_tell(world, "PostCreateContainer", container))


def start_container(world: World, container: Container, pid: int) -> Waits[None]:
    """Ask of a container that is about to start; an error refuses that, and it has ended."""
    container.told = Told.BEGUN
    if not world.nri.active:
        return
    asked = _tell(world, "StartContainer", container, _with_pid(pid))
    undo = _only_told(_stop(world, container, _with_pid(pid)))
    yield from _or_undone(world, "NRI container start failed", asked, undo)


def post_start_container(world: World, container: Container) -> Waits[None]:
    """Tell of a container that runs."""
    if world.nri.active:
        yield from _told_anyway(_tell(world, "PostStartContainer", container))


def update_container(
    world: World, container: Container, request: pb.UpdateContainerResourcesRequest
) -> Waits[pb.LinuxContainerResources | None]:
    """Ask of other resources of a container; an error refuses them.

    Return what plugins have made of them; None: what was asked for.
    """
    if not world.nri.active:
        return None
    with at_stage("NRI container update failed"):
        own = yield from _or_refused(
            "NRI container update failed", _update_container(world, container, request)
        )
    return None if own is None else resources_for_cri(own)


def _update_container(
    world: World, container: Container, asked: pb.UpdateContainerResourcesRequest
) -> Waits[nri.LinuxResources | None]:
    adaptation = world.nri
    yield from adaptation.turns.wait()
    with adaptation.turns.ending():
        request = nri.UpdateContainerRequest(
            pod=pod_message(world, container.parent),
            container=container_message(world, container),
            linux_resources=given_resources(asked, "linux"),
        )
        request.linux_resources.memory.SetInParent()
        request.linux_resources.cpu.SetInParent()
        updates = Updates(Owners(), updated=request)
        for seat in tuple(adaptation.seats):
            response = yield from adaptation.ask(seat, "UpdateContainer", request)
            if response is not None:
                updates.add(response.update, seat.name)
        yield from apply_updates(world, updates.others)
        return updates.own


def post_update_container(world: World, container: Container) -> Waits[None]:
    """Tell of other resources of a container."""
    if world.nri.active:
        yield from _told_anyway(_tell(world, "PostUpdateContainer", container))


def stop_container(world: World, container: Container) -> Waits[None]:
    """Tell, once, of a container that has ended, or is to be started no more."""
    if not world.nri.active:
        container.told = _stopped(container.told)
        return
    yield from _told_anyway(_stop(world, container, container_message))


def note_exit(world: World, container: Container, pid: int) -> None:
    """Tell likewise of one that has ended by itself, when it is the plugins' turn."""
    if not world.nri.active:
        container.told = _stopped(container.told)
        return

    def ended(world: World, container: Container) -> nri.Container:
        return container_message(world, container, pid=pid, ended=True)

    Task(world.scheduler, _only_told(_stop(world, container, ended))).step()


def remove_container(world: World, container: Container) -> Waits[None]:
    """Tell of a container that is about to vanish, and before of its end, if need be."""
    if not world.nri.active or container.told is Told.NOTHING:
        return
    yield from _only_told(_stop(world, container, container_message))
    yield from _only_told(_tell(world, "RemoveContainer", container))


def _with_pid(pid: int) -> Callable[[World, Container], nri.Container]:
    return lambda world, container: container_message(world, container, pid=pid)


def _tell(
    world: World,
    method: str,
    container: Container,
    message: Callable[[World, Container], nri.Container] = container_message,
) -> Waits[None]:
    turns = world.nri.turns
    yield from turns.wait()
    with turns.ending():
        request = _request(world, method, container, message)
        yield from world.nri.tell(method, request)


def _request(
    world: World,
    method: str,
    container: Container,
    message: Callable[[World, Container], nri.Container],
) -> Any:
    pod = pod_message(world, container.parent)
    return getattr(nri, f"{method}Request")(pod=pod, container=message(world, container))


def _stop(
    world: World, container: Container, message: Callable[[World, Container], nri.Container]
) -> Waits[None]:
    adaptation = world.nri
    yield from adaptation.turns.wait()
    with adaptation.turns.ending():
        if container.told is not Told.BEGUN:
            return
        container.told = Told.STOPPED
        request = _request(world, "StopContainer", container, message)
        updates = Updates(Owners())
        for seat in tuple(adaptation.seats):
            response = yield from adaptation.ask(seat, "StopContainer", request)
            if response is not None:
                updates.add(response.update, seat.name)
        yield from apply_updates(world, updates.others)
