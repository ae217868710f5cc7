"""Two recordings compared: what was asked and answered, and what happened, but for what must vary.

Ids, digests, times, process ids and addresses of streams are another run's; names stand for them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import Record, RecordedCall, Recording, message_of
from fakecri.errors import UsageError
from fakecri.replay.alignment import align
from fakecri.replay.ignoring import Ignore
from fakecri.replay.names import Names
from fakecri.replay.normalising import Tree, key_of, masked, normalise
from fakecri.replay.trees import ABSENT, Spot, Trees, Value
from fakecri.rpcs import RPCS

SECTIONS: Mapping[str, frozenset[str]] = {
    "moves": frozenset({"move"}),
    "events": frozenset({"event"}),
    "faults": frozenset({"fault", "rule"}),
    "sessions": frozenset({"session"}),
    "plugins": frozenset({"nri"}),
    "states": frozenset({"state", "clock"}),
}
"""What there is beside calls: kinds of lines."""

TIMES = ("drop", "relative")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two recordings differ."""

    path: str
    """Such as `ContainerStatus.status.reason`; see docs/replay.md."""
    left: Value
    right: Value
    title: str
    """What it is a difference of: an RPC and what it was about."""
    places: tuple[int | None, int | None]
    """The number of the call in either recording, or of the line; None: it is in one alone."""


@dataclass
class Comparison:
    """What came of it."""

    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was not compared, and why."""
    pairs: int = 0
    """How many calls and other lines stand in both."""

    @property
    def alike(self) -> bool:
        """Whether there is no difference."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Choices:
    """What is compared, and how."""

    only: Sequence[str] = ()
    """RPCs; none: all calls, and the rest."""
    times: str = "drop"
    """`drop`: times do not count. `relative`: as what had passed since the recording began."""
    sections: Mapping[str, bool] = field(default_factory=dict)
    """What of SECTIONS is compared for certain, or not at all; else what both recordings have."""


@dataclass(frozen=True, slots=True)
class _Side:
    recording: Recording
    names: Names

    def tree(self, value: Any) -> Tree:
        return normalise(value, self.names)


@dataclass(frozen=True, slots=True)
class _Item:
    """A call, or another line, on one side."""

    number: int
    title: str
    parts: Mapping[str, Tree]
    """Its trees, by the beginnings of their paths."""
    key: str
    kin: str
    """What it has in common with what it may be compared to."""
    messages: Sequence[Tree] = ()


def compare(
    left: Recording,
    right: Recording,
    choices: Choices | None = None,
    ignore: Ignore | None = None,
) -> Comparison:
    """Compare two recordings. UsageError for choices that make no sense."""
    choices, ignore = choices or Choices(), ignore or Ignore()
    _check(choices)
    sides = (_Side(left, learned(left)), _Side(right, learned(right)))
    starts = (left.header.t, right.header.t) if choices.times == "relative" else None
    made = Comparison()
    trees = Trees(starts)
    _section(made, trees, ignore, (_calls(sides[0], choices), _calls(sides[1], choices)))
    for name, kinds in SECTIONS.items():
        lines = (list(_lines(sides[0], kinds)), list(_lines(sides[1], kinds)))
        if _is_wanted(name, lines, choices, made):
            _section(made, trees, ignore, lines)
    return made


def learned(recording: Recording) -> Names:
    """Return the names of all that a recording tells of."""
    names = Names()
    for call in recording.calls:
        response = call.response
        names.learn(call.request, [*call.messages, *([] if response is None else [response])])
    for record in recording.records:
        if record.kind == "event":
            names.learn(message_of(pb.ContainerEventResponse, record.facts["event"], record))
    return names


def _check(choices: Choices) -> None:
    unknown = [each for each in choices.only if each not in RPCS]
    if unknown:
        raise UsageError(f"{unknown[0]} is not an RPC of the CRI")
    if choices.times not in TIMES:
        raise UsageError(f"{choices.times!r} is no way to compare times: {' or '.join(TIMES)}")


def _is_wanted(
    name: str, lines: Sequence[Sequence[_Item]], choices: Choices, made: Comparison
) -> bool:
    chosen = choices.sections.get(name)
    if chosen is not None:
        return chosen
    if choices.only:
        return False
    if any(lines) and not all(lines):
        which = "left" if lines[0] else "right"
        made.notes.append(f"only the {which} recording has {name}: they are not compared")
    return all(lines)


def _section(
    made: Comparison, trees: Trees, ignore: Ignore, items: tuple[list[_Item], list[_Item]]
) -> None:
    for left, right in align(*items, lambda item: item.key, lambda item: item.kin):
        found = [each for each in _spots(trees, left, right) if not ignore.covers(each.path)]
        made.pairs += bool(left and right)
        title = left.title if left else right.title if right else ""
        places = (left.number if left else None, right.number if right else None)
        made.differences += [Difference(*spot, title, places) for spot in found]


