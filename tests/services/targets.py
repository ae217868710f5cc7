"""The runtimes that the service form is tried on, by name; another one is another row."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.services import ImageClient, ImageManagerService, RuntimeClient, RuntimeService
from tests.real.containerd import containerd, obstacles
from tests.requirements import skip_for
from tests.support import FACES, node

OF_A_LATER_CONTAINERD = frozenset(
    {
        "CheckpointContainer",
        "CheckpointPod",
        "GetContainerEvents",
        "ListPodSandboxMetrics",
        "RestorePod",
        "RuntimeConfig",
        "UpdatePodSandboxResources",
    }
)


@dataclass(frozen=True)
class Services:
    """A runtime's services, and where its pods and their logs belong."""

    runtime: RuntimeService
    images: ImageManagerService
    streaming_runtime: RuntimeService
    streaming_images: ImageManagerService
    cgroup_parent: str
    log_directory: str
    checkpoint_directory: str
    """It exists and is empty."""
    lacks: frozenset[str]
    """RPCs it does not know."""


def services(
    runtime: RuntimeServiceStub,
    images: ImageServiceStub,
    cgroup_parent: str,
    log_directory: str,
    checkpoint_directory: str,
    lacks: frozenset[str] = frozenset(),
) -> Services:
    """The services over a pair of stubs."""
    return Services(
        RuntimeClient(runtime),
        ImageClient(images),
        RuntimeClient(runtime, list_streaming=True),
        ImageClient(images, list_streaming=True),
        cgroup_parent,
        log_directory,
        checkpoint_directory,
        lacks,
    )


@contextmanager
def real_containerd() -> Iterator[Services]:
    """A containerd of our own."""
    skip_for(obstacles())
    with (
        tempfile.TemporaryDirectory(prefix="fcri-logs-") as logs,
        containerd() as address,
        connect(address.endpoint) as channel,
    ):
        yield services(
            runtime_stub(channel),
            image_stub(channel),
            cgroup_parent=address.cgroup_parent,
            log_directory=logs,
            checkpoint_directory="/nowhere",  # it knows no such RPC
            lacks=OF_A_LATER_CONTAINERD,
        )


@contextmanager
def fake(face: str) -> Iterator[Services]:
    """The fake, behind one of its faces."""
    with node(face) as opened:
        opened.cri.host.world.files.make_dirs("/checkpoints")
        yield services(
            opened.runtime,
            opened.images,
            cgroup_parent="/fakecri",
            log_directory="/var/log/pods",
            checkpoint_directory="/checkpoints",
        )


TARGETS: dict[str, Callable[[], AbstractContextManager[Services]]] = {
    **{face: partial(fake, face) for face in FACES},
    "containerd": real_containerd,
}
