"""Programs that run until they are told to end: pause."""

from fakecri.core import signals
from fakecri.core.processes import Process, Signalled
from fakecri.core.scheduler import Waits

_SIGINT = signals.NUMBERS["INT"]
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


def show_effective_uid(process: Process) -> int:
    """Be `nnp`, with which conformance tests look for new privileges."""
    process.write(f"Effective uid: {process.euid}\n".encode())
    return 0
