"""Each test of the taxonomy runs on both faces, once for each text that it shows."""

from collections.abc import Iterator

import pytest

from tests.support import FACES, Node
from tests.support import node as open_node


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hand a test the texts that it shows."""
    texts = getattr(metafunc.function, "shown_texts", [])
    if "text" in metafunc.fixturenames:
        ids = [f"{class_id}-{number}" for number, (class_id, _) in enumerate(texts)]
        metafunc.parametrize("text", [text for _, text in texts], ids=ids)


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """Name a face."""
    return str(request.param)


@pytest.fixture
def node(face: str) -> Iterator[Node]:
    """Open a node with busybox on it."""
    with open_node(face) as opened:
        opened.pull()
        yield opened


@pytest.fixture
def rule(node: Node, text: str) -> Iterator[None]:
    """Arm the text that is shown; it must fire."""
    with node.cri.faults(text, strict=True):
        yield
