"""Programs that run until they are told to end: pause, and the servers of images."""

from collections.abc import Iterable
from contextlib import suppress

from fakecri.core import signals
from fakecri.core.processes import Process, Program, Signalled
from fakecri.core.scheduler import Waits

_SIGINT = signals.NUMBERS["INT"]
_SIGQUIT = signals.NUMBERS["QUIT"]
_SIGNAL_TEXTS = {_SIGINT: "Interrupt", signals.SIGTERM: "Terminated"}  # as psignal(3) has them


def pause(process: Process) -> Waits[int]:
    """Kubernetes' pause container: it waits for SIGINT or SIGTERM."""
    process.trap(_SIGINT, signals.SIGTERM)
    if not process.is_init:
        process.error(b"Warning: pause should be the first process\n")
    try:
        yield from process.forever()
    except Signalled as signalled:
        text = _SIGNAL_TEXTS[signalled.signal]
        process.error(f"Shutting down, got signal: {text}\n".encode())
    return 0


def server(stop_signals: Iterable[int] = ()) -> Program:
    """Return a stand-in for a server that nobody registered a program for.

    It says nothing, and ends with 0 on SIGTERM, SIGINT, SIGQUIT or one of `stop_signals`: what
    nginx, httpd and most others do when they are asked to end in good order.
    """
    trapped = (signals.SIGTERM, _SIGINT, _SIGQUIT, *stop_signals)

    def serve(process: Process) -> Waits[int]:
        process.trap(*trapped)
        with suppress(Signalled):
            yield from process.forever()
        return 0

    return serve
