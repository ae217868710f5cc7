"""A runtime under control, whose time stands still."""

from collections.abc import Iterator

import pytest

from tests.control.served import Controlled, controlled


@pytest.fixture
def served() -> Iterator[Controlled]:
    with controlled() as each:
        yield each
