"""A real plugin of NRI, in Go: it comes, is told, changes things, fails, hangs, dies and goes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS
from tests.real import install
from tests.real.nri_plugins import PATIENCE_S, GoPlugin, build
from tests.requirements import skip_for
from tests.server.served import until
from tests.support import Node, raises_status

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

LIFE = [
    "Configure",
    "Synchronize",
    "RunPodSandbox",
    "CreateContainer",
    "PostCreateContainer",
    "StartContainer",
    "PostStartContainer",
    "StopContainer",
    "RemoveContainer",
    "StopPodSandbox",
    "RemovePodSandbox",
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_for(install.missing("go"))
    return build(tmp_path_factory.mktemp("plugin"))


@pytest.fixture(params=["autojump", "rate"])
def served(request: pytest.FixtureRequest, program: Path) -> Iterator[Served]:
    """A runtime to which plugins can connect."""
    with (
        TemporaryDirectory(prefix="fakecri-") as directory,
        CRI(
            nri_socket=Path(directory, "nri.sock"),
            pace=request.param,
            host_mounts=[Path(directory)],
        ) as cri,
    ):
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        served = Served(node, program, Path(directory, "nri.sock"))
        served.wait_for_plugins(PATIENCE_S)
        yield served


class Served:
    """A runtime to which plugins can connect."""

    def __init__(self, node: Node, program: Path, socket: Path) -> None:
        self.node = node
        self.program = program
        self.socket = socket

    @contextmanager
    def plugged(self, **options: str) -> Iterator[GoPlugin]:
        """Have a plugin connected while the context lasts."""
        with GoPlugin(self.program, self.socket, **options) as plugin:
            yield plugin

    def wait_for_plugins(self, seconds: int) -> None:
        """Say how long they may take to register, and to answer each time."""
        with self.node.cri.host.turn() as world:
            world.nri.registration_timeout_ns = seconds * SECOND_NS
            world.nri.request_timeout_ns = seconds * SECOND_NS

    @property
    def names(self) -> list[str]:
        """The plugins that the runtime knows."""
        return self.node.cri.nri.names


def listed(node: Node) -> list[str]:
    request = pb.ListContainersRequest()
    return [each.id for each in node.runtime.ListContainers(request).containers]


def test_it_is_told_of_a_whole_life(served: Served) -> None:
    node = served.node
    with served.plugged() as plugin:
        pod = node.run_sandbox()
        container = node.run(pod, "sleep", "1000")
        node.stop(container)
        node.remove(container)
        node.stop_sandbox(pod)
        node.remove_sandbox(pod)
        plugin.wait_for("RemovePodSandbox")
        assert plugin.hooks == LIFE
        configured = plugin.told[0]
        assert (configured["runtime"], configured["config"]) == ("containerd", "")
        assert {each["pod"] for each in plugin.told[2:]} == {pod}
        created = plugin.wait_for("CreateContainer")
        assert (created["container"], created["name"]) == (container, "main")
    until(lambda: served.names == [])


def test_it_is_told_of_what_there_is(served: Served) -> None:
    node = served.node
    container = node.run(node.run_sandbox(), "sleep", "1000")
    with served.plugged() as plugin:
        told = plugin.told[1]
        assert (told["pods"], told["containers"]) == (1, [container])


def test_it_is_told_of_more_than_a_message_takes(served: Served) -> None:
    for number in range(24):
        served.node.run_sandbox(f"pod-{number}", annotations={"note": "x" * 250_000})
    with served.plugged() as plugin:
        assert plugin.told[1]["pods"] == 24
        until(lambda: served.names == ["00-go"])


def test_it_changes_a_container(served: Served) -> None:
    node, shared = served.node, served.socket.parent / "shared"
    shared.mkdir()
    shared.joinpath("note").write_text("from the plugin\n")
    options = {
        "env": "COLOUR=green",
        "annotation": "tuned=yes",
        "mount": f"{shared}:/plugin",
    }
    with served.plugged(**options):
        container = node.run(node.run_sandbox(), "sleep", "1000")
        command = ["sh", "-c", "echo $COLOUR; cat /plugin/note; echo x > /plugin/new"]
        answer = node.runtime.ExecSync(pb.ExecSyncRequest(container_id=container, cmd=command))
        assert answer.stdout == b"green\nfrom the plugin\n"
        assert b"Read-only file system" in answer.stderr
        request = pb.ContainerStatusRequest(container_id=container, verbose=True)
        spec = json.loads(node.runtime.ContainerStatus(request).info["info"])["runtimeSpec"]
        assert spec["annotations"]["tuned"] == "yes"


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ("RunPodSandbox", "NRI RunPodSandbox failed"),
        (
            "CreateContainer",
            "failed to create containerd container: failed to get NRI adjustment for container",
        ),
    ],
)
def test_its_error_is_that_of_the_call_and_leaves_nothing(
    served: Served, hook: str, text: str
) -> None:
    node = served.node
    with served.plugged(fail=hook):
        error = f"{text}: rpc error: code = Unknown desc = no, says the plugin"
        with raises_status(grpc.StatusCode.UNKNOWN, error):
            node.create(node.run_sandbox(), "true")
        assert listed(node) == []
        assert served.names == ["00-go"]


def test_one_that_hangs_over_its_time_is_left_behind(served: Served) -> None:
    with served.plugged(hang="RunPodSandbox") as plugin:
        served.wait_for_plugins(2)
        assert served.node.run_sandbox()
        assert served.names == []
        plugin.wait_for("closed")


def test_one_that_hangs_within_its_time_is_waited_for(served: Served) -> None:
    with served.plugged(hang="RunPodSandbox", span="500ms"):
        assert served.node.run_sandbox()
        assert served.names == ["00-go"]


def test_one_that_dies_holds_nobody_up(served: Served) -> None:
    with served.plugged(die="RunPodSandbox") as plugin:
        assert served.node.run_sandbox()
        assert served.names == []
        assert plugin.wait() == 3


def test_one_that_leaves_is_forgotten_and_may_come_again(served: Served) -> None:
    with served.plugged() as plugin:
        plugin.order("stop")
        plugin.wait_for("closed")
        until(lambda: served.names == [])
        assert plugin.wait() == 1  # its Run ends with the server's being closed
    with served.plugged():
        until(lambda: served.names == ["00-go"])


def test_a_restart_of_the_runtime_closes_it(served: Served) -> None:
    with served.plugged() as plugin:
        served.node.cri.restart_runtime()
        plugin.wait_for("closed")
    with served.plugged():
        until(lambda: served.names == ["00-go"])


def test_several_are_asked_in_their_order(served: Served) -> None:
    node = served.node
    with (
        served.plugged(index="20", name="late") as late,
        served.plugged(index="10", name="early", env="COLOUR=green"),
    ):
        until(lambda: served.names == ["10-early", "20-late"])
        node.create(node.run_sandbox(), "true")
        assert "COLOUR=green" in late.wait_for("CreateContainer")["env"]


def test_its_name_must_be_one(served: Served) -> None:
    plugin = GoPlugin(served.program, served.socket, name="a b")
    assert plugin.wait() == 1
    text = "invalid plugin name: invalid plugin name \"a b\": contains invalid character ' '"
    assert text in plugin.errors


def test_it_asks_for_updates(served: Served) -> None:
    node = served.node
    container = node.run(node.run_sandbox(), "sleep", "1000")
    with served.plugged() as plugin:
        plugin.order("update", container, "512")
        assert plugin.wait_for("updated") == {"what": "updated", "failed": 0}
        assert node.status(container).resources.linux.cpu_shares == 512
