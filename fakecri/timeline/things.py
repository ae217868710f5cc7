"""Which sandboxes and containers a recording knows, and what it says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fakecri.core.recording import Record
from fakecri.timeline.facts import Facts, at, items_of, number_at, text_at

SANDBOX, CONTAINER = "sandbox", "container"


@dataclass(slots=True)
class Thing:
    """A sandbox or a container."""

    kind: str
    id: str
    pod: str = ""
    """`namespace/name`; empty where nothing tells."""
    name: str = ""
    """A container's."""
    sandbox: str = ""
    """The id of a container's sandbox."""
    attempt: int = 0


class Things:
    """Every sandbox and container by its id, in the order in which the recording names them."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._things: dict[str, Thing] = {}
        self._requests: dict[int | None, Facts] = {}
        for record in records:
            self._learn(record)
        for thing in self._things.values():
            parent = self._things.get(thing.sandbox)
            thing.pod = thing.pod or (parent.pod if parent else "")

    def find(self, id_: str) -> Thing | None:
        """Return the thing of an id, or of the only id that begins so."""
        if not id_ or id_ in self._things:
            return self._things.get(id_)
        matches = [thing for key, thing in self._things.items() if key.startswith(id_)]
        return matches[0] if len(matches) == 1 else None

    def sandboxes_of(self, pod: str) -> list[Thing]:
        """Return the sandboxes of a pod."""
        return [each for each in self._things.values() if (each.kind, each.pod) == (SANDBOX, pod)]

    def _learn(self, record: Record) -> None:
        facts = record.facts
        if record.kind == "move":
            self._learn_move(facts)
        elif record.kind == "call":
            self._requests[number_at(facts, "call")] = facts
        elif record.kind == "reply":
            self._learn_reply(facts)
        elif record.kind in {"event", "message"}:
            event = at(facts, record.kind)
            self._learn_items(event)

    def _learn_move(self, facts: Facts) -> None:
        kind = CONTAINER if facts.get("thing") == CONTAINER else SANDBOX
        self._add(
            kind,
            text_at(facts, "id"),
            pod=text_at(facts, "pod"),
            name=text_at(facts, "name"),
            sandbox=text_at(facts, "sandbox"),
        )

    def _learn_reply(self, facts: Facts) -> None:
        response, rpc = at(facts, "response"), text_at(facts, "rpc")
        request = at(self._requests.get(number_at(facts, "call"), {}), "request")
        if rpc == "RunPodSandbox":
            self._add(
                SANDBOX, text_at(response, "pod_sandbox_id"), pod=pod_of(at(request, "config"))
            )
        elif rpc == "CreateContainer":
            self._add(
                CONTAINER,
                text_at(response, "container_id"),
                pod=pod_of(at(request, "sandbox_config")),
                name=text_at(request, "config", "metadata", "name"),
                sandbox=text_at(request, "pod_sandbox_id"),
                attempt=number_at(request, "config", "metadata", "attempt") or 0,
            )
        elif rpc in {"PodSandboxStatus", "ContainerStatus"}:
            kind = SANDBOX if rpc == "PodSandboxStatus" else CONTAINER
            self._learn_item(kind, at(response, "status"))
        self._learn_items(response)

    def _learn_items(self, message: object) -> None:
        found = list(items_of(message))
        sandboxes = [each for kind, each in found if kind == SANDBOX]
        # An event's containers are those of its one sandbox; a list says of each whose it is.
        owner = text_at(sandboxes[0], "id") if len(sandboxes) == 1 else ""
        for kind, each in found:
            self._learn_item(kind, each, owner)

    def _learn_item(self, kind: str, item: object, owner: str = "") -> None:
        if kind == SANDBOX:
            self._add(kind, text_at(item, "id"), pod=pod_of(item))
            return
        self._add(
            kind,
            text_at(item, "id"),
            name=text_at(item, "metadata", "name"),
            sandbox=text_at(item, "pod_sandbox_id") or owner,
            attempt=number_at(item, "metadata", "attempt") or 0,
        )

    def _add(self, kind: str, id_: str, **told: Any) -> None:
        if not id_:
            return
        thing = self._things.setdefault(id_, Thing(kind, id_))
        for key, value in told.items():
            setattr(thing, key, getattr(thing, key) or value)


def pod_of(config: object) -> str:
    """Return `namespace/name` of what has the metadata of a sandbox; empty where it has none."""
    name = text_at(config, "metadata", "name")
    return f"{text_at(config, 'metadata', 'namespace')}/{name}" if name else ""
