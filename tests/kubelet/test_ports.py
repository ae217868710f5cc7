"""Ports that are held: who they are for can listen there, and nobody else gets them."""

import errno
import socket
from collections.abc import Iterator

import pytest

from fakecri.kubelet.ports import HeldPorts

ADDRESSES = ["127.0.0.1", "0.0.0.0", "::1"]  # noqa: S104  # what a kubelet is told


@pytest.fixture(params=ADDRESSES)
def address(request: pytest.FixtureRequest) -> str:
    """Return where ports are held."""
    return str(request.param)


@pytest.fixture
def held(address: str) -> Iterator[HeldPorts]:
    """Return two ports."""
    held = HeldPorts(2, address)
    yield held
    held.give_back()


def listen(address: str, port: int) -> socket.socket:
    """Listen as servers do, which set SO_REUSEADDR."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def take(address: str, port: int) -> None:
    """Take a port as a connection does, which does not."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as taken:
        taken.bind((address, port))


def test_a_server_listens_and_comes_back(held: HeldPorts, address: str) -> None:
    first, second = held.numbers
    assert first != second
    for _ in range(2):
        with listen(address, first), listen(address, second):
            pass


def test_nobody_else_gets_them_until_they_are_given_back(held: HeldPorts, address: str) -> None:
    for port in held.numbers:
        with pytest.raises(OSError, match="in use") as raised:
            take(address, port)
        assert raised.value.errno == errno.EADDRINUSE
    held.give_back()
    held.give_back()
    for port in held.numbers:
        take(address, port)


def test_there_are_none_of_an_address_that_the_machine_has_not() -> None:
    with pytest.raises(OSError, match="assign"):
        HeldPorts(2, "192.0.2.1")
