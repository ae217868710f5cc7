"""What of a recording stands for what of this run."""

from base64 import b64encode
from typing import Any

import pytest

from fakecri.replay.bindings import Bindings

OLD, NEW, THIRD = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")
LONG, OTHER = "ab" * 32, "cd" * 32


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def bound(recorded: Any, live: Any) -> Bindings:
    """Return bindings that have learned that two values say the same."""
    bindings = Bindings()
    found = bindings.match(recorded, live)
    assert found is not None
    bindings.bind(found)
    return bindings


def test_an_id_of_the_clients_own_is_put_into_answers() -> None:
    bindings = bound({"uid": OLD, "path": f"/pods/{OLD}/x"}, {"uid": NEW, "path": f"/pods/{NEW}/x"})
    assert bindings.to_live({"a": [f"of {OLD}", 3, None]}) == {"a": [f"of {NEW}", 3, None]}


def test_ids_in_bytes_are_found() -> None:
    recorded = {"envs": [{"key": "UID", "value": encoded(f"<{OLD}>")}]}
    bindings = bound(recorded, {"envs": [{"key": "UID", "value": encoded(f"<{NEW}>")}]})
    assert bindings.to_live({"stdout": encoded(OLD)}) == {"stdout": encoded(NEW)}
    assert bindings.to_live({"stdout": "no base64 " + OLD}) == {"stdout": "no base64 " + NEW}
    assert bindings.to_live(recorded)["envs"][0]["value"] == encoded(f"<{NEW}>")


def test_a_prefix_of_an_id_stands_for_the_prefix_of_another() -> None:
    bindings = bound({"id": LONG}, {"id": OTHER})
    assert bindings.match({"id": LONG[:12]}, {"id": OTHER[:12]}) == {}
    assert bindings.match({"id": LONG[:12]}, {"id": LONG[:12]}) is None
    assert bindings.text(f"no {LONG[:12]}") == f"no {OTHER[:12]}"


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ({"a": OLD, "b": OLD}, {"a": NEW, "b": THIRD}),
        ({"a": OLD, "b": NEW}, {"a": THIRD, "b": THIRD}),
        ({"a": OLD}, {"a": LONG}),
        ({"a": OLD}, {"a": f"x{OLD}"}),
        ({"a": "12345678"}, {"a": "12345679"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ([1], [1, 1]),
        ("1", 1),
    ],
)
def test_what_says_something_else_does_not_match(recorded: Any, live: Any) -> None:
    assert Bindings().match(recorded, live) is None


def test_times_match_any_time_and_what_is_masked_matches_anything() -> None:
    times = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00.123456789Z"
    assert Bindings().match({"seen": times[0]}, {"seen": times[1]}) == {}
    assert Bindings().match({"password": "***"}, {"password": "x"}) == {}
    assert Bindings().match({"password": "x"}, {"password": "***"}) is None


def test_an_id_that_was_answered_stands_for_itself() -> None:
    bindings = Bindings()
    bindings.see({"id": LONG})
    assert bindings.match({"id": LONG}, {"id": OTHER}) is None
    assert bindings.match({"id": OTHER}, {"id": LONG}) is None
    assert bindings.match({"id": LONG}, {"id": LONG}) == {}
