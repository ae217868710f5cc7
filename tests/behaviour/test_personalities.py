"""A runtime plays the personality that it is opened with."""

import json
from pathlib import Path

import pytest

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.control import ControlError
from fakecri.core.personalities import DEFAULT, PROFILES
from fakecri.errors import Code
from fakecri.replay import Replay
from tests.control.served import controlled, dialled
from tests.support import node

VERSION = pb.VersionRequest(version="0.1.0")
HEADER_NAMES = {DEFAULT: "containerd"}
"""Of those whose recordings do not say their own name."""


@pytest.mark.parametrize("name", PROFILES)
def test_version_is_that_of_the_personality(face: str, name: str) -> None:
    with node(face, personality=name) as opened:
        version = opened.runtime.Version(VERSION)
    profile = PROFILES[name]
    assert (version.runtime_name, version.runtime_version) == (
        profile.runtime_name,
        profile.runtime_version,
    )


def test_an_unknown_personality_opens_nothing() -> None:
    with pytest.raises(UsageError, match="'docker' is no personality: containerd-2, "):
        CRI(personality="docker")


@pytest.mark.parametrize("name", PROFILES)
def test_a_recording_names_the_personality_and_a_replay_answers_as_it_does(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "run.jsonl"
    with path.open("w") as file, CRI(personality=name, record=file):
        pass
    header = json.loads(path.read_text().splitlines()[0])
    assert header["profile"] == HEADER_NAMES.get(name, name)
    with Replay(path, mode="new_episodes") as replay:
        version = replay.runtime.Version(VERSION)
    assert version.runtime_version == PROFILES[name].runtime_version


def test_a_recording_of_an_unknown_personality_is_not_replayed(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with path.open("w") as file, CRI(record=file):
        pass
    path.write_text(path.read_text().replace('"profile":"containerd"', '"profile":"docker"'))
    with pytest.raises(UsageError, match=r"run\.jsonl: 'docker' is no personality"):
        Replay(path)


def test_a_session_plays_the_personality_that_was_chosen_also_when_begun_anew() -> None:
    with controlled() as served:
        options = {"personality": "containerd-1.6"}
        session = served.control.sessions.create(name="old", options=options)
        with dialled(session.endpoint) as client:
            for _ in range(2):
                version = client.runtime.Version(VERSION)
                assert version.runtime_version == PROFILES["containerd-1.6"].runtime_version
                served.control.of("old").sessions.reset()


def test_a_session_of_an_unknown_personality_is_refused() -> None:
    with (
        controlled() as served,
        pytest.raises(ControlError, match="personality 'docker' is no personality") as refusal,
    ):
        served.control.sessions.create(options={"personality": "docker"})
    assert refusal.value.code is Code.INVALID_ARGUMENT
