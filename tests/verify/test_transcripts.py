"""What a real containerd 1.6 was seen to do, fakecri does in its personality, on both faces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakecri import CRI, cli
from fakecri.api import runtime_pb2 as pb
from fakecri.replay import Ignore, parse_ignored
from fakecri.verify import Player, Run, Side, compare, read_transcript, written
from fakecri.verify.sides import POLL_S
from tests.verify.endpoints import IMAGE, endpoint
from tests.verify.transcripts import KNOWN, TRANSCRIPT

SEQUENCES = read_transcript(TRANSCRIPT).sequences


def test_the_transcript_is_of_the_sequences_that_come_with_fakecri() -> None:
    assert written() == SEQUENCES


def test_the_transcript_reads_as_it_was_written() -> None:
    assert read_transcript(TRANSCRIPT).text == TRANSCRIPT.read_text()


@contextmanager
def player() -> Iterator[Player]:
    """Have a player on the object."""
    with CRI(personality="containerd-1.6") as cri:
        cri.images.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image=IMAGE)))

        def read(path: str) -> bytes | None:
            try:
                return cri.files.read(path)
            except OSError:
                return None

        side = Side(cri.runtime, cri.images, read, cri.files.rename, lambda: cri.advance(POLL_S))
        yield Player(side, Run("v0object", IMAGE, "/var/log/verify", "/verify"))


def test_the_object_does_what_was_recorded() -> None:
    transcript = read_transcript(TRANSCRIPT)
    known = Ignore(parse_ignored(KNOWN.read_text().splitlines(), KNOWN.name))
    with player() as mine:
        found = {
            each.name: compare(each, transcript.play(each), mine.play(each), known)
            for each in SEQUENCES
        }
    assert {name: each for name, each in found.items() if each} == {}
    assert [each.path for each in known.unused] == []


def test_the_server_does_what_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(personality="containerd-1.6") as subject:
        options = ["--subject", subject, "--known", str(KNOWN), "--strict"]
        options += ["--cgroup-parent", "/verify"]
        status = cli.main(["verify", "--reference", f"transcript:{TRANSCRIPT}", *options])
    said = capsys.readouterr().out
    assert (status, said) == (0, f"{len(SEQUENCES)} written and 0 generated sequences: 0 differ\n")


def test_another_personality_is_not_what_was_recorded(tmp_path: Path) -> None:
    with endpoint() as subject:
        options = ["--subject", subject, "--known", str(KNOWN), "--only", "stop-and-remove-*"]
        assert cli.main(["verify", "--reference", f"transcript:{TRANSCRIPT}", *options]) == 1
