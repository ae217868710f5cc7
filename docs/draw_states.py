"""Draw `docs/states.md` from the tables of `fakecri.core.states`.

Run `python docs/draw_states.py`, with `--check` to compare only (exit status 1: they differ).
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from fakecri.core.states import (
    CONTAINER_MOVES,
    SANDBOX_MOVES,
    ContainerState,
    Row,
    SandboxState,
    Trigger,
)

PAGE = Path(__file__).with_name("states.md")

HEAD = """<!-- Drawn by `python docs/draw_states.py` from fakecri/core/states.py; do not edit. -->

# States

These are all the moves there are. A move that is not here cannot happen.

An arrow is labelled with its trigger. After the `/` stands the CRI event that the move publishes.
Where there is none, nobody who listens to events is told. The dot, and an empty cell of a table,
is before the beginning and after the end: there no call finds the pod sandbox or container.

"""

Moves: TypeAlias = (
    Mapping[tuple[ContainerState, Trigger], Row] | Mapping[tuple[SandboxState, Trigger], Row]
)


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n".join(
        (*_section("Containers", CONTAINER_MOVES), *_section("Pod sandboxes", SANDBOX_MOVES))
    )


def _section(title: str, moves: Moves) -> Iterator[str]:
    yield from (f"## {title}", "", "```mermaid", "stateDiagram-v2")
    for (state, trigger), row in moves.items():
        yield f"    {_node(state)} --> {_node(row.state)}: {_label(trigger, row)}"
    yield from ("```", "", "| from | trigger | to | CRI event |", "|---|---|---|---|")
    for (state, trigger), row in moves.items():
        event = f"`{_event(row)}`" if row.event is not None else ""
        yield f"| {_cell(state)} | {trigger.value} | {_cell(row.state)} | {event} |"
    yield ""


def _node(state: ContainerState | SandboxState) -> str:
    return "[*]" if state.name == "ABSENT" else state.name


def _cell(state: ContainerState | SandboxState) -> str:
    return "" if state.name == "ABSENT" else state.name


def _label(trigger: Trigger, row: Row) -> str:
    return trigger.value if row.event is None else f"{trigger.value} / {_event(row)}"


def _event(row: Row) -> str:
    return "" if row.event is None else f"CONTAINER_{row.event.name}_EVENT"


def main() -> int:
    """Write the page, or with `--check` say that it differs; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    drawn = page()
    if PAGE.exists() and PAGE.read_text() == drawn:
        return 0
    if not check:
        PAGE.write_text(drawn)
    sys.stdout.write(f"{'differs' if check else 'wrote'}: {PAGE.name}\n")
    return int(check)


if __name__ == "__main__":
    sys.exit(main())
