"""Players on runtimes that are reached over the wire, and what they clear away at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import UsageError
from fakecri.verify.playing import Player
from fakecri.verify.requests import Run
from fakecri.verify.sides import log_directory, new_name, reached, today


@dataclass(frozen=True)
class Place:
    """Where a runtime is, and how pods are made there."""

    endpoint: str
    image: str
    logs: Path | None = None
    """Where pods have their logs; None: in a new directory, which is removed."""
    cgroup_parent: str = ""
    runtime_handler: str = ""


@dataclass(frozen=True)
class Opened:
    """A runtime that is ready to be played on."""

    player: Player
    about: dict[str, str]
    """What a transcript tells of it: `runtime`, `version`, `date` and `image`."""


@contextmanager
def opened(place: Place, role: str) -> Iterator[Opened]:
    """Open a runtime. UsageError where there is none, or not the image."""
    with reached(place.endpoint) as side, log_directory(place.logs) as logs:
        version = side.runtime.Version(pb.VersionRequest())
        name = new_name(role[0])
        run = Run(name, place.image, f"{logs}/{name}", place.cgroup_parent, place.runtime_handler)
        player = Player(side, run)
        try:
            player.check()
        except UsageError as error:
            raise UsageError(f"{place.endpoint}: {error}") from error
        about = {"runtime": version.runtime_name, "version": version.runtime_version}
        yield Opened(player, about | {"date": today(), "image": place.image})
