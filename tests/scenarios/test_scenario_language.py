"""Steps and conditions as texts: what they mean, and what is said of those that mean nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.scheduler import SECOND_NS
from fakecri.scenarios.conditions import Condition, Known, Values, parse_condition
from fakecri.scenarios.facts import FACTS
from fakecri.scenarios.lines import Words
from fakecri.scenarios.steps import DOING, WATCHING, StepError, parse_steps
from tests.scenarios.stages import PODS


def condition(text: str) -> Condition:
    return parse_condition(Words(text), Known(PODS))


def holds(text: str, **facts: Values) -> bool:
    return condition(text).holds(lambda term: facts.get(term.fact.replace("-", "_"), []))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("restarts web/app", True),
        ("restarts web/app >= 3", True),
        ("restarts web/app > 3", False),
        ("restarts web/app != 3", False),
        ("phase web = Running", True),
        ("phase web = Run*", True),
        ("phase web != Running", False),
        ("phase web = Pending", False),
        ("not phase web = Pending", True),
        ("not not phase web = Pending", False),
        ("phase web = Pending and restarts web/app", False),
        ("phase web = Pending and restarts web/app or phase web", True),
        ("phase web or phase web = Pending and restarts web/app > 9", True),
        ('message web/app = "*is reserved for*"', True),
        ("phase db-* = Running", True),
        ("waiting db-*/app = Crash*", False),
        ("waiting db-*/app != Crash*", True),
        ("exit-code web/app = 0", False),
        ("exit-code web/app != 0", True),
        ("last web/app", False),
        ('last web/app = ""', True),
        ("reason web", False),
    ],
)
def test_conditions_hold_by_what_is_read(text: str, wanted: bool) -> None:
    nan = float("nan")
    assert wanted is holds(
        text,
        restarts=[3.0],
        phase=["Running", "Running"],
        message=["name is reserved for 7"],
        waiting=["CrashLoopBackOff", ""],
        exit_code=[nan],
        last=[""],
        reason=[],
    )


def test_a_term_knows_what_it_asks_for() -> None:
    (term,) = condition(
        'new calls CreateContainer{pod=web-node, container=app} error="no room*" >= 2'
    ).terms
    assert term.fact == "calls"
    assert term.arguments == ("CreateContainer{pod=web-node, container=app}",)
    assert term.options == {"error": "no room*"}
    assert term.is_new
    assert (term.sign, term.value) == (">=", 2.0)


def test_steps_know_their_lines_and_spans() -> None:
    put, never, see = parse_steps("\n# first\nput\nnever exited for 3s  # so\nsee exited", PODS)
    assert (put.line, put.arguments) == (3, ("web", "db-0", "db-1"))
    assert (never.line, never.span_ns) == (4, 3 * SECOND_NS)
    assert (see.line, see.span_ns) == (5, 30 * SECOND_NS)
    assert parse_steps("never exited for 0s", PODS)[0].span_ns == 0
    assert see.watches
    assert not put.watches


def test_a_comment_begins_outside_of_quotes() -> None:
    (see,) = parse_steps('  # nothing\nsee lines "no # here" # but here', PODS)
    assert see.text == 'see lines "no # here"'


def test_globs_choose_pods() -> None:
    (put,) = parse_steps("put db-* web", PODS)
    assert put.arguments == ("web", "db-0", "db-1")


def test_faults_are_known_as_such() -> None:
    steps = parse_steps("put\narm Version = hang\nkubelet kill\nkubelet stop\nclock freeze", PODS)
    assert [step.injects for step in steps] == [False, True, True, False, True]


@pytest.mark.parametrize(
    ("line", "column", "complaint"),
    [
        ("sea phase web", 1, "sea is not a step; did you mean see?"),
        ("see phse web", 5, "phse is not a fact; did you mean phase?"),
        ("see phase wed", 11, "there is no pod wed; did you mean web?"),
        ("see restarts web/ap", 14, "there is no container of web ap; did you mean app?"),
        ("see restarts web", 14, "web is a pod: write web/CONTAINER"),
        ("see restarts web/app > three", 24, "three is no number"),
        ("see phase web > Running", 15, "> is not how to compare phase, nor is it and, or: =, !="),
        ("see phase", 10, "here should be POD of phase"),
        ("see phase web =", 16, "here should be what phase is compared with"),
        ("see phase web for 3s", 21, "see ends with: within SPAN"),
        ("never phase web within 0s for 3s", 33, "never ends with: for SPAN"),
        ("never phase web within 3s", 26, "never ends with: for SPAN"),
        ("see phase web within soon", 22, "soon is no span of time: write "),
        ("see new phase web", 9, "new counts, and phase is a text"),
        ("see calls CreateContaner", 11, "CreateContaner: column 1: "),
        ("see calls Version eror=x", 19, "eror is no option of calls; did you mean error?"),
        ("see http /healthz port=ssl", 19, "port can be tls alone"),
        ("arm Version = eror(UNKNOWN)", 15, ""),
        ("state container web-node/app exi 3", 30, ""),
        ("clock jump back", 12, "back is no span of time, as -40s"),
        ("clock jmp -40s", 7, "jmp is not what can be done to the clock; did you mean jump?"),
        ("edit web spec.x = {", 19, "{ is no JSON: "),
        ("edit web spec.x {", 17, "{ is not what stands between a path and its value: ="),
        ("kubelet strt", 9, "strt is not what a kubelet can do; did you mean start?"),
        ("release big two", 13, "two is no number of calls"),
        ("disarm all", 8, "all is more than was expected"),
        ("wait", 5, "here should be a span, as 10s"),
        ('see lines "no end', 11, '"no is no text in quotes, as in JSON'),
    ],
)
def test_a_mistake_is_told_with_its_place(line: str, column: int, complaint: str) -> None:
    with pytest.raises(StepError) as raised:
        parse_steps(f"put\n{line}", PODS)
    assert (raised.value.line, raised.value.column) == (2, column)
    assert raised.value.text.startswith(complaint)
    assert str(raised.value).startswith(f"line 2, column {column}: ")


_WORDS = [*DOING, *WATCHING, *FACTS, "web", "web/app", "new", "not", "and", "=", ">=", "3", '"']
_TEXTS = st.lists(st.sampled_from(_WORDS) | st.text(max_size=8), max_size=8).map(" ".join)


@given(_TEXTS)
def test_any_text_is_a_step_or_a_mistake_with_a_place(text: str) -> None:
    try:
        parse_steps(text, PODS)
    except StepError as error:
        place = error.line, error.column
    else:
        place = 1, 1
    assert place >= (1, 1)
