"""Shared subtrees: where a mount that a container makes on a host path is seen.

What is asked of them was tried with bind mounts in mount namespaces of Linux.
"""

from pathlib import Path
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux, pod_linux
from tests.support import Node, create_request, node

PRIVATE, SHARED, SLAVE = (
    pb.PROPAGATION_PRIVATE,
    pb.PROPAGATION_BIDIRECTIONAL,
    pb.PROPAGATION_HOST_TO_CONTAINER,
)
HOST = "/srv/volume"


class Box:
    """A container that has a volume at /data."""

    def __init__(
        self,
        node: Node,
        name: str,
        propagation: Any,
        host_path: str = HOST,
        **security: Any,
    ) -> None:
        security = security or {"privileged": True}
        config = pod_linux(privileged=True)
        self.node = node
        self.pod = node.run_sandbox(name, linux=config)
        mount = pb.Mount(host_path=host_path, container_path="/data", propagation=propagation)
        request = create_request(
            self.pod, "top", name=name, pod=name, linux=linux(**security), mounts=[mount]
        )
        request.sandbox_config.linux.CopyFrom(config)
        self.id = node.runtime.CreateContainer(request).container_id
        node.start(self.id)

    def __call__(self, line: str) -> str:
        """Run a script that has nothing to complain about; return what it says."""
        code, text = self.result(line)
        assert code == 0, text
        return text

    def result(self, line: str) -> tuple[int, str]:
        """Run a script; return its exit code, and what it says on both streams."""
        request = pb.ExecSyncRequest(container_id=self.id, cmd=["sh", "-c", line])
        done = self.node.runtime.ExecSync(request)
        return done.exit_code, (done.stdout + done.stderr).decode()

    def row(self, place: str) -> list[str]:
        """The row of a mount in /proc/self/mountinfo."""
        rows = [each.split() for each in self("cat /proc/self/mountinfo").splitlines()]
        (found,) = (each for each in rows if each[4] == place)
        return found


@pytest.fixture
def ready(node: Node) -> Node:
    """A node with an image, and a directory to share."""
    node.pull("busybox")
    node.cri.files.make_dirs(f"{HOST}/point")
    return node


def on_node(node: Node, path: str = f"{HOST}/point") -> list[str]:
    return node.cri.files.list_dir(path)


def test_a_mount_on_a_shared_volume_is_seen_by_the_node_its_peers_and_slaves_alone(
    ready: Node,
) -> None:
    maker, peer = Box(ready, "maker", SHARED), Box(ready, "peer", SHARED)
    slave, private = Box(ready, "slave", SLAVE), Box(ready, "private", PRIVATE)
    maker("mount -t tmpfs none /data/point && echo 1 > /data/point/file")
    for box in (maker, peer, slave):
        assert box("ls -A /data/point") == "file\n"
        assert box("mountpoint /data/point") == "/data/point is a mountpoint\n"
    assert private("ls -A /data/point") == ""
    assert on_node(ready) == ["file"]
    slave("echo 2 > /data/point/other")
    assert peer("cat /data/point/other") == "2\n"
    peer("umount /data/point")
    for box in (maker, peer, slave, private):
        assert box("ls -A /data/point") == ""
    assert on_node(ready) == []


@pytest.mark.parametrize("propagation", [PRIVATE, SLAVE])
def test_a_mount_on_another_volume_is_its_makers_alone(ready: Node, propagation: Any) -> None:
    maker, peer = Box(ready, "maker", propagation), Box(ready, "peer", SHARED)
    maker("mount --bind /etc /data/point")
    assert "passwd" in maker("ls /data/point")
    assert peer("ls -A /data/point") == ""
    assert on_node(ready) == []
    maker("umount /data/point")
    assert maker("ls -A /data/point") == ""


def test_a_container_that_comes_later_sees_what_the_node_has_by_then(ready: Node) -> None:
    Box(ready, "maker", SHARED)("mount --bind /etc /data/point")
    for name, propagation in (("one", PRIVATE), ("two", SLAVE), ("three", SHARED)):
        assert "passwd" in Box(ready, name, propagation)("ls /data/point")
    below = Box(ready, "below", PRIVATE, host_path=f"{HOST}/point")
    assert "root:x:0:0" in below("cat /data/passwd")


def test_a_slave_that_unmounts_does_so_for_itself(ready: Node) -> None:
    maker, slave = Box(ready, "maker", SHARED), Box(ready, "slave", SLAVE)
    maker("mount --bind /etc /data/point")
    slave("umount /data/point")
    assert slave("ls -A /data/point") == ""
    assert "passwd" in maker("ls /data/point")


