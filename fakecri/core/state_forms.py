"""The state faults that there are: how each is written, and what it takes.

The text form and the Python form read this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fakecri.core import state_kinds as kinds
from fakecri.core.state_kinds import Kind, Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of a fault: required, by its place, where it has no `default`."""

    name: str
    kind: Kind
    default: Value | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How a fault is written: `container NAME exit CODE [reason=TEXT]`."""

    subject: str
    verb: str
    does: str
    """What it does, in a few words."""
    parameters: tuple[Parameter, ...] = ()
    told: str = ""
    """What the recording calls it."""

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.subject} {self.verb}"


TARGETS: Mapping[str, str] = {
    "container": "the id or name of a container",
    "sandbox": "the id or name of a pod sandbox",
    "image": "an image",
    "condition": "the type of a condition",
    "foreign": "a name for a pod",
}
"""The subjects that stand before the name of one of them, and what that is."""

_SILENT = Parameter("silent", kinds.FLAG, default=False)
_NO_NAMES: tuple[str, ...] = ()

_CONTAINER = (
    Form(
        "container",
        "exit",
        "its process ends",
        (Parameter("code", kinds.CODE), Parameter("reason", kinds.TEXT, "")),
        "exit",
    ),
    Form(
        "container", "signal", "it gets a Unix signal", (Parameter("signal", kinds.NAME),), "signal"
    ),
    Form(
        "container",
        "oom",
        "the kernel kills it, or a child of it, for want of memory",
        (
            Parameter("code", kinds.CODE, 137),
            Parameter("reason", kinds.TEXT, "OOMKilled"),
            Parameter("child", kinds.FLAG, default=False),
        ),
        "oom",
    ),
    Form("container", "lose", "its state is not known any more: UNKNOWN", told="lose"),
    Form("container", "recover", "its state is known again", told="recover"),
    Form(
        "container",
        "forget",
        "it vanishes, as if somebody had removed it; `silent`: without events",
        (_SILENT,),
        "forget",
    ),
    Form("container", "unkillable", "no signal reaches it", told="unkillable"),
    Form("container", "killable", "it gets what it did not get meanwhile", told="killable"),
)
_SANDBOX = (
    Form("sandbox", "die", "its pause process dies", told="sandbox died"),
    Form(
        "sandbox",
        "drop-ip",
        "it is READY without an address; `held`: nobody else gets that",
        (Parameter("held", kinds.FLAG, default=False),),
        "sandbox lost its address",
    ),
    Form("sandbox", "lose", "its state is not known any more: NOTREADY", told="sandbox lost"),
    Form("sandbox", "recover", "its state is known again", told="sandbox recovered"),
    Form(
        "sandbox",
        "forget",
        "it and its containers vanish; `silent`: without events",
        (_SILENT,),
        "sandbox forgotten",
    ),
)
_IMAGE = (
    Form("image", "forget", "it is gone, used or not", told="image forgotten"),
    Form("image", "half-remove", "its id is left, without names and content", told="image broken"),
)
_SAID = (Parameter("reason", kinds.TEXT, ""), Parameter("message", kinds.TEXT, ""))
_NODE = (
    Form("condition", "true", "Status says that it is so", _SAID, "condition"),
    Form("condition", "false", "Status says that it is not so", _SAID, "condition"),
    Form("condition", "missing", "Status says nothing of it", told="condition"),
    Form(
        "condition",
        "flap",
        "it is false for `off`, true for `on`, and so on",
        (
            Parameter("off", kinds.SPAN, 5_000_000_000),
            Parameter("on", kinds.SPAN, 5_000_000_000),
            *_SAID,
        ),
        "condition",
    ),
    Form("condition", "restore", "Status says what is true", told="condition"),
    Form("status", "nil", "Status answers without a status", told="status"),
    Form("status", "empty", "Status answers without conditions", told="status"),
    Form("status", "restore", "Status answers what is true", told="status"),
    Form(
        "disk",
        "fill",
        "somebody else takes the room on it",
        (Parameter("leave", kinds.NUMBER, 0), Parameter("leave-inodes", kinds.NUMBER, -1)),
        "disk",
    ),
    Form("disk", "clear", "and gives it back", told="disk"),
    Form(
        "ips",
        "exhaust",
        "no address is left for pods",
        (Parameter("leave", kinds.NUMBER, 0),),
        "ips",
    ),
    Form("ips", "restore", "all are there again", told="ips"),
    Form(
        "network",
        "add-fails",
        "no pod gets a network",
        (Parameter("error", kinds.NAME),),
        "network",
    ),
    Form(
        "network",
        "del-fails",
        "no network of a pod is taken down",
        (Parameter("error", kinds.NAME),),
        "network",
    ),
    Form("network", "restore", "both work again", told="network"),
    Form(
        "foreign",
        "add",
        "a pod that is no kubelet's, with a container",
        (
            Parameter("container", kinds.TEXT, ""),
            Parameter("namespace", kinds.TEXT, "default"),
            Parameter("image", kinds.NAME, "busybox"),
        ),
        "foreign",
    ),
)
_FOUND = tuple(
    Parameter(name, kinds.NAMES, _NO_NAMES)
    for name in ("lost", "unknown", "unreadable", "zeroed", "dead", "started")
)
KEEP = ("all", "none", "unknown", "dead")
_RESTARTS = (
    Form(
        "runtime",
        "restart",
        "it dies, is away for `down`, and does not answer for `init` more",
        (
            Parameter("down", kinds.SPAN, 0),
            Parameter("init", kinds.SPAN, 0),
            Parameter("keep", kinds.words(*KEEP), "all"),
            *_FOUND,
            Parameter("leak-names", kinds.FLAG, default=False),
        ),
        "restart",
    ),
    Form(
        "node",
        "reboot",
        "nothing runs any more; the wall clock is wrong for `clock-for`",
        (
            Parameter("down", kinds.SPAN, 0),
            Parameter("init", kinds.SPAN, 0),
            Parameter("clock", kinds.CLOCK, 0),
            Parameter("clock-for", kinds.SPAN, 60_000_000_000),
            Parameter("exit", kinds.CODE, 255),
        ),
        "reboot",
    ),
)

FORMS: Mapping[str, Form] = {
    form.name: form for form in (*_CONTAINER, *_SANDBOX, *_IMAGE, *_NODE, *_RESTARTS)
}
"""All forms by name, in the order in which the documentation lists them."""
