"""What happens to a node by itself, over the wire."""

from pathlib import Path

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.control import ControlError
from fakecri.errors import Code
from tests.behaviour.steps import is_answered, until
from tests.control.served import Controlled, controlled
from tests.support import raises_status


def test_the_node_can_be_looked_at(served: Controlled) -> None:
    container = served.client.run("sleep", "100")
    state = served.control.state.list()
    (sandbox,) = state.sandboxes
    assert (sandbox.namespace, sandbox.name, sandbox.state) == ("default", "web", "READY")
    assert len(sandbox.ips) == 1
    (listed,) = state.containers
    assert (listed.id, listed.sandbox_id, listed.pod) == (container, sandbox.id, "web")
    assert (listed.name, listed.image, listed.state) == ("main", "busybox", "RUNNING")
    assert any("docker.io/library/busybox:latest" in each.names for each in state.images)
    assert state.up


def test_a_container_is_killed_for_memory(served: Controlled) -> None:
    container = served.client.run("sleep", "100")
    struck = served.control.state.strike(fault="container web/main oom")
    assert (struck.id, struck.fault, struck.done) == ("x1", "container web/main oom", True)
    status = served.client.status(container)
    assert (status.exit_code, status.reason) == (137, "OOMKilled")


def test_a_fault_strikes_when_it_is_due_unless_it_is_called_off(served: Controlled) -> None:
    container = served.client.run("sleep", "100")
    strike = served.control.state.strike
    assert not strike(fault="after 5s container main exit 3").done
    strike(fault="after 2s container main exit 4")
    assert served.control.state.cancel(id="x2").fault == "after 2s container main exit 4"
    served.control.clock.advance(span="5s")
    assert served.client.status(container).exit_code == 3
    assert [(each.id, each.done) for each in served.control.state.list().strikes] == [("x1", True)]
    strike(fault="after 1s container none exit 3")
    served.control.clock.advance(span="1s")
    assert "none" in served.control.state.list().strikes[-1].missed


def test_the_runtime_restarts(served: Controlled) -> None:
    container = served.client.run("sleep", "100")
    served.control.state.strike(fault="runtime restart down=5s keep=unknown")
    assert not served.control.state.list().up
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        served.client.version()
    served.control.clock.advance(span="5s")
    assert served.control.state.list().up
    until(lambda: is_answered(served.client.runtime))
    request = pb.ContainerStatusRequest(container_id=container)
    status = served.client.runtime.ContainerStatus(request).status
    assert status.state == pb.CONTAINER_UNKNOWN


def test_the_node_reboots(served: Controlled) -> None:
    container = served.client.run("sleep", "100")
    served.control.state.strike(fault="node reboot")
    until(lambda: is_answered(served.client.runtime))
    request = pb.ContainerStatusRequest(container_id=container)
    status = served.client.runtime.ContainerStatus(request).status
    assert (status.state, status.exit_code) == (pb.CONTAINER_EXITED, 255)


def test_a_runtime_that_is_down_is_up_again_after_a_reset(served: Controlled) -> None:
    served.control.state.strike(fault="runtime restart down=1h")
    served.control.sessions.reset()
    until(lambda: is_answered(served.client.runtime))
    served.control.state.strike(fault="runtime restart down=1h")
    assert not served.control.state.list().up
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        served.client.version()


def test_a_runtime_that_was_down_is_down_when_it_is_restored(served: Controlled) -> None:
    served.control.state.strike(fault="runtime restart down=1h")
    served.control.sessions.snapshot()
    served.control.clock.advance(span="1h")
    until(lambda: is_answered(served.client.runtime))
    served.control.sessions.restore(id="s1")
    assert not served.control.state.list().up
    with raises_status(grpc.StatusCode.UNAVAILABLE):
        served.client.version()


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("container none oom", Code.NOT_FOUND, 'there is no container "none"'),
        ("disk fil", Code.INVALID_ARGUMENT, "column 6"),
        ("", Code.INVALID_ARGUMENT, "column 1"),
    ],
)
def test_what_cannot_happen_is_refused(
    served: Controlled, fault: str, code: Code, text: str
) -> None:
    with pytest.raises(ControlError) as refusal:
        served.control.state.strike(fault=fault)
    assert refusal.value.code is code
    assert text in str(refusal.value)
    assert not served.control.state.list().strikes
    with pytest.raises(ControlError) as refusal:
        served.control.state.cancel(id="x1")
    assert refusal.value.code is Code.NOT_FOUND


def test_faults_of_the_options_happen_in_every_generation(tmp_path: Path) -> None:
    with controlled(state=("after 5s container main exit 3",)) as served:
        for _ in range(2):
            container = served.client.run("sleep", "100")
            served.control.clock.advance(span="5s")
            assert served.client.status(container).exit_code == 3
            served.control.sessions.reset()
