"""The runtimes that the service form is tried on, by name; another one is another row."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.services import ImageClient, ImageManagerService, RuntimeClient, RuntimeService
from tests.real.containerd import containerd, obstacles

REQUIRE = "FAKECRI_REQUIRE_REAL"


@dataclass(frozen=True)
class Services:
    """A runtime's services, and where its pods and their logs belong."""

    runtime: RuntimeService
    images: ImageManagerService
    streaming_runtime: RuntimeService
    streaming_images: ImageManagerService
    cgroup_parent: str
    log_directory: str
    lacks: frozenset[str] = frozenset()
    """RPCs it does not know."""


def services(runtime: RuntimeServiceStub, images: ImageServiceStub, **ways: object) -> Services:
    """The services over a pair of stubs."""
    return Services(
        RuntimeClient(runtime),
        ImageClient(images),
        RuntimeClient(runtime, list_streaming=True),
        ImageClient(images, list_streaming=True),
        **ways,  # type: ignore[arg-type]  # the fields that are left
    )


@contextmanager
def real_containerd() -> Iterator[Services]:
    """A containerd of our own."""
    if reasons := obstacles():
        (pytest.fail if os.environ.get(REQUIRE) == "1" else pytest.skip)("; ".join(reasons))
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
            lacks=frozenset({"GetContainerEvents", "RuntimeConfig", "CheckpointContainer"}),
        )


TARGETS: dict[str, Callable[[], AbstractContextManager[Services]]] = {
    "containerd": real_containerd,
}
