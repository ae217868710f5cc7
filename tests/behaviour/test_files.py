"""The files of containers, as `cat` shows them. Source: conformance 3.4."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from fakecri import Process
from fakecri.api import runtime_pb2 as pb
from fakecri.core.views import View
from tests.behaviour.steps import exec_sync
from tests.support import Node, node


def _cat(node: Node, container_id: str, path: str) -> str:
    answer = exec_sync(node, container_id, "cat", path)
    assert (answer.exit_code, answer.stderr) == (0, b"")
    return answer.stdout.decode()


def test_the_dns_config_becomes_resolv_conf(ready: Node) -> None:
    dns = pb.DNSConfig(servers=["10.10.10.10"], searches=["google.com"], options=["ndots:8"])
    pod = ready.run_sandbox(dns_config=dns)
    shown = _cat(ready, ready.run(pod, "top"), "/etc/resolv.conf")
    assert shown == "search google.com\nnameserver 10.10.10.10\noptions ndots:8\n"


def test_a_pod_without_dns_config_has_the_nodes(ready: Node) -> None:
    ready.cri.files.make_dirs("/etc")
    ready.cri.files.write("/etc/resolv.conf", b"nameserver 192.0.2.1\n")
    ready.cri.files.write("/etc/hosts", b"192.0.2.2 registry\n")
    pod = ready.run_sandbox()
    running = ready.run(pod, "top")
    assert _cat(ready, running, "/etc/resolv.conf") == "nameserver 192.0.2.1\n"
    assert _cat(ready, running, "/etc/hosts") == "192.0.2.2 registry\n"


def test_the_hostname_is_the_pods(ready: Node) -> None:
    pod = ready.run_sandbox(hostname="db-0")
    assert _cat(ready, ready.run(pod, "top"), "/etc/hostname") == "db-0\n"


def _with(container: pb.LinuxContainerSecurityContext | None = None) -> pb.LinuxContainerConfig:
    security = pb.LinuxContainerSecurityContext(
        namespace_options=pb.NamespaceOption(pid=pb.CONTAINER)
    )
    security.MergeFrom(container or pb.LinuxContainerSecurityContext())
    return pb.LinuxContainerConfig(security_context=security)


def _do(node: Node, container_id: str, *actions: Callable[[View], object]) -> list[object]:
    """Do something to the files of a container, from a process in it; return what came of it."""
    outcomes: list[object] = []

    def program(process: Process) -> None:
        for action in actions:
            try:
                outcomes.append(action(process.files))
            except OSError as error:
                outcomes.append(errno.errorcode[error.errno or 0])

    unregister = node.cri.register(program, command="/do")
    answer = exec_sync(node, container_id, "/do")
    unregister()
    assert (answer.exit_code, answer.stderr) == (0, b"")
    return outcomes


def test_host_paths_are_shared_with_the_node_in_memory(ready: Node) -> None:
    pod = ready.run_sandbox()
    mounts = [pb.Mount(host_path="/srv/data", container_path="/data")]
    ready.cri.files.make_dirs("/srv/data")
    ready.cri.files.write("/srv/data/in", b"from the node")
    running = ready.run(pod, "top", mounts=mounts)
    assert _cat(ready, running, "/data/in") == "from the node"
    _do(ready, running, lambda f: f.write("/data/out", b"from the container"))
    assert ready.cri.files.read("/srv/data/out") == b"from the container"
    other = ready.run(pod, "top", name="other", mounts=mounts)
    assert _cat(ready, other, "/data/out") == "from the container"


def test_a_mount_that_names_no_host_path_is_refused_with_host_mounts_as_well(
    face: str, tmp_path: Path
) -> None:
    with node(face, host_mounts=[tmp_path]) as opened:
        opened.pull()
        with pytest.raises(grpc.RpcError, match='failed to mkdir "": mkdir : no such file'):
            opened.run(opened.run_sandbox(), "top", mounts=[pb.Mount(container_path="/data")])


def test_host_paths_below_an_allowed_directory_are_this_machines(face: str, tmp_path: Path) -> None:
    allowed, forbidden = tmp_path / "allowed", tmp_path / "forbidden"
    allowed.mkdir()
    forbidden.mkdir()
    (allowed / "in").write_text("from the machine")
    (allowed / "link").symlink_to(allowed)
    (allowed / "out").symlink_to(forbidden)
    with node(face, host_mounts=[allowed]) as opened:
        opened.pull()
        mounts = [
            pb.Mount(host_path=str(allowed / "link"), container_path="/data"),
            pb.Mount(host_path=str(allowed / "in"), container_path="/etc/in", readonly=True),
            pb.Mount(host_path=str(allowed / "out"), container_path="/forbidden"),
        ]
        running = opened.run(opened.run_sandbox(), "top", mounts=mounts)
        assert _cat(opened, running, "/data/in") == _cat(opened, running, "/etc/in")
        outcomes = _do(
            opened,
            running,
            lambda f: f.write("/data/new", b"from the container", 0o600),
            lambda f: f.rename("/data/new", "/data/newer"),
            lambda f: f.list("/data"),
            lambda f: f.write("/etc/in", b""),
            lambda f: f.write("/forbidden/file", b""),
            lambda f: f.unlink("/etc/in"),
        )
    names = ["in", "link", "newer", "out"]
    assert outcomes == [None, None, names, "EROFS", None, "EBUSY"]
    assert (allowed / "newer").read_text() == "from the container"
    assert (allowed / "newer").stat().st_mode & 0o777 == 0o600
    assert list(forbidden.iterdir()) == []


def test_a_read_only_mount_refuses_writes(ready: Node) -> None:
    mount = pb.Mount(host_path="/srv/data", container_path="/data", readonly=True)
    running = ready.run(ready.run_sandbox(), "top", mounts=[mount])
    assert _do(
        ready,
        running,
        lambda f: f.write("/data/x", b""),
        lambda f: f.mkdir("/data/x"),
        lambda f: f.write("/elsewhere", b""),
    ) == ["EROFS", "EROFS", None]


def test_a_read_only_root_leaves_mounts_writable(ready: Node) -> None:
    security = pb.LinuxContainerSecurityContext(readonly_rootfs=True)
    mount = pb.Mount(host_path="/srv/data", container_path="/data")
    running = ready.run(ready.run_sandbox(), "top", mounts=[mount], linux=_with(security))
    assert _do(
        ready,
        running,
        lambda f: f.write("/x", b""),
        lambda f: f.unlink("/etc/passwd"),
        lambda f: f.chmod("/etc", 0o700),
        lambda f: f.write("/data/x", b""),
        lambda f: f.write("/dev/shm/x", b""),
    ) == ["EROFS", "EROFS", "EROFS", None, None]


def test_masked_and_read_only_paths_are_covered(ready: Node) -> None:
    security = pb.LinuxContainerSecurityContext(
        masked_paths=["/etc/passwd", "/usr", "/nosuch"], readonly_paths=["/tmp", "/nosuch"]
    )
    running = ready.run(ready.run_sandbox(), "top", linux=_with(security))
    assert _do(
        ready,
        running,
        lambda f: f.read("/etc/passwd"),
        lambda f: f.list("/usr"),
        lambda f: f.write("/usr/x", b""),
        lambda f: f.write("/tmp/x", b""),
        lambda f: f.exists("/nosuch"),
    ) == [b"", [], "EROFS", "EROFS", False]


def test_the_containers_of_a_pod_share_dev_shm(ready: Node) -> None:
    pod = ready.run_sandbox()
    one, two = ready.run(pod, "top", name="one"), ready.run(pod, "top", name="two")
    _do(ready, one, lambda f: f.write("/dev/shm/x", b"shared"))
    assert _cat(ready, two, "/dev/shm/x") == "shared"
    alone = ready.run(ready.run_sandbox("other"), "top", pod="other")
    assert _do(ready, alone, lambda f: f.exists("/dev/shm/x")) == [False]


def test_what_is_mounted_below_a_host_path_stays_writable_unless_all_is_read_only(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "top" / "with space").mkdir(parents=True)
    table = tmp_path / "mountinfo"
    point = str(tmp_path / "top" / "with space").replace(" ", "\\040")
    table.write_text(f"36 35 0:44 / {point} rw,relatime shared:1 - tmpfs tmpfs rw\n")
    monkeypatch.setattr("fakecri.machine_mounts._TABLE", table)
    outcomes = []
    with node(face, host_mounts=[tmp_path]) as opened:
        opened.pull()
        pod = opened.run_sandbox()
        for name, recursive in (("plain", False), ("recursive", True)):
            mount = pb.Mount(
                host_path=str(tmp_path / "top"),
                container_path="/mnt",
                readonly=True,
                recursive_read_only=recursive,
            )
            running = opened.run(pod, "top", name=name, mounts=[mount])
            outcomes.append(
                _do(
                    opened,
                    running,
                    lambda f: f.write("/mnt/x", b""),
                    lambda f: f.write("/mnt/with space/x", b""),
                )
            )
    assert outcomes == [["EROFS", None], ["EROFS", "EROFS"]]
    assert (tmp_path / "top" / "with space" / "x").exists()


def test_a_volume_in_memory_is_shown_as_such(
    face: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    table = tmp_path / "table"
    monkeypatch.setattr("fakecri.machine_mounts._TABLE", table)
    seen, sizes = [], []
    for kind in ("ext4 /dev/vda rw", "tmpfs tmpfs rw,size=8192k"):
        table.write_text(f"36 35 {number} / {tmp_path} rw,relatime - {kind}\n")
        with node(face, host_mounts=[tmp_path]) as opened:
            opened.pull()
            mount = pb.Mount(host_path=str(tmp_path), container_path="/mnt")
            running = opened.run(opened.run_sandbox(), "top", mounts=[mount])
            rows = _cat(opened, running, "/proc/mounts").splitlines()
            seen += [each for each in rows if " /mnt " in each]
            sizes.append(exec_sync(opened, running, "df", "-k", "/mnt").stdout.split()[-5])
    assert seen == [
        "/dev/sda1 /mnt ext4 rw,relatime 0 0",
        "tmpfs /mnt tmpfs rw,relatime,size=8192k 0 0",
    ]
    assert sizes[1] == b"8192"


def test_a_mount_that_does_not_fit_fails_the_start(ready: Node) -> None:
    mount = pb.Mount(host_path="/srv/directory", container_path="/etc/passwd")
    container_id = ready.create(ready.run_sandbox(), "top", mounts=[mount])
    with pytest.raises(grpc.RpcError) as refused:
        ready.start(container_id)
    assert (refused.value.details() or "").endswith(
        "runc create failed: unable to start container process: error during container init: "
        'error mounting "/srv/directory" to rootfs at "/etc/passwd": mount /etc/passwd: '
        "not a directory: unknown"
    )


def test_a_missing_working_directory_is_made(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "top", working_dir="/new/place")
    assert exec_sync(ready, running, "pwd").stdout == b"/new/place\n"
    assert _do(ready, running, lambda f: f.is_dir("/new/place")) == [True]


def test_a_masked_executable_is_not_executed(ready: Node) -> None:
    security = pb.LinuxContainerSecurityContext(masked_paths=["/bin/ls"])
    running = ready.run(ready.run_sandbox(), "top", linux=_with(security))
    with pytest.raises(grpc.RpcError) as refused:
        exec_sync(ready, running, "/bin/ls")
    assert 'exec: "/bin/ls": permission denied' in (refused.value.details() or "")
    with pytest.raises(grpc.RpcError) as missing:
        exec_sync(ready, running, "ls")
    assert "executable file not found in $PATH" in (missing.value.details() or "")


def test_a_host_name_is_set_by_who_may_for_the_whole_pod(ready: Node) -> None:
    sandbox = ready.run_sandbox(hostname="before")
    linux = pb.LinuxContainerConfig()
    linux.security_context.capabilities.add_capabilities.append("SYS_ADMIN")
    may = ready.run(sandbox, "sleep", "99", linux=linux)
    other = ready.run(sandbox, "sleep", "99", name="other")
    assert exec_sync(ready, other, "hostname", "after").exit_code == 1
    assert exec_sync(ready, other, "hostname").stdout == b"before\n"
    assert exec_sync(ready, may, "hostname", "after").exit_code == 0
    assert exec_sync(
        ready, other, "sh", "-c", "hostname; cat /proc/sys/kernel/hostname"
    ).stdout == (b"after\nafter\n")


def test_a_mount_without_a_path_lies_on_the_root(ready: Node) -> None:
    mounts = [pb.Mount(host_path="/data")]
    made = ready.create(ready.run_sandbox(), "top", mounts=mounts)
    with pytest.raises(grpc.RpcError, match="executable file not found"):
        ready.start(made)
