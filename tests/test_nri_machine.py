"""Whatever happens to pods and containers, each plugin of NRI is told of it in a legal order."""

import re
from collections import defaultdict
from typing import Any

import grpc
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from fakecri import CRI
from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from tests.support import create_request, sandbox_config

POD = re.compile("(Y|U)?x?r?")
CONTAINER = re.compile("(Y|Cc?)?X?(Ss?)?X?R?")
"""Y: it was there when the plugin came. C, S: asked of its creation, of its start; c, s: told.

What one plugin answers an error to those after it do not hear.
"""


class Told:
    """A plugin that knows what it was told, and refuses what it is to."""

    def __init__(self) -> None:
        self.words: dict[str, str] = defaultdict(str)
        self.refuses = ""
        """The one letter of which the next is refused."""

    def _hear(self, letter: str, id_: str) -> None:
        self.words[id_] += letter
        if letter == self.refuses:
            self.refuses = ""
            raise ValueError("no")

    def synchronize(self, pods: list[nri.PodSandbox], containers: list[nri.Container]) -> None:
        """Hear of what there is."""
        for id_ in (*(each.id for each in pods), *(each.id for each in containers)):
            self._hear("Y", id_)


def _about_pod(letter: str) -> Any:
    return lambda self, pod: self._hear(letter, pod.id)


def _about_container(letter: str) -> Any:
    return lambda self, _, container: self._hear(letter, container.id)


for _letter, _hook in {"U": "run", "x": "stop", "r": "remove"}.items():
    setattr(Told, f"{_hook}_pod_sandbox", _about_pod(_letter))
for _letter, _hook in {
    "C": "create",
    "c": "post_create",
    "S": "start",
    "s": "post_start",
    "X": "stop",
    "R": "remove",
}.items():
    setattr(Told, f"{_hook}_container", _about_container(_letter))


class Plugins(RuleBasedStateMachine):
    """Pods, containers and plugins that come and go."""

    pods = Bundle("pods")
    containers = Bundle("containers")

    def __init__(self) -> None:
        super().__init__()
        self.cri = CRI()
        self.plugins: list[Told] = []
        self.connections: list[Any] = []
        self.serial = 0
        image = pb.ImageSpec(image="busybox")
        self.cri.images.PullImage(pb.PullImageRequest(image=image))

    def teardown(self) -> None:
        self.cri.close()

    def call(self, name: str, request: Any) -> Any:
        """Make a call; None: it was refused."""
        try:
            return getattr(self.cri.runtime, name)(request)
        except grpc.RpcError:
            return None

    @rule(index=st.sampled_from(["00", "50", "99"]))
    def connect(self, index: str) -> None:
        plugin = Told()
        self.plugins.append(plugin)
        self.connections.append(self.cri.nri.connect(plugin, index=index))

    @rule(which=st.integers(0, 5))
    def disconnect(self, which: int) -> None:
        for connection in self.connections[which : which + 1]:
            connection.stop()

    @rule(letter=st.sampled_from("UxrCcSsXR"))
    def refuse(self, letter: str) -> None:
        for plugin in self.plugins[-1:]:
            plugin.refuses = letter

    @rule(target=pods)
    def run_pod(self) -> Any:
        self.serial += 1
        config = sandbox_config(f"pod{self.serial}")
        made = self.call("RunPodSandbox", pb.RunPodSandboxRequest(config=config))
        return made.pod_sandbox_id if made else multiple()

    @rule(target=containers, pod=pods, command=st.sampled_from(["true", "sleep 1000", "sleep 1"]))
    def create(self, pod: str, command: str) -> Any:
        self.serial += 1
        request = create_request(pod, *command.split(), name=f"c{self.serial}")
        made = self.call("CreateContainer", request)
        return made.container_id if made else multiple()

    @rule(container=containers, what=st.sampled_from(["Start", "Stop", "Remove"]))
    def act(self, container: str, what: str) -> None:
        request = getattr(pb, f"{what}ContainerRequest")(container_id=container)
        self.call(f"{what}Container", request)

    @rule(pod=pods, what=st.sampled_from(["Stop", "Remove"]))
    def act_on_pod(self, pod: str, what: str) -> None:
        request = getattr(pb, f"{what}PodSandboxRequest")(pod_sandbox_id=pod)
        self.call(f"{what}PodSandbox", request)

    @rule()
    def pass_time(self) -> None:
        self.cri.advance(2)

    @rule()
    def restart(self) -> None:
        self.cri.restart_runtime()

    @invariant()
    def all_orders_are_legal(self) -> None:
        for plugin in self.plugins:
            for word in plugin.words.values():
                assert POD.fullmatch(word) or CONTAINER.fullmatch(word), word

    @invariant()
    def what_was_told_of_as_removed_is_not_there(self) -> None:
        listed = self.cri.runtime.ListContainers(pb.ListContainersRequest()).containers
        gone = {id_ for plugin in self.plugins for id_, word in plugin.words.items() if "R" in word}
        assert not gone.intersection(each.id for each in listed)


TestPlugins = Plugins.TestCase
TestPlugins.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
