"""Sequences of calls as data: read from TOML, and written as it.

    [[sequence]]
    name = "a-created-container-is-not-stopped"
    spec = "lifecycle 10"
    steps = [
      { RunPodSandbox = {}, as = "p" },
      { CreateContainer = { pod_sandbox_id = "<p>" }, as = "c" },
      { StopContainer = { container_id = "<c>", timeout = 1 } },
    ]

A step is an RPC and its request under the contract's field names. `as` names what it makes; `<c>`
stands for that id later on, `<c[:12]>` for its beginning. A name of nothing is an id that nobody
has. `<image>`, `<logs>` and `<run>` are the image of the run, its log directory and its own name.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from fakecri.errors import UsageError
from fakecri.rpcs import RPCS

ACTS = ("wait", "rotate")
"""What a step can be beside an RPC: wait until a container runs no more, or has written a text to
its log; move a log file away, as a kubelet does."""
_CHOICES = frozenset({"as", "bare", "timeout_s"})


@dataclass(frozen=True)
class Step:
    """One call, or one of ACTS."""

    act: str
    request: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    """What is made by it."""
    bare: bool = False
    """Whether the request goes as it is written; else what a kubelet would add is added."""
    timeout_s: float | None = None
    """The client's deadline."""

    @property
    def text(self) -> str:
        """The step as a table of TOML on one line."""
        return _toml(self.row)

    @property
    def row(self) -> dict[str, Any]:
        """The step as JSON's types, as `parse_sequence` takes it."""
        fields: dict[str, Any] = {self.act: self.request}
        if self.name:
            fields["as"] = self.name
        if self.bare:
            fields["bare"] = True
        if self.timeout_s is not None:
            fields["timeout_s"] = self.timeout_s
        return fields


@dataclass(frozen=True)
class Sequence:
    """Steps that are played one after another, in pods of their own."""

    name: str
    steps: tuple[Step, ...]
    spec: str = ""
    """Where it is said what is right."""

    @property
    def text(self) -> str:
        """The sequence as TOML, to be pasted among the others."""
        lines = ["[[sequence]]", f"name = {_toml(self.name)}"]
        lines += [f"spec = {_toml(self.spec)}"] if self.spec else []
        return "\n".join([*lines, "steps = [", *(f"  {each.text}," for each in self.steps), "]"])


def written() -> list[Sequence]:
    """Return the sequences that come with the package, in order."""
    folder = files("fakecri.verify") / "written"
    sources = sorted(folder.iterdir(), key=lambda each: each.name)
    found = [
        sequence
        for each in sources
        if each.name.endswith(".toml")
        for sequence in parse(each.read_text(), each.name)
    ]
    _check_names(found)
    return found


def parse(text: str, source: str) -> list[Sequence]:
    """Return the sequences of a file. UsageError names `source` and what is wrong with it."""
    try:
        rows = tomllib.loads(text).get("sequence", [])
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{source}: expected tables [[sequence]]")
    found = [parse_sequence(row, source) for row in rows]
    _check_names(found)
    return found


def parse_sequence(row: Mapping[str, Any], source: str) -> Sequence:
    """Return the sequence that a table tells. UsageError as `parse`."""
    name, steps = row.get("name"), row.get("steps")
    if not isinstance(name, str) or not name:
        raise UsageError(f"{source}: a sequence has no name")
    if unknown := row.keys() - {"name", "spec", "steps"}:
        raise UsageError(f"{source}: {name}: {min(unknown)!r} is nothing that a sequence has")
    if not isinstance(steps, list):
        raise UsageError(f"{source}: {name}: a sequence has steps, a list")
    place = f"{source}: {name}"
    return Sequence(name, tuple(_step(each, place) for each in steps), str(row.get("spec", "")))


def _check_names(found: Iterable[Sequence]) -> None:
    seen: set[str] = set()
    for each in found:
        if each.name in seen:
            raise UsageError(f"two sequences are called {each.name}")
        seen.add(each.name)


def _step(row: Any, place: str) -> Step:
    acts = [each for each in row if each not in _CHOICES] if isinstance(row, dict) else []
    if len(acts) != 1:
        raise UsageError(f"{place}: {row!r} is no step, such as {{ StopContainer = {{}} }}")
    act = acts[0]
    if act not in RPCS and act not in ACTS:
        raise UsageError(f"{place}: {act} is no RPC of the CRI, and not {' or '.join(ACTS)}")
    if not isinstance(row[act], dict):
        raise UsageError(f"{place}: the request of {act} is a table")
    timeout_s = row.get("timeout_s")
    if timeout_s is not None and (not isinstance(timeout_s, int | float) or timeout_s <= 0):
        raise UsageError(f"{place}: a timeout_s is a number of seconds above 0")
    return Step(act, row[act], str(row.get("as", "")), bool(row.get("bare")), timeout_s)


# Writing.


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # TOML's basic strings, integers and booleans are JSON's, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if bare else _toml(key)
