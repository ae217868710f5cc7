"""Assertions: each one passes, fails, and says what was expected, seen, and there around it."""

from collections.abc import Callable
from typing import Any

import pytest

from fakecri import UsageError
from fakecri.core.history import History
from tests.core.history.past import Past, created, history, on, pulled, ran

TWO = (ran("web", 1), created("web", "main", 2), on("StartContainer", "web-main-id", 3))


def complaint(assertion: Callable[[], Any]) -> str:
    """Return the text with which an assertion fails."""
    with pytest.raises(AssertionError) as failure:
        assertion()
    return str(failure.value)


def versions(*begins: float, **more: Any) -> History:
    return history(*(Past("Version", begin, begin, **more) for begin in begins))


# How many.


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"exactly": 3}, "expected 3 of"),
        ({"at_least": 3}, "expected at least 3 of"),
        ({"at_most": 1}, "expected at most 1 of"),
        ({"at_least": 3, "at_most": 4}, "expected 3 to 4 of"),
        ({"exactly": 0}, "expected none of"),
    ],
)
def test_a_wrong_number_of_calls_fails(numbers: Any, expected: str) -> None:
    text = complaint(lambda: versions(0, 1).count("Version", **numbers))
    assert text.startswith(f"{expected} Version, and saw 2\n")


@pytest.mark.parametrize(
    "numbers", [{}, {"exactly": 2}, {"at_least": 2}, {"at_most": 2}, {"at_least": 1, "at_most": 3}]
)
def test_the_right_number_of_calls_passes_and_returns_them(numbers: Any) -> None:
    found = versions(0, 1).count("Version", **numbers)
    assert [call.serial for call in found] == [1, 2]


def test_never_fails_at_a_call() -> None:
    versions(0).never("Status")
    assert complaint(lambda: versions(0).never("Version")) == (
        "expected none of Version, and saw 1\n  > #1       0.000s  Version -> OK"
    )


def test_a_failure_shows_the_calls_around() -> None:
    past = history(
        *(Past("Version", at, at) for at in range(5)), Past("Status", 5, 5.5), ran("web", 6)
    )
    assert complaint(lambda: past.never("Status")) == (
        "expected none of Status, and saw 1\n"
        "      ...\n"
        "    #4       3.000s  Version -> OK\n"
        "    #5       4.000s  Version -> OK\n"
        "  > #6       5.000s  Status -> OK at 5.500s\n"
        "    #7       6.000s  RunPodSandbox pod=web -> OK"
    )


def test_a_call_that_never_was_names_those_that_were() -> None:
    assert complaint(lambda: history(*TWO).count("StopContainer")) == (
        "expected at least 1 of StopContainer, and saw 0\n"
        "no such RPC was called; 3 calls of CreateContainer, RunPodSandbox, StartContainer"
    )


def test_a_call_that_was_about_another_pod_is_shown() -> None:
    text = complaint(lambda: history(*TWO).count("StartContainer", pod="db-*"))
    assert text.startswith(
        "expected at least 1 of StartContainer about pod=db-*, and saw 0\n"
        "of 1 with such an RPC none fits; the last of them:\n"
    )
    assert "  > #3       3.000s  StartContainer pod=web container=main id=web-main-id -> OK" in text


def test_a_long_failure_is_cut() -> None:
    text = complaint(lambda: versions(*range(100)).never("Version"))
    assert len(text.splitlines()) == 42
    assert text.endswith("      ... 100 calls in all")


# How many at once.


def test_calls_that_overlap_are_at_once() -> None:
    past = history(pulled("a", 0, end=4), pulled("b", 1, end=2), pulled("c", 3, end=None))
    assert [call.serial for call in past.max_concurrent("PullImage", 2)] == [1, 2]
    text = complaint(lambda: past.max_concurrent("PullImage", 1))
    assert text.startswith("expected at most 1 of PullImage at once, and saw 2 at 1.000s\n  > #1 ")


def test_a_call_that_begins_when_another_has_ended_is_not_at_once_with_it() -> None:
    past = history(pulled("a", 0, end=1), pulled("b", 1, end=2))
    past.max_concurrent("PullImage", 1)


def test_only_calls_about_what_was_named_count_together() -> None:
    past = history(pulled("a", 0, end=4), pulled("b", 1, end=2))
    past.max_concurrent("PullImage", 1, image="a")


