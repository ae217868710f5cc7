"""The object: what a test can do beside calling."""

from pathlib import Path

import grpc
import pytest

from fakecri import CRI, Code, CRIError, Process, Recipe, UsageError
from fakecri.api import runtime_pb2 as pb
from tests.support import Node, node, raises_status


def test_a_program_of_ones_own_runs_for_an_image(face: str) -> None:
    def greet(process: Process) -> int:
        process.write(b"hello from mine\n")
        return 7

    with node(face) as opened:
        opened.cri.register(greet, image="example.test/mine:1")
        opened.pull("example.test/mine:1")
        container = opened.run(opened.run_sandbox(), image="example.test/mine:1")
        assert opened.status(container).exit_code == 7
        assert opened.cri.log(container).endswith(b" stdout F hello from mine\n")


def test_a_program_of_ones_own_runs_for_a_command_until_it_is_taken_back(ready: Node) -> None:
    sandbox = ready.run_sandbox()
    take_back = ready.cri.register(lambda _: 5, command="/opt/tool")
    assert ready.status(ready.run(sandbox, "/opt/tool", name="a")).exit_code == 5
    take_back()
    with raises_status(grpc.StatusCode.UNKNOWN):
        ready.run(sandbox, "/opt/tool", name="b")


def test_an_added_image_is_what_it_was_made_of(face: str) -> None:
    with node(face, strict_images=True) as opened:
        recipe = Recipe(cmd=("echo", "from the recipe"), user="1000", stop_signal="SIGQUIT")
        image_id = opened.cri.add_image("mine:1", recipe)
        assert opened.pull("mine:1") == image_id
        container = opened.run(opened.run_sandbox(), image="mine:1")
        status = opened.status(container)
        assert (status.image_id, status.stop_signal) == (image_id, pb.SIGNAL_SIGQUIT)
        assert status.user.linux.uid == 1000
        assert opened.cri.log(container).endswith(b"from the recipe\n")


def test_an_oom_kill_shows_in_the_status(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), "sleep", "100")
    ready.cri.oom_kill(container)
    status = ready.status(container)
    assert (status.state, status.exit_code) == (pb.CONTAINER_EXITED, 137)
    assert (status.reason, status.message) == ("OOMKilled", "")


def test_what_does_not_run_cannot_be_oom_killed(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), "sleep", "100")
    with pytest.raises(UsageError, match="is CREATED, not RUNNING"):
        ready.cri.oom_kill(container)
    with pytest.raises(UsageError, match='container "gone": not found'):
        ready.cri.oom_kill("gone")
    with pytest.raises(UsageError, match='container "gone": not found'):
        ready.cri.log("gone")


def test_a_node_without_a_network_runs_host_network_pods_only(ready: Node) -> None:
    ready.cri.node.network_error = "cni plugin not initialized"
    with raises_status(grpc.StatusCode.UNKNOWN):
        ready.run_sandbox("pod")
    options = pb.NamespaceOption(network=pb.NODE)
    security = pb.LinuxSandboxSecurityContext(namespace_options=options)
    sandbox = ready.run_sandbox("host", linux=pb.LinuxPodSandboxConfig(security_context=security))
    assert ready.sandbox_status(sandbox).network.ip == ""


def test_logs_are_files_under_a_root(face: str, tmp_path: Path) -> None:
    with node(face, log_root=tmp_path) as opened:
        opened.pull()
        container = opened.run(opened.run_sandbox(), "echo", "hello")
        path = opened.status(container).log_path
        assert (tmp_path / path.lstrip("/")).read_bytes() == opened.cri.log(container)
        assert opened.cri.files.read(path).endswith(b" stdout F hello\n")


def test_a_client_that_changes_its_answer_changes_no_record() -> None:
    with CRI() as cri:
        answer = cri.runtime.Version(pb.VersionRequest())
        answer.runtime_name = "mine"
        assert cri.calls[0].response.runtime_name == "containerd"


def test_a_client_that_changes_its_request_changes_no_state() -> None:
    with CRI() as cri:
        config = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="a"), labels={"a": "b"})
        ran = cri.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config))
        config.labels["a"] = "c"
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=ran.pod_sandbox_id)
        assert cri.runtime.PodSandboxStatus(request).status.labels == {"a": "b"}


