"""The hooks that a plugin of NRI may have, when it is an object of the test.

It has a method for each hook that it wants to be called for, and for no other; it subscribes to
those. They are called in the middle of what the runtime does: what a hook sees in lists and
statuses is what any client would see at that moment. A hook may be a generator: it then waits in
virtual time, as programs do. What it raises is its error: a CRIError with its code, anything else
UNKNOWN. Messages are those of `fakecri.api.nri_pb2`.
"""

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from fakecri.api import nri_pb2 as nri
from fakecri.core.scheduler import Waits

Nothing: TypeAlias = Waits[None] | None
Updates: TypeAlias = Iterable[nri.ContainerUpdate] | None
Adjusted: TypeAlias = (
    nri.ContainerAdjustment | tuple[nri.ContainerAdjustment | None, Updates] | None
)


class Configures(Protocol):
    """Is told of the runtime, first of all."""

    def configure(self, request: nri.ConfigureRequest, /) -> Nothing:
        """Take note of the name and version of the runtime, and of its time-outs in ms."""


class Synchronizes(Protocol):
    """Is told of all that there is when it connects."""

    def synchronize(
        self, pods: list[nri.PodSandbox], containers: list[nri.Container], /
    ) -> Updates | Waits[Updates]:
        """Return what is to change of the containers: those CREATED or RUNNING."""


class RunsPodSandbox(Protocol):
    """Is asked of new pods."""

    def run_pod_sandbox(self, pod: nri.PodSandbox, /) -> Nothing:
        """An error makes RunPodSandbox fail, and leaves nothing of the pod."""


class UpdatesPodSandbox(Protocol):
    """Is asked of other resources of pods."""

    def update_pod_sandbox(
        self, pod: nri.PodSandbox, overhead: nri.LinuxResources, resources: nri.LinuxResources, /
    ) -> Nothing:
        """An error makes UpdatePodSandboxResources fail."""


class PostUpdatesPodSandbox(Protocol):
    """Is told of other resources of pods."""

    def post_update_pod_sandbox(self, pod: nri.PodSandbox, /) -> Nothing:
        """Nothing comes of an error."""


class StopsPodSandbox(Protocol):
    """Is told of pods that have stopped."""

    def stop_pod_sandbox(self, pod: nri.PodSandbox, /) -> Nothing:
        """Once for each pod, when its containers have ended. Nothing comes of an error."""


class RemovesPodSandbox(Protocol):
    """Is told of pods that are removed."""

    def remove_pod_sandbox(self, pod: nri.PodSandbox, /) -> Nothing:
        """Nothing comes of an error."""


class CreatesContainer(Protocol):
    """Is asked of new containers, and can change what they are."""

    def create_container(
        self, pod: nri.PodSandbox, container: nri.Container, /
    ) -> Adjusted | Waits[Adjusted]:
        """Return how it is to be adjusted, and updates of other containers.

        An error makes CreateContainer fail, and leaves nothing of the container.
        """


class ValidatesContainerAdjustment(Protocol):
    """Is asked whether what all plugins together did to a new container is right."""

    def validate_container_adjustment(
        self, request: nri.ValidateContainerAdjustmentRequest, /
    ) -> Waits[str | None] | str | None:
        """Return why not; None or an empty text: it is."""


class PostCreatesContainer(Protocol):
    """Is told of new containers."""

    def post_create_container(self, pod: nri.PodSandbox, container: nri.Container, /) -> Nothing:
        """Nothing comes of an error."""


class StartsContainer(Protocol):
    """Is asked of containers that are about to start."""

    def start_container(self, pod: nri.PodSandbox, container: nri.Container, /) -> Nothing:
        """An error makes StartContainer fail; the container is EXITED then."""


class PostStartsContainer(Protocol):
    """Is told of containers that have started."""

    def post_start_container(self, pod: nri.PodSandbox, container: nri.Container, /) -> Nothing:
        """Nothing comes of an error."""


class UpdatesContainer(Protocol):
    """Is asked of other resources of containers."""

    def update_container(
        self, pod: nri.PodSandbox, container: nri.Container, resources: nri.LinuxResources, /
    ) -> Updates | Waits[Updates]:
        """Return what is to change, of this container or of others.

        An error makes UpdateContainerResources fail.
        """


class PostUpdatesContainer(Protocol):
    """Is told of other resources of containers."""

    def post_update_container(self, pod: nri.PodSandbox, container: nri.Container, /) -> Nothing:
        """Nothing comes of an error."""


class StopsContainer(Protocol):
    """Is told of containers that have ended."""

    def stop_container(
        self, pod: nri.PodSandbox, container: nri.Container, /
    ) -> Updates | Waits[Updates]:
        """Once for each, also for one that ends by itself, or was never started.

        Return what is to change of others. Nothing comes of an error.
        """


class RemovesContainer(Protocol):
    """Is told of containers that are removed."""

    def remove_container(self, pod: nri.PodSandbox, container: nri.Container, /) -> Nothing:
        """Nothing comes of an error."""


Hooks: TypeAlias = (
    Configures
    | Synchronizes
    | RunsPodSandbox
    | UpdatesPodSandbox
    | PostUpdatesPodSandbox
    | StopsPodSandbox
    | RemovesPodSandbox
    | CreatesContainer
    | ValidatesContainerAdjustment
    | PostCreatesContainer
    | StartsContainer
    | PostStartsContainer
    | UpdatesContainer
    | PostUpdatesContainer
    | StopsContainer
    | RemovesContainer
)
"""A plugin: an object with one of these methods, or more."""
