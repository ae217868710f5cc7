"""A real kubelet of two versions on the fake; each test of the suite runs on both."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.kubelet import KubeletNode
from tests.real import install
from tests.real.install import KUBELETS
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


SOON = {"syncFrequency": "2s"}
"""A kubelet that looks at a pod shows why its container waits, and tries again."""


@pytest.fixture(scope="package", params=KUBELETS)
def version(request: pytest.FixtureRequest) -> str:
    """The version of the kubelet, such as v1.36.3."""
    return str(request.param)


@pytest.fixture(scope="package")
def program(version: str) -> Path:
    """The kubelet of this version."""
    return _program(version)


@pytest.fixture(scope="package")
def kubelet_node(program: Path) -> Iterator[KubeletNode]:
    """A node that the whole suite shares: a test's pods have names that no other test uses."""
    with _node(program) as node:
        yield node


@pytest.fixture(scope="package")
def fresh_node(program: Path) -> Callable[..., AbstractContextManager[KubeletNode]]:
    """Opens nodes of one's own, with the options of KubeletNode."""

    def open_node(**options: Any) -> AbstractContextManager[KubeletNode]:
        return _node(program, **options)

    return open_node


@contextmanager
def _node(program: Path, **options: Any) -> Iterator[KubeletNode]:
    chosen = options | {"settings": SOON | options.get("settings", {})}
    with (
        tempfile.TemporaryDirectory(prefix="fcri-") as home,
        KubeletNode(program, Path(home), **chosen) as node,
    ):
        yield node


def _program(version: str) -> Path:
    name = KUBELETS[version]
    skip_for(install.missing(name))
    path = install.find(name).path
    assert path is not None
    return path
