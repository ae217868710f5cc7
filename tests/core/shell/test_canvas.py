"""A line on a screen: what is drawn of it, seen on a terminal that does what it is told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.shell.canvas import Canvas

_WORDS = re.compile(rb"\x1b\[([0-9]*)([A-Za-z])|([^\x1b])", re.DOTALL)


class Screen:
    """A terminal of some width: it wraps late, as real ones do."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.cells: dict[tuple[int, int], str] = {}
        self.x = self.y = 0
        self.bells = 0

    def take(self, output: bytes) -> "Screen":
        for match in _WORDS.finditer(output):
            if match[3]:
                self._show(match[3])
            else:
                self._obey(match[2], int(match[1] or b"1"))
        return self

    def _show(self, byte: bytes) -> None:
        if byte == b"\r":
            self.x = 0
        elif byte == b"\n":  # as a line discipline passes it on
            self.x, self.y = 0, self.y + 1
        elif byte == b"\b":
            self.x = max(0, min(self.x, self.width - 1) - 1)
        elif byte == b"\a":
            self.bells += 1
        else:
            if self.x == self.width:
                self.x, self.y = 0, self.y + 1
            self.cells[self.y, self.x] = byte.decode("latin-1")
            self.x += 1

    def _obey(self, command: bytes, count: int) -> None:
        if command == b"J":
            place = (self.y, self.x)
            self.cells = {at: cell for at, cell in self.cells.items() if at < place}
        elif command == b"A":
            self.y -= count
        elif command == b"C":
            self.x += count
        elif command == b"D":
            self.x -= count
        else:
            assert command == b"H"
            self.x = self.y = 0

    def text(self) -> str:
        """What is on it, row by row, with no blanks at the ends."""
        rows = max((y for y, _ in self.cells), default=0) + 1
        lines = (
            "".join(self.cells.get((y, x), " ") for x in range(self.width)) for y in range(rows)
        )
        return "\n".join(each.rstrip() for each in lines)


def drawn(prompt: str, width: int) -> tuple[Canvas, Screen]:
    """A canvas with its prompt, and the screen that it is drawn on."""
    canvas, screen = Canvas(prompt, width), Screen(width)
    canvas.show_prompt()
    return canvas, screen


def typed(canvas: Canvas, text: bytes) -> None:
    for byte in text:
        canvas.insert(byte)


def test_a_prompt_and_a_line_stand_in_a_row() -> None:
    canvas, screen = drawn("/ # ", 20)
    typed(canvas, b"echo hi")
    assert screen.take(canvas.taken()).text() == "/ # echo hi"
    assert (screen.x, screen.y) == (11, 0)


def test_what_was_drawn_is_taken_once() -> None:
    canvas, _ = drawn("$ ", 20)
    assert canvas.taken() == b"$ "
    assert canvas.taken() == b""


def test_hidden_parts_of_a_prompt_take_no_room() -> None:
    canvas, _ = drawn("\1\x1b[1m\2ab\1\x1b[0m\2", 10)
    typed(canvas, b"c")
    assert canvas.taken() == b"\x1b[1mab\x1b[0mc"
    canvas.back(1)
    canvas.cut_start()
    assert canvas.taken() == b"\b"
    canvas.clear()
    assert canvas.taken() == b"\x1b[H\x1b[J\r\x1b[1mab\x1b[0mc\x1b[J\b"


def test_a_long_line_goes_on_in_the_next_row() -> None:
    canvas, screen = drawn("# ", 5)
    typed(canvas, b"abcdefgh")
    assert screen.take(canvas.taken()).text() == "# abc\ndefgh"
    assert (screen.x, screen.y) == (0, 2)


@pytest.mark.parametrize(("count", "shown"), [(1, b"\b"), (4, b"\b" * 4), (5, b"\x1b[5D")])
def test_a_few_steps_back_are_taken_one_by_one(count: int, shown: bytes) -> None:
    canvas, _ = drawn("# ", 40)
    typed(canvas, b"abcdefgh")
    canvas.taken()
    canvas.back(count)
    assert canvas.taken() == shown


def test_going_back_leads_up_the_rows_and_stops_at_the_start() -> None:
    canvas, screen = drawn("# ", 5)
    typed(canvas, b"abcdefghij")
    canvas.back(100)
    screen.take(canvas.taken())
    assert (canvas.cursor, screen.x, screen.y) == (0, 2, 0)


def test_nothing_moves_beyond_the_end() -> None:
    canvas, _ = drawn("# ", 20)
    canvas.taken()
    canvas.forward()
    canvas.delete()
    canvas.back(0)
    canvas.cut_start()
    assert canvas.taken() == b""


def test_a_line_is_listed_under_in_columns_and_drawn_again() -> None:
    canvas, screen = drawn("# ", 20)
    typed(canvas, b"ls")
    canvas.back(1)
    canvas.list([b"one", b"two", b"three", b"four", b"five"])
    assert screen.take(canvas.taken()).text() == "# ls\none    four\ntwo    five\nthree\n# ls"
    assert screen.x == 3


def test_a_prompt_that_does_not_begin_a_row_is_told_where_it_is() -> None:
    canvas, screen = drawn("# ", 10)
    screen.x = 4
    screen.take(canvas.taken())
    canvas.begin_at(6)
    typed(canvas, b"abcdef")
    screen.take(canvas.taken())
    assert screen.text() == "    # abcd\nef"
    canvas.back(6)
    assert (screen.take(canvas.taken()).x, screen.y) == (6, 0)


def test_another_width_has_all_drawn_anew() -> None:
    canvas, _ = drawn("# ", 20)
    typed(canvas, b"abcdefgh")
    canvas.resize(5)
    screen = Screen(5)
    screen.y = 2
    assert screen.take(canvas.taken().rpartition(b"\r# ")[2]).text().endswith("gh")
    assert canvas.width == 5


def test_an_end_in_the_last_column_needs_no_line_of_its_own() -> None:
    canvas, screen = drawn("# ", 5)
    typed(canvas, b"abc")
    canvas.finish()
    screen.take(canvas.taken())
    assert (screen.x, screen.y) == (0, 1)


STEPS = st.one_of(
    st.tuples(st.just("insert"), st.integers(33, 126)),
    st.tuples(st.just("back"), st.integers(0, 30)),
    st.tuples(
        st.just("extend"), st.binary(max_size=9).map(lambda b: bytes(c % 94 + 33 for c in b))
    ),
    st.tuples(st.just("replace"), st.text("abcxyz", max_size=30).map(str.encode)),
    *(
        st.tuples(st.just(name), st.none())
        for name in ("forward", "to_end", "delete", "cut_end", "cut_start", "clear")
    ),
)


@given(width=st.integers(3, 30), prompt=st.sampled_from(["", "# ", "$"]), steps=st.lists(STEPS))
def test_the_screen_shows_the_line_whatever_is_done_to_it(
    width: int, prompt: str, steps: list[tuple[str, object]]
) -> None:
    canvas, screen = drawn(prompt, width)
    for name, value in steps:
        if name == "replace":
            canvas.to_end()  # as the editor does: the row is counted from the cursor
        work = getattr(canvas, name)
        work() if value is None else work(value)
        screen.take(canvas.taken())
        text = prompt + canvas.line.decode()
        rows = [text[start : start + width] for start in range(0, len(text), width)] or [""]
        assert screen.text() == "\n".join(each.rstrip() for each in rows)
        place = len(prompt) + canvas.cursor
        assert (screen.y, screen.x) == divmod(place, width)
