"""Plugins of NRI in recordings: the same bytes each time, to be read, compared and drawn."""

import io
import json
from typing import Any

import grpc
import pytest

from fakecri import CRI
from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import Recording
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.replay.comparing import compare
from fakecri.timeline.text import render_text
from tests.support import create_request, sandbox_config


class Tunes:
    """A plugin that adjusts, waits and refuses."""

    def __init__(self, cri: CRI) -> None:
        self._cri = cri

    def create_container(
        self, _: nri.PodSandbox, container: nri.Container
    ) -> Waits[nri.ContainerAdjustment]:
        """Adjust it, later."""
        yield from self._cri.host.world.scheduler.sleep(SECOND_NS)
        if container.name == "bad":
            raise ValueError("no")
        return nri.ContainerAdjustment(
            env=[nri.KeyValue(key="TOKEN", value="secret")], annotations={"b": "2", "a": "1"}
        )

    def stop_container(self, _: nri.PodSandbox, __: nri.Container) -> None:
        """Take no notice."""


def recorded(seed: int = 0, **options: Any) -> str:
    """Return the recording of a life with a plugin."""
    record = io.StringIO()
    with CRI(seed=seed, record=record, **options) as cri:
        image = pb.ImageSpec(image="busybox")
        cri.images.PullImage(pb.PullImageRequest(image=image))
        with cri.nri.connect(Tunes(cri), name="tuner", index="10"):
            pod = cri.runtime_service.run_pod_sandbox(sandbox_config())
            with pytest.raises(grpc.RpcError):
                cri.runtime.CreateContainer(create_request(pod, "true", name="bad"))
            made = cri.runtime.CreateContainer(create_request(pod, "true")).container_id
            cri.runtime.StartContainer(pb.StartContainerRequest(container_id=made))
            cri.advance(1)
    return record.getvalue()


def lines(text: str) -> list[dict[str, Any]]:
    """Return the lines about plugins."""
    return [each for each in map(json.loads, text.splitlines()) if each["kind"] == "nri"]


def test_equal_runs_are_recorded_alike_to_the_byte() -> None:
    assert recorded() == recorded()


def test_a_recording_tells_what_plugins_were_asked_and_answered() -> None:
    found = lines(recorded())
    told = [(each["what"], each.get("method", "")) for each in found]
    assert told == [
        ("asked", "Configure"),
        ("answered", "Configure"),
        ("asked", "Synchronize"),
        ("answered", "Synchronize"),
        ("connected", ""),
        ("asked", "CreateContainer"),
        ("failed", "CreateContainer"),
        ("asked", "StopContainer"),
        ("answered", "StopContainer"),
        ("asked", "CreateContainer"),
        ("answered", "CreateContainer"),
        ("asked", "StopContainer"),
        ("answered", "StopContainer"),
        ("disconnected", ""),
    ]
    assert {each["plugin"] for each in found} == {"10-tuner"}
    asked, failed = found[5:7]
    assert asked["call"] == 3
    assert set(asked) >= {"pod", "container", "digest"}
    assert failed["error"] == {"code": "UNKNOWN", "text": "no"}
    adjust = found[10]["response"]["adjust"]
    assert adjust == {
        "annotations": {"a": "1", "b": "2"},
        "env": [{"key": "TOKEN", "value": "secret"}],
    }
    assert "call" not in found[11]


def test_what_is_masked_is_masked_in_answers_of_plugins_too() -> None:
    assert "secret" not in recorded(mask=["KeyValue.value"])


def test_a_recording_with_plugins_is_read_and_drawn() -> None:
    recording = Recording.parse(recorded().splitlines())
    assert len([each for each in recording.records if each.kind == "nri"]) == 14
    drawn = render_text(recording)
    assert "10-tuner CreateContainer failed" in drawn


def test_recordings_of_other_ids_are_alike_and_other_answers_are_not() -> None:
    left, right = (Recording.parse(recorded(seed).splitlines()) for seed in (0, 1))
    assert compare(left, right).alike
    text = recorded().replace('"key":"TOKEN"', '"key":"OTHER"', 1)
    other = Recording.parse(text.splitlines())
    assert not compare(left, other).alike
