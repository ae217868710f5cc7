"""Every class of the taxonomy is shown by a test, or the docs say why it is not."""

from docs import list_faults
from tests.taxonomy.shows import class_rows

NOT_SERVED = {"S21", "S22", "S23", "S24", "S25"}
"""They are about streams that nothing serves."""


def test_every_class_is_shown_but_those_of_streams_that_are_not_served() -> None:
    shown = {each.class_id for each in list_faults.shown()}
    ids = [class_id for class_id, _, _ in class_rows()]
    assert len(ids) == len(set(ids)) == 91
    assert shown == set(ids) - NOT_SERVED


def test_the_table_of_the_docs_is_made_from_the_tests() -> None:
    text = list_faults.PAGE.read_text()
    assert list_faults.filled(text) == text, "run python -m docs.list_faults"
