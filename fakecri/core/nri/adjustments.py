"""What all plugins together make of a container that is being created.

Each plugin is asked with what those before it have done to the container. A name with `-` before
it removes: from what other plugins have set, and of annotations, mounts, sysctls, namespaces and
network devices from what the container would have had anyway too, as v0.12 does.
"""

from collections.abc import Callable, Iterable
from typing import Any

from fakecri.api import nri_pb2 as nri
from fakecri.core.nri.ownership import MARK, Owners, removed
from fakecri.core.nri.updates import Claims, Updates, set_resources

_HOOKS = (
    "prestart",
    "poststart",
    "poststop",
    "create_runtime",
    "create_container",
    "start_container",
)
_RDT = {
    "clos_id": nri.RdtClosID,
    "schemata": nri.RdtSchemata,
    "enable_monitoring": nri.RdtEnableMonitoring,
}


class Adjustments:
    """Collects the answers of plugins to one CreateContainer."""

    def __init__(self, request: nri.CreateContainerRequest) -> None:
        """`request` changes with every answer."""
        self.owners = Owners()
        self.updates = Updates(self.owners, created=request.container.id)
        self.total = nri.ContainerAdjustment()
        self._container = request.container

    def add(self, response: nri.CreateContainerResponse, plugin: str) -> None:
        """Take the answer of one plugin. CRIError where it cannot be so."""
        claims = Claims(self.owners, self._container.id, plugin)
        adjust, total, container = response.adjust, self.total, self._container
        _set_names(claims, nri.Annotations, adjust.annotations, total, container, "annotations")
        self._mounts(claims, adjust.mounts)
        self._env(claims, adjust.env)
        self._args(claims, list(adjust.args))
        self._hooks(claims, adjust.hooks)
        if adjust.HasField("linux"):
            self._linux(claims, adjust.linux)
        for limit in adjust.rlimits:
            claims.claim(nri.Rlimits, limit.type)
            container.rlimits.append(limit)
            total.rlimits.append(limit)
        for device in adjust.CDI_devices:
            claims.claim(nri.CdiDevices, device.name)
            total.CDI_devices.append(device)
        self.updates.add(response.update, plugin)

    def _mounts(self, claims: Claims, asked: Iterable[nri.Mount]) -> None:
        gone, new = _sorted(asked, lambda each: each.destination)
        _replace(claims, nri.Mounts, self.total.mounts, self._container.mounts, gone, new)
        there = {each.destination for each in new}
        self.total.mounts.extend(each for name, each in gone.items() if name not in there)

    def _env(self, claims: Claims, asked: Iterable[nri.KeyValue]) -> None:
        gone, new = _sorted(asked, lambda each: each.key)
        env, changed = self._container.env, {*gone, *(each.key for each in new)}
        kept = [each for each in env if each.partition("=")[0] not in changed]
        _drop(claims, nri.Env, self.total.env, gone, lambda each: each.key)
        for each in new:
            claims.claim(nri.Env, each.key)
            self.total.env.append(each)
        env[:] = [*kept, *(f"{each.key}={each.value}" for each in new)]

    def _args(self, claims: Claims, asked: list[str]) -> None:
        if not asked:
            return
        if not asked[0]:
            claims.clear(nri.Args)
            asked = asked[1:]
        claims.claim(nri.Args)
        self.total.args[:] = self._container.args[:] = asked

    def _hooks(self, claims: Claims, asked: nri.Hooks) -> None:
        if any(getattr(asked, name) for name in _HOOKS):
            claims.join(nri.OciHooks)
            self.total.hooks.MergeFrom(asked)
            self._container.hooks.MergeFrom(asked)

    def _linux(self, claims: Claims, asked: nri.LinuxContainerAdjustment) -> None:
        total, linux = self.total.linux, self._container.linux
        gone, new = _sorted(asked.devices, lambda each: each.path)
        _replace(claims, nri.Devices, total.devices, linux.devices, gone, new)
        self._resources(claims, asked.resources)
        if asked.cgroups_path:
            claims.claim(nri.CgroupsPath)
            total.cgroups_path = linux.cgroups_path = asked.cgroups_path
        self._whole(claims, asked, oom_score_adj=nri.OomScoreAdj, io_priority=nri.IoPriority)
        self._whole(claims, asked, seccomp_policy=nri.SeccompPolicy)
        self._namespaces(claims, asked.namespaces)
        _set_names(claims, nri.Sysctl, asked.sysctl, total, linux, "sysctl")
        _set_names(claims, nri.LinuxNetDevices, asked.net_devices, total, linux, "net_devices")
        self._whole(claims, asked, scheduler=nri.LinuxSched)
        self._rdt(claims, asked.rdt)
        self._whole(claims, asked, memory_policy=nri.MemoryPolicy)

    def _whole(self, claims: Claims, asked: Any, **fields: int) -> None:
        """Set what a plugin sets as a whole."""
        for name, field in fields.items():
            if asked.HasField(name):
                claims.claim(field)
                for target in (self.total.linux, self._container.linux):
                    if name in target.DESCRIPTOR.fields_by_name:
                        getattr(target, name).CopyFrom(getattr(asked, name))

    def _resources(self, claims: Claims, asked: nri.LinuxResources) -> None:
        targets = (self._container.linux.resources, self.total.linux.resources)
        set_resources(claims, asked, *targets)
        if asked.HasField("pids"):
            claims.claim(nri.PidsLimit)
        for each in targets:
            each.devices.extend(asked.devices)
            if asked.HasField("pids"):
                each.pids.CopyFrom(asked.pids)

    def _namespaces(self, claims: Claims, asked: Iterable[nri.LinuxNamespace]) -> None:
        namespaces = {each.type: each for each in self._container.linux.namespaces}
        for each in asked:
            gone = removed(each.type)
            claims.claim(nri.Namespace, each.type if gone is None else gone)
            if gone is None:
                namespaces[each.type] = each
            else:
                namespaces.pop(gone, None)
            self.total.linux.namespaces.append(each)
        _refill(self._container.linux.namespaces, namespaces.values())

    def _rdt(self, claims: Claims, asked: nri.LinuxRdt) -> None:
        total = self.total.linux.rdt
        if asked.remove:
            for field in _RDT.values():
                claims.clear(field)
            total.Clear()
            total.remove = True
        for name, field in _RDT.items():
            if asked.HasField(name):  # type: ignore[arg-type]  # the names of its fields
                claims.claim(field)
                getattr(total, name).CopyFrom(getattr(asked, name))
                total.remove = False


