"""What a test does to the state of the node, as if it happened by itself: `cri.state`.

Each method strikes at once; those of `after(...)` and `at(...)` strike in virtual time. All of them
are StateFaults, which can be written as a line of text too: see docs/state_faults.md.
"""

from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from fakecri.clock import Span, span_ns
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.state_faults import Due, StateFault
from fakecri.core.state_kinds import Value
from fakecri.core.state_targets import find_sandbox
from fakecri.core.strikes import Struck, strike
from fakecri.errors import UsageError
from fakecri.host import Host

__all__ = ["ContainerState", "ImageState", "SandboxState", "State", "StateFault", "Struck"]

Clock: TypeAlias = str | float


class Restart(TypedDict, total=False):
    """What `State.restart_runtime` takes beside `down`."""

    keep: str
    init: Span
    lost: Sequence[str]
    unknown: Sequence[str]
    unreadable: Sequence[str]
    zeroed: Sequence[str]
    dead: Sequence[str]
    started: Sequence[str]
    leak_names: bool


class Reboot(TypedDict, total=False):
    """What `State.reboot_node` takes beside `down`."""

    init: Span
    clock: Clock
    clock_for: Span
    exit_code: int


class _Subject:
    """Something that a name is the name of."""

    subject = ""

    def __init__(self, state: "State", name: str) -> None:
        self._state = state
        self._name = name

    def _strike(self, verb: str, **values: Value) -> Struck:
        return self._state.make(f"{self.subject} {verb}", self._name, **values)


class ContainerState(_Subject):
    """A container, by its id or name."""

    subject = "container"

    def exit(self, code: int, reason: str = "") -> Struck:
        """Let its process end with a code; a reason stands instead of Completed or Error."""
        return self._strike("exit", code=code, reason=reason)

    def signal(self, signal: str) -> Struck:
        """Send it a Unix signal, such as `SIGTERM` or `9`, from outside."""
        return self._strike("signal", signal=signal)

    def oom(self, *, code: int = 137, reason: str = "OOMKilled", child: bool = False) -> Struck:
        """Let the kernel kill it for want of memory.

        Runtimes get that wrong at times: `reason=""` is a 137 without one, `code` another end than
        by SIGKILL. With `child` another process of it dies, and it goes on.
        """
        return self._strike("oom", code=code, reason=reason, child=child)

    def lose(self) -> Struck:
        """Let its state be UNKNOWN, until `recover` or a stop."""
        return self._strike("lose")

    def recover(self) -> Struck:
        """Let its state be known again."""
        return self._strike("recover")

    def forget(self, *, silent: bool = False) -> Struck:
        """Let it vanish, as if somebody had removed it by force; `silent`: without events."""
        return self._strike("forget", silent=silent)

    def unkillable(self) -> Struck:
        """Let no signal reach it: a stop waits until its deadline, or for ever."""
        return self._strike("unkillable")

    def killable(self) -> Struck:
        """Let it get the signals that did not reach it."""
        return self._strike("killable")


class SandboxState(_Subject):
    """A pod sandbox, by its id or the name of the pod."""

    subject = "sandbox"

    def die(self) -> Struck:
        """Let its pause process die: NOTREADY; its containers go on."""
        return self._strike("die")

    def drop_ip(self, *, held: bool = False) -> Struck:
        """Let it be READY without an address; `held`: no other pod gets that."""
        return self._strike("drop-ip", held=held)

    def lose(self) -> Struck:
        """Let its state be unknown, which shows as NOTREADY."""
        return self._strike("lose")

    def recover(self) -> Struck:
        """Let its state be known again."""
        return self._strike("recover")

    def forget(self, *, silent: bool = False) -> Struck:
        """Let it vanish with its containers, as if removed by force; `silent`: without events."""
        return self._strike("forget", silent=silent)


class ImageState(_Subject):
    """An image on the node, by any of its names."""

    subject = "image"

    def forget(self) -> Struck:
        """Let it be gone, whoever uses it."""
        return self._strike("forget")

    def half_remove(self) -> Struck:
        """Let its id be left, without names and without content."""
        return self._strike("half-remove")


