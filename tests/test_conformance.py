"""The tables of the conformance suites are whole, and what differs from them is found."""

import pytest

from tests.conformance import FIXTURES, PASSED, Cell, Outcome, Spec, Table, differences, reasons

CRITEST = Table.read("critest")
CRICTL = Table.read("crictl")
SPEC = Spec("a pod stops", "v1", {"here": Cell(PASSED)})
KNOWN_GAP = Spec("a pod flies", "v1", {"here": Cell("skip", "wings")})


def test_critest_has_52_specs_of_conformance_and_85_more() -> None:
    validation = [spec for spec in CRITEST.specs if spec.is_validation]
    assert len(validation) == len({spec.name for spec in validation}) == 137
    assert sum(spec.is_conformance for spec in validation) == 52
    assert len(CRITEST.specs) - len(validation) == 5


def test_critest_had_20_specs_less_a_version_before() -> None:
    assert len(CRITEST.of("v1.36.0")) == len(CRITEST.of("v1.37.0")) - 20


def test_every_spec_of_conformance_passes() -> None:
    for personality in ("containerd-2", "containerd-1.7", "crio-1.36"):
        mandatory = [spec for spec in CRITEST.specs if spec.is_conformance]
        assert [spec.name for spec in mandatory if not spec.passes(personality)] == []


def test_what_does_not_pass_has_a_reason_and_what_passes_has_none() -> None:
    known = reasons()
    specs = [*CRITEST.specs, *CRICTL.specs]
    cells = [cell for spec in specs for cell in spec.cells.values()]
    assert [cell for cell in cells if (cell.verdict == PASSED) == bool(cell.reason)] == []
    assert {cell.reason for cell in cells} - {""} == known.keys()
    assert {cell.verdict for cell in cells} == {PASSED, "fail", "skip"}


@pytest.mark.parametrize("table", [CRITEST, CRICTL], ids=lambda table: table.suite)
def test_a_table_is_stored_as_it_is_written(table: Table) -> None:
    assert str(table) == (FIXTURES / f"{table.suite}.tsv").read_text()


def test_crictl_has_35_tests_and_three_of_them_are_new() -> None:
    assert (len(CRICTL.of("v1.37.0")), len(CRICTL.of("v1.36.0"))) == (35, 32)


def test_the_fake_of_go_passes_10_of_the_99_specs_that_it_does_not_skip() -> None:
    assert [CRITEST.count("go-fake", each) for each in ("pass", "fail")] == [10, 89]


def test_a_run_that_is_as_expected_has_no_differences() -> None:
    outcomes = {"a pod stops": Outcome(PASSED), "a pod flies": Outcome("skip")}
    assert differences([SPEC, KNOWN_GAP], "here", outcomes) == []


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome("fail", "no bell"), "a pod stops: pass is expected, and it is fail: no bell"),
        (Outcome("skip"), "a pod stops: pass is expected, and it is skip"),
        (None, "a pod stops: pass is expected, and it is no spec of the run"),
    ],
    ids=["fails", "skips", "is missing"],
)
def test_a_regression_is_a_difference(outcome: Outcome | None, said: str) -> None:
    outcomes = {"a pod stops": outcome} if outcome else {}
    assert differences([SPEC], "here", outcomes) == [said]


def test_an_unexpected_pass_is_a_difference() -> None:
    assert differences([KNOWN_GAP], "here", {"a pod flies": Outcome(PASSED)}) == [
        "a pod flies: skip wings is expected, and it is pass"
    ]


def test_a_spec_that_is_not_in_the_table_is_a_difference() -> None:
    assert differences([], "here", {"a pod sings": Outcome(PASSED)}) == [
        "a pod sings: pass, and it is not in the table"
    ]
