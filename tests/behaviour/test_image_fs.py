"""Where images are said to be: a kubelet looks the directory up on its machine."""

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.support import node


@pytest.mark.parametrize("personality", ["", "crio-1.36"])
def test_the_place_of_images_and_writable_layers_can_be_chosen(face: str, personality: str) -> None:
    with node(face, image_fs="/images", personality=personality) as opened:
        opened.pull()
        id_ = opened.run(opened.run_sandbox(), "sleep", "infinity")
        answer = opened.images.ImageFsInfo(pb.ImageFsInfoRequest())
        stats = opened.runtime.ContainerStats(pb.ContainerStatsRequest(container_id=id_)).stats
    told = [each.fs_id.mountpoint for each in answer.image_filesystems]
    assert [*told, stats.writable_layer.fs_id.mountpoint] == ["/images", "/images"]
