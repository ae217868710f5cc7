"""Images, registries, behaviours and logs over the wire."""

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.control import ControlError
from fakecri.errors import Code
from tests.control.served import Controlled, controlled
from tests.support import raises_status


def pull(served: Controlled, image: str) -> str:
    request = pb.PullImageRequest(image=pb.ImageSpec(image=image))
    return served.client.images.PullImage(request).image_ref


def test_an_image_that_is_added_can_be_pulled() -> None:
    with controlled(strict_images=True) as served:
        with raises_status(grpc.StatusCode.NOT_FOUND):
            pull(served, "registry.test/app:1")
        (id_,) = served.control.node.add_images(references=["registry.test/app:1"]).ids
        assert pull(served, "registry.test/app:1") == id_
        with pytest.raises(ControlError) as refusal:
            served.control.node.add_images(references=["registry.test/APP"])
        assert refusal.value.code is Code.INVALID_ARGUMENT


def test_a_registry_does_as_it_is_told(served: Controlled) -> None:
    served.control.node.configure_registry(registry="registry.test=fail=1*503")
    with raises_status(grpc.StatusCode.UNKNOWN):
        pull(served, "registry.test/app")
    pull(served, "registry.test/app")
    with pytest.raises(ControlError) as refusal:
        served.control.node.configure_registry(registry="registry.test=speed=9")
    assert refusal.value.code is Code.INVALID_ARGUMENT


def test_containers_do_as_they_are_told_until_that_is_taken_back(served: Controlled) -> None:
    id_ = served.control.node.behave(rule="container=main : exit/3").id
    assert served.client.status(served.client.run("sleep", "100")).exit_code == 3
    served.control.node.stop_behaving(id=id_)
    status = served.client.status(served.client.run("sleep", "100", pod="db"))
    assert status.state == pb.CONTAINER_RUNNING
    with pytest.raises(ControlError, match="no behaviour 'b1'") as refusal:
        served.control.node.stop_behaving(id=id_)
    assert refusal.value.code is Code.NOT_FOUND
    with pytest.raises(ControlError) as refusal:
        served.control.node.behave(rule="container=main : explode")
    assert refusal.value.code is Code.INVALID_ARGUMENT


def test_the_log_of_a_container_can_be_read(served: Controlled) -> None:
    container = served.client.run("echo", "hello")
    log = served.control.node.read_log(container_id=container[:12]).log
    assert log.endswith(b" stdout F hello\n")
    with pytest.raises(ControlError) as refusal:
        served.control.node.read_log(container_id="none")
    assert refusal.value.code is Code.NOT_FOUND
