"""Ports that this machine gives to nobody else, until they are given back."""

import socket


class HeldPorts:
    """Free ports of an address, for a server that has yet to come to them, or comes back.

    Who binds one with SO_REUSEADDR, as servers written in Go do, can listen there. Nobody gets it
    who takes any port, for a server or for a connection.
    """

    def __init__(self, number: int, address: str) -> None:
        """OSError where the machine has no such address."""
        self.numbers: list[int] = []
        """The ports."""
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(number):
                self._hold(address)
        except OSError:
            self.give_back()
            raise

    def _hold(self, address: str) -> None:
        held = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._sockets.append(held)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, 0))  # it never listens
        self.numbers.append(held.getsockname()[1])

    def give_back(self) -> None:
        """Let everybody have them. Harmless when done."""
        for each in self._sockets:
            each.close()
