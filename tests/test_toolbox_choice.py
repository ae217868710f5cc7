"""Why shells are not run by the library that runs `awk`: what it does not do while time passes.

Each of these pins a behaviour of bashkit that a container's shell cannot have. Where one fails, a
later version has learned it, and the choice of a shell language of our own can be looked at again.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bashkit import Bash

bashkit = pytest.importorskip("bashkit")

AGAIN = "bashkit has learned this: the choice of an own shell can be looked at again"


class Watched:
    """A script that is run by the library, and what was seen at each tick of its clock."""

    def __init__(self, look: Callable[[Any, str], Any]) -> None:
        self.look = look
        self.written = ""
        self.seen: dict[str, Any] = {}
        self.shell: Bash = bashkit.Bash()
        self.shell.add_command("tick", self._tick)

    async def _tick(self, context: Any) -> int:
        for _ in range(20):  # who else has something to do, does it now
            await asyncio.sleep(0)
        self.seen[" ".join(context.argv)] = self.look(context, self.written)
        return 0

    def _take(self, stdout: str, _stderr: str) -> None:
        self.written += stdout

    def run(self, script: str) -> str:
        """Run it; return all that it has written."""

        async def executed() -> str:
            result = await self.shell.execute(script, on_output=self._take)
            return str(result.stdout)

        return asyncio.run(executed())


def written(_: Any, so_far: str) -> str:
    return so_far


def in_file(context: Any, _: str) -> bytes:
    try:
        return bytes(context.fs.read_file("/tmp/log"))
    except RuntimeError:  # there is none
        return b""


def test_output_of_a_loop_is_delivered_while_it_runs() -> None:
    watched = Watched(written)
    watched.run("for i in 1 2; do echo x$i; tick $i; done")
    assert watched.seen == {"1": "x1\n", "2": "x1\nx2\n"}


def test_output_of_a_job_in_the_background_is_not_delivered_while_it_runs() -> None:
    watched = Watched(written)
    watched.run(
        "(for i in 1 2 3; do echo x$i; tick $i; done) & "
        "for j in a b c d e f; do tick $j; done; echo end"
    )
    assert set(watched.seen) == set("123abcdef")
    # When it has ended, a thread may still deliver it before the script goes on.
    assert [watched.seen[each] for each in "123"] == ["", "", ""], AGAIN


@pytest.mark.parametrize(
    "script", ["exec >/tmp/log; {}", "{{ {}; }} >/tmp/log"], ids=["exec", "group"]
)
def test_output_of_a_loop_is_not_in_its_file_while_it_runs(script: str) -> None:
    watched = Watched(in_file)
    watched.run(script.format("for i in 1 2 3; do echo x$i; tick $i; done"))
    assert watched.seen == {"1": b"", "2": b"", "3": b""}, AGAIN


def test_a_file_that_is_appended_to_line_by_line_is_seen() -> None:
    watched = Watched(in_file)
    watched.run("for i in 1 2; do echo x$i >>/tmp/log; tick $i; done")
    assert watched.seen == {"1": b"x1\n", "2": b"x1\nx2\n"}


def test_a_script_has_no_input_of_its_own_that_arrives() -> None:
    watched = Watched(written)
    output = watched.run('tick before; read line; echo "$? $line"; tick after')
    assert output == "1 \n", AGAIN
    assert watched.seen == {"before": "", "after": "1 \n"}
    for run in (watched.shell.execute, watched.shell.execute_sync):
        with pytest.raises(TypeError):
            run("read line", stdin="line\n")  # type: ignore[call-arg]  # that is the point
