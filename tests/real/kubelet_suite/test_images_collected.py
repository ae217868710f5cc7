"""Images that no container is made of go when the disk is full; those in use stay.

The kubelet collects images every five minutes, which is too long for a test. When space runs out it
does the same at once: here a threshold says that it always has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.manifests import await_running, box_named, pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

FULL = {
    "evictionHard": {"memory.available": "1Mi", "nodefs.available": "99%"},
    "imageMinimumGCAge": "1s",
}


def test_unused_images_are_removed_by_their_ids_where_space_runs_out(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    with fresh_node(settings=FULL) as node:
        images = node.cri.image_service
        unused = images.pull_image(pb.ImageSpec(image="redis:7"))
        node.put(pod("user", box_named("main")))
        await_running(node, "user")
        node.until(lambda: unused not in ids(node), "the unused image to go", within_s=60)
        (container,) = node.cri.runtime_service.list_containers()
        assert container.image_id in ids(node)
        removals = node.cri.history.select("RemoveImage", error=False)
        assert {each.request.image.image for each in removals} == {unused}
        assert node.kubelet.phase("user") == "Running"  # a static pod is never evicted


def ids(node: KubeletNode) -> set[str]:
    """Return the ids of the images that the runtime has."""
    return {each.id for each in node.cri.image_service.list_images()}
