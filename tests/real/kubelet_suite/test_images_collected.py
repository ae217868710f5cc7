"""Images that no container is made of go when they are old or the disk is full; others stay.

The kubelet collects images when it starts, and every five minutes from then on, which is too long
for a test. When space runs out it does so at once: here a threshold says that it always has.
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

OLD_AT_ONCE = {"imageMinimumGCAge": "1ns", "imageMaximumGCAge": "2ns"}


def test_images_that_are_unused_for_too_long_are_removed_in_the_first_turn_of_the_kubelets_loop(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    with fresh_node(settings=OLD_AT_ONCE) as node:
        unused, used = pulled_and_used(node)
        node.kubelet.restart()
        node.until(lambda: unused not in ids(node), "the unused image to go")
        assert used in ids(node)
        assert removals(node) == {unused}


def test_unused_images_are_removed_by_their_ids_where_space_runs_out(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    with fresh_node(settings=FULL) as node:
        unused, used = pulled_and_used(node)
        node.until(lambda: unused not in ids(node), "the unused image to go", within_s=120)
        assert used in ids(node)
        assert removals(node) == {unused}
        assert node.kubelet.phase("user") == "Running"  # a static pod is never evicted


def pulled_and_used(node: KubeletNode) -> tuple[str, str]:
    """Return the ids of an image that nobody uses, and of one that a running container does."""
    unused = node.cri.image_service.pull_image(pb.ImageSpec(image="redis:7"))
    node.put(pod("user", box_named("main")))
    await_running(node, "user")
    (container,) = node.cri.runtime_service.list_containers()
    return unused, container.image_id


def removals(node: KubeletNode) -> set[str]:
    """Return what the kubelet has removed."""
    calls = node.cri.history.select("RemoveImage", error=False)
    return {each.request.image.image for each in calls}


def ids(node: KubeletNode) -> set[str]:
    """Return the ids of the images that the runtime has."""
    return {each.id for each in node.cri.image_service.list_images()}
