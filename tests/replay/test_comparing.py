"""Recordings compared: what must vary does not count, and what is different is named."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri import UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import Recording, RecordingError
from fakecri.replay import Choices, Ignore, compare, parse_ignored, parse_paths
from fakecri.replay.names import Names
from fakecri.replay.normalising import key_of, normalise
from fakecri.replay.trees import ABSENT, Trees
from tests.recording_script import run
from tests.replay.recordings import changed, parse, recording_of, without
from tests.replay.scripts import Client, Step, scripts
from tests.support import Node


def cycle(node: Node) -> None:
    """A pod from its beginning to its end."""
    node.pull()
    sandbox = node.run_sandbox()
    container = node.run(sandbox, "sleep", "1000")
    node.status(container)
    node.runtime.ListContainers(pb.ListContainersRequest())
    node.stop(container, 2)
    node.status(container)
    node.remove(container)
    node.remove_sandbox(sandbox)


def paths(left: Recording, right: Recording, *ignored: str, **choices: Any) -> list[str]:
    ignore = Ignore(parse_paths(ignored))
    return [each.path for each in compare(left, right, Choices(**choices), ignore).differences]


# What is alike.


def test_a_run_with_everything_is_alike_under_another_seed() -> None:
    made = compare(parse(run(7)), parse(run(8)))
    assert (made.differences, made.notes) == ([], [])
    assert made.pairs > 70


@settings(max_examples=60, deadline=None)
@given(script=scripts(), seed=st.integers(0, 2**32))
def test_any_script_is_alike_under_any_seed(script: list[Step], seed: int) -> None:
    left = recording_of(lambda node: Client(node).play(script), seed=1)
    right = recording_of(lambda node: Client(node).play(script), seed=seed)
    assert compare(left, left).differences == []
    assert compare(left, right, Choices(times="relative")).differences == []
    assert compare(right, left).differences == []


def test_a_run_at_another_time_is_alike_unless_times_count() -> None:
    left = recording_of(cycle)
    later = changed(left, lambda line: line.update(t=line["t"] + 5))
    assert paths(left, later) == []
    # The stamps in messages are what they were, and the clock that they are compared to is not.
    assert "ContainerStatus.status.created_at" in paths(left, later, times="relative")


# What is not.


def leaves(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where the numbers and texts of JSON's types are."""
    if isinstance(value, dict):
        return [each for key in value for each in leaves(value[key], (*place, key))]
    if isinstance(value, list):
        return [each for index, one in enumerate(value) for each in leaves(one, (*place, index))]
    return [place]


def changeable(recording: Recording) -> list[tuple[int, tuple[Any, ...]]]:
    """Return which places of which lines say something that lasts."""
    return [
        (number, place)
        for number, line in enumerate(map(json.loads, recording.lines))
        for part in ("request", "response", "event", "message")
        for place in leaves(line.get(part, {}), (part,))
        if place != (part,) and isinstance(value_at(line, place), str) and lasts(line, place)
    ]


def lasts(line: dict[str, Any], place: tuple[Any, ...]) -> bool:
    tree = normalise(value_at(line, place), Names(), str(place[-1]))
    return isinstance(tree, str) and "info" not in place


