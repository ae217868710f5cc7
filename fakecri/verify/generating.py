"""Sequences that Hypothesis thinks of: calls about few names, valid or deliberately broken.

What is not determined on a real runtime is not generated: a container that ends by itself is
waited for, and no call is made while another one goes on.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fakecri.verify.comparing import Difference
from fakecri.verify.sequences import Sequence, Step
from fakecri.verify.shrinking import smallest

_FEWEST, _MOST = 5, 14
_PLAINLY = 6
_OFTEN = 3
"""Hypothesis thinks of many a sequence again, which need not be played again."""
_FOREVER = ["sleep", "300"]
_SHORT = (
    ["true"],
    ["sh", "-c", "echo out; echo err >&2; exit 3"],
    ["sh", "-c", "printf unended"],
    ["sh", "-c", "kill -9 $$"],
    ["nosuch"],
    ["/etc/passwd"],
)
_EXECS: tuple[list[str], ...] = (
    ["true"],
    ["false"],
    ["sh", "-c", "echo out; echo err >&2; exit 7"],
    ["nosuch"],
    ["cat"],
    ["sh", "-c", "kill -TERM $$"],
    [],
)
_STATES = ("CONTAINER_CREATED", "CONTAINER_RUNNING", "CONTAINER_EXITED", "CONTAINER_UNKNOWN")


class _Draft:
    """A sequence that is being thought of."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw
        self.steps: list[Step] = []
        self.pods: list[str] = []
        self.containers: list[str] = []

    def one_of(self, *choices: Any) -> Any:
        """Choose; what stands first is what a smaller sequence has."""
        return self._draw(st.sampled_from(choices))

    def add(self, act: str, request: dict[str, Any] | None = None, name: str = "") -> None:
        self.steps.append(Step(act, request or {}, name))

    def pod(self) -> str:
        return str(self.one_of(*_spelled(self.pods, "p")))

    def container(self) -> str:
        return str(self.one_of(*_spelled(self.containers, "c")))


def _spelled(names: list[str], default: str) -> list[str]:
    """Return ways to say an id: the plain ones first, and more often."""
    known = [f"<{each}>" for each in names] or [f"<{default}1>"]
    return [*known * _PLAINLY, *(f"<{each}[:13]>" for each in names[:1]), "<nobody>", ""]


def _run_pod(draft: _Draft) -> None:
    # Two names, so that one is often taken.
    name = draft.one_of("p1", "p2")
    config = draft.one_of(
        *[{}] * _PLAINLY,
        {"metadata": {"attempt": 1}},
        {"labels": {"app": "web"}, "annotations": {"note": "a"}},
        {"linux": {"security_context": {"namespace_options": {"network": "NODE"}}}},
        {"hostname": "stage", "dns_config": {"servers": ["10.0.0.1"]}},
    )
    request = {"config": config} if config else {}
    handler = draft.one_of(*[""] * _PLAINLY, "nosuch")
    draft.add("RunPodSandbox", request | ({"runtime_handler": handler} if handler else {}), name)
    if name not in draft.pods:
        draft.pods.append(name)


def _create(draft: _Draft) -> None:
    # Whether it ends by itself goes by its name, whoever has it by then.
    name = draft.one_of("c1", "c2", "e1", "e2")
    command = draft.one_of(*_SHORT) if name.startswith("e") else _FOREVER
    config: dict[str, Any] = {"command": command}
    config |= draft.one_of(
        *[{}] * _PLAINLY,
        {"labels": {"app": "web"}},
        {"metadata": {"attempt": 1}},
        {"envs": [{"key": "A", "value": "Yg=="}], "working_dir": "/tmp"},  # noqa: S108  # in a container
        {"working_dir": "/nosuch/dir"},
        {"image": {"image": "nosuch.test/image:1"}},
        {"log_path": ""},
        {"linux": {"resources": {"cpu_shares": 200, "memory_limit_in_bytes": 67108864}}},
        {"linux": {"security_context": {"run_as_username": "nosuch"}}},
        {"mounts": [{"container_path": "/m", "host_path": "<logs>", "readonly": True}]},
    )
    draft.add("CreateContainer", {"pod_sandbox_id": draft.pod(), "config": config}, name)
    if name not in draft.containers:
        draft.containers.append(name)
    if draft.one_of(True, True, False):
        _start(draft, f"<{name}>")


def _start(draft: _Draft, which: str = "") -> None:
    which = which or draft.container()
    draft.add("StartContainer", {"container_id": which})
    if which.startswith("<e"):
        draft.add("wait", {"container_id": which})


def _stop(draft: _Draft) -> None:
    timeout = draft.one_of(0, 1, -1)
    draft.add("StopContainer", {"container_id": draft.container(), "timeout": timeout})


