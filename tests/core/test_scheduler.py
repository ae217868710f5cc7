"""Virtual time: what is called when, and in which order."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.scheduler import SECOND_NS, Future, Scheduler, Timer

START_NS = 100 * SECOND_NS


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(START_NS)


@pytest.fixture
def seen() -> list[str]:
    return []


def _noting(seen: list[str], word: str) -> Callable[[], None]:
    return lambda: seen.append(word)


# The queue.


def test_ties_are_called_in_the_order_in_which_they_were_made(
    scheduler: Scheduler, seen: list[str]
) -> None:
    for word in ("one", "two", "three"):
        scheduler.after(5, _noting(seen, word))
    scheduler.after(4, _noting(seen, "before"))
    scheduler.advance_to(START_NS + 5)
    assert seen == ["before", "one", "two", "three"]


@given(st.lists(st.integers(0, 20)))
def test_timers_are_called_by_time_and_then_by_age(delays: list[int]) -> None:
    scheduler = Scheduler(START_NS)
    called: list[tuple[int, int, int]] = []
    for serial, delay in enumerate(delays):
        scheduler.after(delay, lambda d=delay, s=serial: called.append((d, s, scheduler.now_ns)))  # type: ignore[misc]  # defaults bind
    scheduler.advance_to(START_NS + 20)
    expected = sorted((delay, serial) for serial, delay in enumerate(delays))
    assert called == [(delay, serial, START_NS + delay) for delay, serial in expected]


def test_what_is_due_soon_comes_before_the_next_timer_of_the_same_instant(
    scheduler: Scheduler, seen: list[str]
) -> None:
    def first() -> None:
        seen.append("first")
        scheduler.soon(_noting(seen, "soon"))

    scheduler.after(5, first)
    scheduler.after(5, _noting(seen, "second"))
    scheduler.advance_to(START_NS + 5)
    assert seen == ["first", "soon", "second"]


def test_time_stands_still_while_what_is_due_is_called(
    scheduler: Scheduler, seen: list[str]
) -> None:
    scheduler.after(1, _noting(seen, "timer"))
    scheduler.soon(_noting(seen, "soon"))
    scheduler.run()
    assert (scheduler.now_ns, seen) == (START_NS, ["soon"])


def test_a_timer_in_the_past_is_called_in_this_instant(
    scheduler: Scheduler, seen: list[str]
) -> None:
    scheduler.at(START_NS - 50, _noting(seen, "late"))
    scheduler.run()
    assert (scheduler.now_ns, seen) == (START_NS, ["late"])


def test_time_never_goes_back(scheduler: Scheduler) -> None:
    scheduler.advance_to(START_NS + 10)
    scheduler.advance_to(START_NS)
    assert scheduler.now_ns == START_NS + 10


def test_a_timer_that_is_made_on_the_way_is_called_on_the_way(scheduler: Scheduler) -> None:
    called_ns: list[int] = []

    def tick() -> None:
        called_ns.append(scheduler.now_ns - START_NS)
        scheduler.after(3, tick)

    scheduler.after(3, tick)
    scheduler.advance_to(START_NS + 10)
    assert (called_ns, scheduler.now_ns) == ([3, 6, 9], START_NS + 10)


def test_a_cancelled_timer_is_neither_called_nor_waited_for(
    scheduler: Scheduler, seen: list[str]
) -> None:
    timer: Timer = scheduler.after(5, _noting(seen, "cancelled"))
    scheduler.after(7, _noting(seen, "kept"))
    timer.cancel()
    timer.cancel()
    assert scheduler.next_ns() == START_NS + 7
    scheduler.advance_to(START_NS + 7)
    timer.cancel()
    assert (seen, scheduler.next_ns()) == (["kept"], None)


def test_nobody_leaps_for_a_patient_timer_and_yet_its_time_comes(
    scheduler: Scheduler, seen: list[str]
) -> None:
    scheduler.after(5, _noting(seen, "patient"), patient=True)
    assert (scheduler.next_ns(), scheduler.next_ns(patient=True)) == (None, START_NS + 5)
    scheduler.after(9, _noting(seen, "plain"))
    assert (scheduler.next_ns(), scheduler.next_ns(patient=True)) == (START_NS + 9, START_NS + 5)
    scheduler.advance_to(START_NS + 9)
    assert (seen, scheduler.next_ns(patient=True)) == (["patient", "plain"], None)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=200))
def test_patient_timers_keep_the_order_of_all(timers: list[tuple[int, bool, bool]]) -> None:
    scheduler = Scheduler(START_NS)
    called: list[int] = []
    for index, (delay, patient, cancelled) in enumerate(timers):
        timer = scheduler.after(delay, partial(called.append, index), patient=patient)
        if cancelled:
            timer.cancel()
    scheduler.advance_to(START_NS + 5)
    due = [(delay, index) for index, (delay, _, gone) in enumerate(timers) if not gone]
    assert called == [index for _, index in sorted(due)]


# Futures.


def test_a_completion_calls_nobody_back_at_once(scheduler: Scheduler, seen: list[str]) -> None:
    future: Future[int] = Future(scheduler)
    future.then(_noting(seen, "done"))
    future.set_result(1)
    assert seen == []
    scheduler.run()
    assert seen == ["done"]


def test_who_comes_late_is_called_back_through_the_queue_as_well(
    scheduler: Scheduler, seen: list[str]
) -> None:
    future: Future[int] = Future(scheduler)
    future.set_result(1)
    future.then(_noting(seen, "done"))
    assert seen == []
    scheduler.run()
    assert seen == ["done"]


def test_the_first_completion_holds(scheduler: Scheduler) -> None:
    future: Future[str] = Future(scheduler)
    future.set_result("first")
    future.set_result("second")
    future.set_error(ValueError("third"))
    assert (future.result(), future.error) == ("first", None)


def test_an_error_is_raised_where_the_result_is_asked_for(scheduler: Scheduler) -> None:
    future: Future[str] = Future(scheduler)
    future.set_error(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        future.result()


def test_who_was_forgotten_is_not_called_back(scheduler: Scheduler, seen: list[str]) -> None:
    future: Future[int] = Future(scheduler)
    forgotten = _noting(seen, "forgotten")
    future.then(forgotten)
    future.then(_noting(seen, "kept"))
    future.forget(forgotten)
    future.forget(forgotten)
    future.set_result(1)
    scheduler.run()
    assert seen == ["kept"]


def test_a_sleep_that_is_completed_early_leaves_no_timer(scheduler: Scheduler) -> None:
    sleep = scheduler.sleep(SECOND_NS)
    sleep.set_result(None)
    assert scheduler.next_ns() is None
