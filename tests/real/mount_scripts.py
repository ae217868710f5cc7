"""What mounts of this machine do to containers: run in a mount namespace of its own.

    unshare --mount --propagation private python -m tests.real.mount_scripts NAME DIRECTORY

The script's own mounts end with the namespace; it exits with 0 where all was as it is on Linux.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.test_propagation import PRIVATE, SHARED, SLAVE, Box
from tests.support import node

if TYPE_CHECKING:
    from tests.support import Node


def mount(*arguments: object) -> None:
    """Mount on this machine."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def names(place: Path) -> list[str]:
    """What is in a directory of this machine."""
    return sorted(each.name for each in place.iterdir())


def boxes(opened: Node, home: Path) -> tuple[Box, Box, Box]:
    """Three containers with the same volume, each with another propagation."""
    opened.pull("busybox")
    kinds = (("private", PRIVATE), ("shared", SHARED), ("slave", SLAVE))
    one, two, three = (Box(opened, name, kind, str(home)) for name, kind in kinds)
    return one, two, three


def later(home: Path) -> None:
    """A mount that the machine makes later is not seen where the volume is private."""
    (home / "point").mkdir()
    (home / "point" / "under").touch()
    with node("object", host_mounts=[home]) as opened:
        private, shared, slave = boxes(opened, home)
        mount("-t", "tmpfs", "none", home / "point")
        (home / "point" / "over").touch()
        assert private("ls /data/point") == "under\n"
        assert shared("ls /data/point") == slave("ls /data/point") == "over\n"
        private("echo 1 > /data/point/under && mkdir /data/point/made && touch /data/new")
        assert shared("cat /data/new") == ""
        assert Box(opened, "late", PRIVATE, str(home))("ls /data/point") == "over\n"
    subprocess.run(["umount", home / "point"], check=True)
    assert names(home / "point") == ["made", "under"]
    assert (home / "point" / "under").read_text() == "1\n"


def bound(home: Path) -> None:
    """What a container binds on a shared volume is on the machine, to be read, until it goes."""
    (home / "point").mkdir()
    (home / "source").mkdir()
    with node("object", host_mounts=[home]) as opened:
        private, shared, slave = boxes(opened, home)
        private("mount --bind /etc /data/point")
        slave("mount --bind /etc /data/point")
        assert names(home / "point") == []
        shared("echo 7 > /etc/mine && ln -s mine /etc/link && chmod 640 /etc/mine")
        shared("mount --bind /etc /data/point")
        assert {"passwd", "mine", "link"} <= set(names(home / "point"))
        assert (home / "point" / "link").read_text() == "7\n"
        assert (home / "point" / "mine").stat().st_mode & 0o777 == 0o640
        with pytest.raises(OSError, match="Read-only file system"):
            (home / "point" / "mine").write_text("8\n")
        shared("umount /data/point")
        assert names(home / "point") == []
        shared("mount --bind /data/source /data/point && echo 1 > /data/point/file")
        assert names(home / "source") == ["file"]
        assert names(home / "point") == ["file"]
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=shared.pod)
        opened.runtime.RemovePodSandbox(request)
        assert names(home / "point") == []


def empty(home: Path) -> None:
    """A file system in memory is one for the machine and the container, and ends with the node."""
    (home / "point").mkdir()
    with node("object", host_mounts=[home]) as opened:
        _, shared, slave = boxes(opened, home)
        shared("mount -t tmpfs -o size=1m none /data/point && echo 1 > /data/point/mine")
        (home / "point" / "machines").write_text("2\n")
        assert shared("cat /data/point/machines") == slave("cat /data/point/machines") == "2\n"
        assert names(home / "point") == ["machines", "mine"]
    assert names(home / "point") == []


def gone(home: Path) -> None:
    """Whoever unmounts on the machine what a container mounted there harms nobody."""
    (home / "point").mkdir()
    with node("object", host_mounts=[home]) as opened:
        _, shared, _ = boxes(opened, home)
        shared("mount --bind /etc /data/point")
        subprocess.run(["umount", home / "point"], check=True)
        assert names(home / "point") == []
        shared("umount /data/point")


def freed(home: Path) -> None:
    """What a container had of the mounts goes with it at once, and the rest with the node."""
    for each in ("sub", "point"):
        (home / each).mkdir()
    gc.collect()
    gc.disable()
    before = descriptors()
    with node("object", host_mounts=[home]) as opened:
        opened.pull("busybox")
        one, two = (Box(opened, name, PRIVATE, str(home)) for name in ("one", "two"))
        shared = descriptors()
        mount("-t", "tmpfs", "none", home / "sub")
        maker = Box(opened, "maker", PRIVATE, str(home))
        assert descriptors() == shared + 1
        for box in (one, maker):
            box("exec 3>> /data/new 4< /data/sub; cd /data/sub && touch x && cat /data/new")
        opened.remove(maker.id)
        assert descriptors() == shared
        opened.remove(one.id)
        assert two("ls /data/sub") == "x\n"
        opened.remove(two.id)
        assert descriptors() == shared - 1
        mounts = [
            pb.Mount(host_path=str(home), container_path=place) for place in ("/mnt", "/bin/ls")
        ]
        refused = opened.create(two.pod, "top", name="refused", mounts=mounts)
        with pytest.raises(grpc.RpcError, match="not a directory"):
            opened.start(refused)
        assert descriptors() == shared - 1
        Box(opened, "last", PRIVATE, str(home))
        assert descriptors() == shared
    assert descriptors() == before
    subprocess.run(["umount", home / "sub"], check=True)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


if __name__ == "__main__":
    scripts = {each.__name__: each for each in (later, bound, empty, gone, freed)}
    scripts[sys.argv[1]](Path(sys.argv[2]))
