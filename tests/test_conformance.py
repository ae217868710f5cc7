"""The tables of the conformance suites are whole, and what differs from them is found."""

import pytest

from tests.conformance import FIXTURES, PASSED, Cell, Outcome, Spec, Table, differences, reasons

CRITEST = Table.read("critest")
CRITEST_BY_NAME = {spec.name: spec for spec in CRITEST.specs}
REAL = "containerd 1.6.20"
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


@pytest.mark.parametrize(("personality", "unsupported"), [("containerd-2", 0), ("crio-1.36", 1)])
def test_every_spec_passes_but_those_of_apparmor(personality: str, unsupported: int) -> None:
    """CRI-O has no code that tells the id of an image that is mounted."""
    others = [spec for spec in CRITEST.specs if spec.is_validation and not spec.passes(personality)]
    why = [spec.cells[personality].reason for spec in others]
    assert sorted(why) == ["apparmor"] * 9 + ["unsupported"] * unsupported
    assert CRITEST.count(personality, PASSED) == 128 - unsupported


@pytest.mark.parametrize("personality", ["containerd-1.7", "containerd-1.6", "old"])
def test_no_spec_of_conformance_fails_but_skips_what_is_too_new(personality: str) -> None:
    mandatory = [spec for spec in CRITEST.specs if spec.is_conformance]
    others = [spec for spec in mandatory if not spec.passes(personality)]
    assert {str(spec.cells[personality]) for spec in others} == {"skip unsupported"}
    assert len(others) == 4


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


def test_what_becomes_of_a_spec_in_a_personality_is_what_becomes_of_it_on_the_real_runtime() -> (
    None
):
    different = {
        spec.name: spec.cells[REAL].reason
        for spec in CRITEST.specs
        if spec.cells[REAL] != spec.cells["containerd-1.6"]
    }
    # The place where it was measured failed, not the runtime.
    assert set(different.values()) == {"portmap", "standin", "unpublished"}
    assert all(CRITEST_BY_NAME[name].passes("containerd-1.6") for name in different)


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
