"""Tasks: generators that wait in virtual time, for one thing or for the first of several."""

import pytest

from fakecri.core.scheduler import SECOND_NS, Future, Scheduler, Task, Waits, first_of

START_NS = 100 * SECOND_NS


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(START_NS)


@pytest.fixture
def seen() -> list[str]:
    return []


def _started(scheduler: Scheduler, generator: Waits[str]) -> Task[str]:
    task = Task(scheduler, generator)
    scheduler.soon(task.step)
    scheduler.run()
    return task


def test_a_task_waits_and_returns(scheduler: Scheduler) -> None:
    future: Future[str] = Future(scheduler)

    def waiter() -> Waits[str]:
        yield from scheduler.sleep(2 * SECOND_NS)
        return (yield from future)

    task = _started(scheduler, waiter())
    future.set_result("come")
    scheduler.advance_to(START_NS + 2 * SECOND_NS - 1)
    assert not task.done
    scheduler.advance_to(START_NS + 2 * SECOND_NS)
    assert task.result() == "come"


def test_a_task_that_waits_for_nothing_ends_in_the_same_turn(scheduler: Scheduler) -> None:
    done: Future[str] = Future(scheduler)
    done.set_result("there")

    def waiter() -> Waits[str]:
        return (yield from done)

    task = Task(scheduler, waiter())
    task.step()
    assert task.result() == "there"


def test_an_error_goes_to_who_waits_for_the_task(scheduler: Scheduler) -> None:
    def failing() -> Waits[str]:
        yield from scheduler.sleep(1)
        raise KeyError("lost")

    def waiter() -> Waits[str]:
        try:
            return (yield from failing_task)
        except KeyError:
            return "caught"

    failing_task = _started(scheduler, failing())
    waiting = _started(scheduler, waiter())
    scheduler.advance_to(START_NS + 1)
    assert waiting.result() == "caught"


def test_waiters_go_on_in_the_order_in_which_they_came(
    scheduler: Scheduler, seen: list[str]
) -> None:
    gate: Future[None] = Future(scheduler)

    def waiter(word: str) -> Waits[str]:
        yield from gate
        seen.append(word)
        return word

    for word in ("one", "two", "three"):
        _started(scheduler, waiter(word))
    gate.set_result(None)
    assert seen == []
    scheduler.run()
    assert seen == ["one", "two", "three"]


def test_an_error_is_thrown_in_where_a_task_waits(scheduler: Scheduler) -> None:
    never: Future[str] = Future(scheduler)

    def waiter() -> Waits[str]:
        try:
            return (yield from never)
        except LookupError as error:
            yield from scheduler.sleep(SECOND_NS)
            return f"cleaned up after {error}"

    task = _started(scheduler, waiter())
    task.throw(LookupError("it"))
    assert not task.done
    scheduler.advance_to(START_NS + SECOND_NS)
    assert task.result() == "cleaned up after it"


def test_a_thrown_error_that_nobody_catches_is_the_tasks(scheduler: Scheduler) -> None:
    task = _started(scheduler, _forever(scheduler))
    task.throw(LookupError("it"))
    assert isinstance(task.error, LookupError)


def test_a_wake_up_that_was_due_is_lost_when_an_error_is_thrown_first(
    scheduler: Scheduler, seen: list[str]
) -> None:
    gate: Future[None] = Future(scheduler)

    def waiter() -> Waits[str]:
        try:
            yield from gate
        except LookupError:
            seen.append("thrown")
        yield from scheduler.sleep(SECOND_NS)
        return "slept"

    task = _started(scheduler, waiter())
    gate.set_result(None)
    task.throw(LookupError())
    scheduler.run()
    assert (seen, task.done) == (["thrown"], False)
    scheduler.advance_to(START_NS + SECOND_NS)
    assert task.result() == "slept"


def test_an_error_thrown_into_a_task_that_has_ended_is_harmless(scheduler: Scheduler) -> None:
    done: Future[str] = Future(scheduler)
    done.set_result("there")

    def waiter() -> Waits[str]:
        return (yield from done)

    task = _started(scheduler, waiter())
    task.throw(LookupError())
    assert task.result() == "there"


