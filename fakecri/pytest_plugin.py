"""Fixtures for pytest: a runtime of its own for each test.

`fakecri` is the object; `fakecri_server` is the same object served on a socket, for what dials.
The marker `fakecri` sets what `CRI` is made with: `@pytest.mark.fakecri(seed=7, pace="manual")`,
or `@pytest.mark.fakecri(rules=["Status = 1* error(INTERNAL)"], strict_rules=True)`.
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakecri.cri import CRI

_FAILED = pytest.StashKey[bool]()

MARKER = "fakecri(**options): what the test's runtime is made with; see fakecri.CRI"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether a test has failed."""
    report = yield
    if call.excinfo is not None:
        item.stash[_FAILED] = True
    return report


@pytest.fixture
def fakecri(request: pytest.FixtureRequest) -> "Iterator[CRI]":
    """Return a container runtime that runs nothing: fresh, with seed 0, its time autojumping."""
    from fakecri.cri import CRI  # noqa: PLC0415  # what no test asks for costs no start-up time

    marker = request.node.get_closest_marker("fakecri")
    with CRI(**(marker.kwargs if marker else {})) as cri:
        yield cri
        if request.node.stash.get(_FAILED, False):
            cri.faults.disarm()  # that a rule did not act is then beside the point


@pytest.fixture
def fakecri_server(fakecri: "CRI") -> Iterator[str]:
    """Return an endpoint, `unix:///...`, at which the `fakecri` of this test answers.

    Its directory is not pytest's tmp_path, whose length a socket's path may not have.
    """
    with (
        TemporaryDirectory(prefix="fakecri-") as directory,
        fakecri.serve(f"unix://{Path(directory)}/cri.sock") as server,
    ):
        yield server.endpoint