def test_a_mount_inside_a_shared_mount_is_shared_too(ready: Node) -> None:
    maker, slave = Box(ready, "maker", SHARED), Box(ready, "slave", SLAVE)
    maker("mount -t tmpfs none /data/point && mkdir /data/point/in")
    maker("mount --bind /etc /data/point/in")
    assert "passwd" in slave("ls /data/point/in")
    assert "passwd" in on_node(ready, f"{HOST}/point/in")
    maker("umount /data/point/in && umount /data/point")
    assert (slave("ls -A /data/point"), on_node(ready)) == ("", [])


def test_volumes_of_parts_of_the_same_tree_share_what_they_have_in_common(ready: Node) -> None:
    ready.cri.files.make_dirs(f"{HOST}/point/deep")
    whole = Box(ready, "whole", SHARED)
    part = Box(ready, "part", SLAVE, host_path=f"{HOST}/point")
    other = Box(ready, "other", SLAVE, host_path="/srv/volumes")
    whole("mount --bind /etc /data/point/deep")
    assert "passwd" in part("ls /data/deep")
    assert other("ls -A /data") == ""


def test_the_mounts_of_a_pod_stay_until_it_is_removed(ready: Node) -> None:
    maker, slave = Box(ready, "maker", SHARED), Box(ready, "slave", SLAVE)
    maker("mount --bind /etc /data/point")
    ready.stop(maker.id)
    ready.remove(maker.id)
    assert "passwd" in slave("ls /data/point")
    ready.runtime.StopPodSandbox(pb.StopPodSandboxRequest(pod_sandbox_id=maker.pod))
    ready.runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=maker.pod))
    assert slave("ls -A /data/point") == ""
    assert on_node(ready) == []


def test_who_may_not_mount_changes_nothing(ready: Node) -> None:
    maker = Box(ready, "maker", SHARED, run_as_user=1000)
    peer = Box(ready, "peer", SHARED)
    text = "mount: permission denied (are you root?)\n"
    assert maker.result("mount --bind /etc /data/point") == (1, text)
    assert maker.result("mount --make-private /data") == (1, text)
    assert peer("ls -A /data/point") == ""


def test_mountinfo_tells_with_whom_a_mount_is_shared(ready: Node) -> None:
    shown = {}
    for name, propagation in (("private", PRIVATE), ("shared", SHARED), ("slave", SLAVE)):
        shown[name] = Box(ready, name, propagation).row("/data")[6]
    assert shown == {"private": "-", "shared": "shared:1", "slave": "master:1"}


def test_a_mount_is_made_private_or_a_slave(ready: Node) -> None:
    maker, first, second = (Box(ready, name, SHARED) for name in ("maker", "first", "second"))
    first("mount --make-rprivate /data")
    second("mount --make-slave /data")
    assert [box.row("/data")[6] for box in (first, second)] == ["-", "master:1"]
    maker("mount --bind /etc /data/point")
    assert first("ls -A /data/point") == ""
    assert "passwd" in second("ls /data/point")
    second("mkdir /data/more && mount --bind /etc /data/more")
    assert maker("ls -A /data/more") == ""


def test_a_private_mount_that_is_made_shared_tells_nobody_there_is(ready: Node) -> None:
    maker, peer = Box(ready, "maker", PRIVATE), Box(ready, "peer", SHARED)
    maker("mount --make-shared /data")
    assert maker.row("/data")[6] == "shared:1"
    maker("mount --bind /etc /data/point")
    assert peer("ls -A /data/point") == ""
    slave = Box(ready, "slave", SLAVE)
    slave("mount --make-shared /data")
    slave("mount --bind /etc /data/point")
    assert peer("ls -A /data/point") == ""


def test_what_is_not_mounted_cannot_be_shared(ready: Node) -> None:
    box = Box(ready, "box", SHARED)
    assert box.result("mount --make-shared /etc") == (1, "mount: /etc: Invalid argument\n")
    text = "mount: /none: No such file or directory\n"
    assert box.result("mount --make-rslave /none") == (1, text)


def test_a_reboot_takes_what_was_mounted(ready: Node) -> None:
    Box(ready, "maker", SHARED)("mount --bind /etc /data/point")
    ready.cri.reboot_node()
    assert on_node(ready) == []


def test_paths_of_this_machine_are_shared_among_containers_where_nothing_may_be_mounted(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("bind", "mount_tmpfs"):
        monkeypatch.setattr(f"fakecri.machine_mounts.{name}", refuse)
    (tmp_path / "point").mkdir()
    with node(face, host_mounts=[tmp_path]) as opened:
        opened.pull("busybox")
        maker, slave, private = (
            Box(opened, name, propagation, str(tmp_path))
            for name, propagation in (("maker", SHARED), ("slave", SLAVE), ("private", PRIVATE))
        )
        maker("mount --bind /etc /data/point")
        assert "passwd" in slave("ls /data/point")
        assert private("ls -A /data/point") == ""
        assert list((tmp_path / "point").iterdir()) == []
        maker("umount /data/point")
        assert slave("ls -A /data/point") == ""
    assert "is mounted for containers alone: Operation not permitted" in caplog.text
