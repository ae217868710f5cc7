"""System V IPC: a pod's own is empty, the node's is what /proc/sysvipc of the host says.

The files were read off a Linux machine, and what `ipcs` makes of them is busybox's layout.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux, pod_linux
from tests.support import Node, create_request, node

SHM = (
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
    "      atime      dtime      ctime                   rss                  swap\n"
    " 763429887          0   644               1048576 12867     0      0     0     0     0     0"
    "          0          0 1795919047                     0                     0\n"
    "-928894222         17  3600                  4096 12868 12869      2  1000    33     0     0"
    " 1795919047          0 1795919047                     0                     0\n"
)
SEM = (
    "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
    "-1795806196          5   600          3     0     0     0     0          0 1795919047\n"
)
MSG = (
    "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
    "      stime      rtime      ctime\n"
    "-1429156669          0   644         128          2    10    11     0     0     0     0"
    " 1795919047          0 1795919047\n"
)
SEGMENTS = """------ Shared Memory Segments --------
key        shmid      owner      perms      bytes      nattch     status      
"""  # noqa: W291  # as it is shown
SHOWN = """0x2d8103ff 0          root       644        1048576    0                       
0xc8a232f2 17         1000       600        4096       2          dest   locked
"""  # noqa: W291  # likewise
ARRAYS = """------ Semaphore Arrays --------
key        semid      owner      perms      nsems     
"""  # noqa: W291  # likewise
QUEUES = """------ Message Queues --------
key        msqid      owner      perms      used-bytes   messages    
"""  # noqa: W291  # likewise
CHANGED, THEN = "changed             ", "Nov 29 02:24:07     "
HOST_IPC = pb.NamespaceOption(ipc=pb.NODE)


@pytest.fixture
def ready(node: Node) -> Node:
    """A node with an image, whose host has some things to share."""
    node.pull("busybox")
    node.cri.files.make_dirs("/proc/sysvipc")
    for name, text in (("shm", SHM), ("sem", SEM), ("msg", MSG)):
        node.cri.files.write(f"/proc/sysvipc/{name}", text.encode())
    return node


def ipcs(node: Node, line: str = "ipcs", pod: Any = HOST_IPC, **container: Any) -> str:
    """Return what a command says in a pod with these namespaces."""
    config = pod_linux(namespace_options=pod)
    request = create_request(
        node.run_sandbox(linux=config),
        "top",
        linux=linux(namespace_options=pod, **container),
    )
    request.sandbox_config.linux.CopyFrom(config)
    container_id = node.runtime.CreateContainer(request).container_id
    node.start(container_id)
    asked = pb.ExecSyncRequest(container_id=container_id, cmd=line.split())
    done = node.runtime.ExecSync(asked)
    assert (done.exit_code, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_a_pod_has_no_segments_arrays_or_queues(ready: Node) -> None:
    assert ipcs(ready, pod=pb.NamespaceOption()) == f"\n{SEGMENTS}\n{ARRAYS}\n{QUEUES}\n"


@pytest.mark.parametrize("name", ["shm", "sem", "msg"])
def test_the_tables_of_a_pod_are_heads_alone(ready: Node, name: str) -> None:
    text = {"shm": SHM, "sem": SEM, "msg": MSG}[name]
    line = f"cat /proc/sysvipc/{name}"
    assert ipcs(ready, line, pod=pb.NamespaceOption()) == text.splitlines(keepends=True)[0]


def test_a_pod_in_the_ipc_namespace_of_the_node_sees_what_is_there(ready: Node) -> None:
    assert ipcs(ready, "cat /proc/sysvipc/shm") == SHM


def test_segments_are_listed(ready: Node) -> None:
    assert ipcs(ready, "ipcs -m") == f"\n{SEGMENTS}{SHOWN}\n"


def test_arrays_and_queues_are_listed(ready: Node) -> None:
    array = "0x94f62c0c 5          root       600        3         \n"
    queue = "0xaad0ccc3 0          root       644        128          2           \n"
    assert ipcs(ready, "ipcs -sq") == f"\n{ARRAYS}{array}\n{QUEUES}{queue}\n"


def test_all_is_listed_where_nothing_is_chosen(ready: Node) -> None:
    assert ipcs(ready, "ipcs").count("------") == 6


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (
            "ipcs -m -c",
            [
                "------ Shared Memory Segment Creators/Owners --------",
                "shmid      perms      cuid       cgid       uid        gid       ",
                "0          644        root       root       root       root      ",
                "17         600        root       root       1000       www-data  ",
            ],
        ),
        (
            "ipcs -m -p",
            [
                "------ Shared Memory Creator/Last-op --------",
                "shmid      owner      cpid       lpid      ",
                "0          root       12867      0         ",
                "17         1000       12868      12869     ",
            ],
        ),
        (
            "ipcs -m -t",
            [
                "------ Shared Memory Attach/Detach/Change Times --------",
                f"shmid      owner      attached             detached             {CHANGED}",
                f"0          root       Not set              Not set              {THEN}",
                f"17         1000       {THEN} Not set              {THEN}",
            ],
        ),
        ("ipcs -s -p", []),
    ],
)
def test_more_is_told_of_what_there_is(ready: Node, line: str, lines: list[str]) -> None:
    assert ipcs(ready, line) == "\n" + "".join(f"{each}\n" for each in lines) + "\n"


def test_the_namespace_is_the_pods_whatever_a_container_asks_for(ready: Node) -> None:
    config = pod_linux(namespace_options=pb.NamespaceOption())
    request = create_request(
        ready.run_sandbox(linux=config), "top", linux=linux(namespace_options=HOST_IPC)
    )
    container_id = ready.runtime.CreateContainer(request).container_id
    ready.start(container_id)
    asked = pb.ExecSyncRequest(container_id=container_id, cmd=["cat", "/proc/sysvipc/shm"])
    assert ready.runtime.ExecSync(asked).stdout.decode() == SHM.splitlines(keepends=True)[0]


def test_a_table_that_is_no_table_shows_nothing(ready: Node) -> None:
    ready.cri.files.write("/proc/sysvipc/shm", b"key shmid\n1 x\n1 2 3\n\n\xff\n")
    assert ipcs(ready, "ipcs -m") == f"\n{SEGMENTS}\n"


@contextmanager
def segment() -> Iterator[int]:
    """A segment of this machine, while it is needed."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.shmget(0, 4096, 0o1600)
    assert number >= 0, ctypes.get_errno()
    try:
        yield number
    finally:
        libc.shmctl(number, 0, None)


def test_segments_of_this_machine_are_seen_where_its_files_are_the_hosts(face: str) -> None:
    with segment() as number, node(face, host_mounts=[Path("/proc")]) as opened:
        opened.pull("busybox")
        words = [line.split()[1] for line in ipcs(opened, "ipcs -m").splitlines()[3:-1]]
        assert str(number) in words
    with segment() as number, node(face) as opened:
        opened.pull("busybox")
        assert ipcs(opened, "ipcs -m") == f"\n{SEGMENTS}\n"
