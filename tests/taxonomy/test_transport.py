"""Level 0 of the taxonomy: what happens to connections under the calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from tests.behaviour.steps import is_answered, until
from tests.support import Node, raises_status
from tests.support import node as open_node
from tests.taxonomy.shows import shows

S = grpc.StatusCode
VERSION = pb.VersionRequest()


@contextmanager
def opened(face: str, rule: str) -> Iterator[Node]:
    """Open a node with a rule from the start, so that its server can break connections."""
    with CRI(rules=rule, strict_rules=True) as cri:
        if face == "object":
            yield Node(cri, cri.runtime, cri.images, face)
            return
        with TemporaryDirectory(prefix="fakecri-") as directory:
            address = f"unix://{Path(directory)}/cri.sock"
            with cri.serve(address) as server, connect(server.endpoint) as channel:
                yield Node(cri, runtime_stub(channel), image_stub(channel), face)


@pytest.fixture
def node(face: str, text: str) -> Iterator[Node]:
    """Open a node with the rule that is shown; it must fire."""
    with opened(face, text) as wired:
        yield wired


@shows("N1", "Version = 1*refuse(5s)", "UNAVAILABLE: nobody can connect for 5 s")
def test_the_socket_refuses(node: Node) -> None:
    for _ in range(2):
        with raises_status(S.UNAVAILABLE):
            node.runtime.Version(VERSION)
    node.cri.advance(5)
    until(lambda: is_answered(node.runtime))


@shows("N2", "Version = 1*half_open", "no answer, DEADLINE_EXCEEDED; the socket takes connections")
def test_nobody_ever_answers(node: Node) -> None:
    with raises_status(S.DEADLINE_EXCEEDED):
        node.runtime.Version(VERSION, timeout=1)


@shows("N3", "RunPodSandbox = 1*reset(before)", "UNAVAILABLE; nothing was made")
@shows("N3", "RunPodSandbox = 1*reset(after)", "UNAVAILABLE; the sandbox was made")
@shows("N3", "RunPodSandbox = 1*goaway", "UNAVAILABLE, and a new connection")
def test_the_connection_is_torn_in_the_middle_of_a_call(node: Node, text: str) -> None:
    with raises_status(S.UNAVAILABLE):
        node.run_sandbox()
    until(lambda: is_answered(node.runtime))
    items = node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert len(items) == ("after" in text)


@shows("N4", "Version = 1*rst(CANCEL)", "CANCELLED, though nobody has cancelled")
@shows("N4", "Version = 1*rst(INTERNAL_ERROR)", "INTERNAL")
@shows("N4", "Version = 1*rst(ENHANCE_YOUR_CALM)", "RESOURCE_EXHAUSTED")
def test_a_code_of_http2_instead_of_a_status(node: Node, text: str) -> None:
    code = {"CAN": S.CANCELLED, "INT": S.INTERNAL, "ENH": S.RESOURCE_EXHAUSTED}
    with raises_status(code[text.partition("rst(")[2][:3]]):
        node.runtime.Version(VERSION)
    assert node.runtime.Version(VERSION).runtime_name == "containerd"


@shows("N5", "ListContainers = 1*pad(17000000)", "RESOURCE_EXHAUSTED: over 16 MiB")
def test_an_answer_is_larger_than_its_reader_takes(node: Node) -> None:
    with raises_status(S.RESOURCE_EXHAUSTED):
        node.runtime.ListContainers(pb.ListContainersRequest())


def test_a_request_is_larger_than_the_runtime_takes(face: str) -> None:
    request = pb.VersionRequest(version="x" * 17_000_000)
    with open_node(face) as node, raises_status(S.RESOURCE_EXHAUSTED):
        node.runtime.Version(request)


@shows("N6", 'images = error(UNAVAILABLE, "connection refused")', "one service is up, one not")
def test_only_one_of_the_services_is_up(node: Node) -> None:
    assert node.runtime.Version(VERSION).runtime_name == "containerd"
    with raises_status(S.UNAVAILABLE, "connection refused"):
        node.images.ListImages(pb.ListImagesRequest())


@shows("N7", "Version = slow(100000)", "the same answer, later")
@shows("N7", "Version = slice(3)", "the same answer, three bytes at a time")
def test_bytes_come_slowly_or_in_slices(node: Node) -> None:
    assert node.runtime.Version(VERSION).runtime_name == "containerd"
