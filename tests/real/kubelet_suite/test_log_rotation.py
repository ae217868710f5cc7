"""Logs that grow too big: the kubelet renames them, the runtime opens new ones, nothing is lost."""

from __future__ import annotations

import gzip
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.real.kubelet_suite.doors import Doors
from tests.real.kubelet_suite.manifests import await_running, box, pod, run_in
from tests.real.kubelet_suite.seen import calls, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from http.client import HTTPResponse
    from pathlib import Path

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

SIZE = 1024
SETTINGS = {
    "containerLogMaxSize": "1Ki",
    "containerLogMonitorInterval": "3s",  # a kubelet takes no shorter one
    "containerLogMaxFiles": 20,
}
READY = "ready"


def waits_for(path: str) -> str:
    return f"until [ -e {path} ]; do sleep 0.1; done"


LINES = [f"line {number} of many" for number in range(140)]
"""Of seven seconds, in which twice so much is said that the log is renamed."""
SAYS_ALL = "i=0; while [ $i -lt 140 ]; do echo line $i of many; i=$((i+1)); sleep 0.05; done"
SCRIPT = f"echo {READY}; {waits_for('/go')}; {SAYS_ALL}; {waits_for('/end')}"
ROTATED = re.compile(r"0\.log\.\d{8}-\d{6}")


@pytest.fixture(scope="module")
def node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node that rotates early."""
    with fresh_node(settings=SETTINGS) as node:
        node.put(pod("chatty", box("sh", "-c", SCRIPT), restartPolicy="Never"))
        await_running(node, "chatty")
        yield node


@pytest.fixture(scope="module")
def followed(node: KubeletNode) -> list[str]:
    """What a follower got, from the beginning to the end of the container."""
    with Doors(node).followed("chatty") as answer:
        lines = lines_to(READY, answer)
        run_in(node, "chatty", ["touch", "/go"])
        lines += lines_to(LINES[-1], answer)
        node.until(lambda: is_settled(node), "no log to be too big any more")
        run_in(node, "chatty", ["touch", "/end"])
        return lines + answer.read().decode().splitlines()


def lines_to(last: str, answer: HTTPResponse) -> list[str]:
    """Read as far as a line."""
    lines: list[str] = []
    while last not in lines:
        line = answer.readline()
        assert line, lines
        lines.append(line.decode().removesuffix("\n"))
    return lines


@pytest.fixture(scope="module")
def files(node: KubeletNode, followed: list[str]) -> list[Path]:
    """The log files when all was said, the oldest first."""
    assert followed
    state(node, "chatty", "main", "terminated")
    return files_of(node)


def files_of(node: KubeletNode) -> list[Path]:
    files = node.kubelet.places.pod_logs.glob("default_chatty-*/main/*")
    return sorted(files, key=lambda file: (file.name == "0.log", file.name))


def is_settled(node: KubeletNode) -> bool:
    """Return whether the kubelet has no log to rename, nor is about it."""
    *renamed, current = files_of(node)
    reopened = calls(node, "ReopenContainerLog", "chatty")
    with suppress(FileNotFoundError):  # it is being renamed
        return current.stat().st_size < SIZE and len(reopened) == len(renamed)
    return False


def test_a_follower_goes_on_in_the_new_files(followed: list[str]) -> None:
    assert followed == [READY, *LINES]


def test_old_logs_are_named_by_their_time_and_all_but_the_last_compressed(
    files: list[Path],
) -> None:
    *compressed, last, current = [file.name for file in files]
    assert current == "0.log"
    assert ROTATED.fullmatch(last)
    assert compressed
    assert all(ROTATED.fullmatch(name.removesuffix(".gz")) for name in compressed)
    assert all(name.endswith(".gz") for name in compressed)


def test_the_files_together_have_each_line_once(files: list[Path]) -> None:
    texts = [
        gzip.decompress(each.read_bytes()) if each.suffix == ".gz" else each.read_bytes()
        for each in files
    ]
    lines = b"".join(texts).decode().splitlines()
    assert [each.split(" ", 3)[3] for each in lines] == [READY, *LINES]


def test_a_log_is_reopened_once_for_each_file_that_was_renamed(
    node: KubeletNode, files: list[Path]
) -> None:
    reopened = calls(node, "ReopenContainerLog", "chatty")
    assert len(reopened) == len(files) - 1