def test_injected_errors_come_first_in_first_out(ready: Node) -> None:
    for text in ("first", "second"):
        ready.cri.inject_error("Version", CRIError(text, Code.UNAVAILABLE))
    for text in ("first", "second"):
        with raises_status(grpc.StatusCode.UNAVAILABLE, text):
            ready.runtime.Version(pb.VersionRequest())
    assert ready.runtime.Version(pb.VersionRequest()).version == "0.1.0"


def test_an_error_cannot_be_injected_where_there_is_no_rpc() -> None:
    with CRI() as cri, pytest.raises(UsageError, match="'Start' is not an RPC"):
        cri.inject_error("Start", CRIError("no"))


def test_a_message_that_is_too_large_is_refused_on_the_object_as_on_the_wire() -> None:
    with CRI() as cri:
        config = pb.PodSandboxConfig(log_directory="x" * (16 * 1024 * 1024))
        with raises_status(grpc.StatusCode.RESOURCE_EXHAUSTED):
            cri.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config))


def test_a_message_of_another_type_is_a_mistake() -> None:
    with (
        CRI() as cri,
        pytest.raises(TypeError, match=r"Version takes a runtime\.v1\.VersionRequest"),
    ):
        cri.runtime.Version(pb.StatusRequest())  # type: ignore[arg-type]  # the mistake


def test_a_closed_runtime_is_unavailable() -> None:
    cri = CRI()
    cri.close()
    with raises_status(grpc.StatusCode.UNAVAILABLE, "the runtime is closed"):
        cri.runtime.Version(pb.VersionRequest())


def test_an_error_says_what_it_is_of() -> None:
    with CRI() as cri, pytest.raises(grpc.RpcError) as refusal:
        cri.runtime.ContainerStatus(pb.ContainerStatusRequest(container_id="x"))
    assert str(refusal.value) == (
        'ContainerStatus: NOT_FOUND: an error occurred when try to find container "x": not found'
    )
    assert refusal.value.trailing_metadata() == ()


def test_a_future_is_called_back_when_it_is_done() -> None:
    with CRI() as cri:
        done: list[bool] = []
        opened = Node(cri, cri.runtime, cri.images, "object")
        pulling = cri.images.PullImage.future(
            pb.PullImageRequest(image=pb.ImageSpec(image="busybox"))
        )
        pulling.add_done_callback(lambda future: done.append(future.done()))
        assert (pulling.done(), done) == (False, [])
        cri.advance(1)
        assert (pulling.done(), done) == (True, [True])
        assert pulling.exception() is None
        assert opened.status(opened.run(opened.run_sandbox(), "true")).exit_code == 0


def test_a_cancelled_future_says_so() -> None:
    with CRI() as cri:
        pulling = cri.images.PullImage.future(
            pb.PullImageRequest(image=pb.ImageSpec(image="busybox"))
        )
        assert pulling.cancel()
        assert pulling.cancelled()
        assert pulling.code() is grpc.StatusCode.CANCELLED
        assert not cri.images.ListImages(pb.ListImagesRequest()).images


def test_a_future_may_be_waited_for_in_virtual_time() -> None:
    with CRI() as cri:
        opened = Node(cri, cri.runtime, cri.images, "object")
        opened.pull()
        container = opened.run(opened.run_sandbox(), "sleep", "100")
        request = pb.StopContainerRequest(container_id=container, timeout=30)
        stopping = cri.runtime.StopContainer.future(request)
        with pytest.raises(grpc.FutureTimeoutError):
            stopping.result(timeout=10)
        stopping.result(timeout=21)
        assert opened.status(container).exit_code == 137


def test_the_environment_may_hold_any_bytes(ready: Node) -> None:
    value = pb.KeyValue(key="ODD", value=b"\xff\xfe")
    container = ready.run(ready.run_sandbox(), "sleep", "10", envs=[value])
    request = pb.ExecSyncRequest(container_id=container, cmd=["env"])
    assert b"ODD=\xff\xfe\n" in ready.runtime.ExecSync(request).stdout
