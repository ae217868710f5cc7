"""The command line, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from fakecri import cli
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.core.personalities import ADDITIONS, PROFILES
from tests.behaviour.steps import is_answered
from tests.server.served import PATIENCE_S, until
from tests.support import create_request, raises_status, sandbox_config

ADDED = [f"NAME+{each}" for each in ADDITIONS]
NO_OPTION = "'y=1' is no option of a registry: rate, latency, auth, login, token, fail"
READY = "fakecri is ready on "
COMMAND = [sys.executable, "-W", "error", "-m", "fakecri"]
LIST = pb.ListPodSandboxRequest()


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        yield Path(path)


class Serving:
    """A `fakecri serve` that is ready."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(READY), line
        self.endpoint = line.removeprefix(READY).strip()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return the exit status, and what came on stdout and stderr since."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


@contextmanager
def serving(address: object, *options: object, pass_fds: tuple[int, ...] = ()) -> Iterator[Serving]:
    """Serve at an address while the context lasts."""
    arguments = [*COMMAND, "serve", "--listen", str(address), *map(str, options)]
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
        cwd=Path(cli.__file__).parents[2],
    ) as process:
        try:
            yield Serving(process)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_serves_until_it_is_told_to_stop(directory: Path, number: int) -> None:
    address = directory / "cri.sock"
    with serving(address, "--log-root", directory / "root") as server:
        assert server.endpoint == f"unix://{address}"
        with connect(server.endpoint) as channel:
            events = runtime_stub(channel).GetContainerEvents(pb.GetEventsRequest())
            assert not runtime_stub(channel).ListPodSandbox(LIST).items
            assert server.stop(number) == (0, "", "")
            with raises_status(grpc.StatusCode.UNAVAILABLE):
                next(events)
    assert not address.exists()


def test_serve_at_port_0_says_which_port_it_got() -> None:
    with serving("localhost:0", "--logs", "memory") as server, connect(server.endpoint) as channel:
        assert not runtime_stub(channel).ListPodSandbox(LIST).items
        assert server.stop() == (0, "", "")


def test_serve_tells_a_file_descriptor_that_it_is_ready(directory: Path) -> None:
    read, write = os.pipe()
    with serving(f"{directory}/s", "--ready-fd", write, pass_fds=(write,)) as server:
        os.close(write)
        with os.fdopen(read) as pipe:
            assert pipe.read() == f"unix://{directory}/s\n"  # read to the end: it was closed
        assert server.stop() == (0, "", "")


def test_serve_records_what_it_is_asked(directory: Path) -> None:
    record = directory / "calls.jsonl"
    with serving(f"{directory}/s", "--record", record, "--seed", 7) as server:
        with connect(server.endpoint) as channel:
            runtime_stub(channel).ListPodSandbox(LIST)
        assert server.stop() == (0, "", "")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert lines[0]["seed"] == 7
    assert "ListPodSandbox" in {line.get("rpc") for line in lines}


def test_serve_masks_what_it_is_asked(directory: Path) -> None:
    record = directory / "calls.jsonl"
    masked = ("--record", record, "--mask", "VersionRequest.version")
    with serving(f"{directory}/s", *masked) as server:
        with connect(server.endpoint) as channel:
            runtime_stub(channel).Version(pb.VersionRequest(version="hunter2"))
        assert server.stop() == (0, "", "")
    call = json.loads(record.read_text().splitlines()[1])
    assert call["request"] == {"version": "***"}


def test_a_recording_is_whole_when_serve_is_killed(directory: Path) -> None:
    record = directory / "calls.jsonl"
    with serving(f"{directory}/s", "--record", record) as server:
        with connect(server.endpoint) as channel:
            runtime_stub(channel).ListPodSandbox(LIST)
        assert server.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    lines = record.read_text().splitlines()
    assert "ListPodSandbox" in {json.loads(line).get("rpc") for line in lines}


def test_serve_takes_over_from_one_that_was_killed(directory: Path) -> None:
    address = directory / "cri.sock"
    with serving(address) as killed:
        killed.stop(signal.SIGKILL)
    assert address.is_socket()
    with serving(address) as server, connect(server.endpoint) as channel:
        assert not runtime_stub(channel).ListPodSandbox(LIST).items


def test_time_and_logs_are_real_unless_told_otherwise(directory: Path) -> None:
    root = directory / "root"
    with (
        serving(directory / "s", "--log-root", root) as server,
        connect(server.endpoint) as channel,
    ):
        stub = runtime_stub(channel)
        image = pb.PullImageRequest(image=pb.ImageSpec(image="busybox"))
        image_stub(channel).PullImage(image)
        sandbox = stub.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config()))
        created = stub.CreateContainer(create_request(sandbox.pod_sandbox_id, "echo", "hello"))
        stub.StartContainer(pb.StartContainerRequest(container_id=created.container_id))
        status = pb.ContainerStatusRequest(container_id=created.container_id)
        until(lambda: stub.ContainerStatus(status).status.state == pb.CONTAINER_EXITED)
        (log,) = root.rglob("*.log")
        assert log.read_text().endswith(" stdout F hello\n")
        age_ns = time.time_ns() - stub.ContainerStatus(status).status.created_at
        assert 0 <= age_ns < 600e9


