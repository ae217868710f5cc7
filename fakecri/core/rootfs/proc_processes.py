"""The directory of a process in /proc."""

import posixpath
from collections.abc import Callable

from fakecri.api import nri_pb2 as nri
from fakecri.core.capabilities import capability_mask
from fakecri.core.pipes import Stdin
from fakecri.core.processes import Process
from fakecri.core.rootfs import mount_tables
from fakecri.core.rootfs.kernel import Kernel
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.streams import StreamNode
from fakecri.core.rootfs.virtual import Folder, Shortcut, Text, folder_of
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.terminals import terminal_of

_COMM_BYTES = 15
_TICKS = 100
_UNLIMITED = 2**64 - 1
_LIMITS = (  # of the system call, name, soft, hard, unit
    ("CPU", "Max cpu time", "unlimited", "unlimited", "seconds"),
    ("FSIZE", "Max file size", "unlimited", "unlimited", "bytes"),
    ("DATA", "Max data size", "unlimited", "unlimited", "bytes"),
    ("STACK", "Max stack size", "8388608", "unlimited", "bytes"),
    ("CORE", "Max core file size", "unlimited", "unlimited", "bytes"),
    ("RSS", "Max resident set", "unlimited", "unlimited", "bytes"),
    ("NPROC", "Max processes", "unlimited", "unlimited", "processes"),
    ("NOFILE", "Max open files", "1048576", "1048576", "files"),
    ("MEMLOCK", "Max locked memory", "8388608", "8388608", "bytes"),
    ("AS", "Max address space", "unlimited", "unlimited", "bytes"),
    ("LOCKS", "Max file locks", "unlimited", "unlimited", "locks"),
    ("SIGPENDING", "Max pending signals", "127434", "127434", "signals"),
    ("MSGQUEUE", "Max msgqueue size", "819200", "819200", "bytes"),
    ("NICE", "Max nice priority", "0", "0", ""),
    ("RTPRIO", "Max realtime priority", "0", "0", ""),
    ("RTTIME", "Max realtime timeout", "unlimited", "unlimited", "us"),
)


