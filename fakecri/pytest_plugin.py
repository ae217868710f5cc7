"""Fixtures for pytest: a runtime of its own for each test.

`fakecri` is the object; `fakecri_server` is the same object served on a socket, for what dials.
The marker `fakecri` sets what `CRI` is made with: `@pytest.mark.fakecri(seed=7, pace="manual")`,
or `@pytest.mark.fakecri(rules=["Status = 1* error(INTERNAL)"], strict_rules=True)`. A test that
fails tells the seed, the rules, and what happened last; `--fakecri-record=DIR` keeps recordings.
"""

import re
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TextIO, cast
from zlib import crc32

import pytest

if TYPE_CHECKING:
    from fakecri.cri import CRI

LAST = 20
"""How many lines of the recording a failure tells."""
MARKER = "fakecri(**options): what the test's runtime is made with; see fakecri.CRI"

_LONGEST = 150  # what a name of a file may be in bytes, with room for more
_FAILED = pytest.StashKey[bool]()
_WATCHED = pytest.StashKey["_Watched"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("fakecri").addoption(
        "--fakecri-record",
        type=Path,
        metavar="DIR",
        help="write what the runtime of each test records to a file in DIR",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether a test has failed, and have its runtime tell of it."""
    report = yield
    if call.excinfo is not None:
        item.stash[_FAILED] = True
    watched = item.stash.get(_WATCHED, None)
    if report.failed and watched is not None:
        report.sections.append(("fakecri", watched.text()))
    return report


class _Tail:
    """Where a recording goes: to others, and its last lines are kept."""

    def __init__(self, *others: TextIO) -> None:
        self._others = others
        self.header = ""
        self.lines: deque[str] = deque(maxlen=LAST)

    def write(self, line: str) -> int:
        """Take a line."""
        for other in self._others:
            other.write(line)
        if self.header:
            self.lines.append(line)
        else:
            self.header = line
        return len(line)


class _Watched:
    """A runtime that a test has, for when it fails."""

    def __init__(self, cri: "CRI", tail: _Tail, path: Path | None) -> None:
        self._cri = cri
        self._tail = tail
        self._path = path

    def text(self) -> str:
        """Return what there is to know: the seed, the rules, what happened last."""
        from fakecri.core.history.lines import briefs  # noqa: PLC0415  # as below
        from fakecri.core.recording import Recording  # noqa: PLC0415

        with self._cri.host.turn() as world:
            recording = Recording.parse([self._tail.header, *self._tail.lines])
            rules = [f"rule, fired {each.fired} times: {each.text}" for each in world.faults.armed]
        header = recording.header.facts
        lines = [f"seed {header['seed']}, pace {header['pace']}", *rules]
        if self._path is not None:
            lines.append(f"recording: {self._path}")
        count = len(recording.records)
        lines.append(f"the last {count} lines of the recording:" if count else "nothing happened")
        return "\n".join([*lines, briefs(recording.records)])


@pytest.fixture
def fakecri(request: pytest.FixtureRequest) -> "Iterator[CRI]":
    """Return a container runtime that runs nothing: fresh, with seed 0, its time autojumping."""
    from fakecri.cri import CRI  # noqa: PLC0415  # what no test asks for costs no start-up time

    node = request.node
    marker = node.get_closest_marker("fakecri")
    options = dict(marker.kwargs) if marker else {}
    given: TextIO | None = options.pop("record", None)
    path = _recording_path(request.config.getoption("--fakecri-record"), node.nodeid)
    with ExitStack() as stack:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline="\n")) if path else None
        tail = _Tail(*(each for each in (file, given) if each is not None))
        cri = stack.enter_context(CRI(**options, record=cast("TextIO", tail)))
        node.stash[_WATCHED] = _Watched(cri, tail, path)
        yield cri
        if node.stash.get(_FAILED, False):
            cri.faults.disarm()  # that a rule did not act is then beside the point


def _recording_path(directory: Path | None, name: str) -> Path | None:
    """Return where the recording of a test goes, in a directory that is there."""
    if directory is None:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")
    if len(plain) > _LONGEST:
        plain = f"{plain[-_LONGEST:]}-{crc32(name.encode()):08x}"
    return directory.absolute() / f"{plain}.jsonl"


@pytest.fixture
def fakecri_server(fakecri: "CRI") -> Iterator[str]:
    """Return an endpoint, `unix:///...`, at which the `fakecri` of this test answers.

    Its directory is not pytest's tmp_path, whose length a socket's path may not have.
    """
    with (
        TemporaryDirectory(prefix="fakecri-") as directory,
        fakecri.serve(f"unix://{Path(directory)}/cri.sock") as server,
    ):
        yield server.endpoint
