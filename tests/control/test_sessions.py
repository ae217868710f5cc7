"""Many runtimes in one process, begun anew, remembered and restored."""

import threading
from contextlib import suppress

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.control import ControlError, journals
from fakecri.errors import Code
from tests.control.served import Client, Controlled, controlled, dialled
from tests.support import raises_status

SECOND_NS = 10**9


def recorded(served: Controlled, session: str = "") -> list[str]:
    return [line.json for line in served.control.of(session).recording.stream()]


def containers(client: Client) -> list[str]:
    listed = client.runtime.ListContainers(pb.ListContainersRequest()).containers
    return [each.id for each in listed]


def test_two_sessions_do_not_disturb_one_another(served: Controlled) -> None:
    session = served.control.sessions.create(name="other", options={"pace": "manual", "seed": 7})
    other = served.control.of("other")
    assert session.endpoint.endswith("/cri-other.sock")
    with dialled(session.endpoint) as client:
        here, there = served.client.run("sleep", "60"), client.run("sleep", "60")
        assert here != there
        other.rules.arm(rules=["Version = 1* error(UNAVAILABLE)"])
        other.clock.advance(span="1h")
        served.client.version()
        assert served.client.status(here).state == pb.CONTAINER_RUNNING
        assert client.status(there).state == pb.CONTAINER_EXITED
        assert not served.control.rules.list().rules
        with raises_status(grpc.StatusCode.UNAVAILABLE):
            client.version()
        assert containers(served.client) == [here]
        assert "UNAVAILABLE" not in "".join(recorded(served))


def test_equal_sessions_are_equal(served: Controlled) -> None:
    options = {"pace": "manual", "seed": 3, "rules": ["Version = 1* error(UNKNOWN)"]}
    runs = []
    for name in ("a", "b"):
        session = served.control.sessions.create(name=name, options=options)
        with dialled(session.endpoint) as client:
            client.run("sleep", "60")
        runs.append(recorded(served, name))
    assert runs[0] == runs[1]


def test_a_session_may_speak_an_older_api(served: Controlled) -> None:
    session = served.control.sessions.create(name="old", options={"api_level": "1.27"})
    with dialled(session.endpoint) as client, raises_status(grpc.StatusCode.UNIMPLEMENTED):
        client.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
    served.control.of("old").sessions.reset()
    with dialled(session.endpoint) as client, raises_status(grpc.StatusCode.UNIMPLEMENTED):
        client.runtime.RuntimeConfig(pb.RuntimeConfigRequest())
    assert served.client.runtime.RuntimeConfig(pb.RuntimeConfigRequest()).HasField("linux")
    assert '"api_level":"1.27"' in recorded(served, "old")[0]


def test_sessions_are_listed_and_ended(served: Controlled) -> None:
    sessions = served.control.sessions
    sessions.create(name="a", options={"pace": "manual"})
    chosen = sessions.create(options={"pace": "autojump", "seed": 4})
    assert [each.name for each in sessions.list().sessions] == ["", "a", chosen.name]
    assert (chosen.seed, chosen.pace, chosen.generation) == (4, "autojump", 1)
    with dialled(chosen.endpoint) as client:
        client.version()
        sessions.close(session=chosen.name)
        with raises_status(grpc.StatusCode.UNAVAILABLE):
            client.version()
    assert not (served.directory / f"cri-{chosen.name}.sock").exists()
    assert [each.name for each in sessions.list().sessions] == ["", "a"]
    served.client.version()


