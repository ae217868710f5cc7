"""Every class of the taxonomy is shown by a test."""

from docs import list_faults
from tests.taxonomy.shows import class_rows


def test_every_class_is_shown() -> None:
    shown = {each.class_id for each in list_faults.shown()}
    ids = [class_id for class_id, _, _ in class_rows()]
    assert len(ids) == len(set(ids)) == 91
    assert shown == set(ids)


def test_the_table_of_the_docs_is_made_from_the_tests() -> None:
    page = list_faults.PAGE
    assert page.filled() == page.text, "run python -m docs.list_faults"
