"""A new world, and its host: all that is handed to them, put together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TextIO

from fakecri.core.addresses import SUBNET, parse_subnets
from fakecri.core.faults.grammar import parse_rule
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.levels import chosen_level
from fakecri.core.personalities import UPSTREAM, profile_of
from fakecri.core.profiles import Profile
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
    api_level: str = "",
    personality: str = "",
    image_fs: str = "",
    is_replay: bool = False,
) -> Host:
    """Return a host with a new world.

    `files` is where logs and checkpoints go (None: memory), `mounted` what mounts of host paths
    lead to (None: the same), `record` gets the recording as JSON Lines, `strict_images` lets only
    added images be pulled, `keep_calls` bounds `calls`, `disk_bytes` is how much the node's disk
    takes (None: 100 GiB).
    `pod_subnets`: where pods get their addresses, one of each, the primary one first.
    `annotations` lets those of pods choose what containers do. `upstream`: who answers the calls,
    where the world is not to. `rules` are the texts of those that are about to be armed, for the
    header of the recording. With `is_replay` the rules of a personality do not act: they have, on
    what is answered. `mask` hides fields of messages from it, as Message.field.
    `personality` is the runtime that is played: see `profile_of`. `api_level`: the Kubernetes minor
    whose API is spoken, and `image_fs` what is told as the place of images (empty: its own).
    """
    pace, profile = pace or Manual(jumps=True), _placed(profile_of(personality), image_fs)
    world = World(
        Parts(
            scheduler=Scheduler(pace.start_ns),
            profile=profile,
            files=files or MemoryFiles(),
            mounted=mounted,
            registry=Registry(strict=strict_images),
            programs=_programs(),
            recorder=lambda wall_ns, scheduler: Recorder(
                wall_ns, scheduler, record.write if record else None, keep_calls, mask
            ),
            seed=seed,
            subnets=parse_subnets(pod_subnets),
            annotations=annotations,
            upstream=upstream,
            level=chosen_level(api_level or profile.api_level, v1alpha2=profile.v1alpha2),
        )
    )
    if disk_bytes is not None:
        _size_disk(world, disk_bytes)
    # The version takes a while to find out.
    _write_header(world, own_version() if record else "", pace=pace.name, rules=list(rules))
    for text in () if upstream or is_replay else profile.rules:
        world.faults.arm(parse_rule(text))
    return Host(world, pace)


def _placed(profile: Profile, image_fs: str) -> Profile:
    return replace(profile, image_fs=image_fs, container_fs="") if image_fs else profile


def _programs() -> Programs:
    programs = Programs()
    programs.toolbox = find_toolbox()
    return programs


def _write_header(world: World, version: str, **facts: Any) -> None:
    world.recorder.header(
        fakecri=version,
        seed=world.seed,
        profile=UPSTREAM if world.upstream else world.profile.name,
        **({"api_level": world.level.name} if world.level else {}),
        **facts,
    )


def _size_disk(world: World, disk_bytes: int) -> None:
    if disk_bytes < 0:
        raise UsageError(f"{disk_bytes} bytes: a disk has 0 bytes or more")
    world.disk.capacity_bytes = disk_bytes