# Order.


def test_an_order_allows_others_between() -> None:
    past = history(*TWO[:2], Past("Version", 2.5, 2.5), TWO[2])
    steps = ("RunPodSandbox", "CreateContainer", "StartContainer")
    assert [call.serial for call in past.order(*steps)] == [1, 2, 4]


def test_a_step_that_comes_too_early_fails() -> None:
    past = history(*TWO)
    assert complaint(lambda: past.order("StartContainer", "CreateContainer")).startswith(
        "expected StartContainer before CreateContainer of pod default/web, "
        "and the first of 1 is #3; #2 came at 2.000s\n"
    )


def test_a_step_that_begins_before_the_one_before_has_ended_fails() -> None:
    past = history(pulled("a", 0, end=3), *TWO)
    assert "expected PullImage before CreateContainer" in complaint(
        lambda: past.order("PullImage", "CreateContainer")
    )


def test_a_step_that_never_came_fails() -> None:
    assert complaint(lambda: history(*TWO).order("StartContainer", "StopContainer")).startswith(
        "expected StopContainer, and saw none\n"
    )


def test_an_order_holds_among_the_calls_of_each_pod() -> None:
    past = history(
        ran("web", 0), on("StartContainer", "x", 1), created("web", "a", 1), ran("api", 3)
    )
    past.order("RunPodSandbox", "CreateContainer")
    past = history(
        *(ran("web", 0), ran("api", 1), created("web", "a", 2), created("api", "b", 3)),
        *(on("StopContainer", "web-a-id", 4), on("RemoveContainer", "api-b-id", 5)),
    )
    past.order("StopContainer", "RemoveContainer", per="")
    assert complaint(lambda: past.order("StopContainer", "RemoveContainer")).startswith(
        "expected StopContainer before RemoveContainer of pod default/api, and saw none; #6 came"
    )


def test_an_order_holds_among_the_calls_of_each_container() -> None:
    past = history(
        *TWO[:2],
        created("web", "side", 2),
        on("StopContainer", "web-main-id", 4),
        on("RemoveContainer", "web-side-id", 5),
    )
    past.order("StopContainer", "RemoveContainer")
    assert complaint(
        lambda: past.order("StopContainer", "RemoveContainer", per="container")
    ).startswith(
        "expected StopContainer before RemoveContainer of container side, and saw none; #5"
    )


def test_a_call_about_no_pod_is_about_every_pod() -> None:
    past = history(pulled("busybox", 0), *TWO)
    past.order("PullImage", "CreateContainer", "StartContainer")


# Soon enough.


def test_within_asks_for_a_call_soon_after_each() -> None:
    past = history(
        on("StartContainer", "a", 0, end=1, error="UNKNOWN x"), on("RemoveContainer", "a", 3)
    )
    assert [call.serial for call in past.within(2, "StartContainer", "RemoveContainer")] == [2]
    assert complaint(lambda: past.within(1.5, "StartContainer", "RemoveContainer")).startswith(
        "expected RemoveContainer within 1.5 s of StartContainer, and it came 2.000s later\n"
    )


def test_within_asks_for_a_call_about_the_same_thing() -> None:
    past = history(on("StartContainer", "a", 0), on("RemoveContainer", "b", 1))
    past.within(2, "StartContainer", "RemoveContainer")
    assert complaint(
        lambda: past.within(2, "StartContainer", "RemoveContainer", per="id")
    ).startswith("expected RemoveContainer within 2 s of StartContainer of id a, and saw none\n")


def test_within_fails_where_the_first_never_came() -> None:
    assert "expected StopContainer, and saw none" in complaint(
        lambda: history(*TWO).within(1, "StopContainer", "StartContainer")
    )


# How far apart.


def test_a_gap_is_from_beginning_to_beginning() -> None:
    past = versions(0, 2, 5)
    past.gap("Version", at_least=2, at_most=3)
    assert complaint(lambda: past.gap("Version", at_least=2.5)).startswith(
        "expected at least 2.5 s between two of Version, and saw 2.000s\n"
    )
    assert complaint(lambda: past.gap("Version", at_most=2)).startswith(
        "expected at most 2 s between two of Version, and saw 3.000s\n"
    )


def test_gaps_are_between_calls_about_the_same_thing() -> None:
    past = history(on("StartContainer", "a", 0), on("StartContainer", "b", 0.5))
    past.gap("StartContainer", at_least=1, per="id")
    complaint(lambda: past.gap("StartContainer", at_least=1))


