"""A kubelet comes up on the fake, runs a pod, and leaves the machine as it found it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakecri import machine_mounts
from fakecri.api import runtime_pb2 as pb
from fakecri.kubelet.machine import LINKS
from fakecri.kubelet.process import version_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

POD = {
    "metadata": {"name": "first"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": "busybox", "command": ["sleep", "infinity"]}],
    },
}


def test_it_is_the_version_that_was_asked_for(program: Path, version: str) -> None:
    assert version_of(program) == version


def test_it_leaves_nothing_behind(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    with fresh_node() as node:
        directory, kubelet = node.directory, node.kubelet
        list_containers = node.cri.runtime_service.list_containers
        node.put(POD)
        node.until(lambda: kubelet.phase("first") == "Running", "the pod to run")
        # It mounts its root directory on itself.
        assert [each for each in machine_mounts.mount_points() if str(directory) in each.path]
        assert links_into(directory)
        node.remove("first")
        # Its garbage is collected once a minute.
        node.until(lambda: all(map(is_over, list_containers())), "the pod to go")
    assert kubelet.status == 0
    assert not [each for each in machine_mounts.mount_points() if str(directory) in each.path]
    assert not links_into(directory)
    assert not Path(f"/proc/{kubelet.pid}").exists()


def is_over(container: pb.Container) -> bool:
    """Return whether a container has ended."""
    return container.state == pb.CONTAINER_EXITED


def links_into(directory: Path) -> list[Path]:
    """Return the links to container logs that lead below a directory."""
    found = []
    for each in LINKS.iterdir():
        with suppress(FileNotFoundError):  # another kubelet's, which has just gone
            if each.readlink().is_relative_to(directory):
                found.append(each)
    return found