class ProcessFolder:
    """What /proc shows of one process."""

    def __init__(self, kernel: Kernel, number: int, process: Process, viewer: Process) -> None:
        self.kernel = kernel
        self.number = number
        self.process = process
        self.viewer = viewer

    def node(self) -> Node:
        """Return the directory."""
        uid = self.process.euid
        texts: dict[str, Callable[[], str]] = {
            "cgroup": self.cgroup,
            "cmdline": self.cmdline,
            "comm": lambda: f"{self.comm}\n",
            "gid_map": lambda: self.id_map("gid"),
            "limits": lambda: _limits(self.kernel.container.adjustment),
            "mountinfo": lambda: mount_tables.mountinfo(self.kernel.mounts),
            "mounts": lambda: mount_tables.mounts(self.kernel.mounts),
            "oom_score": lambda: "0\n",
            "oom_score_adj": lambda: f"{self.kernel.container.resources.oom_score_adj}\n",
            "setgroups": lambda: "allow\n",
            "stat": self.stat,
            "statm": lambda: f"{self.pages} {self.pages} 0 1 0 {self.pages} 0\n",
            "status": self.status,
            "uid_map": lambda: self.id_map("uid"),
        }
        makers = folder_of(texts)
        makers["environ"] = lambda: Text(self.environ, 0o400, uid=uid)
        makers["cwd"] = lambda: Shortcut(self.process.spec.cwd)
        makers["exe"] = lambda: Shortcut(self.executable)
        makers["root"] = lambda: Shortcut("/")
        makers["fd"] = lambda: Folder(self.streams(), 0o500, uid=uid)
        return Folder(dict(sorted(makers.items())), uid=uid)

    @property
    def argv(self) -> tuple[str, ...]:
        """Its arguments, or the title that it gave itself."""
        return self.process.title or self.process.spec.argv

    @property
    def comm(self) -> str:
        """The name of its program."""
        name = posixpath.basename((self.process.spec.argv or ("",))[0])
        return name.encode(errors="surrogateescape")[:_COMM_BYTES].decode(errors="surrogateescape")

    @property
    def executable(self) -> str:
        """The path of its program."""
        spec = self.process.spec
        name = (spec.argv or ("",))[0]
        if "/" in name:
            return posixpath.normpath(posixpath.join(spec.cwd, name))
        files = self.viewer.files
        for directory in spec.environment.get("PATH", "/bin:/usr/bin").split(":"):
            path = posixpath.join(directory, name)
            if files.access(path, "x") and not files.is_dir(path):
                return files.realpath(path)
        return f"/{name}"

    @property
    def pages(self) -> int:
        """The memory that it holds: the container's, shared out."""
        living = max(1, len(self.kernel.system.processes))
        return self.kernel.usage.levels.rss_bytes // living // 4096

    @property
    def parent(self) -> int:
        """The number of its parent, where that is seen."""
        above = self.process.parent
        return self.kernel.system.pids.number_of(above) if above is not None else 0

    @property
    def state(self) -> str:
        """Who looks runs; all others wait for something."""
        return "R (running)" if self.process is self.viewer else "S (sleeping)"

    def cmdline(self) -> str:
        return "".join(f"{each}\0" for each in self.argv)

    def environ(self) -> str:
        pairs = self.process.spec.environment.items()
        return "".join(f"{name}={value}\0" for name, value in pairs)

    def cgroup(self) -> str:
        if not self.kernel.security.privileged:
            return "0::/\n"
        adjustment = self.kernel.container.adjustment
        if adjustment is not None and adjustment.linux.cgroups_path:
            return f"0::/{adjustment.linux.cgroups_path.strip('/')}\n"
        parent = self.kernel.container.sandbox_config.linux.cgroup_parent or "/k8s.io"
        return f"0::/{parent.strip('/')}/{self.kernel.container.id}\n"

    def id_map(self, kind: str) -> str:
        options = self.kernel.security.namespace_options.userns_options
        rows = options.uids if kind == "uid" else options.gids
        if not rows:
            own = self.kernel.of_machine(f"/proc/self/{kind}_map")
            return own.decode() if own else f"{0:10} {0:10} {2**32 - 1:10}\n"
        return "".join(
            f"{each.container_id:10} {each.host_id:10} {each.length:10}\n" for each in rows
        )

    def streams(self) -> dict[str, Callable[[], Node]]:
        return {str(number): self.stream(number) for number in range(3)}

    def stream(self, number: int) -> Callable[[], Node]:
        process = self.process
        stream = (process.stdin, process.stdout, process.stderr)[number]
        terminal = terminal_of(stream)
        closed = isinstance(process.stdin, Stdin) and process.stdin.closed
        if terminal is not None:
            target = f"/dev/pts/{terminal.number}"
        elif number == 0 and closed:
            target = "/dev/null"
        else:
            target = f"pipe:[{process.pid * 10 + number}]"

        def opened() -> Node:
            inode = process.pid * 10 + number
            if terminal is not None:
                return StreamNode(inode, terminal, terminal, tty=terminal.number)
            reader = process.stdin if number == 0 else None
            return StreamNode(inode, reader, (None, process.stdout, process.stderr)[number])

        return lambda: Shortcut(target, opened)

    def stat(self) -> str:
        started = (self.process.started_ns - self.kernel.world.began_ns) * _TICKS // SECOND_NS
        started += 100_000
        comm, state = self.comm, self.state[0]
        head = f"{self.number} ({comm}) {state} {self.parent} {self.number} {self.number} 0 -1"
        tail = f"20 0 1 0 {started} {self.pages * 4096} {self.pages} 18446744073709551615"
        return f"{head} 4194304{' 0' * 8} {tail} 1 1{' 0' * 10} 17{' 0' * 14}\n"

    def status(self) -> str:
        rows = {
            "Name": self.comm,
            "Umask": f"{self.process.umask:04o}",
            "State": self.state,
            "Tgid": self.number,
            "Ngid": 0,
            "Pid": self.number,
            "PPid": self.parent,
            "TracerPid": 0,
            **self.identity(),
            "NStgid": self.number,
            "NSpid": self.number,
            "NSpgid": self.number,
            "NSsid": self.number,
            **dict.fromkeys(("VmPeak", "VmSize", "VmHWM", "VmRSS"), f"{self.pages * 4:8} kB"),
            "Threads": 1,
            **self.privileges(),
        }
        cpus = self.kernel.world.node.cpus
        rows["Cpus_allowed"] = f"{(1 << cpus) - 1:x}"
        rows["Cpus_allowed_list"] = f"0-{cpus - 1}" if cpus > 1 else "0"
        rows["voluntary_ctxt_switches"] = 1
        rows["nonvoluntary_ctxt_switches"] = 0
        return "".join(f"{name}:\t{value}\n" for name, value in rows.items())

    def identity(self) -> dict[str, object]:
        user, euid = self.process.spec.user, self.process.euid
        groups = "".join(f"{each} " for each in user.groups)
        return {
            "Uid": f"{user.uid}\t{euid}\t{euid}\t{euid}",
            "Gid": "\t".join([str(user.gid)] * 4),
            "FDSize": 64,
            "Groups": groups,
        }

    def privileges(self) -> dict[str, object]:
        security = self.kernel.system.security
        effective = capability_mask(security.effective(self.process.euid))
        masks = {"Inh": 0, "Prm": effective, "Eff": effective}
        masks |= {"Bnd": capability_mask(security.bounding), "Amb": 0}
        return {
            **{f"Cap{name}": f"{mask:016x}" for name, mask in masks.items()},
            "NoNewPrivs": int(security.no_new_privs),
            "Seccomp": security.seccomp_mode,
            "Seccomp_filters": int(security.seccomp_mode > 0),
        }


def _limits(adjustment: nri.ContainerAdjustment | None) -> str:
    """Return the limits; the last one of a kind that plugins of NRI have set holds."""
    own = {each.type: each for each in adjustment.rlimits} if adjustment else {}
    rows = [("Limit", "Soft Limit", "Hard Limit", "Units")]
    for kind, name, soft, hard, unit in _LIMITS:
        found = own.get(f"RLIMIT_{kind}")
        if found is not None:
            soft, hard = (_limit(each) for each in (found.soft, found.hard))  # noqa: PLW2901
        rows.append((name, soft, hard, unit))
    return "".join(
        f"{name:<25} {soft:<20} {hard:<20} {unit:<10}\n" for name, soft, hard, unit in rows
    )


def _limit(number: int) -> str:
    return "unlimited" if number == _UNLIMITED else str(number)
