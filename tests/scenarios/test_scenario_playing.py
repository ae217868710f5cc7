"""What comes of steps, and what of them all."""

import pytest

from fakecri.scenarios.conditions import Term, Values
from fakecri.scenarios.files import NOT_REPRODUCED, REPRODUCED
from fakecri.scenarios.playing import INCONCLUSIVE, Player
from fakecri.scenarios.steps import parse_steps
from tests.scenarios.stages import PODS, Told, played

NOW = "restarts web/app"  # which is how many seconds have passed


@pytest.mark.parametrize(
    ("steps", "outcome", "results"),
    [
        (f"see {NOW} >= 3", REPRODUCED, ["seen"]),
        (f"see {NOW} >= 3 within 2s", NOT_REPRODUCED, ["missed"]),
        (f"never {NOW} >= 3 for 2s", REPRODUCED, ["not seen"]),
        (f"never {NOW} >= 3 for 5s", NOT_REPRODUCED, ["missed"]),
        (f"until {NOW} >= 9 within 2s\nsee {NOW}", INCONCLUSIVE, ["missed", "not reached"]),
        (f"see {NOW} >= 9 within 2s\nsee {NOW}", NOT_REPRODUCED, ["missed", "seen"]),
        (f"see {NOW}\ninstead {NOW} >= 9", REPRODUCED, ["seen", "not reached"]),
        (f"see {NOW} > 9 within 1s\ninstead {NOW} = 3", NOT_REPRODUCED, ["missed", "seen"]),
        (
            f"see {NOW} > 9 within 1s\ninstead {NOW} = 9 within 2s",
            INCONCLUSIVE,
            ["missed", "missed"],
        ),
        (f"see {NOW}\nrecovers {NOW} = 9 within 1s", REPRODUCED, ["seen", "missed"]),
    ],
)
def test_the_outcome_follows_from_the_steps(steps: str, outcome: str, results: list[str]) -> None:
    player, steps_played = played(steps)
    assert player.outcome == outcome
    assert [each.result for each in steps_played] == results


def test_a_recovery_is_measured_from_the_last_step_that_did_something() -> None:
    player, _ = played(f"put\nwait 1s\nsee {NOW} >= 4\ndisarm\nrecovers {NOW} >= 12")
    assert player.recovered_ns == 7_000_000_000
    assert not player.has_lasting_harm


def test_what_does_not_recover_is_told() -> None:
    player, _ = played(f"see {NOW}\nrecovers {NOW} >= 99 within 2s")
    assert player.recovered_ns is None
    assert player.has_lasting_harm


def test_what_cannot_be_done_ends_the_run() -> None:
    player, steps = played(f"put\nsee {NOW}", cannot="put")
    assert player.outcome == INCONCLUSIVE
    assert player.stuck is steps[0]
    assert steps[0].told == "it cannot be done"
    assert steps[1].result == "not reached"


def test_new_counts_from_the_last_step_that_did_something() -> None:
    _, steps = played("put\nwait 1s\nuntil new restarts web/app >= 3\ndisarm\nsee new lines x >= 1")
    assert [each.told for each in steps if each.step.watches] == [
        "new restarts web/app: 3",
        "new lines x: 1",
    ]


def test_what_was_not_there_before_is_new() -> None:
    def facts(_: Term, now: int) -> Values:
        return [float(now) if now else float("nan")]

    _, steps = played("put\nsee new restarts web/app = 3", facts)
    assert steps[1].result == "seen"


def test_what_was_seen_last_is_told_of_a_step() -> None:
    def facts(term: Term, _now: int) -> Values:
        return ["Running", "Pending"] if term.fact == "phase" else []

    _, steps = played("see phase web = Running and restarts web/app within 1s", facts)
    assert steps[0].told == "phase web: Running, Pending; restarts web/app: nothing"


def test_every_step_that_was_played_is_told_at_once() -> None:
    heard: list[str] = []
    steps = parse_steps(f"put\nsee {NOW}\ninstead {NOW}", PODS)
    Player(Told(lambda _, now: [float(now)]), steps).play(lambda each: heard.append(each.step.verb))
    assert heard == ["put", "see"]