def test_a_call_that_waits_ends_with_its_session(served: Controlled) -> None:
    session = served.control.sessions.create(name="a", options={"pace": "manual"})
    with dialled(session.endpoint) as client:
        container = client.run("sleep", "100")
        stopping = client.runtime.StopContainer.future(
            pb.StopContainerRequest(container_id=container, timeout=10)
        )
        while not served.control.of("a").recording.count(rpcs=["StopContainer"]).running:
            pass
        served.control.sessions.close(session="a")
        assert stopping.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "a b"}, Code.INVALID_ARGUMENT),
        ({"name": "x" * 65}, Code.INVALID_ARGUMENT),
        ({"name": "taken"}, Code.ALREADY_EXISTS),
        ({"listen": "0.0.0.0:80"}, Code.INVALID_ARGUMENT),
        ({"listen": "unix:///none/such/dir/x.sock"}, Code.INVALID_ARGUMENT),
        ({"options": {"pace": "fast"}}, Code.INVALID_ARGUMENT),
        ({"options": {"rate": 2, "pace": "manual"}}, Code.INVALID_ARGUMENT),
        ({"options": {"rules": ["Version"]}}, Code.INVALID_ARGUMENT),
        ({"options": {"behaviours": ["pod=x : explode"]}}, Code.INVALID_ARGUMENT),
        ({"options": {"images": ["A B"]}}, Code.INVALID_ARGUMENT),
        ({"options": {"registries": ["x=y"]}}, Code.INVALID_ARGUMENT),
        ({"options": {"disk_bytes": -1}}, Code.INVALID_ARGUMENT),
        ({"options": {"api_level": "30"}}, Code.INVALID_ARGUMENT),
        ({"options": {"network": "real"}}, Code.INVALID_ARGUMENT),
        ({"options": {"pod_subnets": ["10.0.0.0/99"]}}, Code.INVALID_ARGUMENT),
    ],
)
def test_a_session_that_cannot_be_leaves_nothing_behind(
    served: Controlled, fields: dict[str, object], code: Code
) -> None:
    served.control.sessions.create(name="taken", options={"pace": "manual"})
    before = sorted(each.name for each in served.directory.iterdir())
    with pytest.raises(ControlError) as refusal:
        served.control.sessions.create(**fields)
    assert refusal.value.code is code
    assert len(served.control.sessions.list().sessions) == 2
    assert sorted(each.name for each in served.directory.iterdir()) == before


def test_a_session_that_is_not_there_is_not_found(served: Controlled) -> None:
    for refused in (
        served.control.of("none").clock.now,
        served.control.of("none").sessions.reset,
        lambda: served.control.sessions.close(session="none"),
    ):
        with pytest.raises(ControlError, match="there is no session 'none'") as refusal:
            refused()
        assert refusal.value.code is Code.NOT_FOUND


def test_the_first_session_ends_with_its_process(served: Controlled) -> None:
    with pytest.raises(ControlError) as refusal:
        served.control.sessions.close()
    assert refusal.value.code is Code.FAILED_PRECONDITION
    served.client.version()


# Beginning anew.


def test_a_reset_brings_the_seed_state_back() -> None:
    with controlled(rules=("Version = 1* error(UNKNOWN)",), seed=5) as served:
        first = served.client.run("sleep", "100")
        served.control.clock.jump(by="1h")
        served.control.rules.arm(rules=["Status = hang"])
        with raises_status(grpc.StatusCode.UNKNOWN):
            served.client.version()
        assert served.control.sessions.reset().generation == 2
        assert containers(served.client) == []
        (rule,) = served.control.rules.list().rules
        assert (rule.id, rule.fired) == ("r1", 0)
        assert served.control.clock.now().wall == "2026-01-01T00:00:00Z"
        assert served.client.run("sleep", "100") == first


def test_a_call_that_waits_ends_with_a_reset(served: Controlled) -> None:
    container = served.client.run("sleep", "100")
    stopping = served.client.runtime.StopContainer.future(
        pb.StopContainerRequest(container_id=container, timeout=10)
    )
    while not served.control.recording.count(rpcs=["StopContainer"]).running:
        pass
    served.control.sessions.reset()
    assert stopping.code() is grpc.StatusCode.UNAVAILABLE


# Snapshots.


def everything(served: Controlled) -> str:
    """Do something of each kind that a journal knows; return a container."""
    control = served.control
    control.node.add_images(references=["registry.test/app:1"])
    control.node.behave(rule="pod=db : exit/3/5s")
    control.rules.arm(rules=["StopContainer = 50% error(UNKNOWN)", "Status = 1* error(UNKNOWN)"])
    with raises_status(grpc.StatusCode.UNKNOWN):
        served.client.runtime.Status(pb.StatusRequest())
    container = served.client.run("sleep", "100")
    served.client.run("sleep", "100", pod="db")
    for _ in range(8):
        with suppress(grpc.RpcError):  # the dice decide
            served.client.stop(container)
    control.clock.jump(by="-40s")
    control.clock.advance(span="30s")
    control.clock.falsify(stamp="0")
    return served.client.run("sleep", "100", pod="late")


