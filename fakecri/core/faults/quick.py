"""Quick refusals: most calls are none that a rule is for, and every call pays for being asked.

A refusal reads one value where it stands, in the request or in a record of the store. True: a
condition of the rule does not hold. False where it may, or where that takes a closer look.
"""

import operator
from collections.abc import Callable, Collection, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, TypeAlias

from fakecri.core.faults.finders import (
    FINDERS,
    Finder,
    by_container,
    by_container_config,
    by_pod,
    by_pod_config,
)
from fakecri.core.faults.patterns import glob_matcher, is_glob, regex_matcher
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.subjects import image_forms
from fakecri.core.faults.things import StoreRecords
from fakecri.core.image_store import AmbiguousDigest
from fakecri.rpcs import RPCS

Refusal: TypeAlias = Callable[[Any, Any], bool]
"""A function of a request, and of the record that its id leads to, if any."""
Fetch: TypeAlias = Callable[[Any], Any]

_METADATA: Mapping[tuple[str, Finder], tuple[bool, str]] = {
    ("pod", by_container): (True, "parent.metadata"),
    ("pod", by_container_config): (True, "metadata"),
    ("pod", by_pod): (True, "metadata"),
    ("pod", by_pod_config): (False, "config.metadata"),
    ("container", by_container): (True, "metadata"),
    ("container", by_container_config): (False, "config.metadata"),
}
"""Whether the metadata of the pod, or container, stand in the record; where in that or the request.

`attrgetter` follows the path: that is much quicker than a function of ours, and here it counts.
"""
_LABELS: Mapping[Finder, tuple[tuple[bool, str], ...]] = {
    by_container: ((True, "config.labels"), (True, "parent.config.labels")),
    by_container_config: ((False, "config.labels"), (True, "config.labels")),
    by_pod: ((True, "config.labels"),),
    by_pod_config: ((False, "config.labels"),),
}
"""Likewise; the container's own labels count, or else its pod's."""

_KEPT = 1024
"""Verdicts that are remembered of one condition."""

_TURNED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.gt,
    "<=": operator.ge,
    ">": operator.lt,
    ">=": operator.le,
}
"""Comparisons with the wanted number on the left, where `partial` can put it."""


_OF_CONTAINER = frozenset({"container", "attempt"})
"""What a request to create one says itself."""


def fetcher(rpc: str, records: StoreRecords, keys: Collection[str]) -> Fetch | None:
    """Return how the record is found that the requests of an RPC are about.

    None: there is none, or what the conditions look at is not in it. `keys`: those of all rules.
    """
    finder = FINDERS[rpc]
    if finder is by_container:
        find = records.containers.get
        return lambda request: find(request.container_id)
    in_request = finder is by_container_config and _OF_CONTAINER.issuperset(keys)
    if finder in {by_pod, by_container_config} and not in_request:
        look_up = records.sandboxes.get
        return lambda request: look_up(request.pod_sandbox_id)
    return None


def refusal(condition: Condition, rpc: str, records: StoreRecords) -> Refusal | None:
    """Return the quick refusal of a condition for calls of an RPC; None: it has none."""
    key, sign = condition.key, condition.operator
    if key == "attempt":
        return _attempt(FINDERS[rpc], sign, condition.value)
    return _by_text(condition, rpc, records) if sign in {"=", "=~"} else None


def _by_text(condition: Condition, rpc: str, records: StoreRecords) -> Refusal | None:
    finder, key, sign = FINDERS[rpc], condition.key, condition.operator
    matches = (glob_matcher if sign == "=" else regex_matcher)(condition.value)
    if key == "image" and "image" in RPCS[rpc].request.DESCRIPTOR.fields_by_name:
        return _image(records, matches)
    if key.startswith("label."):
        return _label(finder, key.removeprefix("label."), matches)
    if key == "state" and finder in {by_container, by_pod}:
        return _state(matches)
    thing, attribute = _ATTRIBUTES.get(key, ("", ""))
    place = _METADATA.get((thing, finder))
    if place is not None and key == "pod" and _may_have_namespace(condition):
        return _pod(place, matches)
    return place and _unless(place, attribute, matches)


def _may_have_namespace(condition: Condition) -> bool:
    """Whether `namespace/name` may be what a condition on a pod wants."""
    text = condition.value
    return condition.operator == "=~" or "/" in text or is_glob(text)


_ATTRIBUTES = {
    "pod": ("pod", "name"),
    "ns": ("pod", "namespace"),
    "uid": ("pod", "uid"),
    "container": ("container", "name"),
}


def _unless(place: tuple[bool, str], attribute: str, fits: Callable[[Any], object]) -> Refusal:
    in_record, path = place
    get = attrgetter(f"{path}.{attribute}")

    def by_request(request: Any, _: Any) -> bool:
        return not fits(get(request))

    def by_record(_: Any, record: Any) -> bool:
        return record is not None and not fits(get(record))

    return by_record if in_record else by_request


def _pod(place: tuple[bool, str], matches: Callable[[str], object]) -> Refusal:
    in_record, path = place
    get = attrgetter(f"{path}.name", f"{path}.namespace")
    known: dict[tuple[str, str], bool] = {}

    def refuses(request: Any, record: Any) -> bool:
        source = record if in_record else request
        if source is None:
            return False
        names = get(source)
        refused = known.get(names)
        if refused is None:
            if len(known) > _KEPT:
                known.clear()
            name, namespace = names
            refused = known[names] = not (matches(name) or matches(f"{namespace}/{name}"))
        return refused

    return refuses


def _label(finder: Finder, key: str, matches: Callable[[str], object]) -> Refusal | None:
    if finder not in _LABELS:
        return None
    places = [(in_record, attrgetter(path)) for in_record, path in _LABELS[finder]]

    def refuses(request: Any, record: Any) -> bool:
        for in_record, get in places:
            source = record if in_record else request
            if source is None:
                return False
            labels = get(source)
            if key in labels:
                return not matches(labels[key])
        return True

    return refuses


def _state(matches: Callable[[str], object]) -> Refusal:
    words: dict[Any, bool] = {}  # whether each state is a wrong one

    def refuses(_: Any, thing: Any) -> bool:
        if thing is None:
            return False
        state = thing.state
        if state not in words:
            words[state] = not matches(state.name.lower())
        return words[state]

    return refuses


def _attempt(finder: Finder, sign: str, value: str) -> Refusal | None:
    place = _METADATA.get(("container", finder)) or _METADATA.get(("pod", finder))
    compare = _TURNED.get(sign)
    if place is None or compare is None:
        return None
    return _unless(place, "attempt", partial(compare, float(value)))


def _image(records: StoreRecords, matches: Callable[[str], object]) -> Refusal:
    """By reference, and the image that it means, which is another one when its names change."""
    known: dict[str, tuple[Any, bool]] = {}
    resolve = records.images.resolve

    def refuses(request: Any, _: Any) -> bool:
        reference = request.image.image
        try:
            image = resolve(reference)
        except AmbiguousDigest:
            return False
        before = known.get(reference)
        if before is not None and before[0] is image:
            return before[1]
        if len(known) > _KEPT:
            known.clear()
        forms = image_forms(records.image_names(reference)) if reference else ()
        refused = bool(forms) and not any(map(matches, forms))
        known[reference] = image, refused
        return refused

    return refuses
