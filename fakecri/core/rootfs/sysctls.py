"""/proc/sys: the kernel's settings as a pod has them, those of its config over the defaults.

Source: the defaults of Linux 6.1, and what a network or IPC namespace starts with.
"""

from collections.abc import Callable

from fakecri.core.rootfs.kernel import Kernel
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.virtual import Folder, Text

_DEFAULTS = {
    "fs.file-max": "9223372036854775807",
    "fs.inotify.max_user_instances": "128",
    "fs.inotify.max_user_watches": "249421",
    "fs.mqueue.msg_default": "10",
    "fs.mqueue.msg_max": "10",
    "fs.mqueue.msgsize_default": "8192",
    "fs.mqueue.msgsize_max": "8192",
    "fs.mqueue.queues_max": "256",
    "fs.nr_open": "1048576",
    "fs.pipe-max-size": "1048576",
    "kernel.cap_last_cap": "40",
    "kernel.domainname": "(none)",
    "kernel.msgmax": "8192",
    "kernel.msgmnb": "16384",
    "kernel.msgmni": "32000",
    "kernel.ngroups_max": "65536",
    "kernel.osrelease": "6.1.0-28-amd64",
    "kernel.ostype": "Linux",
    "kernel.overflowgid": "65534",
    "kernel.overflowuid": "65534",
    "kernel.pid_max": "4194304",
    "kernel.sem": "32000\t1024000000\t500\t32000",
    "kernel.shm_rmid_forced": "0",
    "kernel.shmall": "18446744073692774399",
    "kernel.shmmax": "18446744073692774399",
    "kernel.shmmni": "4096",
    "kernel.threads-max": "254869",
    "kernel.version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)",
    "net.core.somaxconn": "4096",
    "net.ipv4.ip_forward": "0",
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv4.ping_group_range": "1\t0",
    "net.ipv4.tcp_fin_timeout": "60",
    "net.ipv4.tcp_keepalive_intvl": "75",
    "net.ipv4.tcp_keepalive_probes": "9",
    "net.ipv4.tcp_keepalive_time": "7200",
    "net.ipv4.tcp_rmem": "4096\t131072\t6291456",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
    "vm.max_map_count": "65530",
    "vm.overcommit_memory": "0",
    "vm.swappiness": "60",
}


def settings(kernel: Kernel) -> dict[str, str]:
    """Return all settings of a container, by their names with dots."""
    container, world = kernel.container, kernel.world
    network = kernel.system.network
    found = {
        **_DEFAULTS,
        "kernel.hostname": container.parent.uts.hostname or container.spec.hostname,
        "kernel.random.boot_id": _uuid(world.boot_id),
        "net.ipv4.ip_unprivileged_port_start": str(network.unprivileged_start),
        "net.ipv4.ping_group_range": "\t".join(map(str, network.ping_groups)),
    }
    asked = container.parent.config.linux.sysctls
    plain = {name.replace("/", "."): "\t".join(value.split()) for name, value in asked.items()}
    return {**found, **plain, **container.parent.sysctls}


def _uuid(digits: str) -> str:
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
    return "-".join(parts)


def proc_sys(kernel: Kernel) -> Node:
    """Return the directory."""
    return _folder(kernel, "", settings(kernel))


def _folder(kernel: Kernel, prefix: str, found: dict[str, str]) -> Node:
    names = [name.removeprefix(prefix) for name in sorted(found) if name.startswith(prefix)]
    makers: dict[str, Callable[[], Node]] = {}
    for name in names:
        first, dot, _ = name.partition(".")
        path = prefix + first
        makers[first] = _deeper(kernel, f"{path}.", found) if dot else _leaf(kernel, path, found)
    return Folder(makers)


def _deeper(kernel: Kernel, prefix: str, found: dict[str, str]) -> Callable[[], Node]:
    return lambda: _folder(kernel, prefix, found)


def _leaf(kernel: Kernel, name: str, found: dict[str, str]) -> Callable[[], Node]:
    def written(value: bytes) -> None:
        kernel.container.parent.sysctls[name] = value.decode(errors="replace").strip()

    return lambda: Text(lambda: f"{found[name]}\n", 0o644, written=written)
