"""A containerd of our own: its sockets, state, images and network live and die with one directory.

A guard process starts containerd and clears everything away when its standard input ends. So
nothing stays behind even when the test run is killed. By hand:

    python -m tests.real.containerd DIRECTORY    prints where it listens; ends with Ctrl-C or Ctrl-D
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.real import install
from tests.real.registry import registry
from tests.real.runtimes import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.real.oci import OciImage

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
GUARD_TIMEOUT_S = 300.0
"""For all that the guard does at the end, each of which has the time to stop."""
TOOLS = ("crictl", "containerd", "runc", "cni-plugins", "busybox", "ip")
VERSION = "1.6"
CGROUPS = Path("/sys/fs/cgroup")

CONFIG = """\
version = 2
root = "{home}/root"
state = "{home}/state"
[grpc]
  address = "{home}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{home}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  sandbox_image = "registry.k8s.io/pause:3.6"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_bin}"
    conf_dir = "{home}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{home}/runc"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{home}/certs.d"
"""


@dataclass(frozen=True)
class Address:
    """Where a runtime listens, the registry it can pull from, and the cgroup its pods belong in."""

    endpoint: str
    registry: str
    cgroup_parent: str


def obstacles() -> list[str]:
    """Why containerd cannot run here, a sentence each; empty when it can."""
    reasons = install.missing(*TOOLS)
    if reasons:
        return reasons
    if os.geteuid() != 0:
        return ["containerd: only root can run it"]
    if not _version().startswith(f"{VERSION}."):
        return [f"containerd: {VERSION} wanted, whose ways the tests know, not {_version()}"]
    return _confinements()


def _confinements() -> list[str]:
    """What root is not allowed to do here, as in a container without privileges."""
    reasons = []
    unshare = ["unshare", "--mount", "--net", "true"]
    if subprocess.run(unshare, check=False, capture_output=True).returncode != 0:
        reasons.append("containerd: no new namespaces may be made here")
    memory = CGROUPS / "memory"
    if not os.access(memory if memory.exists() else CGROUPS, os.W_OK):
        reasons.append("containerd: no cgroups may be made here")
    return reasons


def _version() -> str:
    answer = subprocess.run(["containerd", "--version"], check=True, capture_output=True, text=True)
    return answer.stdout.split()[2]


@contextmanager
def containerd() -> Iterator[Address]:
    """A running containerd; afterwards neither a process, nor a mount, nor a file of it is left."""
    with mortal_containerd() as (address, _):
        yield address


@contextmanager
def mortal_containerd(
    catalogue: str = "registry", inside: Sequence[str] = ()
) -> Iterator[tuple[Address, Callable[[str], None]]]:
    """Likewise; and what tells its guard to `kill` it, as kill -9 does, and to `start` it again.

    `catalogue` names the module that says what it can pull, `inside` are the words that run a
    command where it is to be.
    """
    home = Path(tempfile.mkdtemp(prefix="fcri-"))
    command = [*inside, sys.executable, "-m", "tests.real.containerd", str(home), catalogue]
    # A session of its own: Ctrl-C is for the tests, and they tell the guard.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=install.ROOT,
        start_new_session=True,
    ) as process:
        try:
            address = _read_address(process.stdout)
            yield address, lambda order: _tell(process, order)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            status = process.wait(GUARD_TIMEOUT_S)
    assert status == 0, f"the guard of containerd ended with {status}"


def _tell(guard: subprocess.Popen[bytes], order: str) -> None:
    if guard.stdin is None or guard.stdout is None:
        raise RuntimeError("the guard has no ear")
    guard.stdin.write(f"{order}\n".encode())
    guard.stdin.flush()
    assert guard.stdout.readline() == f"{order}\n".encode()


def _read_address(stream: IO[bytes] | None) -> Address:
    line = stream.readline() if stream else b""
    assert line, "containerd did not start; the reason is above"
    return Address(**json.loads(line))


def guard(home: Path, catalogue: Mapping[str, OciImage]) -> None:
    """Runs containerd in a directory until standard input ends, then leaves nothing of it."""
    with registry(catalogue) as registry_address:
        _write_configuration(home, registry_address)
        server = _start(home)
        try:
            _wait_until_ready(home, server)
            address = Address(_endpoint(home), registry_address, f"/{home.name}")
            print(json.dumps(asdict(address)), flush=True)  # noqa: T201  # this is its output
            for line in sys.stdin:
                server = _obey(line.strip(), home, server)
                print(line, end="", flush=True)  # noqa: T201  # likewise
        finally:
            _clear_away(home, server)


def _obey(order: str, home: Path, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    if order == "kill":
        server.kill()
        server.wait()
    elif order == "start":
        server = _start(home)
        _wait_until_ready(home, server)
    return server


def _start(home: Path) -> subprocess.Popen[bytes]:
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            ["containerd", "--config", str(home / "config.toml")],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _endpoint(home: Path) -> str:
    return f"unix://{home}/containerd.sock"


def _write_configuration(home: Path, registry_address: str) -> None:
    values = {"home": home, "cni_bin": install.CNI_BIN, "snapshotter": _snapshotter(home)}
    (home / "config.toml").write_text(CONFIG.format_map(values))
    hosts = home / "certs.d" / "_default" / "hosts.toml"
    hosts.parent.mkdir(parents=True)
    # Every registry there is answers from the loopback one.
    hosts.write_text(f'server = "http://{registry_address}"\n[host."http://{registry_address}"]\n')
    network = home / "cni" / "10-bridge.conflist"
    network.parent.mkdir()
    network.write_text(json.dumps(_network(home)))


def _network(home: Path) -> dict[str, object]:
    pid = os.getpid()  # of others there may be several at the same time
    ranges = [[{"subnet": f"10.{192 + pid // 256 % 32}.{pid % 256}.0/24"}]]
    bridge = {
        "type": "bridge",
        "bridge": _bridge(home),
        "isGateway": True,
        "ipam": {"type": "host-local", "dataDir": str(home / "ipam"), "ranges": ranges},
    }
    return {"cniVersion": "0.4.0", "name": _bridge(home), "plugins": [bridge]}


def _bridge(home: Path) -> str:
    """Interface names have at most 15 characters; the directory's name is short and unique."""
    return home.name[:15]


