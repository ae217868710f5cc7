"""A proxy before a real containerd: rules act on what really runs, and what passes is recorded.

To record the session anew: `FAKECRI_RECORD_SESSION=1 pytest tests/real/test_proxy.py`, as root.
"""

from __future__ import annotations

import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.core.recording import Recording
from fakecri.proxy import Proxy
from fakecri.replay.comparing import Choices, compare
from fakecri.replay.ignoring import Ignore, parse_paths
from fakecri.replay.reports import text_report
from tests.real import install
from tests.real.containerd import Address, containerd, mortal_containerd, obstacles
from tests.real.crictl import Crictl
from tests.real.runtimes import until
from tests.requirements import skip_for
from tests.session import IMAGE, Session
from tests.support import raises_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.real

ANEW = os.environ.get("FAKECRI_RECORD_SESSION") == "1"
RECORDED = Path(__file__).parents[2] / "fixtures" / "recordings" / "containerd-1.6.20.jsonl"


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    """A containerd of its own, with nothing on it."""
    skip_for(obstacles())
    with containerd() as address:
        yield address


def recorded_session(server: Address, directory: Path) -> str:
    """Return the recording of the session, without the names that this run alone has."""
    record = io.StringIO()
    logs, home = str(directory / "logs"), str(Path(server.endpoint.removeprefix("unix://")).parent)
    with (
        Proxy(server.endpoint, record=record) as proxy,
        proxy.serve(f"{directory}/cri.sock") as served,
        connect(served.endpoint) as channel,
        connect(server.endpoint) as unseen,
    ):
        stubs = runtime_stub(channel), image_stub(channel)
        Session(*stubs, settling(unseen), logs, server.cgroup_parent).play()
    text = record.getvalue().replace(logs, "/var/log/session").replace(home, "/run/session")
    return text.replace(server.cgroup_parent, "/session")


