"""What containerd 1.6 and 1.7 do in another way than 2.x, one trait after the other."""

import json
from collections.abc import Iterator

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.references import parse_reference
from tests.behaviour.steps import NOT_FOUND, UNKNOWN
from tests.support import Node, node, raises_status, sandbox_config

DEFAULT, OLD, OLDEST = "containerd-2", "containerd-1.7", "containerd-1.6"
BOTH = (OLD, OLDEST)
UNIMPLEMENTED, UNAVAILABLE = grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE
MISSING = "f" * 64


@pytest.fixture(name="old", params=BOTH)
def _old(face: str, request: pytest.FixtureRequest) -> Iterator[Node]:
    with node(face, personality=request.param) as opened:
        opened.pull()
        yield opened


@pytest.fixture(name="oldest")
def _oldest(face: str) -> Iterator[Node]:
    with node(face, personality=OLDEST) as opened:
        opened.pull()
        yield opened


# The contract.


@pytest.mark.parametrize(
    ("personality", "rpc", "text"),
    [
        (OLDEST, "CheckpointContainer", "method CheckpointContainer not implemented"),
        (OLD, "CheckpointContainer", "method CheckpointContainer not implemented"),
        (OLD, "ListMetricDescriptors", "method ListMetricDescriptors not implemented"),
        (OLD, "ListPodSandboxMetrics", "method ListPodSandboxMetrics not implemented"),
        (
            OLDEST,
            "ListMetricDescriptors",
            "unknown method ListMetricDescriptors for service runtime.v1.RuntimeService",
        ),
        *(
            (
                name,
                "RuntimeConfig",
                "unknown method RuntimeConfig for service runtime.v1.RuntimeService",
            )
            for name in BOTH
        ),
    ],
)
def test_what_nobody_has_written_is_unimplemented(
    face: str, personality: str, rpc: str, text: str
) -> None:
    with node(face, personality=personality) as opened:
        request = getattr(pb, f"{rpc}Request")()
        with raises_status(UNIMPLEMENTED, text):
            getattr(opened.runtime, rpc)(request)


@pytest.mark.parametrize("personality", [DEFAULT, *BOTH])
def test_events_came_with_1_7(face: str, personality: str) -> None:
    with node(face, personality=personality) as opened:
        events = opened.runtime.GetContainerEvents(pb.GetEventsRequest())
        if personality == OLDEST:
            with raises_status(UNIMPLEMENTED, "method GetContainerEvents not implemented"):
                next(events)
            return
        opened.run_sandbox()
        assert next(events).container_event_type == pb.CONTAINER_CREATED_EVENT
        events.cancel()


def test_a_status_tells_what_there_was_to_tell(face: str) -> None:
    told = {}
    for personality in (DEFAULT, *BOTH):
        with node(face, personality=personality) as opened:
            status = opened.runtime.Status(pb.StatusRequest())
            kinds = tuple(each.type for each in status.status.conditions)
            told[personality] = (kinds[2:], bool(status.runtime_handlers))
    warned = ("ContainerdHasNoDeprecationWarnings",)
    assert told == {DEFAULT: (warned, True), OLD: (warned, False), OLDEST: ((), False)}


def test_the_pause_of_a_pod_is_of_its_time_and_pinned_since_1_7(face: str) -> None:
    told = {}
    for personality in (DEFAULT, *BOTH):
        with node(face, personality=personality) as opened:
            opened.run_sandbox()
            (pause,) = opened.images.ListImages(pb.ListImagesRequest()).images
            told[personality] = (*pause.repo_tags, pause.pinned)
    assert told == {
        DEFAULT: ("registry.k8s.io/pause:3.10.2", True),
        OLD: ("registry.k8s.io/pause:3.8", True),
        OLDEST: ("registry.k8s.io/pause:3.6", False),
    }


# What is refused.