class State:
    """Changes the state of the node. UsageError for what cannot be."""

    def __init__(self, host: Host, due: Due | None = None) -> None:
        self._host = host
        self._due = due

    def after(self, span: Span) -> "State":
        """Return what strikes when so much virtual time has passed: seconds, or `1h30m`."""
        return State(self._host, Due("after", span_ns(span)))

    def at(self, span: Span) -> "State":
        """Return what strikes so long after the runtime began."""
        return State(self._host, Due("at", span_ns(span)))

    def strike(self, text: str) -> Struck:
        """Do what a line says: `after 5s container web-1/app exit 137`. StateFaultError."""
        fault = StateFault.parse(text)
        if self._due is not None and fault.due is not None:
            raise UsageError(f'"{text}" says itself when it is due')
        return self._strike(fault if fault.due else self._with_due(fault))

    def _with_due(self, fault: StateFault) -> StateFault:
        return StateFault(fault.name, fault.target, fault.values, self._due)

    def make(self, name: str, target: str = "", **values: Value) -> Struck:
        """Strike by the name of a form; its values have `_` for `-`."""
        given = {each.replace("_", "-"): value for each, value in values.items()}
        return self._strike(StateFault.make(name, target, given, self._due))

    def _strike(self, fault: StateFault) -> Struck:
        with self._host.turn() as world:
            struck = strike(world, fault)
        self._host.settle()
        return struck

    # Things.

    def container(self, name: str) -> ContainerState:
        """Return a container: an id, the beginning of one, `app`, `web-1/app`, `ns/web-1/app`."""
        return ContainerState(self, name)

    def sandbox(self, name: str) -> SandboxState:
        """Return a pod sandbox: an id, the beginning of one, `web-1`, `ns/web-1`."""
        return SandboxState(self, name)

    def image(self, name: str) -> ImageState:
        """Return an image on the node."""
        return ImageState(self, name)

    def add_foreign(
        self,
        name: str,
        *,
        container: str = "",
        namespace: str = "default",
        image: str = "busybox",
    ) -> tuple[str, str]:
        """Run a pod without a kubelet's labels, with a container; return both ids.

        The name of the container is empty unless it is given. Ids are empty where it is to
        happen later.
        """
        struck = self.make(
            "foreign add", name, container=container, namespace=namespace, image=image
        )
        if not struck.is_done:
            return "", ""
        with self._host.turn() as world:
            sandbox = find_sandbox(world, f"{namespace}/{name}")
            return sandbox.id, next(iter(sandbox.containers))

    # The node.

    def condition(
        self,
        type_: str,
        status: bool,
        reason: str = "",
        message: str = "",  # told so
    ) -> Struck:
        """Let Status say this of a condition, whatever is true."""
        verb = "true" if status else "false"
        return self.make(f"condition {verb}", type_, reason=reason, message=message)

    def drop_condition(self, type_: str) -> Struck:
        """Let Status say nothing of a condition."""
        return self.make("condition missing", type_)

    def flap_condition(
        self, type_: str, *, off: Span = 5, on: Span = 5, reason: str = "", message: str = ""
    ) -> Struck:
        """Let Status say in turns that a condition is false, for `off`, and true, for `on`."""
        spans = {"off": span_ns(off), "on": span_ns(on)}
        return self.make("condition flap", type_, reason=reason, message=message, **spans)

    def restore_condition(self, type_: str) -> Struck:
        """Let Status say what is true of a condition."""
        return self.make("condition restore", type_)

    def nil_status(self) -> Struck:
        """Let Status answer without a status."""
        return self.make("status nil")

    def empty_status(self) -> Struck:
        """Let Status answer without conditions."""
        return self.make("status empty")

    def restore_status(self) -> Struck:
        """Let Status answer what is true."""
        return self.make("status restore")

    def fill_disk(self, leave: int = 0, *, leave_inodes: int = -1) -> Struck:
        """Let somebody take the room of the disk but so many bytes, and inodes (-1: all)."""
        return self.make("disk fill", leave=leave, leave_inodes=leave_inodes)

    def clear_disk(self) -> Struck:
        """Let that be given back."""
        return self.make("disk clear")

    def exhaust_ips(self, leave: int = 0) -> Struck:
        """Let so many addresses be left for pods."""
        return self.make("ips exhaust", leave=leave)

    def restore_ips(self) -> Struck:
        """Let all be there again."""
        return self.make("ips restore")

    def fail_network(self, error: str) -> Struck:
        """Let no pod get a network, for this reason."""
        return self.make("network add-fails", error=error)

    def fail_teardown(self, error: str) -> Struck:
        """Let no network of a pod be taken down, for this reason."""
        return self.make("network del-fails", error=error)

    def restore_network(self) -> Struck:
        """Let both work again."""
        return self.make("network restore")

    # The runtime.

    def restart_runtime(  # noqa: PLR0913  # all that can be found on return, by keyword
        self,
        down: Span = 0,
        *,
        keep: str = "all",
        init: Span = 0,
        lost: Sequence[str] = (),
        unknown: Sequence[str] = (),
        unreadable: Sequence[str] = (),
        zeroed: Sequence[str] = (),
        dead: Sequence[str] = (),
        started: Sequence[str] = (),
        leak_names: bool = False,
    ) -> Struck:
        """Let the runtime die, be away for `down`, and not be initialized for `init` more.

        `keep` is what it finds of containers: `all` as it is; `unknown`: what runs is UNKNOWN;
        `dead`: nothing runs any more; `none`: nothing is known. The lists name containers and pod
        sandboxes of which it finds something else: metadata `lost`, state `unknown`, status
        `unreadable` or `zeroed`, `dead`, or `started` where the start was not stored.
        With `leak_names` names stay reserved that nothing has.
        """
        return self.make(
            "runtime restart",
            down=span_ns(down),
            init=span_ns(init),
            keep=keep,
            lost=tuple(lost),
            unknown=tuple(unknown),
            unreadable=tuple(unreadable),
            zeroed=tuple(zeroed),
            dead=tuple(dead),
            started=tuple(started),
            leak_names=leak_names,
        )

    def reboot_node(
        self,
        down: Span = 0,
        *,
        init: Span = 0,
        clock: Clock = 0,
        clock_for: Span = 60,
        exit_code: int = 255,
    ) -> Struck:
        """Let the node reboot: nothing runs any more, images are kept.

        The wall clock is wrong by `clock`, or shows that time, until `clock_for` after the return
        (0: until it is set). What ran ends with `exit_code`: 255, for a reason unknown and when
        it is found; any other when it goes down.
        """
        parsed = StateFault.parse(f"node reboot clock={clock}") if isinstance(clock, str) else None
        return self.make(
            "node reboot",
            down=span_ns(down),
            init=span_ns(init),
            clock=parsed.get("clock") if parsed else round(float(clock) * SECOND_NS),
            clock_for=span_ns(clock_for),
            exit=exit_code,
        )
