"""What plugins want of the resources of containers that there are already."""

from collections.abc import Mapping
from typing import Any

from fakecri.api import nri_pb2 as nri
from fakecri.core.executables import quoted
from fakecri.core.nri.ownership import Owners
from fakecri.errors import CRIError

_MEMORY = {
    "limit": nri.MemLimit,
    "reservation": nri.MemReservation,
    "swap": nri.MemSwapLimit,
    "kernel": nri.MemKernelLimit,
    "kernel_tcp": nri.MemTCPLimit,
    "swappiness": nri.MemSwappiness,
    "disable_oom_killer": nri.MemDisableOomKiller,
    "use_hierarchy": nri.MemUseHierarchy,
}
_CPU = {
    "shares": nri.CPUShares,
    "quota": nri.CPUQuota,
    "period": nri.CPUPeriod,
    "realtime_runtime": nri.CPURealtimeRuntime,
    "realtime_period": nri.CPURealtimePeriod,
    "cpus": nri.CPUSetCPUs,
    "mems": nri.CPUSetMems,
}
_CLASSES = {"blockio_class": nri.BlockioClass, "rdt_class": nri.RdtClass}


class Claims:
    """The fields that one plugin sets of one container."""

    def __init__(self, owners: Owners, container_id: str, plugin: str) -> None:
        self._owners = owners
        self.container_id = container_id
        self.plugin = plugin

    def claim(self, field: int, key: str | None = None) -> None:
        """Set a field, or what has a name in it. CRIError where another plugin has set it."""
        self._owners.claim(self.container_id, field, self.plugin, key)

    def clear(self, field: int, key: str | None = None) -> None:
        """Remove what was set."""
        self._owners.clear(self.container_id, field, self.plugin, key)

    def join(self, field: int) -> None:
        """Add to a field that several may add to."""
        self._owners.join(self.container_id, field, self.plugin)


def set_resources(claims: Claims, asked: nri.LinuxResources, *targets: nri.LinuxResources) -> None:
    """Set in all `targets` what a plugin asks for; of lists it adds to them."""
    _set_each(claims, asked.memory, _MEMORY, [each.memory for each in targets])
    _set_each(claims, asked.cpu, _CPU, [each.cpu for each in targets])
    for limit in asked.hugepage_limits:
        claims.claim(nri.HugepageLimits, limit.page_size)
        for target in targets:
            target.hugepage_limits.append(limit)
    for key in sorted(asked.unified):
        claims.claim(nri.CgroupsUnified, key)
        for target in targets:
            target.unified[key] = asked.unified[key]
    _set_each(claims, asked, _CLASSES, targets)


def _set_each(claims: Claims, asked: Any, fields: Mapping[str, int], targets: Any) -> None:
    for name, field in fields.items():
        is_message = asked.DESCRIPTOR.fields_by_name[name].message_type is not None
        if not (asked.HasField(name) if is_message else getattr(asked, name)):
            continue
        claims.claim(field)
        for target in targets:
            if is_message:
                getattr(target, name).CopyFrom(getattr(asked, name))
            else:
                setattr(target, name, getattr(asked, name))


class Updates:
    """The updates that all plugins together ask for, when one thing happens."""

    def __init__(
        self,
        owners: Owners,
        *,
        created: str = "",
        updated: nri.UpdateContainerRequest | None = None,
    ) -> None:
        """`created`: the id of what is being made, which cannot be updated yet.

        `updated`: what is asked of a container already; its resources change with the answers.
        """
        self._owners = owners
        self._created = created
        self._updated = updated
        self._by_id: dict[str, nri.ContainerUpdate] = {}

    def add(self, updates: Any, plugin: str) -> None:
        """Take what one plugin answers. CRIError where it cannot be so, unless that is ignored."""
        for update in updates:
            collected = self._collected(update, plugin)
            try:
                self._set(collected, update, plugin)
            except CRIError:
                if not update.ignore_failure:
                    raise

    @property
    def others(self) -> list[nri.ContainerUpdate]:
        """Those of other containers than the one that is updated."""
        own = self._updated.container.id if self._updated else None
        return [each for id_, each in self._by_id.items() if id_ != own]

    @property
    def own(self) -> nri.LinuxResources | None:
        """What becomes of the container that is updated; None: what was asked for."""
        own = self._by_id.get(self._updated.container.id) if self._updated else None
        return own.linux.resources if own else None

    def _collected(self, update: nri.ContainerUpdate, plugin: str) -> nri.ContainerUpdate:
        id_ = update.container_id
        if id_ == self._created:
            raise CRIError(f"plugin {quoted(plugin)} asked update of {quoted(id_)} during creation")
        found = self._by_id.get(id_)
        if found is None:
            found = self._by_id[id_] = nri.ContainerUpdate(
                container_id=id_, ignore_failure=update.ignore_failure
            )
            found.linux.resources.memory.SetInParent()
            found.linux.resources.cpu.SetInParent()
        found.ignore_failure = found.ignore_failure and update.ignore_failure
        return found

    def _set(
        self, collected: nri.ContainerUpdate, update: nri.ContainerUpdate, plugin: str
    ) -> None:
        if not update.linux.HasField("resources"):
            return
        request = self._updated
        is_own = request is not None and request.container.id == update.container_id
        before = request.linux_resources if is_own and request else collected.linux.resources
        after = nri.LinuxResources()
        after.CopyFrom(before)  # so that nothing has changed where it fails
        set_resources(
            Claims(self._owners, update.container_id, plugin), update.linux.resources, after
        )
        collected.linux.resources.CopyFrom(after)
        if is_own and request:
            request.linux_resources.CopyFrom(after)
