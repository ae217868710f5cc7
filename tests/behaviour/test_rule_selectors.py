"""Selectors: which calls a rule is for, by what they are about. Both faces see the same."""

from collections.abc import Callable

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.subjects import STATES
from tests.support import Node, create_request, raises_status, sandbox_config

REFUSED = grpc.StatusCode.ABORTED
LABELS = {"app": "shop", "io.kubernetes.pod/x.y": "1"}


@pytest.fixture
def shop(ready: Node) -> Node:
    """Return a node with a pod `web` of a container `main`, both with labels."""
    pod = ready.run_sandbox("web", labels=LABELS, annotations={"tier": "front"}, attempt=2)
    ready.run(pod, "sleep", "99", labels={"app": "main"}, annotations={"own": "yes"})
    return ready


def sandbox(node: Node) -> str:
    """Return the id of the sandbox."""
    (only,) = node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    return only.id


def container(node: Node) -> str:
    """Return the id of the container."""
    (only,) = node.runtime.ListContainers(pb.ListContainersRequest()).containers
    return only.id


def status(node: Node) -> object:
    return node.status(container(node))


def short_status(node: Node) -> object:
    return node.status(container(node)[:12])


def sandbox_status(node: Node) -> object:
    return node.sandbox_status(sandbox(node))


def listing(node: Node) -> object:
    chosen = pb.ContainerFilter(pod_sandbox_id=sandbox(node))
    return node.runtime.ListContainers(pb.ListContainersRequest(filter=chosen))


def streaming(node: Node) -> object:
    chosen = pb.ContainerFilter(id=container(node))
    return list(node.runtime.StreamContainers(pb.StreamContainersRequest(filter=chosen)))


def creation(node: Node) -> object:
    request = create_request(sandbox(node), "sleep", "9", name="second", attempt=3)
    request.config.labels["app"] = "second"
    return node.runtime.CreateContainer(request)


def running(node: Node) -> object:
    request = pb.RunPodSandboxRequest(
        config=sandbox_config("db", attempt=1), runtime_handler="runc"
    )
    return node.runtime.RunPodSandbox(request)


def removal(node: Node) -> object:
    image = node.images.ListImages(pb.ListImagesRequest()).images[0].id
    return node.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image=image)))


def pulling(node: Node) -> object:
    request = pb.PullImageRequest(
        image=pb.ImageSpec(image="busybox:1.36"), sandbox_config=sandbox_config("web")
    )
    return node.images.PullImage(request)


def exec_sync(node: Node) -> object:
    request = pb.ExecSyncRequest(container_id=container(node), cmd=["cat", "/etc/hosts"])
    return node.runtime.ExecSync(request)


def version(node: Node) -> object:
    return node.runtime.Version(pb.VersionRequest())


@pytest.mark.parametrize(
    ("selector", "calling"),
    [
        ("pod=web", status),
        ("pod=we*", short_status),
        ("pod=default/w?b", sandbox_status),
        ("pod=~'w.b|x'".replace("'", '"'), status),
        ("ns=default, uid=uid-web", status),
        ("container=main", status),
        ("container=m[a-z]in", streaming),
        ("pod=web", listing),
        ("container=second, pod=web, attempt=3", creation),
        ("label.app=second", creation),
        ("pod=db, attempt=1, handler=runc", running),
        ("pod=web, image=busybox", pulling),
        ("image=docker.io/library/busybox:1.36", pulling),
        ("image=*/busybox", pulling),
        ("image=busybox", status),
        ("attempt=2", sandbox_status),
        ("attempt<1", status),
        ("label.app=main", status),
        ("label.io.kubernetes.pod/x.y=1", status),
        ("label.io.kubernetes.pod/x.y>=1", sandbox_status),
        ("ann.own=yes, ann.tier=front", status),
        ("state=running", status),
        ("state=ready", sandbox_status),
        ("peer=*", version),
        ("n=1", version),
        ("pod!=web", version),
        ("pod!~w.*", version),
        ("req.cmd=/etc/hosts", exec_sync),
        ("req.cmd[0]=cat", exec_sync),
        ("req.cmd[*]=~.*hosts", exec_sync),
        ("req.timeout<1", exec_sync),
        ("req.config.metadata.name=second", creation),
        ("req.config.linux=set", creation),
        ("req.config.linux.security_context.namespace_options.pid=CONTAINER", creation),
        ("req.config.linux.security_context.namespace_options.pid=1", creation),
        ("req.config.labels.app=second", creation),
        ("req.config.tty=false", creation),
        ("req.sandbox_config.metadata.uid!=other", creation),
    ],
)
def test_a_selector_matches(shop: Node, selector: str, calling: Callable[[Node], object]) -> None:
    with (
        shop.cri.faults(f"{RPC[calling]}{{{selector}}} = error(ABORTED, no)"),
        raises_status(REFUSED),
    ):
        calling(shop)


