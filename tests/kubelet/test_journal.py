"""The log of a kubelet, as lines and as events."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fakecri.kubelet.journal import Journal, KubeletEvent, event_of, parse_line

EVENT = {
    "ts": 1795930787318.25,
    "caller": "events/event.go:377",
    "msg": "Event occurred",
    "v": 3,
    "object": {"name": "web-node", "namespace": "default"},
    "fieldPath": "spec.containers{main}",
    "kind": "Pod",
    "type": "Normal",
    "reason": "Started",
    "message": 'Container "main"\nstarted',
}


def test_an_event_is_read_from_its_line() -> None:
    assert event_of(parse_line(json.dumps(EVENT))) == KubeletEvent(
        1795930787.31825, "web-node", "main", "Normal", "Started", 'Container "main"\nstarted'
    )


def test_an_event_of_the_node_is_about_no_container() -> None:
    line = json.dumps({**EVENT, "object": {"name": "node"}, "fieldPath": ""})
    event = event_of(parse_line(line))
    assert event is not None
    assert (event.pod, event.container) == ("node", "")


def test_a_stack_trace_is_lines_without_fields() -> None:
    line = parse_line("goroutine 1 [running]:")
    assert (line.message, line.when_s, line.fields) == ("goroutine 1 [running]:", 0.0, None)
    assert event_of(line) is None


def test_a_line_reads_as_its_message_and_what_else_it_says() -> None:
    line = parse_line(
        '{"ts": 1, "caller": "x", "msg": "Failed", "err": "no", "pod": {"name": "a"}}'
    )
    assert str(line) == 'Failed err="no" pod={"name": "a"}'


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"msg": "one"}\n{"ms')
    journal = Journal(path)
    assert [each.message for each in journal.lines()] == ["one"]
    with path.open("a") as file:
        file.write('g": "two"}\n')
    assert [each.message for each in journal.lines()] == ["one", "two"]
    assert journal.last(1) == "two"


def test_the_last_words_are_those_of_this_life(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"msg": "one"}\n')
    journal = Journal(path)
    journal.mark()
    assert journal.last(9) == ""
    with path.open("a") as file:
        file.write('{"msg": "two"}\n')
    assert journal.last(9) == "two"


@given(st.text() | st.from_type(dict).map(str) | st.integers().map(str))
def test_any_line_is_a_line(text: str) -> None:
    line = parse_line(text)
    assert line.text == text
    assert str(line) is not None
    event_of(line)
