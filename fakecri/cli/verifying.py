"""`fakecri verify --reference ENDPOINT --subject ENDPOINT`: whether two runtimes do the same."""

import argparse
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

import grpc

from fakecri.cli.commands import Commands, add_command, say
from fakecri.errors import UsageError
from fakecri.replay.files import open_text
from fakecri.replay.ignoring import Ignore, parse_ignored
from fakecri.verify.campaigns import Campaign
from fakecri.verify.opening import Place, opened
from fakecri.verify.reports import json_report, text_report
from fakecri.verify.sequences import Sequence, parse, written
from fakecri.verify.transcripts import PREFIX, Transcript, read_transcript

_IMAGE = "docker.io/library/busybox:latest"
_EXAMPLES = 25


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "verify", verify, "play the same calls on two runtimes; 0: alike, 1: they differ"
    )
    add = parser.add_argument
    add(
        "--reference",
        required=True,
        metavar="ENDPOINT",
        help=f"the runtime that is right, or {PREFIX}FILE",
    )
    add("--subject", required=True, metavar="ENDPOINT", help="the runtime that is looked at")
    add("--image", metavar="NAME", help=f"a shell that both have ({_IMAGE})")
    add(
        "--sequences",
        action="append",
        type=Path,
        metavar="FILE",
        help="sequences to play instead of those that come with fakecri; repeatable",
    )
    add(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="play only the sequences with such a name, such as 'stop-*'; repeatable",
    )
    add(
        "--known",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="differences that are known: a path and a reason on each line; repeatable",
    )
    add("--strict", action="store_true", help="1 as well where a known difference is none")
    add(
        "--examples",
        type=int,
        metavar="N",
        help=f"how many sequences are generated ({_EXAMPLES}; none for a transcript)",
    )
    add("--seed", type=int, default=0, help="what the generated sequences follow from (0)")
    add("--logs", type=Path, metavar="DIR", help="where pods have their logs (a new directory)")
    add("--cgroup-parent", default="", metavar="PATH", help="the cgroup of the pods")
    add("--runtime-handler", default="", metavar="NAME", help="the runtime handler of the pods")
    add("--transcript", type=Path, metavar="FILE", help="where the reference's answers go")
    add("--json", action="store_true", help="report as JSON")


def verify(options: argparse.Namespace) -> int:
    """Play and report; return 1 where the runtimes differ. UsageError for what cannot be."""
    listed = [
        each
        for path in options.known
        for each in parse_ignored(open_text(path).splitlines(), str(path))
    ]
    known = Ignore(listed)
    with ExitStack() as stack:
        try:
            campaign = _played(options, known, stack)
        except grpc.RpcError as error:
            raise UsageError(f"a runtime failed: {error.code().name}: {error.details()}") from error
    unused = known.unused
    verdict = campaign.verdict
    if options.json:
        say(json_report(verdict, unused) + "\n")
    else:
        say("".join(f"{line}\n" for line in text_report(verdict, unused)))
    return 1 if not verdict.alike or (options.strict and unused) else 0


def _played(options: argparse.Namespace, known: Ignore, stack: ExitStack) -> Campaign:
    transcript = _transcript(options)
    examples = _examples(options, transcript)
    image = options.image or (transcript.about["image"] if transcript else _IMAGE)
    subject = stack.enter_context(opened(_place(options, options.subject, image), "subject"))
    if transcript:
        campaign = Campaign(transcript, subject.player, known)
        campaign.play(_chosen(options, transcript.sequences))
        return campaign
    place = _place(options, options.reference, image)
    reference = stack.enter_context(opened(place, "reference"))
    told = Transcript(reference.about)
    campaign = Campaign(reference.player, subject.player, known)
    campaign.play(_chosen(options, _sequences(options)), told.add)
    if options.transcript:
        _write(options.transcript, told.text)
    campaign.search(seed=options.seed, examples=examples)
    for role, player in (("reference", reference.player), ("subject", subject.player)):
        campaign.verdict.notes += [f"left on the {role}: {each}" for each in player.left]
    return campaign


def _transcript(options: argparse.Namespace) -> Transcript | None:
    if not options.reference.startswith(PREFIX):
        return None
    if options.sequences or options.transcript:
        raise UsageError("a transcript has its own sequences, and is not written anew")
    return read_transcript(Path(options.reference.removeprefix(PREFIX)))


def _examples(options: argparse.Namespace, transcript: Transcript | None) -> int:
    examples: int | None = options.examples
    if transcript and examples:
        raise UsageError("a transcript does not tell how generated sequences go")
    if examples is None:
        return 0 if transcript else _EXAMPLES
    if examples < 0:
        raise UsageError(f"--examples is 0 or more, and {examples} is not")
    return examples


def _place(options: argparse.Namespace, endpoint: str, image: str) -> Place:
    return Place(endpoint, image, options.logs, options.cgroup_parent, options.runtime_handler)


def _sequences(options: argparse.Namespace) -> list[Sequence]:
    if not options.sequences:
        return written()
    return [each for path in options.sequences for each in parse(open_text(path), str(path))]


def _chosen(options: argparse.Namespace, sequences: list[Sequence]) -> list[Sequence]:
    if not options.only:
        return sequences
    chosen = [each for each in sequences if any(fnmatchcase(each.name, p) for p in options.only)]
    if not chosen:
        raise UsageError(f"no sequence is called {' or '.join(options.only)}")
    return chosen


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
