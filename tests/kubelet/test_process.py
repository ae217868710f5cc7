"""A kubelet that is none, or does not come up: a small program stands in for it."""

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fakecri.kubelet import process
from fakecri.kubelet.process import Kubelet, KubeletError, NotSeen, version_of
from tests.kubelet.standin import IGNORES, OBEYS, Unborrowed, write_program

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _no_root_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "Borrowed", Unborrowed)


def standin(tmp_path: Path, *lines: str) -> Kubelet:
    """Return a kubelet whose program is a script."""
    program = write_program(tmp_path / "kubelet", *lines)
    return Kubelet(program, "unix:///nowhere.sock", tmp_path / "node")


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeletError, match="nowhere is no program"):
        Kubelet(tmp_path / "nowhere", "unix:///nowhere.sock", tmp_path)


def test_its_last_words_are_told_when_it_ends_at_once(tmp_path: Path) -> None:
    kubelet = standin(tmp_path, """echo '{"msg": "no luck", "err": "none"}'""", "exit 3")
    with pytest.raises(KubeletError, match='ended with status 3: no luck err="none"'), kubelet:
        pytest.fail("it has started")
    assert kubelet.status == 3


def test_its_ports_are_its_own_also_while_it_is_restarted(tmp_path: Path) -> None:
    with standin(tmp_path, OBEYS) as kubelet:
        ports = (kubelet.tls_port, kubelet.read_only_port)
        assert kubelet.get("/healthz") == (200, "ok")
        assert kubelet.stop() == 7
        for port in ports:
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
        kubelet.start()
        assert kubelet.get("/healthz") == (200, "ok")
        assert (kubelet.tls_port, kubelet.read_only_port) == ports


def test_one_that_does_not_start_leaves_the_machine_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[str] = []
    monkeypatch.setattr(Unborrowed, "give_back", lambda _: given_back.append("all"))
    with pytest.raises(KubeletError, match="ended with status 3"), standin(tmp_path, "exit 3"):
        pytest.fail("it has started")
    assert given_back == ["all"]


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    too_long = 'self.path == "/healthz" or self.send_header("Content-Length", "9")'
    torn = OBEYS.replace("self.end_headers", f"{too_long}; self.end_headers")
    with standin(tmp_path, torn) as kubelet:
        for path, why in (("/pods", "IncompleteRead"), ("/a b", "InvalidURL")):
            with pytest.raises(ConnectionError, match=f"{path}: {why}"):
                kubelet.get(path)


def test_one_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TERM_S", 0.1)
    with standin(tmp_path, IGNORES) as kubelet:
        assert kubelet.status is None
        with pytest.raises(KubeletError, match="runs already"):
            kubelet.start()
    assert kubelet.status == -signal.SIGKILL


STARTS_IN_A_THREAD = """
import sys, threading, time
from pathlib import Path
from fakecri.kubelet import process
from tests.kubelet.standin import Unborrowed

process.Borrowed = Unborrowed
program, directory = map(Path, sys.argv[1:])
kubelet = process.Kubelet(program, "unix:///nowhere.sock", directory)
thread = threading.Thread(target=kubelet.start)
thread.start()
thread.join()
while Path(f"/proc/self/task/{thread.native_id}").exists():
    time.sleep(0.01)
print(kubelet.pid, *kubelet.get("/healthz"), flush=True)
sys.stdin.read()
"""


def test_one_outlives_the_thread_that_asked_for_it_and_not_the_process(tmp_path: Path) -> None:
    program = write_program(tmp_path / "kubelet", IGNORES)
    places = map(str, (program, tmp_path / "node"))
    words = [sys.executable, "-c", STARTS_IN_A_THREAD, *places]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as starter:
        assert starter.stdout is not None
        pid, *answer = starter.stdout.readline().split()
        assert answer == ["200", "ok"]
        ended = os.pidfd_open(int(pid))
        starter.kill()
    try:
        assert select.select([ended], [], [], PATIENCE_S)[0]
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(ended, signal.SIGKILL)
        os.close(ended)


def test_what_never_comes_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    with standin(tmp_path, 'echo \'{"msg": "idle"}\'', OBEYS) as kubelet:
        with pytest.raises(NotSeen, match=r"(?s)waited 0 s for a miracle; .*idle"):
            kubelet.until(lambda: False, "a miracle", 0)
        with pytest.raises(KubeletError, match="/pods: 500 ok"):
            kubelet.pods()
        assert [each.message for each in kubelet.lines("idle")] == ["idle"]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ("echo busybox 1.35; echo more", "is no kubelet: it says 'busybox 1.35'$"),
        (r"printf '\377'", "is no kubelet: it says '\ufffd'$"),
        ("exit 3", "does not tell its version: it ends with status 3$"),
    ],
)
def test_a_program_that_is_no_kubelet_has_no_version(tmp_path: Path, says: str, error: str) -> None:
    with pytest.raises(KubeletError, match=error):
        version_of(write_program(tmp_path / "program", says))


def test_what_cannot_be_executed_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(KubeletError, match=r"version: Permission denied$"):
        version_of(tmp_path)


def test_the_version_of_a_kubelet_is_what_it_says(tmp_path: Path) -> None:
    assert version_of(standin(tmp_path, "echo Kubernetes v1.36.3").program) == "v1.36.3"


def test_a_kubelet_need_not_ask_who_its_node_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubelet = standin(tmp_path, "exit 0")
    assert "--node-ip=127" not in " ".join(kubelet.command())
    monkeypatch.setattr(process, "_own_addresses", lambda: ["192.0.2.7"])
    assert "--node-ip=192.0.2.7" in kubelet.command()