def _sorted(
    asked: Iterable[Any], name_of: Callable[[Any], str]
) -> tuple[dict[str, Any], list[Any]]:
    """Return what is to be removed, by its name, and what is to be set."""
    gone: dict[str, Any] = {}
    new = []
    for each in asked:
        name = removed(name_of(each))
        if name is None:
            new.append(each)
        else:
            gone[name] = each
    return gone, new


def _replace(
    claims: Claims, field: int, total: Any, own: Any, gone: dict[str, Any], new: list[Any]
) -> None:
    """Remove and set mounts or devices, in what is collected and in the container."""
    changed = {*gone, *(_place_of(each) for each in new)}
    kept = [each for each in own if _place_of(each) not in changed]
    _drop(claims, field, total, gone, _place_of)
    for each in new:
        claims.claim(field, _place_of(each))
        total.append(each)
    _refill(own, [*kept, *new])


def _place_of(thing: Any) -> str:
    place: str = thing.destination if isinstance(thing, nri.Mount) else thing.path
    return place


def _drop(
    claims: Claims, field: int, total: Any, gone: dict[str, Any], name_of: Callable[[Any], str]
) -> None:
    """Remove what plugins before have set."""
    for each in total:
        if name_of(each) in gone:
            claims.clear(field, name_of(each))
    _refill(total, [each for each in total if name_of(each) not in gone])


def _refill(field: Any, messages: Iterable[Any]) -> None:
    copies = []
    for each in messages:
        copy = type(each)()
        copy.CopyFrom(each)
        copies.append(copy)
    del field[:]
    field.extend(copies)


def _set_names(claims: Claims, field: int, asked: Any, total: Any, own: Any, name: str) -> None:
    """Remove and set what a map holds: texts, or the messages of network devices."""
    kept, held = getattr(own, name), getattr(total, name)
    gone = {each.removeprefix(MARK) for each in asked if each.startswith(MARK)}
    new = [each for each in sorted(asked) if not each.startswith(MARK)]
    for key in new:
        if key in gone:
            claims.clear(field, key)
            _put(held, MARK + key, None)
        claims.claim(field, key)
        _put(kept, key, asked[key])
        _put(held, key, asked[key])
    for key in sorted(gone.difference(new)):
        _put(held, MARK + key, None)


def _put(mapping: Any, key: str, value: Any) -> None:
    if isinstance(value, nri.LinuxNetDevice) or (value is None and _holds_messages(mapping)):
        mapping[key].CopyFrom(value or nri.LinuxNetDevice())
    else:
        mapping[key] = value or ""


def _holds_messages(mapping: Any) -> bool:
    return hasattr(mapping, "GetEntryClass") and (
        mapping.GetEntryClass().DESCRIPTOR.fields_by_name["value"].message_type is not None
    )