def _snapshotter(home: Path) -> str:
    """Overlayfs where it can be mounted; else native, which copies."""
    parts = {name: home / "probe" / name for name in ("lower", "upper", "work", "merged")}
    for part in parts.values():
        part.mkdir(parents=True)
    options = "lowerdir={lower},upperdir={upper},workdir={work}".format_map(parts)
    mount = ["mount", "-t", "overlay", "-o", options, "overlay", str(parts["merged"])]
    works = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    if works:
        subprocess.run(["umount", str(parts["merged"])], check=True)
    shutil.rmtree(home / "probe")
    return "overlayfs" if works else "native"


def _wait_until_ready(home: Path, server: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        if server.poll() is not None:
            raise RuntimeError((home / "log").read_text())
        return _crictl(home, "version").returncode == 0

    until(answers, "an answer from containerd", START_TIMEOUT_S)


def _crictl(home: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    crictl = install.find("crictl").path
    assert crictl is not None
    config = home / "crictl.yaml"
    config.write_text(f"runtime-endpoint: {_endpoint(home)}\ntimeout: 60\n")
    return subprocess.run(
        [crictl, "--config", config, *arguments],
        check=False,
        capture_output=True,
        timeout=STOP_TIMEOUT_S,
    )


def _clear_away(home: Path, server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        _crictl(home, "rmp", "--all", "--force")
        server.terminate()
        _reap(server)
    until(lambda: not _kill_strays(home), "the end of all processes", STOP_TIMEOUT_S)
    _unmount_below(home)
    subprocess.run(["ip", "link", "delete", _bridge(home)], check=False, capture_output=True)
    for result in Path("/var/lib/cni/results").glob(f"{_bridge(home)}-*"):
        result.unlink()
    until(lambda: _have_gone(_cgroups(home)), "the end of all cgroups", STOP_TIMEOUT_S)
    shutil.rmtree(home)


def _cgroups(home: Path) -> list[Path]:
    """Its cgroups, those within others first."""
    tops = [CGROUPS / home.name, *CGROUPS.glob(f"*/{home.name}")]
    return [Path(each) for top in tops for each, _, _ in os.walk(top, topdown=False)]


def _have_gone(cgroups: Sequence[Path]) -> bool:
    """Remove them; a process that is no more to be seen may still be in one for a moment."""
    try:
        for each in cgroups:
            each.rmdir()
    except OSError:
        return False
    return True


def _reap(server: subprocess.Popen[bytes]) -> None:
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _kill_strays(home: Path) -> list[Path]:
    strays = [entry for entry in Path("/proc").glob("[0-9]*") if _belongs(entry, home)]
    for stray in strays:
        with suppress(OSError):  # it has just ended
            _shim_socket(home, (stray / "cmdline").read_bytes()).unlink(missing_ok=True)
            os.kill(int(stray.name), signal.SIGKILL)
    return strays


def _shim_socket(home: Path, command: bytes) -> Path:
    """Where a shim with this command line listens, which it cannot clear away when it is killed."""
    arguments = command.decode().split("\0")
    shim = arguments[arguments.index("-id") + 1] if "-id" in arguments else ""
    name = hashlib.sha256(f"{home}/containerd.sock/k8s.io/{shim}".encode()).hexdigest()
    return Path("/run/containerd/s") / name


def _belongs(process: Path, home: Path) -> bool:
    """Whether it is a shim of this containerd, or a process inside one of its containers."""
    try:
        command = (process / "cmdline").read_bytes()
        if command.startswith((b"/usr/bin/containerd", b"containerd")):
            return os.fsencode(home) in command
        inside = (process / "ns" / "mnt").readlink() != Path("/proc/self/ns/mnt").readlink()
        mounts = (process / "mountinfo").read_text().splitlines()
        # Others have copies of the mounts here, if they took a namespace of their own meanwhile.
        roots = [mount for mount in mounts if mount.split()[4] == "/"]
        return inside and any(str(home) in root for root in roots)
    except OSError:  # it has just ended
        return False


def _unmount_below(home: Path) -> None:
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if mount.startswith(f"{home}/")]):
        subprocess.run(["umount", "--lazy", mount], check=True)


def main() -> int | str:
    """The guard process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home, *catalogue = map(Path, sys.argv[1:])
    module = import_module(f"tests.real.{catalogue[0] if catalogue else 'registry'}")
    home.mkdir(exist_ok=True)
    if any(home.iterdir()):
        return f"{home} is not empty"
    with suppress(KeyboardInterrupt):  # the way to end it by hand
        guard(home, module.catalogue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
