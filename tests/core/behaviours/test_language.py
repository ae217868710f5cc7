"""The text form of behaviours: what is read, what is refused and where, and the way back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.behaviours.answers import Answer, ExecRule
from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.kinds import Amount
from fakecri.core.behaviours.rules import Rule
from fakecri.core.behaviours.steps import (
    Behaviour,
    CrashLoop,
    Exit,
    Http,
    IgnoreTerm,
    Log,
    Message,
    Oom,
    PullFail,
    PullHang,
    PullRate,
    PullSlow,
    Sleep,
    StartError,
    Step,
    Term,
    Unready,
)
from fakecri.core.references import InvalidReference, parse_reference
from fakecri.core.scheduler import SECOND_NS

S = SECOND_NS

READ: list[tuple[str, tuple[Step, ...]]] = [
    ("exit/3", (Exit(3),)),
    ("exit/3/30s", (Exit(3, 30 * S),)),
    ("sleep/1m", (Sleep(60 * S),)),
    ("sleep/500ms", (Sleep(S // 2),)),
    ("crashloop/2s", (CrashLoop(2 * S),)),
    ("crashloop/2s/3x", (CrashLoop(2 * S, None, 3),)),
    ("crashloop/2s/7/1x", (CrashLoop(2 * S, 7, 1),)),
    ("oom/5s", (Oom(5 * S),)),
    ("ignore-term", (IgnoreTerm(),)),
    ("term/5s", (Term(5 * S),)),
    ("term/5s/143", (Term(5 * S, 143),)),
    ("log/10mb", (Log(Amount(10_000_000)),)),
    ("log/10mb/1mbps", (Log(Amount(10_000_000), Amount(1_000_000)),)),
    ("log/2lps/stderr/80chars", (Log(None, Amount(2, lines=True), "stderr", 80),)),
    ("log/1line", (Log(Amount(1, lines=True)),)),
    ("log/64kib", (Log(Amount(65_536)),)),
    ("unready/10s/20s", (Unready(10 * S, 20 * S),)),
    ("unready/0s", (Unready(0),)),
    ("start-error", (StartError(),)),
    ("start-error/no%20space", (StartError("no space"),)),
    ("message/out%20of%20cheese%0A", (Message("out of cheese\n"),)),
    ("message/%65xit", (Message("exit"),)),
    ("pull/404", (PullFail("404"),)),
    ("pull/slow/10m", (PullSlow(600 * S),)),
    ("pull/rate/1mbps", (PullRate(Amount(1_000_000)),)),
    ("http/8080/unready/5s", (Http(8080), Unready(5 * S))),
    ("pull/eof", (PullFail("eof"),)),
    ("pull/hang", (PullHang(),)),
    (
        "ignore-term/log/1mb/1kbps/exit/3/1h",
        (IgnoreTerm(), Log(Amount(10**6), Amount(1000)), Exit(3, 3600 * S)),
    ),
    ("start-error/exit/3", (StartError(), Exit(3))),
]


@pytest.mark.parametrize(("text", "steps"), READ, ids=[text for text, _ in READ])
def test_a_text_is_steps_and_the_steps_are_the_text(text: str, steps: tuple[Step, ...]) -> None:
    assert Behaviour.parse(text).steps == steps
    assert str(Behaviour(steps)) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("log/10MB/1MBps", "log/10mb/1mbps"),
        ("EXIT/3/60s", "exit/3/1m"),
        ("sleep/1m30s", "sleep/90s"),
        ("sleep/1.5h", "sleep/90m"),
        ("log/1024b", "log/1kib"),
        ("log/1lines", "log/1line"),
        ("exit/003", "exit/3"),
    ],
)
def test_a_text_may_be_written_in_other_ways(text: str, canonical: str) -> None:
    assert str(Behaviour.parse(text)) == canonical


KNOWN = "known are crashloop, exit"
REFUSED = [
    ("", 1, "here should be a behaviour"),
    ("exti/3", 1, f'"exti" is no behaviour; {KNOWN}'),
    ("exit", 5, '"exit" takes an exit code from 0 to 255'),
    ("exit/x", 6, '"exit" takes an exit code from 0 to 255, not "x"'),
    ("exit/256", 6, '"exit" takes an exit code from 0 to 255, not "256"'),
    ("exit/3/30", 8, '"30" is no behaviour, and "exit" may be followed by a time such as 30s'),
    ("exit/3/1s/2s", 11, '"2s" is no behaviour, and "exit" takes no more'),
    ("exit/3/", 8, "here should be a behaviour"),
    ("exit/3//log/1b", 8, "here should be a behaviour"),
    ("exit/3/sleep/1s", 8, '"sleep" is another end, after "exit"'),
    ("ignore-term/term/5s", 13, '"term" is another answer to SIGTERM, after "ignore-term"'),
    ("crashloop/3", 11, '"crashloop" takes a time such as 30s, not "3"'),
    ("sleep/99999999999d", 7, '"sleep" takes a time such as 30s'),
    ("sleep/0.1ns", 7, '"sleep" takes a time such as 30s'),
    ("log", 1, '"log" takes a size such as 10mb or 100lines or a rate'),
    ("log/0b/1bps", 5, '"0b" is no behaviour'),
    ("exit/0/unready/3s/3s", 8, '"unready" ends before it begins'),
    ("message", 8, '"message" takes a text'),
    ("message/exit", 9, '"message" takes a text, with %2F for / and the like, not "exit"'),
    ("message/50%", 9, '"message" takes a text'),
    ("message/%FF", 9, '"message" takes a text'),
    ("pull/418", 6, '"pull" takes slow, rate, hang or one of'),
    ("pull/rate/5lps", 1, '"pull/rate" takes bytes per second: an image has no lines'),
    ("pull/404/pull/hang", 10, '"pull/hang" is another pull, after "pull"'),
]


@pytest.mark.parametrize(("text", "column", "complaint"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_wrong_is_said_with_its_column(text: str, column: int, complaint: str) -> None:
    with pytest.raises(BehaviourError) as refusal:
        Behaviour.parse(text)
    assert (refusal.value.column, refusal.value.text[: len(complaint)]) == (column, complaint)
    assert str(refusal.value).startswith(f"column {column}: ")


# Properties.

TIMES = st.integers(0, 2**63 - 1)
CODES = st.integers(0, 255)
AMOUNTS = st.builds(Amount, st.integers(1, 2**62), st.booleans())
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(["exit", "Log"])
)
WINDOWS = st.one_of(
    st.builds(Unready, TIMES),
    st.tuples(TIMES, TIMES).filter(lambda t: t[0] != t[1]).map(lambda t: Unready(*sorted(t))),
)
MAYBE = st.none()
GROUPS: list[st.SearchStrategy[Any]] = [
    st.one_of(
        st.builds(Exit, CODES, MAYBE | TIMES),
        st.builds(Sleep, TIMES),
        st.builds(CrashLoop, TIMES, MAYBE | CODES, MAYBE | st.integers(1, 2**31)),
    ),
    st.builds(Oom, TIMES),
    st.one_of(st.just(IgnoreTerm()), st.builds(Term, TIMES, MAYBE | CODES)),
    st.builds(StartError, MAYBE | TEXTS),
    st.builds(Message, TEXTS),
    st.one_of(
        st.builds(PullSlow, TIMES),
        st.builds(PullRate, st.builds(Amount, st.integers(1, 2**62), st.just(False))),
        st.just(PullHang()),
        st.builds(PullFail, st.sampled_from(["401", "404", "500"])),
    ),
]
LOGS = st.builds(
    Log,
    MAYBE | AMOUNTS,
    MAYBE | AMOUNTS,
    MAYBE | st.sampled_from(["stdout", "stderr"]),
    MAYBE | st.integers(0, 2**20),
).filter(lambda log: log.volume or log.rate)


@st.composite
def behaviours(draw: st.DrawFn) -> Behaviour:
    """Any behaviour: one of a group at most, of the others any number, in any order."""
    chosen = [draw(group) for group in draw(st.lists(st.sampled_from(GROUPS), unique=True))]
    chosen += draw(st.lists(LOGS | WINDOWS | st.builds(Http, st.integers(1, 65535)), max_size=3))
    return Behaviour(tuple(draw(st.permutations(chosen))))


@given(behaviours().filter(lambda behaviour: behaviour.steps))
def test_every_behaviour_is_read_from_its_text(behaviour: Behaviour) -> None:
    text = str(behaviour)
    assert Behaviour.parse(text) == behaviour
    assert str(Behaviour.parse(text)) == text


def read_or_refused(kind: type[Behaviour | Answer | Rule], text: str) -> bool:
    """Whether a text is refused with a column of it, or else reads as what its form reads as."""
    try:
        read = kind.parse(text)
    except BehaviourError as error:
        return 1 <= error.column <= len(text) + 1
    return kind.parse(str(read)) == read


WORDS = st.sampled_from(
    [
        "exit",
        "sleep",
        "crashloop",
        "oom",
        "ignore-term",
        "term",
        "log",
        "unready",
        "start-error",
        "message",
        "pull",
        "slow",
        "hang",
        "404",
        "3",
        "30s",
        "0s",
        "10mb",
        "1MBps",
        "5lps",
        "stderr",
        "80chars",
        "3x",
        "%41",
        "%",
        "1.5m",
        "1..s",
        "²",
        "\u0661s",
        "x",
        "ÿ",
    ]  # in 2 lines
)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=6).map("/".join)))
def test_any_text_is_read_or_refused_with_a_column_of_it(text: str) -> None:
    assert read_or_refused(Behaviour, text)


@given(behaviours().filter(lambda behaviour: behaviour.steps))
def test_what_needs_no_escapes_is_the_path_of_an_image(behaviour: Behaviour) -> None:
    text = str(behaviour)
    plain = not any(isinstance(each, Message | StartError) for each in behaviour.steps)
    try:
        assert parse_reference(f"fakecri.test/{text}:v1").path == text
    except InvalidReference as error:
        assert not plain or "255" in str(error)  # noqa: PT017  # a property: both outcomes are right


# Answers.


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("exit/0", Answer()),
        ("exit/3/1500ms", Answer(exit_code=3, delay=1.5)),
        ("stdout/hello%0A", Answer(stdout=b"hello\n")),
        ("stdout/a/stderr/%00%FF/exit/1", Answer(stdout=b"a", stderr=b"\0\xff", exit_code=1)),
        ("unready/10s/20s", Answer(unready=((10.0, 20.0),))),
        ("unready/10s", Answer(unready=((10.0, None),))),
        ("missing", Answer(missing=True)),
    ],
)
def test_an_answer_is_its_text(text: str, answer: Answer) -> None:
    assert Answer.parse(text) == answer
    assert str(answer) == text


@given(st.text() | st.lists(WORDS | st.sampled_from(["stdout", "missing"])).map("/".join))
def test_any_text_is_an_answer_or_refused_with_a_column_of_it(text: str) -> None:
    assert read_or_refused(Answer, text)


def test_an_exec_rule_is_a_glob_and_an_answer() -> None:
    rule = ExecRule.parse("cat /tmp/a : b* :  exit/3")
    assert rule == ExecRule("cat /tmp/a : b*", Answer(exit_code=3))
    assert rule.find(("cat", "/tmp/a", ":", "bc")) == Answer(exit_code=3)
    assert rule.find(("cat", "/tmp/a")) is None


@pytest.mark.parametrize(("text", "column"), [("", 1), ("cat", 1), (" : exit/1", 1), ("a :  x", 6)])
def test_a_wrong_exec_rule_is_refused_with_its_column(text: str, column: int) -> None:
    with pytest.raises(BehaviourError) as refusal:
        ExecRule.parse(text)
    assert refusal.value.column == column


# Rules.


@pytest.mark.parametrize(
    "text",
    [
        ": exit/3",
        "image=nginx* pod=default/web-* container=main : exit/3/30s",
        'pod="a b\\"\\\\" : sleep/1s',
        'container=main exec="cat /tmp/ready*" : stdout/yes/exit/1',
    ],
)
def test_a_rule_is_its_text(text: str) -> None:
    assert str(Rule.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "column", "complaint"),
    [
        ("", 1, "here should be one of image, pod, container, exec with a =, or :"),
        ("pdo=x : exit/3", 1, "here should be one of image, pod, container, exec with a =, or :"),
        ("pod=x exit/3", 7, "here should be one of image, pod, container, exec with a =, or :"),
        ("pod= : exit/3", 5, '"pod=" is followed by no glob'),
        ("pod=", 5, '"pod=" is followed by no glob'),
        ('pod="x : exit/3', 5, '"pod=" is followed by no glob'),
        ("pod=x pod=y : exit/3", 7, '"pod" is there already'),
        ("pod=x : exit/y", 14, '"exit" takes an exit code'),
        ("pod=x :", 8, "here should be a behaviour"),
        ('exec="a b" :   oom/5s', 16, '"oom" is no answer; known are exit, missing'),
    ],
)
def test_a_wrong_rule_is_refused_with_its_column(text: str, column: int, complaint: str) -> None:
    with pytest.raises(BehaviourError) as refusal:
        Rule.parse(text)
    assert (refusal.value.column, refusal.value.text[: len(complaint)]) == (column, complaint)


RULE_PARTS = st.sampled_from(['"', "\\", "pod=", "image=", "exec=", "x*", ":", " ", "exit/3", "="])


@given(st.text() | st.lists(RULE_PARTS, max_size=12).map("".join))
def test_any_text_is_a_rule_or_refused_with_a_column_of_it(text: str) -> None:
    assert read_or_refused(Rule, text)


NGINX = "docker.io/library/nginx:1.25"


@pytest.mark.parametrize(
    ("globs", "matches"),
    [
        ({}, True),
        ({"image": "nginx"}, True),
        ({"image": "nginx:1.*"}, True),
        ({"image": "nginx*", "pod": "web-*", "container": "ma?n"}, True),
        ({"image": "docker.io/library/nginx"}, True),
        ({"image": "docker.io/*:1.25"}, True),
        ({"image": "nginx:1.2"}, False),
        ({"image": "library/nginx"}, False),
        ({"pod": "prod/web-*"}, True),
        ({"pod": "*/web-1"}, True),
        ({"pod": "default/web-*"}, False),
        ({"pod": "web"}, False),
        ({"container": "Main"}, False),
    ],
)
def test_globs_are_for_the_names_that_people_use(globs: dict[str, str], matches: bool) -> None:
    assert Rule(**globs).is_for("main", "web-1", "prod", [NGINX, "sha256:" + "a" * 64]) is matches  # type: ignore[arg-type]  # strings only
