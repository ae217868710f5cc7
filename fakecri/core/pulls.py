"""A pull: resolve, fetch what is missing, unpack, store; or leave nothing behind.

Source: spec images 1.6. The order of the requests is containerd's, and what is there is not asked
for again.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core import registry_texts as texts
from fakecri.core.credentials import read_credentials, registry_host
from fakecri.core.daemon_config import SNAPSHOTTER
from fakecri.core.downloads import Download, Order
from fakecri.core.executables import quoted
from fakecri.core.image_registry import (
    ImageContent,
    ImageNotFound,
    Layer,
    RegistryUnreachable,
    Resolution,
)
from fakecri.core.image_store import StoredImage
from fakecri.core.references import Reference
from fakecri.core.registry_hosts import NO_CONNECTION, Failure, RegistryHost
from fakecri.core.registry_texts import LAYER_TYPE, Target
from fakecri.core.scheduler import SECOND_NS, Future, Waits, first_of
from fakecri.core.world import World
from fakecri.errors import CancelledError, CRIError, NotFoundError, at_stage, wrapped

REPORT_NS = 10 * SECOND_NS
"""How often containerd looks whether a pull makes progress."""


def pull(
    world: World,
    reference: Reference,
    auth: pb.AuthConfig,
    rules: RegistryHost | None = None,
    halfway: Iterable[Future[Any]] = (),
) -> Waits[StoredImage]:
    """Pull; the registry is asked every time, and nothing is stored before it is all there.

    `rules` are for this pull alone, in place of those of the host. It is half-way when all is
    there and nothing is stored.
    """
    return (yield from _Pull(world, reference, rules).run(auth, halfway))


class _Pull:
    def __init__(self, world: World, reference: Reference, rules: RegistryHost | None) -> None:
        self.world = world
        self.reference = reference
        self.host = rules or world.registry.hosts.find(reference)
        self.began_ns = world.scheduler.now_ns
        self._says = world.profile.pull_texts
        self._failed = f'failed to pull and unpack image "{reference}"'
        self._failure = self.host and self.host.meet(reference.path, self.began_ns)
        self._held: list[Download] = []

    def run(self, auth: pb.AuthConfig, halfway: Iterable[Future[Any]]) -> Waits[StoredImage]:
        with wrapped(self._failed), wrapped(self._says.resolving.format(reference=self.reference)):
            resolution = yield from self._resolve(auth)
        try:
            with wrapped(self._failed):
                yield from self._complete(resolution)
            with at_stage(self._failed):
                yield from halfway
            return self._store(resolution)
        finally:
            for download in self._held:
                self.world.downloads.leave(download)

    def _complete(self, resolution: Resolution) -> Waits[None]:
        """Fetch what is missing."""
        if not self.world.images.is_whole(resolution.content.id):
            yield from self._fetch_all(resolution.content)

    def _store(self, resolution: Resolution) -> StoredImage:
        """Unpack, and give it its names."""
        with wrapped(self._failed):
            if not self.world.images.is_whole(resolution.content.id):
                for download in self._held:
                    self.world.downloads.settle(download)
                require_unpacked(self.world, resolution)
            return self.world.images.pull(self.reference, resolution)

    def _failure_at(self, place: str) -> Failure | None:
        return self._failure if self._failure and self._failure.at == place else None

    # Resolving.

    def _resolve(self, auth: pb.AuthConfig) -> Waits[Resolution]:
        target = Target(self.reference, "resolve")
        failure = self._failure_at("resolve")
        latency_ns = self.host.latency_ns if self.host is not None else None
        with wrapped(target.request):
            yield from self.world.scheduler.sleep(
                self.world.node.pull_ns if latency_ns is None else latency_ns
            )
            if failure is not None and failure.kind == "hang":
                yield from _nothing(self.world)
        if failure is not None and failure.kind in NO_CONNECTION:
            raise texts.connection_error(target, failure.kind)
        return self._ask(target, auth)

    def _ask(self, target: Target, auth: pb.AuthConfig) -> Resolution:
        """Return what the registry has. It asks who comes before it looks."""
        try:
            resolution = self.world.registry.resolve(self.reference)
        except RegistryUnreachable as error:
            raise CRIError(str(error)) from error
        except ImageNotFound as error:
            self._admit(target, auth)
            raise NotFoundError(f"{error}: not found") from error
        self._admit(target, auth)
        return resolution

    def _admit(self, target: Target, auth: pb.AuthConfig) -> None:
        server = registry_host(self.reference)
        with wrapped(f"failed to get credentials for {quoted(server)}"):
            who = read_credentials(auth, server)
        if self.host is None:
            return
        failure = self._failure_at("resolve")
        refused = failure is not None and failure.kind == "401"
        if refused or not self.host.lets_in(self.reference.path, who):
            raise texts.refusal(self.host, target, who, self._says)
        if failure is not None and failure.status:
            raise texts.status_error(target, failure, self._says)

    # Fetching.

    def _fetch_all(self, content: ImageContent) -> Waits[None]:
        manifest = Target(self.reference, "manifest", content.manifest_digest)
        config = Target(self.reference, "config", content.id)
        yield from self._fetch([(manifest, len(content.manifest_json))])
        yield from self._fetch([(config, len(content.config_json))])
        yield from self._fetch(
            [
                (Target(self.reference, "layer", layer.digest), layer.size_bytes)
                for chain_id, layer in zip(content.chain_ids, content.layers, strict=True)
                if not self.world.images.has_layer(chain_id)
            ]
        )

    def _fetch(self, wanted: list[tuple[Target, int]]) -> Waits[None]:
        """Fetch what is wanted, all at once. If something goes wrong, it does with the last."""
        downloads = []
        for index, (target, size_bytes) in enumerate(wanted, start=1):
            failure = self._failure_at(target.kind) if index == len(wanted) else None
            downloads.append(self.world.downloads.join(self._order(target, size_bytes, failure)))
            self._held.append(downloads[-1])
        _raise_first(downloads)
        while waited := [each for each in downloads if not each.task.done]:
            yield from self._await(waited)
            _raise_first(downloads)

    def _await(self, downloads: list[Download]) -> Waits[None]:
        scheduler, timeout_ns = self.world.scheduler, self.world.node.pull_progress_timeout_ns
        seen_ns = self._progress_seen_ns(downloads)
        alarm: Future[None] = Future(scheduler)
        if timeout_ns:
            alarm = scheduler.sleep(max(0, seen_ns + timeout_ns - scheduler.now_ns))
        with wrapped("failed to copy"):
            yield from first_of(scheduler, alarm, *(each.task for each in downloads))
            if alarm.done and self._progress_seen_ns(downloads) == seen_ns:
                raise CancelledError.by_client()

    def _progress_seen_ns(self, downloads: list[Download]) -> int:
        """Return when containerd saw the last byte, or saw that no request was open."""
        last_ns = max(each.progressed_ns for each in downloads)
        if not any(each.is_active for each in downloads):
            last_ns = self.world.scheduler.now_ns
        reports = -(-(last_ns - self.began_ns) // REPORT_NS)
        return self.began_ns + reports * REPORT_NS

    def _order(self, target: Target, size_bytes: int, failure: Failure | None) -> Order:
        path = texts.ingest_path(self.world.profile.root, target)
        order = Order(target.digest, size_bytes, self.host, path)
        if failure is None:
            return order
        if failure.status or failure.kind in NO_CONNECTION:
            unopened = texts.open_error(target, failure, self._says)
            return replace(order, begin=lambda: _fail(unopened))
        stop_at = size_bytes * failure.percent // 100
        if failure.kind == "hang":
            return replace(order, stop_at=stop_at, stop=lambda: _nothing(self.world))
        stop_at = size_bytes if failure.kind == "digest" else min(stop_at, size_bytes - 1)
        error = texts.body_error(target, failure.kind, size_bytes, stop_at, self._says)
        return replace(order, stop_at=stop_at, stop=lambda: _fail(error))


def _nothing(world: World) -> Waits[None]:
    """Wait for what never comes."""
    yield from Future[None](world.scheduler)


def _fail(error: CRIError) -> Waits[None]:
    yield from ()
    raise error


def _raise_first(downloads: list[Download]) -> None:
    for download in downloads:
        error = download.task.error if download.task.done else None
        if isinstance(error, CRIError):
            # Not the error itself, which others may get too.
            raise CRIError(error.message, error.code)
        if isinstance(error, OSError):
            raise texts.ingest_error(download.order.ingest, opened=download.inodes > 0)
        if error is not None:
            raise error


def require_unpacked(world: World, resolution: Resolution) -> None:
    """Raise where there is no room for what was fetched, or to unpack a layer of it."""
    content = resolution.content
    layers = list(zip(content.chain_ids, content.layers, strict=True))
    fresh = [each for each in layers if not world.images.has_layer(each[0])]
    whole = world.images.room_of(content, resolution.size_bytes)
    bytes_ = whole.bytes - sum(layer.unpacked_bytes for _, layer in fresh)
    inodes = whole.inodes - sum(layer.inodes for _, layer in fresh)
    for chain_id, layer in fresh or layers[-1:]:
        bytes_ += layer.unpacked_bytes if fresh else 0
        inodes += layer.inodes if fresh else 0
        if not world.disk.has_room(bytes_, inodes):
            raise _extraction_error(world, content, chain_id, layer)


def _extraction_error(world: World, content: ImageContent, chain_id: str, layer: Layer) -> CRIError:
    random = world.new_id("extraction")
    root = f"{world.profile.root}/tmpmounts/containerd-mount{int(random[:8], 16)}"  # noqa: S108  # said, not used
    callback = f"mount callback failed on {root}: "
    is_base = chain_id == content.chain_ids[0]
    if not is_base:  # overlayfs is written to where it is
        root = f"{world.profile.root}/io.containerd.snapshotter.v1.{SNAPSHOTTER}/snapshots"
        root, callback = f"{root}/{int(random[:2], 16)}/fs", ""
    moment = f"{world.clock.wall_ns() % SECOND_NS}-{world.new_token()[:4]}"
    return CRIError(
        f"failed to extract layer ({LAYER_TYPE} {layer.digest}) to {SNAPSHOTTER} as "
        f'"extract-{moment} {chain_id}": {callback}write {root}{_biggest_file(content, is_base)}: '
        "no space left on device"
    )


def _biggest_file(content: ImageContent, is_base: bool) -> str:  # two kinds
    """Return a file of a layer that is likely to be the one that had no room."""
    shared = {
        "busybox": "/bin/busybox",
        "alpine": "/bin/busybox",
        "debian": "/usr/lib/x86_64-linux-gnu/libc.so.6",
    }
    program = next(iter(content.recipe.argv), "")
    own = program if program.startswith("/") else f"/usr/local/bin/{program or 'app'}"
    return shared.get(content.recipe.base, own) if is_base else own