def test_under_autojump_nobody_waits(directory: Path) -> None:
    with (
        serving(directory / "s", "--pace", "autojump", "--logs", "memory") as server,
        connect(server.endpoint) as channel,
    ):
        stub = runtime_stub(channel)
        image_stub(channel).PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="busybox")))
        sandbox = stub.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config()))
        created = stub.CreateContainer(create_request(sandbox.pod_sandbox_id, "sleep", "7200"))
        stub.StartContainer(pb.StartContainerRequest(container_id=created.container_id))
        stub.StopContainer(
            pb.StopContainerRequest(container_id=created.container_id, timeout=3600), timeout=7200
        )
        status = pb.ContainerStatusRequest(container_id=created.container_id)
        assert stub.ContainerStatus(status).status.exit_code == 137


def test_a_strict_server_has_the_images_that_it_was_given(directory: Path) -> None:
    options = ("--strict-images", "--add-image", "mine:1", "--add-image", "busybox")
    with (
        serving(directory / "s", *options, "--logs", "memory") as server,
        connect(server.endpoint) as channel,
    ):
        stub = image_stub(channel)
        for name in ("mine:1", "busybox:latest"):
            image_ref = stub.PullImage(
                pb.PullImageRequest(image=pb.ImageSpec(image=name))
            ).image_ref
            assert image_ref.startswith("sha256:")
        with raises_status(grpc.StatusCode.NOT_FOUND):
            stub.PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="other")))


def test_registries_and_the_disk_are_as_the_options_say(directory: Path) -> None:
    rules = "registry.test=login=bob:secret,fail=1*503"
    with (
        serving(
            directory / "s", "--logs", "memory", "--disk-bytes", 10**8, "--registry", rules
        ) as server,
        connect(server.endpoint) as channel,
    ):
        images = image_stub(channel)

        def pull(name: str, **auth: str) -> str:
            request = pb.PullImageRequest(
                image=pb.ImageSpec(image=name), auth=pb.AuthConfig(**auth)
            )
            return images.PullImage(request).image_ref

        with pytest.raises(grpc.RpcError, match="no basic auth credentials"):
            pull("registry.test/app")
        assert pull("registry.test/app", username="bob", password="secret")
        with pytest.raises(grpc.RpcError, match="no space left on device"):
            pull("debian")


def test_what_happens_by_itself_can_be_told_to_a_server(directory: Path) -> None:
    faults = ("condition NetworkReady false reason=Why", "disk fill", "after 1h runtime restart")
    options = [word for fault in faults for word in ("--state", fault)]
    with serving(directory / "s", "--logs", "memory", *options) as server:
        with connect(server.endpoint) as channel:
            answer = runtime_stub(channel).Status(pb.StatusRequest())
            (said,) = [each for each in answer.status.conditions if each.type == "NetworkReady"]
            assert (said.status, said.reason) == (False, "Why")
        server.stop()


def test_a_server_goes_and_comes_back_as_it_was_told(directory: Path) -> None:
    options = ("--logs", "memory", "--record", str(directory / "r"))
    away = ("--state", "after 100ms runtime restart down=100ms")
    with serving(directory / "s", *options, *away) as server:
        until(lambda: '"restarted"' in (directory / "r").read_text())
        with connect(server.endpoint) as channel:
            until(lambda: is_answered(runtime_stub(channel)))
        server.stop()
    assert not (directory / "s").exists()


