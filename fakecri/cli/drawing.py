"""`fakecri timeline run.jsonl`: a recording as text, as a trace for Perfetto, or as a page."""

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fakecri.cli.commands import Commands, add_command, say
from fakecri.core.recording import Recording, RecordingError
from fakecri.errors import UsageError
from fakecri.timeline import READS, Selection, render_html, render_text, render_trace
from fakecri.timeline.spans import parse_span_ns

_WIDTH = 120  # of what is no terminal


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "timeline", draw, "draw a recording: text, trace or html")
    add = parser.add_argument
    add("recording", metavar="FILE", help="the recording, or - for standard input")
    add("--format", choices=tuple(_FORMATS), default="text", help="what to draw (text)")
    add("-o", "--output", metavar="FILE", help="where it goes (standard output)")
    add(
        "--pod",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only pods with such a namespace/name or name, or with such an id; repeatable",
    )
    add("--from", dest="from_", metavar="TIME", help="leave out what ends before, such as 1m30s")
    add("--to", metavar="TIME", help="leave out what begins after")
    add(
        "--reads",
        choices=READS,
        default="folded",
        help="text: what becomes of reads that went well, which are lists and statuses (folded)",
    )
    add("--no-reads", dest="reads", action="store_const", const="hidden", help="--reads hidden")
    add(
        "--width",
        type=int,
        metavar="N",
        help="text: columns of a line, 0 for as many as it takes (those of the terminal)",
    )


def draw(options: argparse.Namespace) -> int:
    """Draw a recording; return 0. UsageError for what is no recording."""
    if options.width is not None and options.width < 0:
        raise UsageError(f"--width {options.width}: 0 columns or more")
    selection = _selection(options)
    recording = _recording(options.recording)
    if recording.torn:
        sys.stderr.write("fakecri: the last line of the recording is cut off, and left out\n")
    _write(_FORMATS[options.format](recording, selection, options), options.output)
    return 0


def _text(recording: Recording, selection: Selection, options: argparse.Namespace) -> str:
    if options.width is not None:
        width = options.width or None
    elif options.output is None and sys.stdout is not None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    else:
        width = _WIDTH
    return render_text(recording, selection=selection, width=width, reads=options.reads)


_FORMATS: Mapping[str, Callable[[Recording, Selection, argparse.Namespace], str]] = {
    "text": _text,
    "trace": lambda recording, selection, _: render_trace(recording, selection=selection),
    "html": lambda recording, selection, _: render_html(recording, selection=selection),
}


def _selection(options: argparse.Namespace) -> Selection:
    times = []
    for name, text in (("--from", options.from_), ("--to", options.to)):
        try:
            times.append(None if text is None else parse_span_ns(text))
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from error
    from_ns, to_ns = times
    if from_ns is not None and to_ns is not None and from_ns > to_ns:
        raise UsageError(f"--from {options.from_} is after --to {options.to}")
    return Selection(tuple(options.pod), from_ns, to_ns)


def _recording(name: str) -> Recording:
    try:
        if name == "-":
            return Recording.parse(sys.stdin.buffer, tolerant=True)
        with Path(name).open("rb") as lines:
            return Recording.parse(lines, tolerant=True)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    except RecordingError as error:
        raise UsageError(f"{name}: {error}") from error


def _write(text: str, output: str | None) -> None:
    if output is None:
        say(text)
        return
    try:
        Path(output).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"-o {output}: {error.strerror or error}") from error
