"""The moments at which plugins are told, or asked: what the handlers call.

Source: containerd 2, internal/cri/nri and its calls in internal/cri/server.
"""

from fakecri.api import nri_pb2 as nri
from fakecri.core.nri.contents import pod_message
from fakecri.core.records import Sandbox
from fakecri.core.scheduler import Task, Waits
from fakecri.core.world import World
from fakecri.errors import CancelledError, CRIError, at_stage


def run_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Ask of a pod that is built, but not to be seen yet; an error refuses it."""
    if not world.nri.active:
        return
    with at_stage("NRI RunPodSandbox failed"):
        try:
            yield from _tell_of_pod(world, "RunPodSandbox", sandbox)
        except CancelledError:
            Task(world.scheduler, _forget_pod(world, sandbox)).step()
            raise
        except CRIError as error:
            yield from _forget_pod(world, sandbox)
            raise CRIError(f"NRI RunPodSandbox failed: {error.message}", error.code) from error


def _forget_pod(world: World, sandbox: Sandbox) -> Waits[None]:
    yield from stop_pod_sandbox(world, sandbox)
    yield from remove_pod_sandbox(world, sandbox)


def stop_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Tell, once, of a pod whose containers and whose pause process have ended."""
    told, sandbox.stop_told = sandbox.stop_told, True
    if world.nri.active and not told:
        yield from _tell_only(world, "StopPodSandbox", sandbox)


def remove_pod_sandbox(world: World, sandbox: Sandbox) -> Waits[None]:
    """Tell of a pod that is about to vanish."""
    if world.nri.active:
        yield from _tell_only(world, "RemovePodSandbox", sandbox)


def _tell_only(world: World, method: str, sandbox: Sandbox) -> Waits[None]:
    try:
        yield from _tell_of_pod(world, method, sandbox)
    except CancelledError:
        raise
    except CRIError:
        return  # which containerd only logs; it is in the recording


def _tell_of_pod(world: World, method: str, sandbox: Sandbox) -> Waits[None]:
    turns = world.nri.turns
    yield from turns.wait()
    with turns.ending():
        request = getattr(nri, f"{method}Request")(pod=pod_message(world, sandbox))
        yield from world.nri.tell(method, request)
