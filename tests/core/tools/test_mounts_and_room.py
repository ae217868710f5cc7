"""Mounts made from inside, and the room that there is, in containers as a client makes them."""

from collections.abc import Callable, Iterator

import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.services import ExitError

Run = Callable[[str], tuple[int, str]]


@pytest.fixture
def cri() -> Iterator[CRI]:
    with CRI() as cri:
        yield cri


def _container(cri: CRI, *, privileged: bool) -> Run:
    """Start one; return what runs a command line in it: exit code, and all that it wrote."""
    runtime = cri.runtime_service
    image = pb.ImageSpec(image="busybox")
    cri.image_service.pull_image(image)
    pod = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="web", namespace="default", uid="1"),
        linux=pb.LinuxPodSandboxConfig(
            security_context=pb.LinuxSandboxSecurityContext(privileged=privileged)
        ),
    )
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main"),
        image=image,
        command=["sleep", "3600"],
        linux=pb.LinuxContainerConfig(
            security_context=pb.LinuxContainerSecurityContext(privileged=privileged)
        ),
    )
    container_id = runtime.create_container(runtime.run_pod_sandbox(pod), config, pod)
    runtime.start_container(container_id)

    def run(line: str) -> tuple[int, str]:
        try:
            stdout, stderr = runtime.exec_sync(container_id, line.split())
        except ExitError as error:
            return error.exit_code, (error.stdout + error.stderr).decode()
        return 0, (stdout + stderr).decode()

    return run


@pytest.fixture
def privileged(cri: CRI) -> Run:
    return _container(cri, privileged=True)


@pytest.fixture
def ordinary(cri: CRI) -> Run:
    return _container(cri, privileged=False)


def test_who_lacks_the_capability_mounts_nothing(ordinary: Run) -> None:
    refused = (1, "mount: permission denied (are you root?)\n")
    assert ordinary("mount -t tmpfs none /tmp") == refused
    assert ordinary("mount --bind /etc /tmp") == refused
    assert ordinary("mount -o remount,ro /") == refused
    assert ordinary("umount /proc") == (1, "umount: can't unmount /proc: Operation not permitted\n")
    assert ordinary("touch /still-writable") == (0, "")


def test_a_tmpfs_covers_what_was_there_until_it_is_unmounted(privileged: Run) -> None:
    privileged("touch /tmp/below")
    assert privileged("mount -t tmpfs -o size=1m none /tmp") == (0, "")
    assert privileged("mountpoint /tmp") == (0, "/tmp is a mountpoint\n")
    privileged("touch /tmp/above")
    assert privileged("ls /tmp") == (0, "above\n")
    assert privileged("umount /tmp") == (0, "")
    assert privileged("ls /tmp") == (0, "below\n")
    assert privileged("mountpoint /tmp") == (1, "/tmp is not a mountpoint\n")


def test_a_bind_mount_shows_the_same_files(privileged: Run) -> None:
    privileged("mkdir -p /srv/one /srv/two")
    assert privileged("mount --bind /srv/one /srv/two") == (0, "")
    privileged("touch /srv/two/x")
    assert privileged("ls /srv/one") == (0, "x\n")


def test_a_root_that_is_remounted_read_only_refuses_changes(privileged: Run) -> None:
    assert privileged("mount -o remount,ro /") == (0, "")
    assert privileged("touch /x") == (1, "touch: /x: Read-only file system\n")
    assert privileged("mount -o remount,rw /") == (0, "")
    assert privileged("touch /x") == (0, "")


def test_a_mount_that_cannot_be_made_is_an_error(privileged: Run) -> None:
    missing = "mount: mounting none on /nosuch failed: No such file or directory\n"
    assert privileged("mount -t tmpfs none /nosuch") == (255, missing)
    unknown = "mount: mounting none on /tmp failed: No such device\n"
    assert privileged("mount -t nosuchfs none /tmp") == (255, unknown)
    assert privileged("umount /etc") == (1, "umount: can't unmount /etc: Invalid argument\n")


def test_df_shows_the_disk_of_the_node(cri: CRI, ordinary: Run) -> None:
    cri.node.disk.capacity_bytes = 50 * 2**30
    total, used, free, percent, place = ordinary("df -k /")[1].splitlines()[1].split()[1:]
    assert (int(total), percent, place) == (50 * 2**20, "1%", "/")
    assert int(used) == -(-cri.node.disk.used_bytes // 4096) * 4, "it counts in blocks"
    assert int(free) == int(total) - int(used)
    ordinary("dd if=/dev/zero of=/big bs=1M count=3")
    after = int(ordinary("df -k /")[1].splitlines()[1].split()[2])
    assert after - int(used) == 3 * 2**10