def test_a_server_lets_containers_do_what_it_was_told(directory: Path) -> None:
    options = ("--logs", "memory", "--annotations", "--behave", "container=main : exit/3")
    with serving(directory / "s", *options) as server, connect(server.endpoint) as channel:
        runtime = runtime_stub(channel)
        image_stub(channel).PullImage(pb.PullImageRequest(image=pb.ImageSpec(image="busybox")))
        config = sandbox_config(annotations={"fakecri.dev/run.other": "exit/4"})
        id_ = runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config)).pod_sandbox_id

        def code(name: str) -> int:
            made = runtime.CreateContainer(create_request(id_, "sleep", "9", name=name))
            runtime.StartContainer(pb.StartContainerRequest(container_id=made.container_id))
            request = pb.ContainerStatusRequest(container_id=made.container_id)
            until(lambda: runtime.ContainerStatus(request).status.state == pb.CONTAINER_EXITED)
            return runtime.ContainerStatus(request).status.exit_code

        assert (code("main"), code("other")) == (3, 4)
        server.stop()


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("fakecri ")


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["serve", "--help"])
    assert end.value.code == 0
    assert "--ready-fd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("serve", "the following arguments are required: --listen"),
        ("serve --listen {}/s --bogus", "unrecognized arguments: --bogus"),
        ("serve --listen {}/s --rec x", "unrecognized arguments: --rec x"),
        ("serve --listen {}/s --seed x", "argument --seed: invalid int value: 'x'"),
        ("serve --listen {}/s --rate=-1", "a rate is a number from 0 to 1e+09, and -1.0 is not"),
        ("serve --listen {}/s --rate 2 --pace manual", "--rate goes with --pace rate"),
        ("serve --listen {}/s --logs memory --log-root /x", "--log-root goes with --logs disk"),
        ("serve --listen {}/s --log-root {}/file", "--log-root {}/file: File exists"),
        ("serve --listen {}/s --record {}/no/x", "--record {}/no/x: No such file or directory"),
        ("serve --listen {}/s --record {}", "--record {}: Is a directory"),
        (
            "serve --listen {}/s --ready-fd 1",
            "--ready-fd 1: not a file descriptor from 3 on to write to",
        ),
        (
            "serve --listen {}/s --ready-fd 12345",
            "--ready-fd 12345: not a file descriptor from 3 on to write to",
        ),
        (
            "serve --listen {}/s --ready-fd 99999999999999",
            "--ready-fd 99999999999999: not a file descriptor from 3 on to write to",
        ),
        ("serve --listen {}/s --add-image a//b", "--add-image a//b: invalid reference format"),
        (
            "serve --listen {}/s --mask KeyValue.valu",
            "--mask 'KeyValue.valu' is no field of the CRI, such as KeyValue.value",
        ),
        (
            "serve --listen {}/s --personality docker",
            f"--personality 'docker' is no personality: {', '.join([*PROFILES, *ADDED])}",
        ),
        (
            "serve --listen {}/s --api-level 1.38",
            "--api-level '1.38' is no API level: there are 1.20 to 1.37",
        ),
        ("serve --listen {}/s --disk-bytes -1", "--disk-bytes -1: a disk has 0 bytes or more"),
        ("serve --listen {}/s --registry x", "--registry x: 'x' is not HOST=OPTION,..."),
        (
            "serve --listen {}/s --registry a/b=rate=1",
            "--registry a/b=rate=1: 'a/b' is not the host of a registry",
        ),
        ("serve --listen {}/s --registry x=y=1", f"--registry x=y=1: {NO_OPTION}"),
        (
            "serve --listen {}/s --behave :exit/x",
            '--behave :exit/x: column 7: "exit" takes an exit code from 0 to 255, not "x"',
        ),
        (
            "serve --listen {}/s --state disk",
            "--state disk: column 5: here should be what happens to the disk: fill, clear",
        ),
        ("serve --listen {}/file", "{}/file exists and is not a socket"),
        ("serve --listen {}/no/s", "the directory of the socket {}/no/s does not exist"),
        ("serve --listen unix:s", "'unix:s' has no absolute path: write unix:///path"),
        (
            "serve --listen 0.0.0.0:0",
            "'0.0.0.0:0' is not on the loopback interface, and whoever reaches a runtime owns it",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    directory: Path, capsys: pytest.CaptureFixture[str], arguments: str, why: str
) -> None:
    (directory / "file").touch()
    assert cli.main(arguments.replace("{}", str(directory)).split()) == 2
    assert capsys.readouterr() == ("", f"fakecri: {why.replace('{}', str(directory))}\n")


def test_a_command_that_there_is_not_is_one_line_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["bogus"]) == 2
    out, err = capsys.readouterr()
    said = "fakecri: argument COMMAND: invalid choice: 'bogus' (choose from 'serve', "
    assert (out, err.count("\n"), err.startswith(said)) == ("", 1, True)


def test_a_descriptor_that_only_reads_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    assert cli.main(["serve", "--listen", "127.0.0.1:0", "--ready-fd", str(read)]) == 2
    os.close(read)
    os.close(write)
    assert "--ready-fd" in capsys.readouterr().err


def test_a_process_that_fails_says_one_line(directory: Path) -> None:
    with serving(directory / "s") as server:
        second = [*COMMAND, "serve", "--listen", server.endpoint]
        failed = subprocess.run(second, capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == f"fakecri: another server listens on {directory}/s\n"


def test_a_live_socket_spares_the_recording_of_its_server(directory: Path) -> None:
    record = directory / "calls.jsonl"
    with serving(directory / "s", "--record", record) as server:
        before = record.read_text()
        again = ["serve", "--listen", server.endpoint, "--record", str(record)]
        assert cli.main(again) == 2
        assert record.read_text() == before != ""


def test_whoever_wanted_to_know_may_be_gone(directory: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [*COMMAND, "serve", "--listen", f"{directory}/s", "--ready-fd", str(write)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=(write,))
    os.close(write)
    assert ended.returncode == 2
    assert ended.stderr == f"fakecri: cannot tell file descriptor {write}: Broken pipe\n"
    assert list(directory.iterdir()) == []
