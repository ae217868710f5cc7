"""Whatever a recording has: each form draws it, and the trace keeps its rules."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.recording import Recording
from fakecri.timeline import READS, Selection, render_html, render_text, render_trace
from tests.timeline.recordings import recordings
from tests.timeline.test_html import recording_of
from tests.timeline.test_trace import check

_times = st.none() | st.integers(0, 10**16)
selections = st.just(Selection()) | st.builds(
    Selection,
    pods=st.lists(st.text(max_size=3) | st.just("*"), max_size=2).map(tuple),
    from_ns=_times,
    to_ns=_times,
)


@given(recordings(), selections, st.sampled_from(READS), st.integers(0, 90) | st.none())
def test_any_recording_is_text(
    recording: Recording, selection: Selection, reads: str, width: int | None
) -> None:
    text = render_text(recording, selection=selection, reads=reads, width=width)
    assert text.endswith("\n")
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode()


@given(recordings(), selections)
def test_any_recording_is_a_trace(recording: Recording, selection: Selection) -> None:
    trace = json.loads(render_trace(recording, selection=selection))
    check(trace)


@given(recordings(), selections)
def test_any_recording_is_a_page(recording: Recording, selection: Selection) -> None:
    page = render_html(recording, selection=selection)
    page.encode()
    data = recording_of(page)
    check_places(data)


def check_places(data: dict[str, object]) -> None:
    """Fail where a place in the data leads nowhere."""
    sizes = {key: len(value) for key, value in data.items() if isinstance(value, list)}
    for bar in data["bars"]:  # type: ignore[attr-defined]  # a list
        assert bar["lane"] < sizes["lanes"]
        places = [bar["begin"], bar["begin"] if bar["end"] is None else bar["end"]]
        for name in ("cancels", "faults", "messages", "moves", "events"):
            places += bar[name]
        assert max(places) < sizes["records"]
    for mark in data["marks"]:  # type: ignore[attr-defined]  # a list
        assert mark["lane"] < max(sizes["lanes"], 1)
        assert mark["index"] < sizes["records"]
