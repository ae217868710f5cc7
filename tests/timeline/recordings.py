"""Recordings for tests of the timeline: short ones, line by line, and any that there can be."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from fakecri.core.recording import Record, Recording

WEB, DB = "a1" * 32, "b2" * 32
NGINX, SIDECAR = "c3" * 32, "d4" * 32
SECOND = 1_000_000_000
WALL = 1_767_225_600 * SECOND

KINDS = ("call", "cancel", "message", "reply", "move", "event", "fault", "rule", "state", "clock")


class Script:
    """Writes a recording. Times are in virtual seconds."""

    def __init__(self, **header: Any) -> None:
        self._header = {"format": 2, "seed": 1, "profile": "containerd", "rules": [], **header}
        self._records: list[Record] = []
        self._now_ns = 0
        self._rpcs: list[str] = []
        self._sandboxes: set[str] = set()

    def at(self, seconds: float) -> "Script":
        """Let it be so many seconds since the beginning."""
        self._now_ns = round(seconds * SECOND)
        return self

    def add(self, kind: str, **facts: Any) -> "Script":
        """Write a line."""
        now_ns = self._now_ns
        number = len(self._records) + 1
        self._records.append(Record(number, kind, WALL + now_ns, now_ns, facts))
        return self

    def call(self, rpc: str, **request: Any) -> int:
        """Write that a call arrives; return its number."""
        self._rpcs.append(rpc)
        call = len(self._rpcs)
        self.add("call", call=call, rpc=rpc, peer="p", request=request, timeout_ns=None)
        return call

    def reply(self, call: int, **facts: Any) -> "Script":
        """Write what it is answered."""
        rpc = self._rpcs[call - 1]
        return self.add("reply", call=call, rpc=rpc, **{"response": {}, **facts})

    def failed(self, call: int, code: str = "UNKNOWN", text: str = "no", **facts: Any) -> "Script":
        """Write that it is answered with an error."""
        error = {"code": code, "text": text}
        return self.add("reply", call=call, rpc=self._rpcs[call - 1], error=error, **facts)

    def move(self, id_: str, before: str, after: str, trigger: str, **facts: Any) -> "Script":
        """Write a move, and the event that it publishes."""
        kind = "sandbox" if id_ in self._sandboxes else "container"
        move = {"thing": kind, "id": id_, "from": before, "to": after, "trigger": trigger, **facts}
        self.add("move", **move)
        event = _EVENTS.get(trigger)
        if event is not None:
            self.add("event", event={"container_id": id_, **event})
        return self

    def pod(self, id_: str = WEB, name: str = "web") -> "Script":
        """Write that a pod is made."""
        self._sandboxes.add(id_)
        metadata = {"name": name, "namespace": "default"}
        call = self.call("RunPodSandbox", config={"metadata": metadata})
        self.move(id_, "ABSENT", "READY", "create", pod=f"default/{name}", call=call)
        return self.reply(call, response={"pod_sandbox_id": id_})

    def container(self, id_: str = NGINX, name: str = "nginx", sandbox: str = WEB) -> "Script":
        """Write that a container is made and started."""
        config = {"metadata": {"name": name}, "image": {"image": "nginx"}}
        named = {"name": name, "sandbox": sandbox, "pod": "default/web"}
        call = self.call("CreateContainer", pod_sandbox_id=sandbox, config=config)
        self.move(id_, "ABSENT", "CREATED", "create", call=call, **named)
        self.reply(call, response={"container_id": id_})
        call = self.call("StartContainer", container_id=id_)
        self.move(id_, "CREATED", "RUNNING", "start", call=call, **named)
        return self.reply(call)

    def read(self, rpc: str = "ListContainers", **request: Any) -> "Script":
        """Write a call that is answered at once."""
        return self.reply(self.call(rpc, **request))

    @property
    def recording(self) -> Recording:
        """What was written."""
        return Recording(Record(0, "header", WALL, 0, self._header), tuple(self._records))


_EVENTS: Mapping[str, Mapping[str, str]] = {
    "create": {},
    "start": {"container_event_type": "CONTAINER_STARTED_EVENT"},
    "exit": {"container_event_type": "CONTAINER_STOPPED_EVENT"},
    "remove": {"container_event_type": "CONTAINER_DELETED_EVENT"},
}


# Any.

_texts = st.text(max_size=8) | st.sampled_from(
    [
        "</script><script>alert(1)</script>",
        "<!--",
        "]]>",
        "\u2028\u2029",
        "\ud800",
        "\x1b[31m\r\n",
        "漢字" * 4,
        "[[script]]",
        WEB,
        NGINX,
        "",
    ]
)
_numbers = st.integers() | st.floats() | st.booleans() | st.integers(0, 4)
_flat = st.none() | _numbers | _texts
_lists = st.lists(_flat, max_size=3)
_values = _flat | _lists | st.dictionaries(_texts, _flat | _lists, max_size=3)
_rpcs = st.sampled_from(
    [
        *("RunPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "PullImage"),
        *("ListContainers", "PodSandboxStatus", "ContainerStatus", "GetContainerEvents"),
        *("RemovePodSandbox", "Version", "Nonsense", ""),
    ]
)
_ids = st.sampled_from([WEB, DB, NGINX, SIDECAR, WEB[:8], "", "x"])
_metadata = st.fixed_dictionaries({"name": _texts}, optional={"namespace": _texts})
_told = st.fixed_dictionaries(
    {},
    optional={
        "id": _ids,
        "container_id": _ids,
        "pod_sandbox_id": _ids,
        "state": _texts,
        "metadata": _metadata,
        "config": st.fixed_dictionaries({"metadata": _metadata}),
        "pod_sandbox_status": st.fixed_dictionaries({"id": _ids, "metadata": _metadata}),
        "containers": st.lists(st.fixed_dictionaries({"id": _ids}), max_size=2),
        "containers_statuses": st.lists(st.fixed_dictionaries({"id": _ids}), max_size=2),
        "status": st.fixed_dictionaries({"id": _ids}),
        "container_event_type": _texts | st.just("CONTAINER_DELETED_EVENT"),
        "cmd": st.lists(_texts, max_size=2),
    },
)
_likely: Mapping[str, st.SearchStrategy[Any]] = {
    "call": st.integers(1, 5),
    "rpc": _rpcs,
    "request": _told,
    "response": _told,
    "message": _told,
    "event": _told,
    "error": st.fixed_dictionaries({"code": _texts, "text": _texts}),
    "unsent": st.booleans(),
    "touched": st.lists(_ids, max_size=3),
    "thing": st.sampled_from(["sandbox", "container"]),
    "id": _ids,
    "from": _texts,
    "to": st.sampled_from(["READY", "RUNNING", "CREATED", "EXITED", "ABSENT", "UNKNOWN", "", "?"]),
    "pod": _texts,
    "name": _texts,
    "sandbox": _ids,
    "cause": _texts,
    "rule": _texts,
    "hit": st.integers(0, 3),
    "fired": st.integers(0, 3),
    "what": st.sampled_from(["oom", "restart", "jump"]) | _texts,
    "timeout_ns": st.none() | st.integers(),
}
_kinds = st.sampled_from(KINDS) | _texts
_facts = st.fixed_dictionaries(
    {}, optional={key: value | _values for key, value in _likely.items()}
) | st.fixed_dictionaries(
    {"call": _likely["call"], "rpc": _rpcs},
    optional={key: value for key, value in _likely.items() if key not in {"call", "rpc"}},
)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Any recording: calls that never end, ends of no call, kinds and facts that nobody knows."""
    records, now_ns = [], 0
    for number in range(1, draw(st.integers(0, 25)) + 1):
        now_ns += draw(st.sampled_from([0, 0, 1, 5_000_000, 10**9, 10**15]))
        wall_ns = draw(st.just(WALL + now_ns) | st.integers(-(2**63), 2**63 - 1))
        records.append(Record(number, draw(_kinds), wall_ns, now_ns, draw(_facts)))
    header = draw(st.dictionaries(_texts | st.sampled_from(["rules", "seed"]), _values, max_size=4))
    return Recording(Record(0, "header", WALL, 0, header), tuple(records))
