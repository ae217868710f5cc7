"""What the tests of the taxonomy say of themselves; the table of the docs is made from it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., None])

CLASSES = Path(__file__).parents[2] / "fixtures" / "taxonomy.tsv"


@dataclass(frozen=True)
class Shown:
    """One fault as a test injects it."""

    class_id: str
    text: str
    """A rule, a state fault, or a line of Python where neither can say it."""
    seen: str
    """What a client sees."""
    test: str
    """The name of the test."""


SHOWN: dict[Shown, None] = {}
"""A set in the order of the tests: a test module may be imported twice."""


def shows(class_id: str, text: str, seen: str) -> Callable[[F], F]:
    """Say that a test injects a fault of a class, by which text, and how a client sees it.

    A test whose argument is called `rule` gets the text armed, and fails unless it fires; one
    with `text` gets the text itself. Several may stand on one test: it runs once for each.
    """

    def decorate(test: F) -> F:
        SHOWN.setdefault(Shown(class_id, text, seen, test.__name__))
        texts: list[tuple[str, str]] = getattr(test, "shown_texts", [])
        test.shown_texts = [(class_id, text), *texts]  # type: ignore[attr-defined]  # a mark of ours
        return test

    return decorate


def class_rows() -> list[tuple[str, str, str]]:
    """Return id, level and sentence of each class."""
    lines = CLASSES.read_text().splitlines()[1:]
    return [tuple(line.split("\t")) for line in lines]  # type: ignore[misc]  # three columns
