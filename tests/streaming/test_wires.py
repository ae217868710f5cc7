"""The event loop's side of a connection, where only the order of events matters."""

from __future__ import annotations

import asyncio
import socket
from struct import pack
from typing import Any

from fakecri.streaming.wires import Wire
from tests.support import node


class Over:
    """A conversation that has nothing to say any more."""

    full = cut = is_forming = waits = False
    ended = True

    def feed(self, content: bytes) -> None:
        raise AssertionError(content)

    def take(self) -> bytes:
        return b""

    def hang_up(self, reason: str = "client") -> None:
        assert reason == "client"


def test_an_end_may_come_to_a_client_that_has_just_broken_off() -> None:
    async def end() -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        errors: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: errors.append(context))
        gone = loop.create_future()

        def changed(wire: Wire) -> None:
            if not wire.gone:
                wire.resume_writing()  # it ends before the loop has heard of the reset
            elif not gone.done():
                gone.set_result(None)

        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        client.close()
        wire = Wire(opened.cri.host, loop, lambda _, __: Over(), changed)
        await loop.connect_accepted_socket(lambda: wire, accepted)
        await asyncio.wait_for(gone, 20)
        return errors

    with node("object") as opened:
        assert asyncio.run(end()) == []
