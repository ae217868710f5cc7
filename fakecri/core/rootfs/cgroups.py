"""/sys: the cgroup of a container as cgroup v2 shows it, and a few facts of the node."""

from fakecri.core.limits import Limits, limits_of
from fakecri.core.rootfs.kernel import Kernel
from fakecri.core.rootfs.nodes import Node
from fakecri.core.rootfs.virtual import Folder, folder_of

_CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc\n"
_DEFAULT_SHARES = 1024


def sys_root(kernel: Kernel) -> Node:
    """Return /sys."""
    cpus = kernel.world.node.cpus
    online = f"0-{cpus - 1}\n" if cpus > 1 else "0\n"
    cpu = Folder(folder_of({name: lambda: online for name in ("online", "possible", "present")}))
    system = Folder({"cpu": lambda: cpu})
    devices = Folder({"system": lambda: system})
    interfaces = sorted(each.name for each in kernel.system.network.links)
    classes = Folder({"net": lambda: Folder({name: lambda: Folder({}) for name in interfaces})})
    groups = Folder({"cgroup": lambda: Folder({})})
    empty = Folder({})
    return Folder(
        {
            "class": lambda: classes,
            "devices": lambda: devices,
            "fs": lambda: groups,
            "kernel": lambda: empty,
            "module": lambda: empty,
        }
    )


def cgroup_root(kernel: Kernel) -> Node:
    """Return /sys/fs/cgroup."""
    texts = {
        "cgroup.controllers": lambda: _CONTROLLERS,
        "cgroup.events": lambda: "populated 1\nfrozen 0\n",
        "cgroup.procs": lambda: _processes(kernel),
        "cgroup.type": lambda: "domain\n",
        "cpu.max": lambda: _cpu_max(kernel),
        "cpu.stat": lambda: _cpu_stat(kernel),
        "cpu.weight": lambda: f"{_weight(kernel)}\n",
        "cpuset.cpus": lambda: f"{kernel.container.resources.cpuset_cpus}\n",
        "cpuset.cpus.effective": lambda: _effective_cpus(kernel),
        "cpuset.mems": lambda: f"{kernel.container.resources.cpuset_mems}\n",
        "memory.current": lambda: f"{kernel.usage.levels.memory_bytes}\n",
        "memory.events": lambda: _memory_events(kernel),
        "memory.high": lambda: _unified(kernel, "memory.high", "max"),
        "memory.low": lambda: _unified(kernel, "memory.low", "0"),
        "memory.max": lambda: _memory_max(kernel),
        "memory.min": lambda: _unified(kernel, "memory.min", "0"),
        "memory.oom.group": lambda: f"{int(_limits(kernel).kills_all)}\n",
        "memory.stat": lambda: _memory_stat(kernel),
        "memory.swap.current": lambda: f"{kernel.usage.levels.swap_bytes}\n",
        "memory.swap.max": lambda: _swap_max(kernel),
        "pids.current": lambda: f"{len(kernel.system.processes)}\n",
        "pids.max": lambda: _unified(kernel, "pids.max", _most_processes(kernel)),
    }
    return Folder(folder_of(texts), 0o755)


def _limits(kernel: Kernel) -> Limits:
    return limits_of(kernel.container.resources, kernel.world.node)


def _unified(kernel: Kernel, name: str, otherwise: str) -> str:
    return f"{kernel.container.resources.unified.get(name, otherwise)}\n"


def _most_processes(kernel: Kernel) -> str:
    adjustment = kernel.container.adjustment
    limit = adjustment.linux.resources.pids.limit if adjustment else 0
    return str(limit) if limit > 0 else "max"


def _processes(kernel: Kernel) -> str:
    pids = kernel.system.pids
    numbers = [pids.number_of(each) for each in kernel.system.processes.values()]
    return "".join(f"{number}\n" for number in sorted(numbers))


def _cpu_max(kernel: Kernel) -> str:
    resources = kernel.container.resources
    period = resources.cpu_period or 100_000
    quota = str(resources.cpu_quota) if resources.cpu_quota > 0 else "max"
    return f"{quota} {period}\n"


def _weight(kernel: Kernel) -> int:
    """Return the weight of CPU shares, as runc converts them."""
    shares = kernel.container.resources.cpu_shares
    return 1 + (max(2, min(shares, 262_144)) - 2) * 9999 // 262_142 if shares else 100


def _cpu_stat(kernel: Kernel) -> str:
    counters = kernel.usage.counters
    rows = {
        "usage_usec": counters.cpu_ns // 1000,
        "user_usec": counters.user_ns // 1000,
        "system_usec": counters.system_ns // 1000,
        "nr_periods": counters.cfs_periods,
        "nr_throttled": counters.throttled_periods,
        "throttled_usec": counters.throttled_ns // 1000,
    }
    return _table(rows)


def _effective_cpus(kernel: Kernel) -> str:
    asked = kernel.container.resources.cpuset_cpus
    last = kernel.world.node.cpus - 1
    return f"{asked or (f'0-{last}' if last else '0')}\n"


def _memory_max(kernel: Kernel) -> str:
    limit = _limits(kernel).memory_bytes
    return f"{'max' if limit is None else limit // 4096 * 4096}\n"


def _swap_max(kernel: Kernel) -> str:
    limits = _limits(kernel)
    if limits.memory_bytes is None or limits.swap_bytes is None:
        return "max\n"
    return f"{limits.swap_bytes // 4096 * 4096}\n"


def _memory_events(kernel: Kernel) -> str:
    kills = kernel.container.oom_events
    return _table({"low": 0, "high": 0, "max": kills, "oom": kills, "oom_kill": kills})


def _memory_stat(kernel: Kernel) -> str:
    levels, counters = kernel.usage.levels, kernel.usage.counters
    rows = {
        "anon": levels.rss_bytes,
        "file": levels.cache_bytes,
        "kernel": levels.kernel_bytes,
        "file_mapped": levels.mapped_file_bytes,
        "inactive_anon": 0,
        "active_anon": levels.rss_bytes,
        "inactive_file": levels.inactive_file_bytes,
        "active_file": levels.active_file_bytes,
        "pgfault": counters.page_faults,
        "pgmajfault": counters.major_page_faults,
    }
    return _table(rows)


def _table(rows: dict[str, int]) -> str:
    return "".join(f"{name} {value}\n" for name, value in rows.items())
