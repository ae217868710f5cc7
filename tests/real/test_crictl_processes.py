"""What a container's process starts with, and why it may not start, as crictl shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import Difference, instant

if TYPE_CHECKING:
    from tests.real.runtimes import Pod, Stage

pytestmark = pytest.mark.real

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EPOCH = "1970-01-01T00:00:00Z"
OCI_ERROR = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)

DIRECTORY = Difference(
    real="permission denied",
    fake="is a directory",
    why="runc says so when it is built with Go 1.20 or newer",
)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("/bin/nosuch", 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ],
)
def test_start_of_what_is_no_program_fails_for_good(
    stage: Stage, program: str, reason: str
) -> None:
    pod = stage.pod()
    made = pod.create("main", program)
    error = _start_fails(pod, made)
    assert error.startswith(OCI_ERROR)
    assert reason in error
    status = pod.status(made)
    assert status["state"] == "CONTAINER_EXITED"
    assert (status["exitCode"], status["reason"], status["message"]) == (128, "StartError", error)
    assert status["startedAt"] == EPOCH
    assert instant(status["finishedAt"]) > instant(status["createdAt"])


def test_start_of_a_directory_fails(stage: Stage) -> None:
    pod = stage.pod()
    error = _start_fails(pod, pod.create("main", "/etc"))
    assert error.startswith(OCI_ERROR)
    assert f'exec: "/etc": {stage.runtime.expects(DIRECTORY)}' in error


def test_start_in_a_stopped_pod_fails_for_good(stage: Stage) -> None:
    pod = stage.pod()
    made = pod.create("main", "true")
    stage.runtime.crictl.ok("stopp", pod.id)
    error = _start_fails(pod, made)
    assert error == f'sandbox container "{pod.id}" is not running'
    status = pod.status(made)
    assert (status["exitCode"], status["reason"], status["message"]) == (128, "StartError", error)


def test_start_fails_where_the_log_cannot_be_opened(stage: Stage) -> None:
    file = stage.directory / "file"
    file.touch()
    pod = stage.pod(log_directory=f"{file}/below")
    made = pod.create("main", "true")
    assert _start_fails(pod, made) == (
        "failed to create containerd task: failed to create container loggers: "
        f"failed to create and open log file: mkdir {file}: not a directory"
    )
    assert pod.status(made)["reason"] == "StartError"


def test_start_in_a_working_directory_that_is_a_file_fails(stage: Stage) -> None:
    pod = stage.pod()
    made = pod.create("main", "pwd", working_dir="/etc/passwd")
    error = _start_fails(pod, made)
    assert error.startswith(OCI_ERROR)
    assert "mkdir /etc/passwd: not a directory" in error


def test_a_missing_working_directory_is_made(stage: Stage) -> None:
    assert _printed(stage.pod(), "pwd", working_dir="/no/such/dir") == ["/no/such/dir"]


def test_a_missing_source_of_a_mount_is_made(stage: Stage) -> None:
    source = stage.directory / "no" / "such"
    pod = stage.pod()
    mount = {"container_path": "/data", "host_path": str(source)}
    pod.finish("main", "true", mounts=[mount])
    assert source.is_dir()


def test_the_environment_is_path_host_name_config_and_home(stage: Stage) -> None:
    printed = _printed(stage.pod(), "env", envs=[{"key": "COLOR", "value": "blue"}])
    assert printed == [PATH, "HOSTNAME=stage", "COLOR=blue", "HOME=/root"]


def test_the_config_may_replace_the_environment(stage: Stage) -> None:
    envs = [{"key": "PATH", "value": "/bin"}, {"key": "HOME", "value": "/tmp"}]
    printed = _printed(stage.pod(), "env", envs=envs)
    assert printed == ["PATH=/bin", "HOSTNAME=stage", "HOME=/tmp"]


def test_the_host_name_is_the_pods(stage: Stage) -> None:
    assert _printed(stage.pod(hostname="other"), "hostname") == ["other"]


@pytest.mark.parametrize(
    ("security", "printed"),
    [
        ({}, "uid=0(root) gid=0(root) groups=0(root),10(wheel)"),
        ({"run_as_user": {"value": 1002}}, "uid=1002 gid=0(root) groups=0(root)"),
        ({"run_as_username": "www-data"}, "uid=33(www-data) gid=33(www-data) groups=33(www-data)"),
        (
            {"run_as_user": {"value": 1002}, "run_as_group": {"value": 1003}},
            "uid=1002 gid=1003 groups=1003",
        ),
        (
            {"run_as_user": {"value": 1002}, "supplemental_groups": [3000]},
            "uid=1002 gid=0(root) groups=0(root),3000",
        ),
    ],
)
def test_the_user_is_the_configs(stage: Stage, security: dict[str, Any], printed: str) -> None:
    assert _printed(stage.pod(), "id", linux={"security_context": security}) == [printed]


def test_create_for_a_user_the_image_does_not_know_fails(stage: Stage) -> None:
    pod = stage.pod()
    linux = {"security_context": {"run_as_username": "nobody-here"}}
    config = pod.container_config("main", "true", linux=linux)
    error = stage.runtime.crictl.fails("create", pod.id, str(config), str(pod.config_path))
    assert "code = Unknown desc = failed to create containerd container: " in error
    assert error.endswith("no users found")


def test_args_alone_follow_the_images_entrypoint(stage: Stage) -> None:
    """Busybox has none, so they are the command."""
    assert _printed(stage.pod(), args=["echo", "hello"]) == ["hello"]


def _printed(pod: Pod, *command: str, **config: Any) -> list[str]:
    """The lines of a container that has run to its end."""
    done = pod.finish("main", *command, **config)
    assert pod.status(done)["exitCode"] == 0
    return pod.crictl.ok("logs", done).out.splitlines()


def _start_fails(pod: Pod, made: str) -> str:
    """The runtime's own text, behind crictl's."""
    error = pod.crictl.fails("start", made)
    prefix = f'starting the container "{made}": rpc error: code = Unknown desc = '
    assert error.startswith(prefix)
    return error.removeprefix(prefix)
