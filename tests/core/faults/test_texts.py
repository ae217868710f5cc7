"""Several rules in one text: where one ends, and where a mistake is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.faults.printing import text_of
from fakecri.core.faults.reading import RuleError
from fakecri.core.faults.rules import Rule
from fakecri.core.faults.texts import parse_rules
from tests.core.faults.made_rules import rules


def texts(text: str) -> list[str]:
    """Return the texts of the rules in a text, in their normal form."""
    return [text_of(rule) for rule in parse_rules(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \n# nothing\n;;\n", []),
        ("Status=off", ["Status = off"]),
        ("Status=off;Version=off", ["Status = off", "Version = off"]),
        ("Status=off\r\nVersion=off\r\n", ["Status = off", "Version = off"]),
        (
            "Status =\n  off\n\n   -> off # on\nVersion=off",
            ["Status = off -> off", "Version = off"],
        ),
        ("  Status =\n    off\n  Version=off", ["Status = off", "Version = off"]),
        ('Status{pod="a;#\\"b"}=off#x;y', ['Status{pod="a;#\\"b"} = off']),
        ("Status=off;\n  Version=off", ["Status = off", "Version = off"]),
    ],
)
def test_lines_and_semicolons_part_rules(text: str, found: list[str]) -> None:
    assert texts(text) == found


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("Status=of", 1, 8),
        ("Status=off; Status=of", 1, 20),
        ("# a\n\nStatus=off\n  Status=of", 4, 3),
        ("Status=off\nStatus=\n    of", 3, 5),
        ("Status=off # is\n\n\n  -> # a\n  of", 5, 3),
        ("Status=off;Status=\n  of", 2, 3),
    ],
)
def test_a_mistake_is_told_by_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(RuleError) as error:
        parse_rules(text)
    assert (error.value.line, error.value.column) == (line, column)


@given(st.lists(rules(), max_size=3), st.sampled_from(("\n", ";", " # more\n", "\n\n; ")))
def test_rules_in_one_text_are_the_same_rules(made: list[Rule], between: str) -> None:
    assert parse_rules(between.join(map(text_of, made))) == tuple(made)


@given(st.text(st.sampled_from('Status=off\n #;"\\->{}*3') | st.characters()))
def test_any_text_is_rules_or_a_rule_error(text: str) -> None:
    try:
        found = parse_rules(text)
    except RuleError:
        return
    assert parse_rules(";".join(map(text_of, found))) == found