def test_a_name_that_is_taken_is_no_conflict_of_its_own(old: Node) -> None:
    sandbox = old.run_sandbox()
    container = old.create(sandbox)
    name = "web_default_uid-web_0"
    with raises_status(
        UNKNOWN,
        f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{sandbox}"',
    ):
        old.run_sandbox()
    name = f"main_{name}"
    with raises_status(
        UNKNOWN,
        f'failed to reserve container name "{name}": name "{name}" is reserved for "{container}"',
    ):
        old.create(sandbox)


def test_in_a_stopped_pod_there_is_no_task_to_be_found(old: Node) -> None:
    sandbox = old.run_sandbox()
    old.stop_sandbox(sandbox)
    with raises_status(
        NOT_FOUND,
        "failed to get sandbox container task: no running task found: "
        f"task {sandbox} not found: not found",
    ):
        old.create(sandbox)


def test_an_unknown_handler_is_told_of_before_the_network_and_after_the_image(old: Node) -> None:
    old.cri.node.network_error = "no network"
    request = pb.RunPodSandboxRequest(config=sandbox_config(), runtime_handler="nope")
    with raises_status(
        UNKNOWN, 'failed to get sandbox runtime: no runtime for "nope" is configured'
    ):
        old.runtime.RunPodSandbox(request)
    images = old.images.ListImages(pb.ListImagesRequest()).images
    assert [each.repo_tags[0] for each in images if "pause" in each.repo_tags[0]]


@pytest.mark.parametrize(("personality", "letter"), [(DEFAULT, "p"), (OLD, "p"), (OLDEST, "P")])
def test_an_empty_id_is_spelt_with_a_capital_in_1_6(
    face: str, personality: str, letter: str
) -> None:
    with node(face, personality=personality) as opened:
        for call, request, begins in (
            ("PodSandboxStatus", pb.PodSandboxStatusRequest(), "an error occurred when try to"),
            ("StopContainer", pb.StopContainerRequest(), "an error occurred when try to"),
            ("UpdateContainerResources", pb.UpdateContainerResourcesRequest(), "failed to find"),
        ):
            with pytest.raises(grpc.RpcError) as refusal:
                getattr(opened.runtime, call)(request)
            text = refusal.value.details() or ""
            assert text.startswith(begins)
            assert text.endswith(f": {letter}refix can't be empty")


def test_in_1_6_what_is_to_be_stopped_has_to_be_there(oldest: Node) -> None:
    with raises_status(
        NOT_FOUND, f'an error occurred when try to find container "{MISSING}": not found'
    ):
        oldest.stop(MISSING)
    with raises_status(
        NOT_FOUND, f'an error occurred when try to find sandbox "{MISSING}": not found'
    ):
        oldest.stop_sandbox(MISSING)
    oldest.remove(MISSING)
    oldest.remove_sandbox(MISSING)


def test_in_1_7_what_is_to_be_stopped_may_be_gone(face: str) -> None:
    with node(face, personality=OLD) as opened:
        opened.stop(MISSING)
        opened.stop_sandbox(MISSING)
        assert [each.error for each in opened.cri.calls] == [None, None]


def test_an_old_runc_has_no_word_for_directories(oldest: Node) -> None:
    sandbox = oldest.run_sandbox()
    container = oldest.create(sandbox, "/etc", name="etc")
    with raises_status(
        UNKNOWN,
        "failed to create containerd task: failed to create shim task: OCI runtime create "
        "failed: runc create failed: unable to start container process: "
        'exec: "/etc": permission denied: unknown',
    ):
        oldest.start(container)
    running = oldest.run(sandbox, "sleep", "60")
    request = pb.ExecSyncRequest(container_id=running, cmd=["/etc"])
    with pytest.raises(grpc.RpcError, match='exec: "/etc": permission denied: unknown'):
        oldest.runtime.ExecSync(request)


# What is shown.


def test_pods_have_no_info_where_nobody_asked(old: Node) -> None:
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=old.run_sandbox())
    assert not old.runtime.PodSandboxStatus(request).info
    request.verbose = True
    told = json.loads(old.runtime.PodSandboxStatus(request).info["info"])
    assert "sandboxMetadata" not in told
    assert list(told)[6:8] == ["runtimeHandler", "runtimeType"]


