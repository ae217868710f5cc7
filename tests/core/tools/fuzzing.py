"""A tool that is given anything at all: it may refuse or go on, but it may not crash."""

from collections.abc import Callable, Sequence

from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.image_registry import ImageContent
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.signals import SIGKILL
from tests.core.machine import Machine


def assert_no_crash(
    image: ImageContent, fill: Callable[[Process], int], argv: Sequence[str], stdin: bytes
) -> None:
    """Run a command line in /tmp/w, which `fill` makes, and kill it after a while."""
    machine = Machine(image)
    machine.start_program(fill).finish()
    run = machine.start(
        argv,
        cwd="/tmp/w",
        stdin=stdin,
        environment={"PATH": DEFAULT_PATH},
        is_init=False,
    )
    machine.scheduler.advance_to(machine.scheduler.now_ns + SECOND_NS // 100)
    run.process.kill(SIGKILL)
    machine.scheduler.run()
    assert "Traceback" not in run.stderr, run.stderr
    assert run.process.exited.done