def _spots(trees: Trees, left: _Item | None, right: _Item | None) -> Iterator[Spot]:
    if left is None or right is None:
        yield from _alone(left, right)
        return
    for path in sorted({*left.parts, *right.parts}):
        ours, theirs = left.parts.get(path, ABSENT), right.parts.get(path, ABSENT)
        # An answer and an error differ as a whole, and not field by field.
        if path.endswith(".error") or not _is_failed(left, right, path):
            yield from trees.spots(ours, theirs, path)
    path = left.title.split(" ", 1)[0]
    for ours_, theirs_ in align(left.messages, right.messages, key_of, _kin_of):
        if ours_ is None or theirs_ is None:
            which = "missing" if theirs_ is None else "extra"
            yield Spot(
                f"{path}.{which}",
                ABSENT if ours_ is None else ours_,
                ABSENT if theirs_ is None else theirs_,
            )
        else:
            yield from trees.spots(ours_, theirs_, path)


def _is_failed(left: _Item, right: _Item, path: str) -> bool:
    failed = [any(each == f"{path}.error" for each in item.parts) for item in (left, right)]
    return failed[0] != failed[1]


def _alone(left: _Item | None, right: _Item | None) -> Iterator[Spot]:
    item = left or right
    if item is not None:
        which = "missing" if left else "extra"
        value = {path.partition(".")[2] or "answer": tree for path, tree in item.parts.items()}
        path = f"{item.title.split(' ', 1)[0]}.{which}"
        yield Spot(path, value if left else ABSENT, value if right else ABSENT)


# Calls.


def _calls(side: _Side, choices: Choices) -> list[_Item]:
    wanted: Callable[[RecordedCall], bool] = lambda call: (  # noqa: E731  # one line of a filter
        not choices.only or call.rpc in choices.only
    )
    make = partial(_call, side, timed=choices.times == "relative")
    return [make(call) for call in side.recording.calls if wanted(call)]


def _call(side: _Side, call: RecordedCall, *, timed: bool) -> _Item:
    facts = {"timeout_ns": call.timeout_ns, "metadata": call.metadata, "cancelled": call.cancelled}
    facts["unsent"] = call.unsent
    request = side.tree(call.request_fields)
    parts: dict[str, Tree] = {f"{call.rpc}.request": request}
    parts |= {f"{call.rpc}.{key}": side.tree(fact) for key, fact in facts.items() if fact}
    # What a client that had gone would have got is nobody's business.
    reply = call.reply.facts if call.reply is not None and not call.cancelled else {}
    if "response" in reply:
        parts[call.rpc] = side.tree(reply["response"])
    if "error" in reply:
        parts[f"{call.rpc}.error"] = side.tree(reply["error"])
    if timed and call.ended_ns is not None:
        parts[f"{call.rpc}.took_ns"] = call.ended_ns - call.began_ns
    messages = [side.tree(each) for each in call.message_fields]
    title = f"{call.rpc} {_about(request)}".strip()
    return _Item(call.serial, title, parts, f"{call.rpc} {key_of(request)}", call.rpc, messages)


_SUBJECTS = ("container_id", "pod_sandbox_id")


def _about(request: Tree) -> str:
    """Say in a few words what a request is about."""
    if not isinstance(request, dict):
        return ""
    for key in _SUBJECTS:
        if request.get(key) and key in request:
            return str(masked(request[key]))
    inner = request.get("config") or request.get("image")
    if isinstance(inner, dict):
        name = inner.get("metadata") or inner.get("image")
        name = name.get("name") if isinstance(name, dict) else name
        return str(masked(name or ""))
    return ""


# Other lines.


def _lines(side: _Side, kinds: frozenset[str]) -> Iterator[_Item]:
    for record in side.recording.records:
        if record.kind in kinds:
            yield _line(side, record)


def _line(side: _Side, record: Record) -> _Item:
    facts = {key: value for key, value in record.facts.items() if key != "call"}
    tree = side.tree(facts.get("event", facts))
    parts = {record.kind: tree}
    return _Item(record.n, record.kind, parts, key_of(tree), _kin_of(tree))


_KIN = ("what", "thing", "trigger", "pod", "name", "rule", "container_id", "container_event_type")


def _kin_of(tree: Tree) -> str:
    """Return a text that trees have in common which may stand for the same event or move."""
    if not isinstance(tree, dict):
        return ""
    return key_of({key: tree[key] for key in _KIN if key in tree})