def test_a_status_tells_what_it_was_built_with(oldest: Node) -> None:
    info = oldest.runtime.Status(pb.StatusRequest(verbose=True)).info
    assert info["golang"] == '"go1.19.8"'


def test_the_configuration_is_that_of_its_time(face: str) -> None:
    shown = {}
    for personality in (DEFAULT, *BOTH):
        with node(face, personality=personality) as opened:
            info = opened.runtime.Status(pb.StatusRequest(verbose=True)).info
        config = json.loads(info["config"])
        shown[personality] = (config.get("sandboxImage"), config.get("enableCDI"))
    assert shown == {
        DEFAULT: (None, True),
        OLD: ("registry.k8s.io/pause:3.8", False),
        OLDEST: ("registry.k8s.io/pause:3.6", None),
    }


@pytest.mark.parametrize(
    ("personality", "filled"), [(DEFAULT, False), (OLD, False), (OLDEST, True)]
)
def test_in_1_6_pods_have_namespace_options_that_nobody_gave(
    face: str,
    personality: str,
    filled: bool,  # a case of the table
) -> None:
    with node(face, personality=personality) as opened:
        namespaces = opened.sandbox_status(opened.run_sandbox()).linux.namespaces
    assert namespaces.HasField("options") == filled


def test_containers_have_no_fields_of_later_days(old: Node) -> None:
    container = old.run(old.run_sandbox(), "sleep", "60")
    status = old.status(container)
    assert (status.image_id, status.stop_signal) == ("", 0)
    assert not status.HasField("user")
    assert status.HasField("resources")


# Registries.


RESOLVE = 'failed to resolve reference "{name}": '
OLD_STATUS = f"{RESOLVE}pulling from host registry.test failed with status code [manifests v1]: "
STATUS = f"{RESOLVE}unexpected status from HEAD request to {{url}}/manifests/v1: "
OPEN = "failed to copy: httpReadSeeker: failed open: unexpected status code {url}/blobs/{layer}: "
MANY = f"{OPEN}429 Too Many Requests - Server message: toomanyrequests"
SHORT = "failed to read expected number of bytes: unexpected EOF"
DENIED = (
    f"{RESOLVE}pull access denied, repository does not exist or may require authorization: "
    "authorization failed: no basic auth credentials"
)
NOBODY = f"{RESOLVE}failed to authorize: failed to fetch anonymous token: unexpected status"
REALM = "https://registry.test/token?scope=repository%3Ateam%2Fapp%3Apull&service=registry.test"


@pytest.mark.parametrize(
    ("failure", "oldest", "old"),
    [
        ("fail=503", f"{OLD_STATUS}503 Service Unavailable", f"{STATUS}503 Service Unavailable"),
        ("fail=403", f"{OLD_STATUS}403 Forbidden", f"{STATUS}403 Forbidden"),
        ("fail=429@layer", MANY, MANY),
        ("fail=eof@layer", SHORT, SHORT),
        ("auth=basic,login=bob:secret", f"{OLD_STATUS}401 Unauthorized", DENIED),
        (
            "auth=bearer,login=bob:secret",
            f"{NOBODY}: 401 Unauthorized",
            f"{NOBODY} from GET request to {REALM}: 401 Unauthorized",
        ),
    ],
)
def test_a_registry_that_fails_is_told_of_as_in_those_days(
    face: str, failure: str, oldest: str, old: str
) -> None:
    name, url = "registry.test/team/app:v1", "https://registry.test/v2/team/app"
    for personality, expected in ((OLDEST, oldest), (OLD, old)):
        with node(face, personality=personality) as opened:
            opened.cri.registry.configure(f"registry.test={failure}")
            layer = opened.cri.registry.resolve(parse_reference(name)).content.layers[-1].digest
            with pytest.raises(grpc.RpcError) as refusal:
                opened.pull(name)
        text = expected.format(name=name, url=url, layer=layer)
        assert refusal.value.details() == f'failed to pull and unpack image "{name}": {text}'


