"""The text of state faults: what it means, what it is not, and that printing undoes parsing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core import state_kinds as kinds
from fakecri.core.durations import MAX_NS
from fakecri.core.state_faults import DUES, Due, StateFault, StateFaultError
from fakecri.core.state_forms import FORMS, TARGETS, Form, Parameter
from fakecri.core.strikes import STRIKES
from fakecri.core.timestamps import format_rfc3339_ns
from fakecri.errors import UsageError

SPANS = st.integers(0, MAX_NS)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: dict[kinds.Kind, st.SearchStrategy[kinds.Value]] = {
    kinds.NAME: TEXTS.filter(bool),
    kinds.TEXT: TEXTS,
    kinds.CODE: st.integers(0, 255),
    kinds.NUMBER: st.integers(0, MAX_NS),
    kinds.SPAN: SPANS,
    kinds.CLOCK: SPANS.filter(bool).flatmap(
        lambda ns: st.sampled_from([ns, -ns, format_rfc3339_ns(ns)])
    ),
    kinds.NAMES: st.lists(TEXTS.filter(lambda text: text and "," not in text), min_size=1).map(
        tuple
    ),
    kinds.FLAG: st.booleans(),
}


def values_of(parameter: Parameter) -> st.SearchStrategy[kinds.Value]:
    """Return what a parameter may be."""
    known = VALUES.get(parameter.kind)
    return known if known is not None else st.sampled_from(parameter.kind.name.split(" or "))


@st.composite
def faults(draw: st.DrawFn) -> StateFault:
    """Make any fault there can be."""
    form: Form = draw(st.sampled_from(list(FORMS.values())))
    target = draw(TEXTS.filter(bool)) if form.subject in TARGETS else ""
    due = draw(st.none() | st.builds(Due, st.sampled_from(DUES), SPANS))
    given = {
        each.name: draw(values_of(each))
        for each in form.parameters
        if each.default is None or draw(st.booleans())
    }
    return StateFault.make(form.name, target, given, due)


@given(faults())
def test_a_fault_is_what_its_text_says(fault: StateFault) -> None:
    text = str(fault)
    assert StateFault.parse(text) == fault
    assert str(StateFault.parse(text)) == text


WORDS = [
    *(word for form in FORMS.values() for word in (form.subject, form.verb)),
    *(f"{each.name}=" for form in FORMS.values() for each in form.parameters),
    *DUES,
    *('"', "\\", " ", "5s", "-3d", "137", "app", ",", "="),
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3)).map(" ".join) | st.text())
def test_any_text_is_a_fault_or_an_error_with_a_column(text: str) -> None:
    try:
        fault = StateFault.parse(text)
    except StateFaultError as error:
        failure = error
    else:
        assert StateFault.parse(str(fault)) == fault
        return
    assert 1 <= failure.column <= len(text) + 1
    assert str(failure) == f"column {failure.column}: {failure.text}"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("after 5s container web-1/app exit 137", None),
        ("container  web-1/app   exit 0", "container web-1/app exit 0"),
        ('container app exit 3 reason="a \\"b\\""', None),
        ("container app oom code=137", "container app oom"),
        ("at 60s sandbox web drop-ip held", "at 1m sandbox web drop-ip held"),
        ("runtime restart down=5000ms keep=unknown lost=a,b", None),
        ("node reboot clock=-320d", None),
        ("node reboot clock=1970-01-01", "node reboot clock=1970-01-01T00:00:00Z"),
        ('foreign stray add container=""', "foreign stray add"),
        ('network add-fails "plugin failed"', None),
    ],
)
def test_a_text_is_printed_in_its_shortest_form(text: str, printed: str | None) -> None:
    expected = (printed or text).replace("5000ms", "5s")
    assert str(StateFault.parse(text)) == expected


SPAN = "a span of time such as 250ms, 40s, 10m, 1h30m or 320d"
SUBJECTS = (
    "container, sandbox, image, condition, status, disk, ips, network, foreign, runtime, node"
)


@pytest.mark.parametrize(
    ("text", "column", "error"),
    [
        ("", 1, f"here should be a subject: {SUBJECTS}"),
        ("container", 10, "here should be the id or name of a container"),
        (
            "sandbox web dye",
            13,
            "dye is not what happens to the sandbox: die, drop-ip, lose, recover, forget",
        ),
        ("container app exit", 19, '"exit" takes code: an exit code from 0 to 255'),
        ("container app exit 256", 20, '"exit" takes code: an exit code from 0 to 255, not 256'),
        (
            "container app exit 1 why=x",
            22,
            '"why=x" is not an option of "container exit": reason=...',
        ),
        ("disk clear now", 12, 'now is not an option of "disk clear": it has none'),
        ("sandbox web forget silent silent", 27, '"silent" is there a second time'),
        (
            "runtime restart keep=most",
            22,
            '"restart" takes keep: all or none or unknown or dead, not most',
        ),
        ("after soon disk clear", 7, f'"after" takes {SPAN}'),
    ],
)
def test_an_error_says_where_and_what_was_expected(text: str, column: int, error: str) -> None:
    with pytest.raises(StateFaultError) as refusal:
        StateFault.parse(text)
    assert (refusal.value.column, refusal.value.text) == (column, error)


@pytest.mark.parametrize(
    ("name", "target", "values"),
    [
        ("container exit", "app", {"code": 256}),
        ("container exit", "app", {"code": True}),
        ("container exit", "app", {}),
        ("container exit", "", {"code": 1}),
        ("container lose", "app", {"code": 1}),
        ("runtime restart", "", {"down": -1}),
        ("runtime restart", "", {"keep": "most"}),
        ("runtime restart", "", {"lost": "app"}),
        ("node reboot", "", {"clock": "yesterday"}),
    ],
)
def test_values_that_cannot_be_are_refused(
    name: str, target: str, values: dict[str, kinds.Value]
) -> None:
    with pytest.raises(UsageError):
        StateFault.make(name, target, values)


def test_each_form_does_something_and_is_called_something() -> None:
    assert set(STRIKES) == set(FORMS)
    assert all(form.told and form.does for form in FORMS.values())