def settling(channel: Any) -> Callable[[float], None]:
    """Return what lets pass as much time as containers take that end by themselves."""
    running = pb.ContainerFilter(state=pb.ContainerStateValue(state=pb.CONTAINER_RUNNING))

    def is_alone() -> bool:
        request = pb.ListContainersRequest(filter=running)
        return len(runtime_stub(channel).ListContainers(request).containers) == 1

    return lambda _: until(is_alone, "the end of all containers but one")


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a proxy may listen; its path is short."""
    return f"unix://{tmp_path_factory.mktemp('p')}/cri.sock"


def test_a_session_is_as_recorded(server: Address, tmp_path: Path) -> None:
    text = recorded_session(server, tmp_path)
    if ANEW:
        RECORDED.write_text(text)
    now, before = (parsed(each) for each in (text, RECORDED.read_text()))
    ignored = parse_paths(["PodSandboxStatus.status.network.ip", "ListContainers.containers.order"])
    made = compare(before, now, Choices(), Ignore(ignored))
    assert made.alike, "\n".join(text_report(made, "recorded", "now", []))


def parsed(text: str) -> Recording:
    """Return a recording."""
    return Recording.parse(text.splitlines(keepends=True))


def test_rules_act_on_what_really_runs(server: Address, tmp_path: Path) -> None:
    """The error comes when the container runs: what its client must not believe."""
    with Proxy(server.endpoint) as proxy:
        session = Session(
            proxy.runtime, proxy.images, time.sleep, str(tmp_path), server.cgroup_parent
        )
        session.image("PullImage", image=pb.ImageSpec(image=IMAGE))
        pod = session.run("RunPodSandbox", config=session.pod("rules")).pod_sandbox_id
        container = session.create(pod, "app", "sleep", "3600")
        rule = 'StartContainer{pod=rules, container=app} = 1* after:error(UNAVAILABLE, "gone")'
        start = pb.StartContainerRequest(container_id=container)
        with (
            proxy.faults(rule, strict=True),
            raises_status(grpc.StatusCode.UNAVAILABLE, "gone"),
        ):
            proxy.runtime.StartContainer(start)
        status = session.run("ContainerStatus", container_id=container).status
        assert status.state == pb.CONTAINER_RUNNING
        out = session.run("ExecSync", container_id=container, cmd=["echo", "alive"])
        assert out.stdout == b"alive\n"
        assert [call.rpc for call in proxy.calls if call.unsent or call.faults] == [
            "StartContainer"
        ]
        session.run("StopPodSandbox", pod_sandbox_id=pod)
        session.run("RemovePodSandbox", pod_sandbox_id=pod)


def test_crictl_sees_the_runtime_through_a_proxy(
    server: Address, address: str, tmp_path: Path
) -> None:
    with Proxy(
        server.endpoint, rules='ExecSync{container=app} = 1* error(INTERNAL, "no")'
    ) as proxy:
        session = Session(
            proxy.runtime, proxy.images, time.sleep, str(tmp_path), server.cgroup_parent
        )
        session.image("PullImage", image=pb.ImageSpec(image=IMAGE))
        pod = session.run("RunPodSandbox", config=session.pod("seen")).pod_sandbox_id
        container = session.create(pod, "app", "sleep", "3600")
        session.run("StartContainer", container_id=container)
        with proxy.serve(address) as served:
            crictl = Crictl(_program(), tmp_path / "crictl.yaml", served.endpoint)
            assert pod in crictl.ok("pods", "--quiet", "--no-trunc").out
            assert container in crictl.ok("ps", "--quiet", "--no-trunc").out
            assert "busybox" in crictl.ok("images").out
            assert "desc = no" in crictl.fails("exec", "--sync", container, "echo", "alive")
            assert crictl.ok("exec", "--sync", container, "echo", "alive").out.strip() == "alive"
            # The streams themselves are between crictl and the runtime's own server.
            assert crictl.ok("exec", container, "echo", "alive").out == "alive\n"
            crictl.ok("rmp", "--force", pod)


def test_a_runtime_that_is_killed_says_the_same_through_a_proxy(
    address: str, tmp_path: Path
) -> None:
    """Both clients are crictl, and what it says is what grpc-go makes of the connection."""
    skip_for(obstacles())
    with (
        mortal_containerd() as (server, tell),
        Proxy(server.endpoint) as proxy,
        proxy.serve(address) as served,
    ):
        clients = [
            Crictl(_program(), tmp_path / f"{number}.yaml", endpoint)
            for number, endpoint in enumerate((server.endpoint, served.endpoint))
        ]
        session = Session(
            proxy.runtime, proxy.images, time.sleep, str(tmp_path), server.cgroup_parent
        )
        session.image("PullImage", image=pb.ImageSpec(image=IMAGE))
        pod = session.run("RunPodSandbox", config=session.pod("mortal")).pod_sandbox_id
        container = session.create(pod, "app", "sleep", "3600")
        session.run("StartContainer", container_id=container)
        with ThreadPoolExecutor() as pool:
            execs = [
                pool.submit(each.fails, "exec", "--sync", container, "sleep", "600")
                for each in clients
            ]
            until(lambda: _running(session, container) == len(clients), "both commands")
            tell("kill")
            cut = [each.result() for each in execs]
        down = [each.fails("pods") for each in clients]
        assert "error reading from server: EOF" in cut[0]
        assert cut[0] == cut[1]
        assert _dialled(down[0]) == _dialled(down[1])
        tell("start")
        until(lambda: clients[1].run("pods").status == 0, "an answer through the proxy")
        assert pod in clients[1].ok("pods", "--quiet", "--no-trunc").out


def _running(session: Session, container: str) -> int:
    """Return how many commands sleep in a container beside itself."""
    shown = session.run("ExecSync", container_id=container, cmd=["ps"])
    return int(shown.stdout.count(b"sleep 600\n")) if shown else 0


def _dialled(error: str) -> str:
    """Return what a client says of the runtime that it cannot reach."""
    found = re.search(r'connection error: desc = ".*?"', error.replace("\\", ""))
    assert found, error
    return found[0]


def _program() -> Path:
    program = install.find("crictl").path
    assert program is not None
    return program
