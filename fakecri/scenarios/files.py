"""The files of scenarios: what stands in them, and what is wrong with one where."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from fakecri.core.faults.reading import similar
from fakecri.errors import UsageError
from fakecri.replay.files import open_text
from fakecri.scenarios.manifests import Manifest, container_names, manifests
from fakecri.scenarios.steps import Step, StepError, parse_steps

REPRODUCED, NOT_REPRODUCED, CANNOT_RUN = "reproduced", "not reproduced", "cannot run"
OUTCOMES = (REPRODUCED, NOT_REPRODUCED, CANNOT_RUN)
"""What a file can say of a kubelet's minor version."""

_KEYS: Mapping[str, type] = {
    "number": int,
    "classes": list[str],
    "threads": list[str],
    "seen_on": str,
    "about": str,
    "good_client": str,
    "kubelet": list[str],
    "rules": list[str],
    "steps": str,
    "live": dict,
}
_LIVE: Mapping[str, type] = {
    "expect": str,
    "symptom": str,
    "note": str,
    "cannot_run": str,
    "settings": dict,
    "gates": dict,
    "cri": dict,
    "images": list[str],
    "pods": list,
    "steps": str,
    "outcome": dict,
}
_NEEDED = ("number", "classes", "threads", "about")
_NEEDED_LIVE = ("expect", "steps", "outcome")
CRI_KEYS: Mapping[str, type] = {
    "personality": str,
    "api_level": str,
    "behaviours": list[str],
    "registries": list[str],
    "publish": list[str],
    "strict_images": bool,
    "annotations": bool,
    "disk_bytes": int,
}
"""Of `[live.cri]`: what the runtime begins with, as the options of `fakecri serve`."""


@dataclass(frozen=True, slots=True)
class Live:
    """How a scenario goes with a real kubelet."""

    expect: str
    """The symptom, in words."""
    steps: tuple[Step, ...] = ()
    pods: Mapping[str, Manifest] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, bool] = field(default_factory=dict)
    cri: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[str] = ()
    """What is on the node from the start."""
    outcome: Mapping[str, str] = field(default_factory=dict)
    """By the minor version of the kubelet."""
    symptom: str = ""
    """What a kubelet shows of such a fault by its nature, whatever comes of it."""
    note: str = ""
    """What was found out."""
    cannot_run: str = ""
    """Why it cannot."""

    def expected(self, minor: str) -> str:
        """Return what comes of it with such a kubelet.

        A version that is not listed is taken for the newest before it, or else for the oldest.
        """
        if self.cannot_run:
            return CANNOT_RUN
        known = sorted(self.outcome, key=_minor)
        before = [each for each in known if _minor(each) <= _minor(minor)]
        return self.outcome[(before or known[:1])[-1]]

    @property
    def injected(self) -> list[str]:
        """The faults, as they stand in the steps; a personality may be one."""
        odd = [f"personality {name}" for key, name in self.cri.items() if key == "personality"]
        return odd + [step.text for step in self.steps if step.injects]


@dataclass(frozen=True, slots=True)
class Scenario:
    """The story of a bug."""

    id: str
    number: int
    classes: Sequence[str]
    threads: Sequence[str]
    about: str
    good_client: str = ""
    seen_on: str = ""
    rules: Sequence[str] = ()
    steps: str = ""
    """Those of a naive client."""
    live: Live | None = None