def test_a_restored_runtime_is_as_it_was_to_the_byte(served: Controlled) -> None:
    container = everything(served)
    snapshot = served.control.sessions.snapshot()
    before, status = recorded(served), served.client.status(container)
    rules = served.control.rules.list()
    served.control.clock.advance(span="1h")
    served.control.rules.disarm(all=True)
    served.client.run("sleep", "1", pod="after")
    session = served.control.sessions.restore(id=snapshot.id)
    assert (session.generation, list(session.snapshots)) == (2, ["s1"])
    assert recorded(served) == before
    assert served.client.status(container) == status
    assert served.control.rules.list() == rules


def test_more_steps_than_are_remembered_are_no_snapshot(
    served: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MOST_STEPS", 5)
    served.client.run("sleep", "60")
    sessions = served.control.sessions
    assert sessions.snapshot().steps == 4
    served.client.version()
    assert sessions.snapshot().steps == 5
    served.client.version()
    with pytest.raises(ControlError, match="steps that are remembered: Reset") as refusal:
        sessions.snapshot()
    assert refusal.value.code is Code.FAILED_PRECONDITION
    with pytest.raises(ControlError, match="no span of time"):
        served.control.clock.advance(span="soon")
    served.client.version()
    sessions.restore(id="s1")
    assert sessions.snapshot().steps == 4
    for _ in range(2):
        served.client.version()
    sessions.reset()
    assert sessions.snapshot().steps == 0


def test_a_snapshot_can_be_restored_again_and_again(served: Controlled) -> None:
    container = served.client.run("sleep", "60")
    served.control.sessions.snapshot()
    for _ in range(3):
        served.control.clock.advance(span="59s")
        assert served.client.status(container).state == pb.CONTAINER_RUNNING
        served.control.clock.advance(span="1s")
        assert served.client.status(container).state == pb.CONTAINER_EXITED
        served.control.sessions.restore(id="s1")
    served.client.run("sleep", "60", pod="db")
    assert served.control.sessions.snapshot().id == "s2"
    served.control.sessions.restore(id="s2")
    assert len(containers(served.client)) == 2


def test_a_call_that_was_under_way_has_lost_its_client() -> None:
    with controlled(pace="autojump") as served:
        container = served.client.run("sleep", "1000")
        served.control.clock.hold()
        stopping = threading.Thread(target=_stop, args=(served, container))
        stopping.start()
        while not served.control.recording.count(rpcs=["StopContainer"]).running:
            pass
        served.control.sessions.snapshot()
        served.control.sessions.restore(id="s1")
        stopping.join()
        assert '"cause":"client"' in recorded(served)[-2]
        assert served.client.status(container).state == pb.CONTAINER_RUNNING
        assert served.control.clock.now().holds == 1


def _stop(served: Controlled, container: str) -> None:
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        served.client.stop(container, timeout=600)


def test_time_goes_on_at_its_rate_from_where_a_snapshot_was() -> None:
    with controlled(pace="rate", rate=1000.0) as served:
        container = served.client.run("sleep", "100000000")
        created = served.client.status(container).created_at
        served.control.sessions.snapshot()
        served.control.clock.advance(span="320d")
        served.control.sessions.restore(id="s1")
        assert served.client.status(container).created_at == created
        first = served.control.clock.now().virtual_ns
        assert first < 86_400 * SECOND_NS
        while served.control.clock.now().virtual_ns == first:
            pass


def test_what_cannot_be_done_again_is_not_remembered() -> None:
    with controlled(pace="system") as served:
        with pytest.raises(ControlError, match="system pace") as refusal:
            served.control.sessions.snapshot()
        assert refusal.value.code is Code.FAILED_PRECONDITION
    with controlled(on_disk=True) as served:
        with pytest.raises(ControlError, match="disk") as refusal:
            served.control.sessions.snapshot()
        assert refusal.value.code is Code.FAILED_PRECONDITION
    with controlled() as served:
        with pytest.raises(ControlError, match="no snapshot 's1'") as refusal:
            served.control.sessions.restore(id="s1")
        assert refusal.value.code is Code.NOT_FOUND