def test_a_dropped_task_is_closed_and_never_done(scheduler: Scheduler, seen: list[str]) -> None:
    gate: Future[None] = Future(scheduler)

    def waiter() -> Waits[str]:
        try:
            yield from gate
        finally:
            seen.append("closed")
        return "unreachable"

    task = _started(scheduler, waiter())
    task.drop()
    gate.set_result(None)
    assert seen == []
    scheduler.run()
    assert (seen, task.done) == (["closed"], False)


def test_a_dropped_task_that_will_not_close_harms_nobody(scheduler: Scheduler) -> None:
    def stubborn() -> Waits[str]:
        while True:
            try:
                yield from _forever(scheduler)
            except GeneratorExit:
                yield Future[None](scheduler)

    task = _started(scheduler, stubborn())
    task.drop()
    scheduler.run()
    assert not task.done


def test_five_thousand_tasks_that_wait_for_each_other_do_not_overflow_the_stack(
    scheduler: Scheduler,
) -> None:
    gate: Future[int] = Future(scheduler)

    def waiter(before: Future[int]) -> Waits[int]:
        return (yield from before) + 1

    last = gate
    for _ in range(5_000):
        task = Task(scheduler, waiter(last))
        scheduler.soon(task.step)
        last = task
    scheduler.run()
    gate.set_result(0)
    scheduler.run()
    assert last.result() == 5_000


def test_a_task_that_waits_five_thousand_times_for_what_is_there_does_not_overflow_the_stack(
    scheduler: Scheduler,
) -> None:
    done: Future[int] = Future(scheduler)
    done.set_result(1)

    def waiter() -> Waits[str]:
        total = 0
        for _ in range(5_000):
            yield done  # Even a yield that need not be.
            total += done.result()
        return str(total)

    assert _started(scheduler, waiter()).result() == "5000"


# The first of several.


def _first(scheduler: Scheduler, *futures: Future[None]) -> Waits[str]:
    yield from first_of(scheduler, *futures)
    return "".join(str(int(each.done)) for each in futures)


def _forever(scheduler: Scheduler) -> Waits[str]:
    yield from Future[None](scheduler)
    return "unreachable"


def test_the_first_of_several_futures_is_waited_for(scheduler: Scheduler) -> None:
    futures = [Future[None](scheduler) for _ in range(3)]
    task = _started(scheduler, _first(scheduler, *futures))
    futures[1].set_result(None)
    scheduler.run()
    assert task.result() == "010"


def test_one_that_is_done_already_is_the_first(scheduler: Scheduler) -> None:
    done, never = Future[None](scheduler), Future[None](scheduler)
    done.set_result(None)
    assert _started(scheduler, _first(scheduler, never, done)).result() == "01"


def test_a_failed_future_is_the_first_and_raises_nothing_by_itself(scheduler: Scheduler) -> None:
    failed: Future[None] = Future(scheduler)
    task = _started(scheduler, _first(scheduler, failed))
    failed.set_error(ValueError())
    scheduler.run()
    assert task.result() == "1"


def test_a_sleep_that_was_not_the_first_leaves_no_timer(scheduler: Scheduler) -> None:
    event: Future[None] = Future(scheduler)
    task = _started(scheduler, _first(scheduler, event, scheduler.sleep(SECOND_NS)))
    assert scheduler.next_ns() == START_NS + SECOND_NS
    event.set_result(None)
    scheduler.run()
    assert (task.result(), scheduler.next_ns()) == ("10", None)


def test_a_sleep_that_is_the_first_leaves_the_others_as_they_were(scheduler: Scheduler) -> None:
    event: Future[None] = Future(scheduler)
    task = _started(scheduler, _first(scheduler, event, scheduler.sleep(SECOND_NS)))
    scheduler.advance_to(START_NS + SECOND_NS)
    assert (task.result(), event._callbacks) == ("01", [])


def test_an_error_thrown_in_calls_the_sleeps_off(scheduler: Scheduler) -> None:
    task = _started(scheduler, _first(scheduler, scheduler.sleep(SECOND_NS)))
    task.throw(LookupError())
    assert (isinstance(task.error, LookupError), scheduler.next_ns()) == (True, None)
