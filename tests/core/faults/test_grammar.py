"""The text of rules: what it says, and where a text that is no rule goes wrong."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakecri import Code, UsageError
from fakecri.core.faults.grammar import checked, parse_rule
from fakecri.core.faults.printing import text_of
from fakecri.core.faults.reading import RuleError
from fakecri.core.faults.rules import Action, Condition, Duration, Phase, Rule, Term, When
from tests.core.faults.made_rules import rules


def complaint(text: str) -> str:
    """Return what is said of a text that is no rule."""
    with pytest.raises(RuleError) as error:
        parse_rule(text)
    return str(error.value)


def test_a_rule_has_targets_a_selector_and_terms() -> None:
    text = (
        'StartContainer, StopContainer{pod=web-*, label.app!~"a|b,c", attempt>=2}'
        ' = 1*after:error(UNAVAILABLE,"gone") -> off'
    )
    assert parse_rule(text) == Rule(
        ("StartContainer", "StopContainer"),
        (
            Term(Action("error", (Code.UNAVAILABLE, "gone")), Phase.AFTER, (When("next", (1,)),)),
            Term(Action("off"), Phase.BEFORE),
        ),
        (
            Condition("pod", "=", "web-*"),
            Condition("label.app", "!~", "a|b,c"),
            Condition("attempt", ">=", "2"),
        ),
    )


def test_each_trigger_has_a_form() -> None:
    text = (
        "* = 3* nth 3 after 2 every 3 max 2 for 1m30s first 1.5s from 10s until 60s"
        " while running on_connect once 12.5% error(INTERNAL)"
    )
    (term,) = parse_rule(text).terms
    assert [(when.kind, *when.values) for when in term.when] == [
        ("next", 3),
        ("nth", 3),
        ("after", 2),
        ("every", 3),
        ("max", 2),
        ("for", Duration(90 * 10**9)),
        ("first", Duration(1_500_000_000)),
        ("from", Duration(10 * 10**9)),
        ("until", Duration(60 * 10**9)),
        ("while", "running"),
        ("on_connect",),
        ("once",),
        ("percent", 12.5),
    ]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Version=off", "Version = off"),
        (
            'PullImage{ image = "*nginx*" }=2*error( UNAVAILABLE , gone )->off',
            'PullImage{image=*nginx*} = 2* error(UNAVAILABLE, "gone") -> off',
        ),
        ("lists,PullImage=30%before:error(INTERNAL)", "lists,PullImage = 30% error(INTERNAL)"),
        ("StreamContainers = at 2 error(INTERNAL)", "StreamContainers = at 2 error(INTERNAL)"),
        ("StreamContainers=error(INTERNAL)", "StreamContainers = error(INTERNAL)"),
        ("StreamContainers=stream:error(INTERNAL)", "StreamContainers = stream:error(INTERNAL)"),
        ('Status{pod="a b"}=for 5400s off', 'Status{pod="a b"} = for 90m off'),
        ('Status{pod="~a"}=off', 'Status{pod="~a"} = off'),
        (
            "ListContainers=delay(lognormal,200ms,.4)",
            "ListContainers = delay(lognormal, 200ms, 0.4)",
        ),
        ("ListContainers=reply:omit(container=app)", "ListContainers = omit(container=app)"),
        ("Status\n =\n\t off", "Status = off"),
        ("Exec=linger(outputs)->stream:reset( 5 )", "Exec = linger(outputs) -> stream:reset(5)"),
        (
            "Exec=only(spdy)->only(v4.channel.k8s.io)",
            'Exec = only(spdy) -> only("v4.channel.k8s.io")',
        ),
        ("Attach=stream:error(503,no)", 'Attach = stream:error(503, "no")'),
        (
            "Exec=drop(stdout,3)->stall(3)->status(3)",
            "Exec = drop(stdout, 3) -> stall(3) -> status(3)",
        ),
    ],
)
def test_a_text_has_a_normal_form(text: str, normal: str) -> None:
    assert text_of(parse_rule(text)) == normal
    assert text_of(parse_rule(normal)) == normal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "",
            (
                "column 1: expected an RPC or one of *, reads, writes, lists, streams, images, "
                "not the end"
            ),
        ),
        (
            "StartContaner = off",
            (
                "column 1: expected an RPC or one of *, reads, writes, lists, streams, images, "
                'not "StartContaner"; did you mean StartContainer?'
            ),
        ),
        ("Status, Status = off", "column 9: Status is there already"),
        ("Status off", 'column 8: expected {, = or a comma, not "off"'),
        (
            "StopContainer = 30% eror(INTERNAL)",
            'column 21: expected a phase or an action, not "eror"; did you mean error?',
        ),
        (
            "Status = before:eror(INTERNAL)",
            'column 17: expected an action, not "eror"; did you mean error?',
        ),
        (
            "Status = befor:error(INTERNAL)",
            (
                "column 10: expected one of the phases before, during, after, reply, stream, wire, "
                'not "befor"; did you mean before?'
            ),
        ),
        (
            "Status = reply:error(INTERNAL)",
            "column 10: error acts in these phases: before, during, after, stream; not in reply",
        ),
        ("Status = off off", 'column 14: expected -> or the end, not "off"'),
        ("Status = error", "column 15: error takes (code, [text], [details]), not nothing"),
        ("Status = error()", "column 16: error takes (code, [text], [details])"),
        (
            "Status = error(UNAVAILABEL)",
            (
                'column 16: expected a status code (code), not "UNAVAILABEL"; '
                "did you mean UNAVAILABLE?"
            ),
        ),
        ("Status = error(OK)", 'column 16: expected a status code (code), not "OK"'),
        ('Status = error(INTERNAL, "x)', 'column 26: this text has no end: expected a "'),
        (
            'Status = error(INTERNAL, "a\\q")',
            "column 28: escapes are those of JSON: Invalid \\escape: line 1 column 3 (char 2)",
        ),
        ("Status = 3 off", 'column 12: expected * or % after a number, not "off"'),
        ("Status = 0* off", "column 10: expected a whole number from 1 on, not 0"),
        ("Status = 120% off", "column 10: a chance is above 0% and at most 100%, not 120%"),
        (
            "Status = 30% 3* off",
            "column 14: a chance is the last of the triggers: counts come before it",
        ),
        ("Status = nth 0 off", "column 14: expected a count from 1 on, not 0"),
        ("Status = nth off", 'column 14: expected a count, not "off"'),
        ("Status = for 5 off", 'column 14: expected a duration such as 1m30s or 200ms, not "5"'),
        ("Status = for 0s off", "column 14: expected a duration above 0"),
        (
            "Status = while runing off",
            "column 16: runing is too much like a state to be a switch; did you mean running?",
        ),
        ("Status = nth 1234567890123456789 off", "column 14: this number has more than 18 digits"),
        (
            "Status{podd=a} = off",
            (
                "column 8: expected one of pod, ns, uid, container, image, attempt, id, handler, "
                "peer, state, n, label.X, ann.X, req.X, not "
                '"podd"; did you mean pod?'
            ),
        ),
        (
            "Status{pod~a} = off",
            'column 11: expected an operator after pod: one of != !~ =~ <= >= = < >, not "~"',
        ),
        ("Status{pod<3} = off", "column 11: pod is no number: it goes with = != =~ !~"),
        ("Status{n<x} = off", "column 10: expected a number, not 'x'"),
        ("Status{pod=a b=c} = off", 'column 14: expected , or }, not "b"'),
        ("Status{pod=a", "column 13: expected , or }, not the end"),
        ("Status{pod=} = off", 'column 12: expected a value for pod, not "}"'),
        (
            'Status{pod=~"("} = off',
            (
                "column 13: '(' is no regular expression: "
                "missing ), unterminated subpattern at position 0"
            ),
        ),
        (
            "StartContainer{state=runing} = off",
            (
                "column 22: expected one of created, running, exited, unknown, ready, notready, "
                "removed, not 'runing'; did you mean running?"
            ),
        ),
        (
            "CreateContainer{req.config.metadta.name=a} = off",
            "column 28: ContainerConfig has no field metadta; did you mean metadata?",
        ),
        (
            "CreateContainer{req.config.labels=a} = off",
            "column 34: labels is a map: expected a . and a key of it",
        ),
        (
            "CreateContainer{req.pod_sandbox_id.x=a} = off",
            "column 35: pod_sandbox_id is no message: nothing is in it",
        ),
        (
            "Status = at 2 error(INTERNAL)",
            "column 15: error in phase stream is for RPCs that stream, and Status does not",
        ),
        (
            "StreamImages = at 2 before:error(INTERNAL)",
            "column 21: at is for messages of streams; error acts before a call",
        ),
        (
            "Exec = at 2 linger",
            "column 13: at is for messages of streams; a session has none",
        ),
        (
            "Exec = dup",
            "column 8: dup does nothing to the session of Exec",
        ),
        (
            "Status = linger",
            (
                "column 10: linger in phase stream is for the sessions of Exec, Attach, "
                "PortForward, not for Status"
            ),
        ),
        (
            "GetContainerEvents = stream:hang",
            (
                "column 22: hang in phase stream is for the sessions of Exec, Attach, PortForward, "
                "not for GetContainerEvents"
            ),
        ),
        (
            "PortForward = drop(stdin)",
            "column 20: the session of PortForward has no stdin, but data, error",
        ),
        (
            "Exec, GetContainerEvents = drop(3)",
            "column 33: for the session of Exec drop takes (channel, [bytes])",
        ),
        (
            "PortForward = linger(status)",
            (
                "column 22: the session of PortForward has neither an exit code "
                "nor an end of its own"
            ),
        ),
        (
            "Exec = stream:cancel(leak)",
            'column 22: expected abort or finish, not "leak"',
        ),
        (
            "Exec = reset(5)",
            'column 14: expected before or after, not "5"',
        ),
        (
            "Exec = stream:reset(0)",
            "column 21: expected bytes from 1 on, not 0",
        ),
        (
            "Exec = stream:error(200)",
            "column 21: expected a status of HTTP from 400 to 599, not 200",
        ),
        (
            "Exec = idle(0s)",
            "column 13: expected a duration above 0",
        ),
        (
            "Exec = only(v6.channel.k8s.io)",
            (
                "column 13: no protocol is called v6.channel.k8s.io: v5.channel.k8s.io, "
                "v4.channel.k8s.io, v3.channel.k8s.io, v2.channel.k8s.io, channel.k8s.io, "
                "v4.base64.channel.k8s.io, base64.channel.k8s.io, portforward.k8s.io, "
                "SPDY/3.1+portforward.k8s.io"
            ),
        ),
        (
            "Exec = stream:set(url, 3)",
            "column 19: ExecRequest has no field url",
        ),
        (
            "Status\n  = ofx",
            (
                "line 2, column 5: expected a trigger, a phase or an action, "
                'not "ofx"; did you mean off?'
            ),
        ),
    ],
)
def test_a_text_that_is_no_rule_is_told_where_and_why(text: str, said: str) -> None:
    assert complaint(text) == said


@given(rules())
def test_what_is_printed_reads_as_the_same_rule(rule: Rule) -> None:
    text = text_of(rule)
    assert parse_rule(text) == rule
    assert text_of(parse_rule(text)) == text
    assert checked(rule) is rule


@given(rules(), st.data())
def test_a_damaged_text_is_a_rule_or_a_rule_error(rule: Rule, data: st.DataObject) -> None:
    text = text_of(rule)
    at = data.draw(st.integers(0, len(text)))
    junk = data.draw(st.text(st.sampled_from('{}()=,->*%~!<>"\\.:;#[]09az \n'), max_size=3))
    damaged = text[:at] + junk + text[at + data.draw(st.integers(0, 3)) :]
    _is_rule_or_error(damaged)


@given(st.text() | st.text(st.sampled_from('Status{pod=~"*}-> 3%at(:)\n1e9msx.')))
@example("Status = " + "1" * 5000 + "* off")
@example("Status = 1e999% off")
@example("Status = for " + "9" * 400 + "h off")
@example('Status{pod=~"' + "(" * 5000 + ")" * 5000 + '"} = off')
@example('Status{pod=~"a{99999999999}"} = off')
@example('Status{pod="[[a]"} = off')
@example("Status{n<" + "9" * 5000 + "} = off")
@example("CreateContainer{req.cmd[" + "9" * 5000 + "]=a} = off")
@example("Status = ٣* off")
@example("* = set(" + "a." * 3000 + 'a, "x")')
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    _is_rule_or_error(text)


def _is_rule_or_error(text: str) -> None:
    found: Rule | RuleError
    try:
        found = parse_rule(text)
    except RuleError as error:
        found = error
    if isinstance(found, Rule):
        assert parse_rule(text_of(found)) == found
        return
    lines = text.split("\n")
    assert 1 <= found.line <= len(lines)
    assert 1 <= found.column <= len(lines[found.line - 1]) + 1


@pytest.mark.parametrize(
    "rule",
    [
        Rule((), (Term(Action("off"), Phase.BEFORE),)),
        Rule(("Status",), ()),
        Rule(("Stats",), (Term(Action("off"), Phase.BEFORE),)),
        Rule(("Status",), (Term(Action("of"), Phase.BEFORE),)),
        Rule(("Status",), (Term(Action("error", ("x",)), Phase.BEFORE),)),
        Rule(("Status",), (Term(Action("error", (Code.OK,)), Phase.BEFORE),)),
        Rule(("Status",), (Term(Action("off"), Phase.BEFORE, (When("nth", (0,)),)),)),
        Rule(("Status",), (Term(Action("off"), Phase.BEFORE, (When("twice"),)),)),
        Rule(("Status",), (Term(Action("off"), Phase.BEFORE, (When("nth", (True,)),)),)),
        Rule(("Status",), (Term(Action("off"), Phase.BEFORE),), (Condition("a b", "=", ""),)),
        Rule("Status", (Term(Action("off"), Phase.BEFORE),)),  # type: ignore[arg-type]  # a slip
        Rule(("Status",), (Action("off"),)),  # type: ignore[arg-type]  # likewise
    ],
)
def test_a_rule_that_no_text_could_say_is_refused(rule: Rule) -> None:
    with pytest.raises(UsageError):
        checked(rule)