RPC: dict[Callable[[Node], object], str] = {
    status: "ContainerStatus",
    short_status: "ContainerStatus",
    sandbox_status: "PodSandboxStatus",
    listing: "ListContainers",
    streaming: "StreamContainers",
    creation: "CreateContainer",
    running: "RunPodSandbox",
    pulling: "PullImage",
    removal: "RemoveImage",
    exec_sync: "ExecSync",
    version: "Version",
}


@pytest.mark.parametrize(
    ("selector", "calling"),
    [
        ("pod=we", status),
        ("pod!=web", status),
        ("pod=*", version),
        ("ns=kube-system", status),
        ("container=*", sandbox_status),
        ("container=mai", status),
        ("container=~mai", status),
        ("image=busybo", status),
        ("image=docker.io/library/sha256:*", removal),
        ("image!=busybox", pulling),
        ("attempt>3", creation),
        ("attempt=0", sandbox_status),
        ("label.app!=main", status),
        ("label.ap=*", status),
        ("label.app>1", status),
        ("state=exited", status),
        ("n>5", version),
        ("req.cmd=dog", exec_sync),
        ("req.cmd[2]=*", exec_sync),
        ("req.config.windows=set", creation),
        ("req.config.windows.security_context.run_as_username=*", creation),
        ("req.config.labels.pp=*", creation),
        ("req.filter.state.state=*", listing),
        ("pod=web, container=other", status),
    ],
)
def test_a_selector_does_not_match(
    shop: Node, selector: str, calling: Callable[[Node], object]
) -> None:
    with shop.cri.faults(f"{RPC[calling]}{{{selector}}} = error(ABORTED, no)") as scope:
        calling(shop)
    assert scope.fired == 0


def test_the_state_is_that_before_the_call(ready: Node) -> None:
    seen: list[str] = []
    scopes = {
        state: ready.cri.faults(f"writes,ContainerStatus{{state={state}}} = after 100 off")
        for state in STATES
    }

    def note(state: str) -> None:
        seen.extend(each for each, scope in scopes.items() if scope.rules[0].hits)
        for scope in scopes.values():
            scope.reset()
        assert seen[-1:] == [state]

    pod = ready.run_sandbox()
    made = ready.create(pod, "sleep", "99")
    note("ready")
    ready.start(made)
    note("created")
    ready.stop(made)
    note("running")
    ready.remove(made)
    note("exited")
    with raises_status(grpc.StatusCode.NOT_FOUND):
        ready.status(made)
    note("removed")
    ready.stop_sandbox(pod)
    note("ready")
    ready.remove_sandbox(pod)
    note("notready")
    assert len(seen) == 7


def test_the_number_of_a_call_counts_its_rpc_since_the_rule_was_armed(node: Node) -> None:
    version(node)
    with node.cri.faults("Version,Status{n=2} = error(ABORTED, no)") as scope:
        version(node)
        node.runtime.Status(pb.StatusRequest())
        with raises_status(REFUSED):
            version(node)
        scope.reset()
        version(node)
        with raises_status(REFUSED):
            version(node)
        version(node)