def failing(*begins: float, image: str = "a") -> list[Past]:
    return [pulled(image, begin, error="UNAVAILABLE no") for begin in begins]


def test_a_backoff_grows_from_failure_to_failure() -> None:
    history(*failing(0, 10, 30, 70)).backoff("PullImage", base=10)
    assert complaint(lambda: history(*failing(0, 10, 20)).backoff("PullImage", base=10)).startswith(
        "expected PullImage to wait at least 20 s after 2 failures in a row, "
        "and it waited 10.000s\n"
    )


def test_a_backoff_stops_growing_at_its_cap() -> None:
    history(*failing(0, 10, 30, 60, 90)).backoff("PullImage", base=10, cap=30)
    complaint(lambda: history(*failing(0, 10, 30, 55)).backoff("PullImage", base=10, cap=30))


def test_a_backoff_may_have_slack() -> None:
    past = history(*failing(0, 9.5, 28.6))
    past.backoff("PullImage", base=10, slack=0.1)
    complaint(lambda: past.backoff("PullImage", base=10))


def test_a_backoff_begins_anew_after_a_success() -> None:
    past = history(*failing(0, 10), pulled("a", 30), pulled("a", 30.5), *failing(31, 41))
    past.backoff("PullImage", base=10)


def test_a_backoff_is_of_each_thing_alone() -> None:
    past = history(*failing(0), *failing(1, image="b"))
    past.backoff("PullImage", base=10)
    complaint(lambda: past.backoff("PullImage", base=10, per=""))


def test_a_backoff_counts_from_the_end_of_a_call() -> None:
    past = history(pulled("a", 0, end=8, error="UNAVAILABLE no"), pulled("a", 12))
    complaint(lambda: past.backoff("PullImage", base=10))
    past.backoff("PullImage", base=4)


# What they asked.


def test_a_call_without_a_deadline_fails() -> None:
    past = history(Past("Version", timeout=2), Past("Status"), Past("GetContainerEvents"))
    past.deadline_set("Version")
    past.deadline_set(but=("Status", "GetContainerEvents"))
    assert complaint(past.deadline_set).startswith(
        "expected any RPC to have a deadline, and 1 of 2 had none such\n"
    )


def test_a_deadline_may_be_too_long_or_too_short() -> None:
    past = history(Past("Version", timeout=2))
    past.deadline_set("Version", at_least=2, at_most=2)
    assert "to have a deadline of at most 1 s, and 1 of 1" in complaint(
        lambda: past.deadline_set("Version", at_most=1)
    )
    assert "timeout=2.000s" in complaint(lambda: past.deadline_set("Version", at_least=3))


def test_an_argument_may_have_to_be_the_same() -> None:
    past = history(created("web", "a"), created("web", "b"), created("api", "a"))
    past.same_argument("CreateContainer", "config.image.image")
    past.same_argument("CreateContainer{req.config.metadata.name=a}", "config.metadata.name")
    assert complaint(
        lambda: past.same_argument("CreateContainer", "config.metadata.name")
    ).startswith(
        "expected the same config.metadata.name in each of CreateContainer, and saw a and b\n"
    )


def test_an_argument_may_have_to_be_another() -> None:
    past = history(ran("web"), ran("api"), created("web", "a"), created("api", "a"))
    past.distinct_argument("CreateContainer", "config.metadata.name", per="pod")
    assert complaint(
        lambda: past.distinct_argument("CreateContainer", "config.metadata.name")
    ).startswith(
        "expected another config.metadata.name in each of CreateContainer, and saw a and a\n"
    )


def test_an_argument_that_no_request_has_is_refused() -> None:
    with pytest.raises(UsageError, match="ContainerConfig has no field nope"):
        history(*TWO).same_argument("CreateContainer", "config.nope")


@pytest.mark.parametrize("per", ["pods", "x", "label.app"])
def test_a_group_that_is_none_is_refused(per: str) -> None:
    with pytest.raises(
        UsageError, match=r"expected one of pod, container, image, id, peer, object"
    ):
        versions(0, 1).gap("Version", per=per)


def test_an_order_of_one_is_refused() -> None:
    with pytest.raises(UsageError, match="an order needs two steps"):
        versions(0).order("Version")
