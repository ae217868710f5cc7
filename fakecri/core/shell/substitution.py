"""Children of a shell: subshells, and commands whose output is collected."""

from collections.abc import Callable, Sequence

from fakecri.core.pipes import Pipe
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.shell.descriptors import ends_of
from fakecri.core.shell.errors import OutOfMemoryError
from fakecri.core.shell.jobs import keep_jobs
from fakecri.core.shell.launching import make_room
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Node
from fakecri.core.shell.variables import MAX_LENGTH


def fork(shell: Shell, child: Shell, body: Callable[[Shell], Waits[int]]) -> Process:
    """Start a subshell: `child` is what it begins with, `body` what it does."""
    from fakecri.core.shell.life import live  # noqa: PLC0415  # which forks

    def program(process: Process) -> Waits[int]:
        child.process = process
        return live(child, body(child))

    descriptors = child.descriptors
    process = shell.process.spawn(
        shell.process.spec.argv,
        program=program,
        stdin=descriptors.stdin,
        stdout=descriptors.sink(1),
        stderr=descriptors.sink(2),
    )
    process.exited.then(descriptors.close)
    return process


def substitute(shell: Shell, body: Sequence[Node]) -> Waits[str]:
    """Return what commands write, without the newlines at its end."""
    from fakecri.core.shell.execution import run, tails  # noqa: PLC0415  # which expands words

    def commands(child: Shell) -> Waits[int]:
        for node in body:
            if node is body[-1]:
                child.tails = tails(node)
            yield from run(child, node)
        return child.status

    yield from make_room(shell)
    pipe = Pipe(shell.process.scheduler)
    reading, writing = ends_of(pipe)
    reading.hold()
    child = shell.fork()
    child.descriptors.put(1, writing)
    if len(body) == 1:
        keep_jobs(shell, child, body[0])
    try:
        process = fork(shell, child, commands)
        chunks, length = [], 0
        while chunk := (yield from pipe.read()):
            chunks.append(chunk)
            length += len(chunk)
            if length > MAX_LENGTH:
                raise OutOfMemoryError
    finally:
        reading.release()
    shell.substituted = yield from process.exited
    if shell.bash:
        shell.status = shell.substituted
    return b"".join(chunks).replace(b"\0", b"").decode("latin-1").rstrip("\n")
