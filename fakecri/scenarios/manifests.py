"""Pods as scenarios have them: short tables, which become whole manifests."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from fakecri.core.faults.reading import similar
from fakecri.errors import UsageError

Manifest = dict[str, Any]

_METADATA = ("namespace", "uid", "labels", "annotations")
_LISTS = ("containers", "initContainers")
_IMAGE = "busybox"
_SLEEP = ["sleep", "infinity"]
_GRACE_S = 2
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)


def manifests(pods: Sequence[object]) -> dict[str, Manifest]:
    """Return the manifests by their names, one for each of `count`. UsageError by key."""
    made: dict[str, Manifest] = {}
    for number, pod in enumerate(pods):
        where = f"pods[{number}]"
        if not isinstance(pod, dict):
            raise UsageError(f"{where}: a pod is a table")
        for manifest in _copies(pod, where):
            _check_json(manifest["spec"], where)
            name = manifest["metadata"]["name"]
            if name in made:
                raise UsageError(f"{where}.name: there is a pod {name} already")
            made[name] = manifest
    return made


def container_names(manifest: Manifest) -> list[str]:
    """Return the names of all containers of a pod."""
    return [each["name"] for key in _LISTS for each in manifest["spec"].get(key, [])]


def _copies(pod: Mapping[str, Any], where: str) -> Iterator[Manifest]:
    name = pod.get("name")
    if not isinstance(name, str):
        raise UsageError(f"{where}.name: a pod needs a name")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{where}.name: {name!r} is no name: lower-case letters, digits, - and .")
    count = pod.get("count")
    if count is None:
        yield _manifest(pod, name, where)
        return
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise UsageError(f"{where}.count: {count!r} is no number of pods")
    if "uid" in pod:
        raise UsageError(f"{where}: count pods cannot all have one uid")
    for index in range(count):
        yield _manifest(pod, f"{name}-{index}", where)


def _manifest(pod: Mapping[str, Any], name: str, where: str) -> Manifest:
    metadata = {key: pod[key] for key in _METADATA if key in pod}
    rest = {key: pod[key] for key in pod if key not in {"name", "count", *_METADATA}}
    spec = {"terminationGracePeriodSeconds": _GRACE_S, "containers": [{}], **deepcopy(rest)}
    for key in _LISTS:
        if key in spec:
            spec[key] = list(_containers(spec[key], f"{where}.{key}"))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": spec,
    }


def _check_json(thing: object, where: str) -> None:
    try:
        json.dumps(thing, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: no manifest has it: {error}") from error


def _containers(tables: object, where: str) -> Iterator[dict[str, Any]]:
    if not isinstance(tables, list):
        raise UsageError(f"{where}: {tables!r} is not a list")
    for number, table in enumerate(tables):
        if not isinstance(table, dict):
            raise UsageError(f"{where}[{number}]: a container is a table")
        for key in ("name", "run"):
            if not isinstance(table.get(key, ""), str):
                raise UsageError(f"{where}[{number}].{key}: {table[key]!r} is not a text")
        yield _container(table, f"{where}[{number}]", number)


def _container(table: Mapping[str, Any], where: str, number: int) -> dict[str, Any]:
    """Return a container. `run` is a script, in the place of a command."""
    rest = dict(table)
    script = rest.pop("run", None)
    if script is not None:
        if "command" in rest:
            raise UsageError(f"{where}: run and command do not go together")
        rest["command"] = ["sh", "-c", script]
    elif not rest.keys() & {"image", "command", "args"}:
        rest["command"] = _SLEEP
    name = "app" if number == 0 else f"app-{number}"
    return {"name": name, "image": _IMAGE, "imagePullPolicy": "IfNotPresent", **rest}


def edited(manifest: Manifest, path: str, value: object) -> Manifest:
    """Return a manifest with another value at a path, as `spec.containers.app.image`.

    In lists go the names of their members, or their numbers. UsageError where that leads nowhere.
    """
    changed = deepcopy(manifest)
    *way, last = path.split(".")
    place: Any = changed
    for step in way:
        if isinstance(place, dict):
            place = place.setdefault(step, {})
        else:
            place = place[_index(place, step, path)]
    if isinstance(place, list):
        place[_index(place, last, path)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise UsageError(f"{path}: there is nothing below {'.'.join(way)}")
    return changed


def _index(place: object, step: str, path: str) -> int:
    if not isinstance(place, list):
        raise UsageError(f"{path}: there is nothing below what stands before {step}")
    names = [each.get("name", "") if isinstance(each, dict) else "" for each in place]
    if step in names:
        return names.index(step)
    if step.isdecimal() and int(step) < len(place):
        return int(step)
    raise UsageError(f"{path}: there is no {step}{similar(step, names)}")


def find_field(thing: object, path: str) -> object:
    """Return what stands at a path, as in `edited`; None where there is nothing."""
    for step in path.split("."):
        if isinstance(thing, list):
            try:
                thing = thing[_index(thing, step, path)]
            except UsageError:
                return None
        elif isinstance(thing, dict):
            thing = thing.get(step)
        else:
            return None
    return thing
