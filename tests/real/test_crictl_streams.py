"""crictl exec and attach: commands and containers whose streams are really there."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.control.processes import serving
from tests.real import install
from tests.real.crictl import Crictl
from tests.real.runtimes import BUSYBOX, FAKE, REAL, Difference, Runtime, Stage, until
from tests.real.transports import BOTH, WEBSOCKET, over_each_transport
from tests.requirements import skip_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = pytest.mark.real

TLS = Path(__file__).parents[1] / "streaming" / "tls"
BLOB_SIZE = 50_000_000
TICKING = "while true; do echo tick; sleep 0.2; done"
READING = "while read line; do echo got $line; done; exit 4"
OUTLIVES = Difference(
    real=True, fake=False, why="1.6 lets a command run on whose client is gone; main kills it"
)


class Blob(NamedTuple):
    """A file that does not repeat itself."""

    path: Path
    checksum: str


@pytest.fixture(scope="module")
def blob(tmp_path_factory: pytest.TempPathFactory) -> Blob:
    content = Random(1).randbytes(BLOB_SIZE)  # noqa: S311  # no secret
    path = tmp_path_factory.mktemp("blob") / "blob"
    path.write_bytes(content)
    return Blob(path, hashlib.sha256(content).hexdigest())


def failure_of_exec(container: str, reason: str) -> str:
    return f"execing command in container {container}: {reason}"


@contextmanager
def private_stage(directory: Path, *options: str) -> Iterator[Stage]:
    """A stage on a fake with options of its own."""
    skip_for(install.missing("crictl"))
    program = install.find("crictl").path
    assert program is not None
    with serving(*options) as server:
        crictl = Crictl(program, directory / "crictl.yaml", server.endpoint)
        crictl.ok("pull", BUSYBOX)
        yield Stage(Runtime(FAKE, crictl, "", "", server.endpoint), directory, "private")


# Exec.


@over_each_transport
def test_exec_keeps_output_and_errors_apart(stage: Stage, transport: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    said = ("sh", "-c", "echo out; echo err >&2")
    answer = stage.runtime.crictl.ok("exec", "-r", transport, running, *said)
    assert (answer.out, answer.err) == ("out\n", "err\n")


@over_each_transport
@pytest.mark.parametrize("code", [1, 7, 255])
def test_exec_tells_the_exit_code(stage: Stage, transport: str, code: int) -> None:
    running = stage.pod().start("main", "sleep", "300")
    command = ("sh", "-c", f"echo out; echo err >&2; exit {code}")
    answer = stage.runtime.crictl.run("exec", "-r", transport, running, *command)
    assert (answer.status, answer.out) == (1, "out\n")
    assert answer.err.startswith("err\n")
    reason = f"command terminated with exit code {code}"
    assert answer.error == failure_of_exec(running, reason)


@over_each_transport
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("/bin/nosuch", 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'),
    ],
)
def test_exec_of_a_missing_program_fails(
    stage: Stage, transport: str, program: str, reason: str
) -> None:
    running = stage.pod().start("main", "sleep", "300")
    error = stage.runtime.crictl.fails("exec", "-r", transport, running, program)
    expected = (
        "Internal error occurred: error executing command in container: failed to exec in "
        'container: failed to start exec "ID": OCI runtime exec failed: exec failed: unable to '
        f"start container process: {reason}"
    )
    anonymous = re.sub(r'start exec "[0-9a-f]{64}"', 'start exec "ID"', error)
    assert anonymous.removesuffix(": unknown") == failure_of_exec(running, expected)


@over_each_transport
def test_exec_reads_what_is_piped_into_it(stage: Stage, transport: str, tmp_path: Path) -> None:
    running = stage.pod().start("main", "sleep", "300")
    lines = tmp_path / "lines"
    lines.write_text("pear\napple\nfig\n")
    streamed = ("exec", "-i", "-r", transport, running)
    assert stage.runtime.crictl.piped(lines, *streamed, "sort") == b"apple\nfig\npear\n"


@over_each_transport
def test_exec_without_input_reads_the_end_of_it(stage: Stage, transport: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    assert stage.runtime.crictl.ok("exec", "-r", transport, running, "cat").out == ""


@over_each_transport
def test_fifty_megabytes_go_in_and_come_out_whole(stage: Stage, transport: str, blob: Blob) -> None:
    crictl = stage.runtime.crictl
    running = stage.pod().start("main", "sleep", "300")
    store = "cat > /blob; sha256sum < /blob"
    stored = crictl.piped(blob.path, "exec", "-i", "-r", transport, running, "sh", "-c", store)
    assert stored.split()[0].decode() == blob.checksum
    fetched = crictl.piped(blob.path, "exec", "-r", transport, running, "cat", "/blob")
    assert (len(fetched), hashlib.sha256(fetched).hexdigest()) == (BLOB_SIZE, blob.checksum)


@over_each_transport
def test_fifty_megabytes_go_through_a_command(stage: Stage, transport: str, blob: Blob) -> None:
    running = stage.pod().start("main", "sleep", "300")
    streamed = ("exec", "-i", "-r", transport, running, "cat")
    returned = stage.runtime.crictl.piped(blob.path, *streamed)
    assert (len(returned), hashlib.sha256(returned).hexdigest()) == (BLOB_SIZE, blob.checksum)


@over_each_transport
def test_all_output_comes_before_the_end(stage: Stage, transport: str) -> None:
    running = stage.pod().start("main", "sleep", "300")
    answer = stage.runtime.crictl.run(
        "exec", "-r", transport, running, "sh", "-c", "seq 1 50000; exit 3"
    )
    assert answer.out.split() == [str(number) for number in range(1, 50_001)]
    assert answer.error.endswith("command terminated with exit code 3")


@over_each_transport
def test_an_exec_ends_with_its_client(stage: Stage, transport: str) -> None:
    crictl = stage.runtime.crictl
    running = stage.pod().start("main", "sleep", "300")

    def is_there() -> bool:
        return "sleep 4321" in crictl.ok("exec", "--sync", running, "ps").out

    with crictl.started("exec", "-r", transport, running, "sleep", "4321") as client:
        until(is_there, "the command of the exec")
        client.kill()
    outlives = stage.runtime.expects(OUTLIVES)
    until(lambda: is_there() == outlives, "what becomes of the command")


@over_each_transport
def test_an_exec_ends_with_its_container(stage: Stage, transport: str) -> None:
    crictl = stage.runtime.crictl
    running = stage.pod().start("main", "sleep", "300")
    begun = "echo begun; sleep 4321"
    with crictl.started("exec", "-r", transport, running, "sh", "-c", begun) as client:
        assert read_line(client) == "begun\n"
        crictl.ok("stop", "--timeout", "0", running)
        _, err = client.communicate()
    assert client.returncode == 1
    assert "command terminated with exit code 137" in err


@over_each_transport
def test_exec_needs_a_running_container(stage: Stage, transport: str) -> None:
    exited = stage.pod().finish("main", "true")
    reason = "rpc error: code = Unknown desc = container is in CONTAINER_EXITED state"
    error = stage.runtime.crictl.fails("exec", "-r", transport, exited, "true")
    assert error == failure_of_exec(exited, reason)


def refused(stage: Stage) -> None:
    running = stage.pod().start("main", "sleep", "300")
    error = stage.runtime.crictl.fails("exec", "-r", WEBSOCKET, running, "true")
    refusal = "unable to upgrade streaming request: websocket: bad handshake (403 Forbidden)"
    assert error == failure_of_exec(running, refusal)


@pytest.mark.parametrize("runtime", [REAL], indirect=True, scope="session")
def test_containerd_refuses_the_websockets_of_crictl(stage: Stage) -> None:
    refused(stage)


def test_with_a_rule_they_are_refused_likewise(tmp_path: Path) -> None:
    with private_stage(tmp_path, "--rule", 'Exec = only("v[1-4].*")') as stage:
        refused(stage)
        running = stage.pod().start("main", "sleep", "300")
        assert stage.runtime.crictl.ok("exec", running, "echo", "hello").out == "hello\n"


# Attach.


def read_line(client: subprocess.Popen[str]) -> str:
    assert client.stdout is not None
    return client.stdout.readline()


def write_line(client: subprocess.Popen[str], line: str) -> None:
    assert client.stdin is not None
    client.stdin.write(f"{line}\n")
    client.stdin.flush()


@over_each_transport
def test_attach_shows_output_from_now_on(stage: Stage, transport: str) -> None:
    crictl = stage.runtime.crictl
    running = stage.pod().start("main", "sh", "-c", f"echo early; {READING}", stdin=True)
    until(lambda: crictl.ok("logs", running).out == "early\n", "the first line")
    with crictl.started("attach", "-i", "-r", transport, running) as client:
        write_line(client, "late")
        assert read_line(client) == "got late\n"
    until(lambda: crictl.ok("logs", running).out == "early\ngot late\n", "both in the log")


@over_each_transport
def test_attach_keeps_output_and_errors_apart(stage: Stage, transport: str) -> None:
    crictl = stage.runtime.crictl
    running = stage.pod().start("main", "sh", stdin=True, stdin_once=True)
    with crictl.started("attach", "-i", "-r", transport, running) as client:
        out, err = client.communicate("echo one; echo two >&2\n")
    assert (client.returncode, out, err) == (0, "one\n", "two\n")


@over_each_transport
def test_the_end_of_input_ends_a_container_that_reads_once(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    running = pod.start("main", "sh", "-c", READING, stdin=True, stdin_once=True)
    with pod.crictl.started("attach", "-i", "-r", transport, running) as client:
        out, err = client.communicate("a\n")
    assert (client.returncode, out, err) == (0, "got a\n", "")  # the code is not told
    assert pod.wait_for_exit(running)["exitCode"] == 4


@over_each_transport
def test_the_end_of_input_leaves_another_container_alone(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    running = pod.start("main", "sh", "-c", READING, stdin=True)
    for line in ("a", "b"):  # attached once more after the first
        with pod.crictl.started("attach", "-i", "-r", transport, running) as client:
            write_line(client, line)
            assert read_line(client) == f"got {line}\n"
            assert client.communicate() == ("", "")
        assert client.returncode == 0
    assert pod.status(running)["state"] == "CONTAINER_RUNNING"


@over_each_transport
def test_a_container_outlives_who_is_attached(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    running = pod.start("main", "sh", "-c", READING, stdin=True)
    for line in ("a", "b"):
        with pod.crictl.started("attach", "-i", "-r", transport, running) as client:
            write_line(client, line)
            assert read_line(client) == f"got {line}\n"
            client.kill()
    assert pod.status(running)["state"] == "CONTAINER_RUNNING"


@over_each_transport
def test_all_who_are_attached_see_the_same(stage: Stage, transport: str) -> None:
    pod = stage.pod()
    running = pod.start("main", "sh", "-c", TICKING)
    attach = ("attach", "-r", transport, running)
    with pod.crictl.started(*attach) as one, pod.crictl.started(*attach) as other:
        assert {read_line(one), read_line(other)} == {"tick\n"}
        pod.crictl.ok("stop", "--timeout", "0", running)
        for client in (one, other):
            out, err = client.communicate()
            assert (set(out.split()) <= {"tick"}, err, client.returncode) == (True, "", 0)


@over_each_transport
def test_attach_needs_a_running_container(stage: Stage, transport: str) -> None:
    exited = stage.pod().finish("main", "true")
    assert stage.runtime.crictl.fails("attach", "-r", transport, exited) == (
        "attaching running container failed: rpc error: code = Unknown "
        "desc = container is in CONTAINER_EXITED state"
    )


@pytest.mark.parametrize("transport", BOTH)
def test_exec_in_an_unknown_container_fails(crictl: Crictl, transport: str) -> None:
    assert crictl.fails("exec", "-r", transport, "deadbeef", "true") == failure_of_exec(
        "deadbeef",
        'rpc error: code = NotFound desc = failed to find container "deadbeef" in store: not found',
    )


@over_each_transport
def test_an_exec_is_over_before_crictl_says_so(stage: Stage, transport: str) -> None:
    """What a command has written to a file is there for whoever comes after it."""
    crictl = stage.runtime.crictl
    running = stage.pod().start("main", "sleep", "300")
    crictl.ok("exec", "-r", transport, running, "sh", "-c", "sleep 0.1; echo done > /file")
    assert crictl.ok("exec", "--sync", running, "cat", "/file").out.strip() == "done"


# Encrypted.


@pytest.mark.parametrize("transport", BOTH)
def test_streams_are_encrypted_where_that_was_asked_for(tmp_path: Path, transport: str) -> None:
    files = {what: str(TLS / f"{what}.pem") for what in ("cert", "key")}
    options = [f"--streaming-tls-{what}={file}" for what, file in files.items()]
    with private_stage(tmp_path, *options) as stage:
        crictl = stage.runtime.crictl
        running = stage.pod().start("main", "sleep", "300")
        streamed = ("exec", "-r", transport)
        assert crictl.ok(*streamed, running, "echo", "secret").out == "secret\n"
        client = [f"--tls-{what}={file}" for what, file in files.items()]
        trusting = (*streamed, f"--tls-ca={files['cert']}", *client, running)
        assert crictl.ok(*trusting, "seq", "30000").out.count("\n") == 30_000