def minor_of(version: str) -> str:
    """Return the minor version of a kubelet's: 1.36 of v1.36.3."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def library() -> list[Scenario]:
    """Return the scenarios of the library, by their numbers."""
    return sorted(map(find, _ids()), key=lambda each: (each.number, each.id))


def names() -> list[str]:
    """Return their ids, likewise."""
    return [each.id for each in library()]


def find(id_: str) -> Scenario:
    """Return a scenario of the library, or of a file whose name ends with `.toml`.

    UsageError where there is none, or it is wrong.
    """
    return parse(id_.rpartition("/")[2].removesuffix(".toml"), source(id_))


def source(id_: str) -> str:
    """Return the text of its file. UsageError where there is none."""
    if id_.endswith(".toml"):
        return open_text(Path(id_))
    if id_ not in _ids():
        meant = similar(id_, _ids()) or "; fakecri scenario ls lists them"
        raise UsageError(f"there is no scenario {id_}{meant}")
    text: str = (_directory() / f"{id_}.toml").read_text("utf-8")
    return text


def parse(id_: str, text: str) -> Scenario:
    """Return the scenario that a text is. UsageError, with the place, for what it gets wrong."""
    try:
        table = tomllib.loads(text)
        return _scenario(id_, table)
    except (tomllib.TOMLDecodeError, UsageError) as error:
        raise UsageError(f"{id_}.toml: {error}") from error


def _directory() -> Any:
    return resources.files("fakecri.scenarios") / "library"


def _ids() -> list[str]:
    return sorted(
        each.name.removesuffix(".toml")
        for each in _directory().iterdir()
        if each.name.endswith(".toml")
    )


def _scenario(id_: str, table: Mapping[str, Any]) -> Scenario:
    _check(table, _KEYS, "")
    _need(table, _NEEDED, "")
    known = {key: table[key] for key in table if key not in {"kubelet", "live"}}
    live = table.get("live")
    return Scenario(id_, **known, live=None if live is None else _live(live))


def _live(table: Mapping[str, Any]) -> Live:
    _check(table, _LIVE, "live.")
    cannot_run = bool(table.get("cannot_run"))
    _need(table, ("expect",) if cannot_run else _NEEDED_LIVE, "live.")
    _check(table.get("cri", {}), CRI_KEYS, "live.cri.")
    outcome = table.get("outcome", {})
    _check_outcome(outcome, is_needed=not cannot_run)
    for name, value in table.get("gates", {}).items():
        _is_a(value, bool, f"live.gates.{name}")
    try:
        pods = manifests(table.get("pods", []))
    except UsageError as error:
        raise UsageError(f"live.{error}") from error
    known = {name: container_names(each) for name, each in pods.items()}
    try:
        steps = parse_steps(table.get("steps", ""), known)
    except StepError as error:
        raise UsageError(f"live.steps: {error}") from error
    _check_steps(steps, outcome)
    return Live(**{**table, "pods": pods, "steps": steps})


def _check_steps(steps: Sequence[Step], outcome: Mapping[str, str]) -> None:
    verbs = {step.verb for step in steps}
    if outcome and not verbs & {"see", "never"}:
        raise UsageError("live.steps: nothing is a symptom: write what to see, or never to see")
    if NOT_REPRODUCED in outcome.values() and "instead" not in verbs:
        raise UsageError("live.steps: not reproduced: write what comes instead")


def _check_outcome(outcome: Mapping[str, str], *, is_needed: bool) -> None:
    if is_needed and not outcome:
        raise UsageError("live.outcome: there is one for each minor version, as 1.36")
    for minor, value in outcome.items():
        if _minor(minor) == (0, 0):
            raise UsageError(f"live.outcome: {minor} is no minor version, as 1.36")
        if value not in OUTCOMES:
            meant = similar(str(value), OUTCOMES) or f": {', '.join(OUTCOMES)}"
            raise UsageError(f"live.outcome.{minor}: {value!r} is no outcome{meant}")


def _minor(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    is_one = bool(dot) and major.isdecimal() and minor.isdecimal()
    return (int(major), int(minor)) if is_one else (0, 0)


def _check(table: Mapping[str, Any], known: Mapping[str, type], prefix: str) -> None:
    for key, value in table.items():
        if key not in known:
            meant = similar(key, known) or f": {', '.join(known)}"
            raise UsageError(f"{prefix}{key}: there is no such key{meant}")
        _is_a(value, known[key], f"{prefix}{key}")


_CALLED = {
    str: "a text",
    int: "a number",
    bool: "true or false",
    list: "a list",
    list[str]: "a list of texts",
    dict: "a table",
}


def _is_a(value: object, kind: type, where: str) -> None:
    if kind == list[str]:
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
    else:
        fits = type(value) is kind
    if not fits:
        raise UsageError(f"{where}: {value!r} is not {_CALLED[kind]}")


def _need(table: Mapping[str, Any], keys: Sequence[str], prefix: str) -> None:
    for key in keys:
        if key not in table:
            raise UsageError(f"{prefix}{key}: this key is missing")
