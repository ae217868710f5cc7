"""Pulls in virtual time: rates, latency, sharing, cancelling, and registries that hang."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from fakecri import Recipe
from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import CANCELLED, DEADLINE_EXCEEDED, UNKNOWN, count, until
from tests.support import Node, node, raises_status

HOST = "registry.test"
SIZE = 10_000_000
SECOND_NS = 10**9


@pytest.fixture
def still(face: str) -> Iterator[Node]:
    """Open a node whose time stands still until it is told to go on."""
    with node(face, pace="manual") as opened:
        yield opened


def add(node: Node, name: str, size_bytes: int = SIZE, **recipe: Any) -> str:
    """Publish an image of one layer; return its reference."""
    reference = f"{HOST}/{name}:v1"
    node.cri.add_image(reference, Recipe(base="scratch", size_bytes=size_bytes, **recipe))
    return reference


def begin(node: Node, image: str, timeout: float | None = None) -> Any:
    seen = count(node, "PullImage")
    request = pb.PullImageRequest(image=pb.ImageSpec(image=image))
    pending = node.images.PullImage.future(request, timeout=timeout)
    until(lambda: count(node, "PullImage") > seen)
    return pending


def took_s(node: Node, image: str) -> float:
    before_ns = node.cri.now_ns
    node.pull(image)
    return (node.cri.now_ns - before_ns) / SECOND_NS


def is_there(node: Node, image: str) -> bool:
    request = pb.ImageStatusRequest(image=pb.ImageSpec(image=image))
    return node.images.ImageStatus(request).HasField("image")


def in_flight(node: Node) -> tuple[int, int]:
    return node.cri.node.disk.accounts.get("pulls", (0, 0))


def test_a_pull_takes_what_its_bytes_take(node: Node) -> None:
    image = add(node, "app")
    node.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    assert took_s(node, image) == pytest.approx(10.005)


def test_each_answer_takes_the_latency(node: Node) -> None:
    node.cri.registry.host(HOST).limit(latency_s=2)
    assert took_s(node, add(node, "app")) == 8.0  # a HEAD, a manifest, a config and a layer


def test_a_pull_of_what_is_there_takes_one_answer(node: Node) -> None:
    image = add(node, "app")
    node.pull(image)
    node.cri.registry.host(HOST).limit(bytes_per_s=1, latency_s=2)
    assert took_s(node, image) == 2.0


def test_a_layer_that_is_there_is_not_fetched_again(node: Node) -> None:
    node.pull(f"{HOST}/one:v1")
    node.cri.registry.host(HOST).limit(bytes_per_s=1_000_000)
    shared = node.cri.host.world.registry.add(f"{HOST}/two:v1", Recipe(size_bytes=20_000_000))
    top_bytes = shared.content.layers[-1].size_bytes
    assert len(shared.content.layers) == 2
    assert took_s(node, f"{HOST}/two:v1") == pytest.approx(top_bytes / 1e6, abs=0.1)


def test_progress_is_on_the_disk(still: Node) -> None:
    image = add(still, "app")
    still.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    pending = begin(still, image)
    still.cri.advance(5.1)
    assert in_flight(still)[0] == pytest.approx(SIZE // 2, rel=0.01)
    assert not is_there(still, image)
    still.cri.advance(5)
    assert pending.result(timeout=30).image_ref
    assert in_flight(still) == (0, 0)


def test_two_pulls_of_one_image_share_the_download(still: Node) -> None:
    image = add(still, "app")
    still.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    first = begin(still, image)
    still.cri.advance(5)
    second = begin(still, image)
    still.cri.advance(5.1)
    assert first.result(timeout=30) == second.result(timeout=30)


def test_downloads_share_the_rate_of_their_host(still: Node) -> None:
    images = [add(still, "one"), add(still, "two")]
    still.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    pending = [begin(still, each) for each in images]
    still.cri.advance(15)
    assert not any(is_there(still, each) for each in images)
    still.cri.advance(5.1)
    assert all(each.result(timeout=30).image_ref for each in pending)


def test_three_downloads_are_active_at_once_and_others_wait(still: Node) -> None:
    host = still.cri.registry.host(HOST).limit(latency_s=1)
    pending = [begin(still, add(still, f"app-{number}")) for number in range(4)]
    still.cri.advance(4)
    assert [is_there(still, f"{HOST}/app-{number}:v1") for number in range(4)].count(True) < 4
    still.cri.advance(4)
    assert all(each.result(timeout=30).image_ref for each in pending)
    assert host.latency_ns == SECOND_NS


def test_other_calls_go_on_while_a_pull_is_slow(still: Node) -> None:
    still.cri.registry.host(HOST).limit(bytes_per_s=1)
    pending = begin(still, add(still, "app"))
    assert still.pull("busybox")
    assert still.run_sandbox()
    pending.cancel()


def test_a_pull_that_is_cancelled_leaves_nothing(still: Node) -> None:
    image = add(still, "app")
    still.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    before = still.cri.node.disk.accounts
    pending = begin(still, image)
    still.cri.advance(5)
    assert in_flight(still)[0] > 0
    pending.cancel()
    until(lambda: still.cri.calls[-1].ended_ns is not None)
    error = still.cri.calls[-1].error
    assert error is not None
    assert error.code.name == "CANCELLED"
    assert error.message == (
        f'failed to pull and unpack image "{image}": failed to copy: context canceled'
    )
    assert still.cri.node.disk.accounts == before
    assert not is_there(still, image)


def test_a_deadline_ends_a_slow_pull(node: Node) -> None:
    image = add(node, "app")
    node.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    request = pb.PullImageRequest(image=pb.ImageSpec(image=image))
    with raises_status(DEADLINE_EXCEEDED):
        node.images.PullImage(request, timeout=5)
    assert not is_there(node, image)
    assert in_flight(node) == (0, 0)


def test_one_that_leaves_does_not_disturb_who_shares_its_download(still: Node) -> None:
    image = add(still, "app")
    still.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    first = begin(still, image)
    still.cri.advance(2)
    second = begin(still, image)
    first.cancel()
    until(lambda: still.cri.calls[-2].ended_ns is not None)
    still.cri.advance(8.1)
    assert second.result(timeout=30).image_ref


def test_a_pull_without_progress_is_cancelled_after_five_minutes(node: Node) -> None:
    image = add(node, "app")
    node.cri.registry.host(HOST).fail("hang")
    before_ns = node.cri.now_ns
    text = f'failed to pull and unpack image "{image}": failed to copy: context canceled'
    with raises_status(CANCELLED, text):
        node.pull(image)
    assert 300 <= (node.cri.now_ns - before_ns) / SECOND_NS <= 311
    assert in_flight(node) == (0, 0)


def test_the_patience_of_the_runtime_can_be_chosen(still: Node) -> None:
    still.cri.registry.host(HOST).fail("hang")
    still.cri.node.pull_progress_timeout_ns = 0
    pending = begin(still, add(still, "app"))
    still.cri.advance(86_400)
    assert still.cri.calls[-1].ended_ns is None
    pending.cancel()


def test_slow_progress_is_progress(node: Node) -> None:
    image = add(node, "app", 4000)
    node.cri.registry.host(HOST).limit(bytes_per_s=1)
    assert took_s(node, image) > 600


def test_a_registry_that_does_not_answer_at_all_hangs_for_ever(still: Node) -> None:
    image = add(still, "app")
    still.cri.registry.host(HOST).fail("hang", at="resolve", times=1)
    pending = begin(still, image, timeout=None)
    still.cri.advance(86_400)
    assert still.cri.calls[-1].ended_ns is None
    assert still.pull(image)
    pending.cancel()


def test_a_failing_pull_does_not_fail_who_pulls_the_same(still: Node) -> None:
    image = add(still, "app")
    host = still.cri.registry.host(HOST).limit(bytes_per_s=SIZE // 10)
    host.fail("eof", times=1)
    failing, going_well = begin(still, image), begin(still, image)
    still.cri.advance(20)
    with pytest.raises(grpc.RpcError) as refusal:
        failing.result(timeout=30)
    assert refusal.value.code() is UNKNOWN
    assert going_well.result(timeout=30).image_ref