def _exec(draft: _Draft) -> None:
    request = {"container_id": draft.container(), "cmd": draft.one_of(*_EXECS)}
    draft.add("ExecSync", request | {"timeout": draft.one_of(10, 0)})


def _update(draft: _Draft) -> None:
    linux = draft.one_of(
        {},
        {"cpu_shares": 512},
        {"cpu_period": 100000, "cpu_quota": 20000},
        {"memory_limit_in_bytes": 134217728},
        {"oom_score_adj": 100},
    )
    draft.add("UpdateContainerResources", {"container_id": draft.container(), "linux": linux})


def _list_containers(draft: _Draft) -> None:
    chosen: dict[str, Any] = draft.one_of(
        {},
        {"id": draft.container()},
        {"pod_sandbox_id": draft.pod()},
        {"state": {"state": draft.one_of(*_STATES)}},
        {"label_selector": {"app": "web"}},
        {"label_selector": {"app": "nosuch"}},
    )
    draft.add(draft.one_of("ListContainers", "StreamContainers"), {"filter": chosen})


def _list_pods(draft: _Draft) -> None:
    chosen: dict[str, Any] = draft.one_of(
        {},
        {"id": draft.pod()},
        {"state": {"state": draft.one_of("SANDBOX_READY", "SANDBOX_NOTREADY")}},
        {"label_selector": {"app": "web"}},
    )
    draft.add(draft.one_of("ListPodSandbox", "StreamPodSandboxes"), {"filter": chosen})


def _of_container(draft: _Draft) -> None:
    act = draft.one_of("ContainerStatus", "RemoveContainer", "ReopenContainerLog")
    draft.add(act, {"container_id": draft.container()})


def _of_pod(draft: _Draft) -> None:
    act = draft.one_of("PodSandboxStatus", "StopPodSandbox", "RemovePodSandbox")
    draft.add(act, {"pod_sandbox_id": draft.pod()})


def _stream(draft: _Draft) -> None:
    flags = draft.one_of({"stdout": True}, {}, {"tty": True, "stderr": True, "stdout": True})
    act = draft.one_of("Exec", "Attach", "PortForward")
    if act == "PortForward":
        draft.add(act, {"pod_sandbox_id": draft.pod(), "port": [80]})
    else:
        command = {"cmd": ["true"]} if act == "Exec" else {}
        draft.add(act, {"container_id": draft.container(), **command, **flags})


_KINDS = (
    (_create, 5),
    (_start, 2),
    (_stop, 2),
    (_of_container, 3),
    (_of_pod, 3),
    (_run_pod, 2),
    (_exec, 2),
    (_update, 1),
    (_list_containers, 1),
    (_list_pods, 1),
    (_stream, 1),
)
_WEIGHED = tuple(kind for kind, weight in _KINDS for _ in range(weight))


@st.composite
def sequences(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Sequence:
    """Think of a sequence. It begins with a pod, since without one there is little to do."""
    draft = _Draft(draw)
    _run_pod(draft)
    for kind in draw(st.lists(st.sampled_from(_WEIGHED), min_size=_FEWEST, max_size=_MOST)):
        kind(draft)
    return Sequence("generated", tuple(draft.steps))


def is_determined(sequence: Sequence) -> bool:
    """Whether no chance decides how a sequence goes: that is lost when parts are left out."""
    following = (*sequence.steps[1:], None)
    for step, after in zip(sequence.steps, following, strict=True):
        config = step.request.get("config", {})
        if step.act == "CreateContainer" and not config.get("command"):
            return False  # the image's own shell ends by itself, sooner or later
        which = step.request.get("container_id", "")
        waits = after is not None and after == Step("wait", {"container_id": which})
        if step.act == "StartContainer" and which.startswith("<e") and not waits:
            return False
    return True


def search(
    differences: Callable[[Sequence], list[Difference]],
    *,
    start: int,
    examples: int,
    is_late: Callable[[], bool],
) -> tuple[int, Sequence | None]:
    """Play sequences until one goes differently; return how many were played, and the smallest.

    `start` is the seed: the same one thinks of the same sequences. `is_late` says whether the
    search for a smaller one has taken too long.
    """
    known: dict[str, bool] = {}
    found: list[Sequence] = []

    @seed(start)
    @settings(
        max_examples=examples * _OFTEN,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(sequences())
    def play(sequence: Sequence) -> None:
        if found or len(known) >= examples or sequence.text in known:
            return
        known[sequence.text] = bool(differences(sequence))
        if known[sequence.text]:
            found.append(sequence)

    play()
    if not found:
        return len(known), None

    def fails(sequence: Sequence) -> bool:
        text = sequence.text
        if text not in known:
            known[text] = is_determined(sequence) and not is_late() and bool(differences(sequence))
        return known[text]

    return len(known), smallest(found[0], fails)