# Figures.


def test_a_rate_is_0_before_there_can_be_one(old: Node) -> None:
    old.run(old.run_sandbox(), "sleep", "60")
    for _ in range(2):
        (stats,) = old.runtime.ListContainerStats(pb.ListContainerStatsRequest()).stats
        assert stats.cpu.HasField("usage_nano_cores")
        old.cri.advance(10)


@pytest.mark.parametrize(
    ("personality", "rated"),
    [(DEFAULT, (False, True)), (OLD, (False, False)), (OLDEST, (True, True))],
)
def test_which_figures_have_rates(face: str, personality: str, rated: tuple[bool, bool]) -> None:
    with node(face, personality=personality) as opened:
        opened.pull()
        sandbox = opened.run_sandbox(linux=pb.LinuxPodSandboxConfig(cgroup_parent="/pods"))
        container = opened.run(sandbox, "sleep", "600")
        for _ in range(2):
            one = opened.runtime.ContainerStats(pb.ContainerStatsRequest(container_id=container))
            pod = opened.runtime.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox))
            opened.cri.advance(10)
    cpus = (one.stats.cpu, pod.stats.linux.cpu)
    assert tuple(each.HasField("usage_nano_cores") for each in cpus) == rated


def test_pods_have_figures_where_they_have_a_cgroup(old: Node) -> None:
    sandbox = old.run_sandbox()
    request = pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox)
    with pytest.raises(grpc.RpcError, match="because cgroupPath is empty") as refusal:
        old.runtime.PodSandboxStats(request)
    assert refusal.value.code() is UNKNOWN
    listed = pb.ListPodSandboxStatsRequest()
    with pytest.raises(grpc.RpcError, match=rf'for sandbox "{sandbox}": .*cgroupPath is empty'):
        old.runtime.ListPodSandboxStats(listed)


@pytest.mark.parametrize(
    ("personality", "code", "end"),
    [(OLD, UNAVAILABLE, ": unavailable"), (OLDEST, UNKNOWN, "")],
)
def test_what_is_said_of_figures_of_a_stopped_pod(
    face: str, personality: str, code: grpc.StatusCode, end: str
) -> None:
    with node(face, personality=personality) as opened:
        sandbox = opened.run_sandbox(linux=pb.LinuxPodSandboxConfig(cgroup_parent="/pods"))
        opened.stop_sandbox(sandbox)
        text = (
            "failed to get pod sandbox stats since sandbox container "
            f'"{sandbox}" is not in ready state{end}'
        )
        with raises_status(code, f"failed to decode pod sandbox metrics {sandbox}: {text}"):
            opened.runtime.PodSandboxStats(pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox))
        unfiltered = pb.ListPodSandboxStatsRequest()
        if personality == OLD:
            assert not opened.runtime.ListPodSandboxStats(unfiltered).stats
            return
        frame = "failed to decode sandbox container metrics for sandbox"
        with raises_status(UNKNOWN, f'{frame} "{sandbox}": {text}'):
            opened.runtime.ListPodSandboxStats(unfiltered)
        filtered = pb.ListPodSandboxStatsRequest(filter=pb.PodSandboxStatsFilter())
        assert not opened.runtime.ListPodSandboxStats(filtered).stats


def test_the_network_of_a_pod_is_its_default_interface(old: Node) -> None:
    sandbox = old.run_sandbox(linux=pb.LinuxPodSandboxConfig(cgroup_parent="/pods"))
    request = pb.PodSandboxStatsRequest(pod_sandbox_id=sandbox)
    network = old.runtime.PodSandboxStats(request).stats.linux.network
    assert (network.default_interface.name, network.timestamp, len(network.interfaces)) == (
        "eth0",
        0,
        0,
    )
