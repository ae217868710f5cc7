"""The root of /proc, as a process of a container sees it."""

from collections.abc import Callable

from fakecri.api import runtime_pb2 as pb
from fakecri.core.processes import Process
from fakecri.core.rootfs import proc_net, sysctls
from fakecri.core.rootfs.kernel import Kernel
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.proc_processes import ProcessFolder
from fakecri.core.rootfs.virtual import Folder, Shortcut, folder_of
from fakecri.core.scheduler import SECOND_NS

_VERSION = (
    "Linux version 6.1.0-28-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14)"
    " 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1"
    " (2024-11-22)\n"
)
_IPC = {
    "msg": "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
    "      stime      rtime      ctime\n",
    "sem": "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
    "shm": "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid"
    "  cgid      atime      dtime      ctime                   rss                  swap\n",
}
"""The heads of the tables of what System V's IPC has."""
_FILESYSTEMS = (
    "nodev\tsysfs\nnodev\ttmpfs\nnodev\tbdev\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\n"
    "nodev\tdevtmpfs\nnodev\tsecurityfs\nnodev\tsockfs\nnodev\tpipefs\nnodev\tramfs\n"
    "nodev\tdevpts\n\text3\n\text2\n\text4\nnodev\tmqueue\nnodev\toverlay\n"
)


def proc_root(kernel: Kernel, viewer: Process | None) -> Node:
    """Return /proc for one who looks; None: the runtime itself, which sees no processes."""
    makers = folder_of(
        {
            "cmdline": lambda: "BOOT_IMAGE=/boot/vmlinuz-6.1.0-28-amd64 root=/dev/sda1 ro quiet\n",
            "cpuinfo": lambda: _cpuinfo(kernel),
            "filesystems": lambda: _FILESYSTEMS,
            "loadavg": lambda: _loadavg(kernel),
            "meminfo": lambda: _meminfo(kernel),
            "stat": lambda: _stat(kernel),
            "uptime": lambda: _uptime(kernel),
            "version": lambda: _VERSION,
        }
    )
    makers["sys"] = lambda: sysctls.proc_sys(kernel)
    makers["sysvipc"] = lambda: _ipc(kernel)
    makers["net"] = lambda: Shortcut("self/net")
    makers["mounts"] = lambda: Shortcut("self/mounts")
    if viewer is not None:
        makers |= _processes(kernel, viewer)
    root = Folder(makers)
    root.mtime_ns = kernel.world.clock.wall_ns()
    return root


def _processes(kernel: Kernel, viewer: Process) -> dict[str, Callable[[], Node]]:
    makers: dict[str, Callable[[], Node]] = {}
    for number, process in kernel.processes():
        makers[str(number)] = _maker(kernel, number, process, viewer)
        if process is viewer:
            makers["self"] = _link(str(number))
            makers["thread-self"] = _link(f"{number}/task/{number}")
    return makers


def _maker(kernel: Kernel, number: int, process: Process, viewer: Process) -> Callable[[], Node]:
    def make() -> Node:
        node = ProcessFolder(kernel, number, process, viewer).node()
        if isinstance(node, Folder):
            node.add("net", lambda: proc_net.proc_net(kernel))
            node.mtime_ns = kernel.world.clock.wall_ns()
        return node

    return make


def _link(target: str) -> Callable[[], Node]:
    return lambda: Shortcut(target)


def _uptime(kernel: Kernel) -> str:
    up = kernel.up_ns / SECOND_NS
    return f"{up:.2f} {up * kernel.world.node.cpus:.2f}\n"


def _loadavg(kernel: Kernel) -> str:
    living = len(kernel.system.processes)
    return f"0.00 0.00 0.00 1/{living} {max(kernel.system.processes, default=0)}\n"


def _stat(kernel: Kernel) -> str:
    idle = kernel.up_ns * 100 // SECOND_NS
    cpus = kernel.world.node.cpus
    # Unsigned in the kernel too, where the wall was set to before the boot.
    booted = (kernel.world.clock.wall_ns() - kernel.up_ns) // SECOND_NS
    rows = [f"cpu  0 0 0 {idle * cpus} 0 0 0 0 0 0"]
    rows += [f"cpu{index} 0 0 0 {idle} 0 0 0 0 0 0" for index in range(cpus)]
    rows += ["intr 0", "ctxt 0", f"btime {booted % 2**64}", "processes 1", "procs_running 1"]
    return "\n".join([*rows, "procs_blocked 0"]) + "\n"


def _meminfo(kernel: Kernel) -> str:
    total = kernel.world.node.memory_bytes // 1024
    free = total * 3 // 4
    rows = {
        "MemTotal": total,
        "MemFree": free,
        "MemAvailable": free + total // 8,
        "Buffers": total // 64,
        "Cached": total // 8,
        "SwapCached": 0,
        "Active": total // 10,
        "Inactive": total // 10,
        "SwapTotal": 0,
        "SwapFree": 0,
        "Dirty": 0,
        "Writeback": 0,
        "AnonPages": total // 20,
        "Mapped": total // 40,
        "Shmem": 0,
        "Slab": total // 50,
    }
    return "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in rows.items())


def _cpuinfo(kernel: Kernel) -> str:
    return "".join(
        f"processor\t: {index}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
        "model name\t: Intel(R) Xeon(R) CPU @ 2.00GHz\nstepping\t: 3\ncpu MHz\t\t: 2000.000\n"
        f"cache size\t: 39424 KB\nphysical id\t: 0\nsiblings\t: {kernel.world.node.cpus}\n"
        f"core id\t\t: {index}\ncpu cores\t: {kernel.world.node.cpus}\n"
        "flags\t\t: fpu tsc msr cx8 sep cmov mmx fxsr sse sse2 ht syscall nx lm\n"
        "bogomips\t: 4000.00\n\n"
        for index in range(kernel.world.node.cpus)
    )


def _ipc(kernel: Kernel) -> Node:
    return Folder(folder_of({name: _ipc_table(kernel, name) for name in _IPC}))


def _ipc_table(kernel: Kernel, name: str) -> Callable[[], str]:
    """Return what is in the IPC namespace: a pod's is empty, the node's what the machine has."""

    def text() -> str:
        found = None
        # It is the pod's, whatever its containers say: runc joins it by the pause process.
        security = kernel.container.parent.config.linux.security_context
        if security.namespace_options.ipc == pb.NODE:
            found = kernel.of_machine(f"/proc/sysvipc/{name}")
        return _IPC[name] if found is None else found.decode(errors="replace")

    return text
