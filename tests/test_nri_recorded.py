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
from fakecri.replay import compare, drive
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
        with cri.nri.connect(Tunes(cri), name="tuner", index="10") as connection:
            pod = cri.runtime_service.run_pod_sandbox(sandbox_config())
            with pytest.raises(grpc.RpcError):
                cri.runtime.CreateContainer(create_request(pod, "true", name="bad"))
            made = cri.runtime.CreateContainer(create_request(pod, "true")).container_id
            second = cri.runtime.CreateContainer(create_request(pod, "top", name="b")).container_id
            cri.runtime.StartContainer(pb.StartContainerRequest(container_id=made))
            update = nri.ContainerUpdate(container_id=second)
            update.linux.resources.memory.limit.value = 1 << 26
            connection.update([update])
            cri.advance(1)
            cri.advance(2)
            cri.runtime_service.remove_pod_sandbox(pod)
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
        ("asked", "CreateContainer"),
        ("answered", "CreateContainer"),
        ("asked", "StopContainer"),
        ("answered", "StopContainer"),
        ("wants", ""),
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
    assert "call" not in found[13]


def test_what_is_masked_is_masked_in_answers_of_plugins_too() -> None:
    assert "secret" not in recorded(mask=["KeyValue.value"])


def test_a_recording_with_plugins_is_read_and_drawn() -> None:
    recording = Recording.parse(recorded().splitlines())
    assert len([each for each in recording.records if each.kind == "nri"]) == 19
    drawn = render_text(recording)
    assert "10-tuner CreateContainer failed" in drawn


@pytest.mark.parametrize("seed", [0, 7])
def test_a_recording_is_driven_with_its_plugins(seed: int) -> None:
    recording = Recording.parse(recorded().splitlines())
    record = io.StringIO()
    with CRI(seed=seed, record=record) as cri:
        made = drive(recording, cri.host)
    assert made.notes == []
    again = Recording.parse(record.getvalue().splitlines())
    assert compare(recording, again).differences == []
    if seed == 0:
        assert lines(record.getvalue()) == lines(recorded())


def test_plugins_that_went_go_again_where_a_recording_is_driven() -> None:
    class Sleeps:
        def run_pod_sandbox(self, _: nri.PodSandbox) -> Waits[None]:
            yield from cri.host.world.scheduler.sleep(3 * SECOND_NS)

    record = io.StringIO()
    with CRI(record=record) as cri:
        cri.nri.connect(Sleeps())
        cri.runtime_service.run_pod_sandbox(sandbox_config())
    left, again = Recording.parse(record.getvalue().splitlines()), io.StringIO()
    assert lines(record.getvalue())[-2]["gone"]
    with CRI(record=again) as driven:
        drive(left, driven.host)
    assert lines(again.getvalue()) == lines(record.getvalue())


def test_recordings_of_other_ids_are_alike_and_other_answers_are_not() -> None:
    left, right = (Recording.parse(recorded(seed).splitlines()) for seed in (0, 1))
    assert compare(left, right).alike
    text = recorded().replace('"key":"TOKEN"', '"key":"OTHER"', 1)
    other = Recording.parse(text.splitlines())
    assert not compare(left, other).alike
