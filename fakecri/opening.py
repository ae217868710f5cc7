"""A new world, and its host: all that is handed to them, put together."""

from collections.abc import Sequence
from typing import TextIO

from fakecri.core.addresses import SUBNET, parse_subnets
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.profiles import CONTAINERD
from fakecri.core.programs import Programs
from fakecri.core.recorder import Recorder
from fakecri.core.scheduler import Scheduler
from fakecri.core.upstream import Upstream
from fakecri.core.world import Parts, World
from fakecri.errors import UsageError
from fakecri.host import Host
from fakecri.pace import Manual, Pace
from fakecri.toolbox import find_toolbox
from fakecri.version import own_version


def open_host(  # noqa: PLR0913  # all that can be chosen, by keyword
    *,
    seed: int = 0,
    pace: Pace | None = None,
    files: Files | None = None,
    mounted: Files | None = None,
    record: TextIO | None = None,
    strict_images: bool = False,
    keep_calls: int | None = None,
    pod_subnets: Sequence[str] = (SUBNET,),
    disk_bytes: int | None = None,
    annotations: bool = False,
    upstream: Upstream | None = None,
    rules: Sequence[str] = (),
    mask: Sequence[str] = (),
) -> Host:
    """Return a host with a new world.

    `files` is where logs and checkpoints go (None: memory), `mounted` what mounts of host paths
    lead to (None: the same), `record` gets the recording as JSON Lines, `strict_images` lets only
    added images be pulled, `keep_calls` bounds `calls`, `disk_bytes` is how much the node's disk
    takes (None: 100 GiB).
    `pod_subnets`: where pods get their addresses, one of each, the primary one first.
    `annotations` lets those of pods choose what containers do. `upstream`: who answers the calls,
    where the world is not to. `rules` are the texts of those that are about to be armed, for the
    header of the recording. `mask` hides fields of messages from it, as Message.field.
    """
    pace = pace or Manual(jumps=True)
    programs = Programs()
    programs.toolbox = find_toolbox()
    world = World(
        Parts(
            scheduler=Scheduler(pace.start_ns),
            profile=CONTAINERD,
            files=files or MemoryFiles(),
            mounted=mounted,
            registry=Registry(strict=strict_images),
            programs=programs,
            recorder=lambda wall_ns, scheduler: Recorder(
                wall_ns, scheduler, record.write if record else None, keep_calls, mask
            ),
            seed=seed,
            subnets=parse_subnets(pod_subnets),
            annotations=annotations,
            upstream=upstream,
        )
    )
    if disk_bytes is not None:
        if disk_bytes < 0:
            raise UsageError(f"{disk_bytes} bytes: a disk has 0 bytes or more")
        world.disk.capacity_bytes = disk_bytes
    world.recorder.header(
        fakecri=own_version() if record else "",  # which takes a while to find out
        seed=seed,
        profile="upstream" if upstream else CONTAINERD.runtime_name,
        pace=pace.name,
        rules=list(rules),
    )
    return Host(world, pace)