def value_at(line: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        line = line[key]
    return line


CYCLE = recording_of(cycle)


@settings(max_examples=150, deadline=None)
@given(spot=st.sampled_from(changeable(CYCLE)))
def test_one_changed_field_is_found_and_named(spot: tuple[int, tuple[Any, ...]]) -> None:
    number, place = spot
    lines = [json.loads(line) for line in CYCLE.lines]
    parent = value_at(lines[number], place[:-1])
    parent[place[-1]] = "1234567" if str(parent[place[-1]]).isdigit() else "changed"
    try:
        other = Recording.parse(map(json.dumps, lines))
        differences = compare(CYCLE, other).differences
    except RecordingError:
        return  # it was the name of an enum
    field = next(key for key in reversed(place) if isinstance(key, str))
    assert differences
    assert any(field in each.path or each.path.endswith("missing") for each in differences)


def test_a_changed_answer_is_named_with_both_sides_and_places() -> None:
    def fail(line: dict[str, Any]) -> None:
        status = line.get("response", {}).get("status", {})
        if line["kind"] == "reply" and status.get("exit_code"):
            status["exit_code"] = 1

    (difference,) = compare(CYCLE, changed(CYCLE, fail)).differences
    assert (difference.path, difference.left, difference.right) == (
        "ContainerStatus.status.exit_code",
        137,
        1,
    )
    assert difference.places == (8, 8)
    assert difference.title == "ContainerStatus <container default/web/main#0>"


def test_an_error_and_an_answer_are_one_difference() -> None:
    def fail(line: dict[str, Any]) -> None:
        if line["kind"] == "reply" and line["rpc"] == "StartContainer":
            del line["response"]
            line["error"] = {"code": "UNKNOWN", "text": "no"}

    (difference,) = compare(CYCLE, changed(CYCLE, fail)).differences
    assert (difference.path, difference.left) == ("StartContainer.error", ABSENT)


@pytest.mark.parametrize("call", range(1, 11))
def test_a_call_that_is_missing_shifts_no_other(call: int) -> None:
    other = without(CYCLE, call)
    rpc = CYCLE.calls[call - 1].rpc
    alone = {"moves": False}
    assert paths(CYCLE, other, sections=alone) == [f"{rpc}.missing"]
    assert paths(other, CYCLE, sections=alone) == [f"{rpc}.extra"]


def test_things_that_change_their_places_are_seen() -> None:
    def mixed(node: Node, first: str, second: str) -> None:
        node.pull()
        sandbox = node.run_sandbox()
        ids = {name: node.create(sandbox, "true", name=name) for name in ("a", "b")}
        node.start(ids[first])
        node.start(ids[second])

    one = recording_of(lambda node: mixed(node, "a", "b"))
    other = recording_of(lambda node: mixed(node, "b", "a"))
    assert paths(one, other) != []


def test_ids_without_names_stand_for_each_other_once() -> None:
    names = Names()
    a, b, c = (each * 64 for each in "abc")
    left = normalise({"x": f"cni-{a}", "y": a, "z": b}, names)
    trees = Trees()
    right = normalise({"x": f"cni-{c}", "y": c, "z": c}, names)
    assert [spot.path for spot in trees.spots(left, right, "R")] == ["R.z"]
    assert list(Trees().spots(left, left, "R")) == []


def test_an_order_of_a_list_is_one_difference() -> None:
    def listed(*order: str) -> Any:
        return normalise(
            {"mounts": [{"key": each, "value": f"{each}!"} for each in order]}, Names()
        )

    spots = list(Trees().spots(listed("a", "b", "c"), listed("c", "a", "b"), "R"))
    assert [spot.path for spot in spots] == ["R.mounts.order"]
    spots = list(Trees().spots(listed("a", "b"), listed("a", "x", "b"), "R"))
    assert [(spot.path, spot.left) for spot in spots] == [("R.mounts[x]", ABSENT)]


def test_a_prefix_of_an_id_is_named_after_it() -> None:
    names = Names()
    names.give("ab" * 32, "container c")
    assert names.parts(f"stop {'ab' * 6} and {'cd' * 6}") != names.parts("stop")
    assert key_of(normalise("ab" * 6, names)) == '"<container c[:12]>"'
    assert normalise("cd" * 6, names) == "cd" * 6
    assert names.find_id("container c[:12]") == "ab" * 6


def test_times_of_zero_are_not_times() -> None:
    names = Names()
    never, once = ({"finished_at": each} for each in ("0", "1767225600000000000"))
    assert list(Trees().spots(normalise(never, names), normalise(once, names), "R")) != []


# What is left out.


def test_what_is_ignored_does_not_count() -> None:
    other = changed(CYCLE, lambda line: line.get("response", {}).get("status", {}).pop("image", 0))
    assert set(paths(CYCLE, other)) == {"ContainerStatus.status.image"}
    for ignored in ("ContainerStatus.status.image", "ContainerStatus", "*.status", "Cont*.image"):
        assert paths(CYCLE, other, ignored) == []
    for ignored in ("ContainerStatus.status.im", "PodSandboxStatus", "status"):
        assert paths(CYCLE, other, ignored) != []


def test_a_path_without_brackets_is_every_element() -> None:
    def rename(line: dict[str, Any]) -> None:
        for container in line.get("response", {}).get("containers", []):
            container["image_ref"] = "other"

    other = changed(CYCLE, rename)
    (path,) = paths(CYCLE, other)
    assert path == "ListContainers.containers[default/web/main#0].image_ref"
    assert paths(CYCLE, other, "ListContainers.containers.image_ref") == []
    assert paths(CYCLE, other, path) == []
    assert paths(CYCLE, other, path.replace("main", "other")) == [path]


def test_a_file_of_what_is_ignored_has_reasons_and_tells_what_was_not_needed() -> None:
    lines = ["# a comment", "", "ContainerStatus.status.reason  the other one knows better"]
    (listed,) = parse_ignored(lines, "f")
    assert listed.reason == "the other one knows better"
    assert Ignore([listed]).unused == [listed]
    (fickle,) = parse_ignored(["?ListContainers.containers.order  as it likes"], "f")
    assert (fickle.covers("ListContainers.containers.order"), Ignore([fickle]).unused) == (True, [])
    with pytest.raises(UsageError, match="f: line 2: expected a reason after Version"):
        parse_ignored(["A because", "Version"], "f")


def test_only_some_rpcs_are_compared_where_that_is_asked() -> None:
    other = without(CYCLE, 2)
    assert paths(CYCLE, other, only=["StopContainer"]) == []
    assert paths(CYCLE, other, only=["RunPodSandbox"]) == ["RunPodSandbox.missing"]
    with pytest.raises(UsageError, match="Nothing is not an RPC"):
        compare(CYCLE, CYCLE, Choices(only=["Nothing"]))
    with pytest.raises(UsageError, match="'exact' is no way"):
        compare(CYCLE, CYCLE, Choices(times="exact"))


def test_what_one_recording_alone_has_is_told_and_compared_on_demand() -> None:
    lines = [line for line in CYCLE.lines if '"kind":"move"' not in line]
    other = Recording.parse(lines)
    made = compare(CYCLE, other)
    assert made.notes == ["only the left recording has moves: they are not compared"]
    assert made.alike
    wanted = compare(CYCLE, other, Choices(sections={"moves": True}))
    assert {each.path for each in wanted.differences} == {"move.missing"}


def test_events_and_moves_are_compared_where_both_have_them() -> None:
    def other_reason(line: dict[str, Any]) -> None:
        for status in line.get("event", {}).get("containers_statuses", []):
            status["image_ref"] = "other"

    other = changed(CYCLE, other_reason)
    assert {each.partition("[")[0] for each in paths(CYCLE, other)} == {"event.containers_statuses"}
    assert paths(CYCLE, other, sections={"events": False}) == []


# Anything else.


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["ab" * 32, "{", '{"pid":3}', "[[[", "2026-01-01T00:00:00Z", "sha256:"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "metadata", "created_at", "stdout", "pid", "x"])
            | st.text(),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(left=JSON, right=JSON)
def test_anything_can_be_compared(left: Any, right: Any) -> None:
    ours, theirs = normalise(left, Names()), normalise(right, Names())
    assert list(Trees((0, 0)).spots(ours, ours, "R")) == []
    there = list(Trees((0, 0)).spots(ours, theirs, "R"))
    assert bool(there) == bool(list(Trees((0, 0)).spots(theirs, ours, "R")))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_recording_with_anything_in_it_is_compared_or_refused(data: st.DataObject) -> None:
    lines = [json.loads(line) for line in CYCLE.lines]
    line = data.draw(st.sampled_from(lines))
    place = data.draw(st.sampled_from(leaves(line)))
    value_at(line, place[:-1])[place[-1]] = data.draw(JSON)
    with suppress(RecordingError):
        made = compare(CYCLE, Recording.parse(map(json.dumps, lines)))
        assert made.pairs <= len(lines)
