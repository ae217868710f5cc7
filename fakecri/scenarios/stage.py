"""The stage with a real kubelet on it."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fakecri.core.faults.rules import breaks_wires
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import UsageError
from fakecri.kubelet import KubeletError, KubeletNode, NotSeen
from fakecri.scenarios.conditions import Term, Values
from fakecri.scenarios.files import Live
from fakecri.scenarios.looking import Look
from fakecri.scenarios.manifests import Manifest, edited
from fakecri.scenarios.steps import Step
from fakecri.scopes import as_rules

if TYPE_CHECKING:
    from fakecri.clock import UntilStopped
    from fakecri.scopes import Scope


class NodeStage:
    """Acts upon a node, and looks at it."""

    def __init__(self, node: KubeletNode, live: Live) -> None:
        self.node = node
        self.armed: list[Scope] = []
        """All that was armed, also what is not any more."""
        self._live = live
        self._put: dict[str, Manifest] = {}
        self._stamps: UntilStopped | None = None

    @property
    def now_ns(self) -> int:
        """The time since the runtime began."""
        return self.node.cri.clock.reading().virtual_ns

    def look(self) -> Callable[[Term], Values]:
        """Return what reads facts, all of one moment."""
        return Look(self.node, list(self._live.pods), self.armed).values

    def wait(self, happened: Callable[[], bool], span_ns: int) -> bool:
        """Ask from time to time, for so long; return at once when it has happened."""
        try:
            return self.node.kubelet.until(happened, "it", span_ns / SECOND_NS, _EVERY_S)
        except NotSeen:
            return False

    def do(self, step: Step) -> str:
        """Do what a step says; return what there is to tell of it. UsageError if it cannot be."""
        do: Callable[..., str] = getattr(self, f"_do_{step.verb}")
        return do(*step.arguments)

    def _do_put(self, *names: str) -> str:
        for name in names:
            self._put.setdefault(name, self._live.pods[name])
        self.node.put_all([self._put[name] for name in names])
        return f"{len(names)} pods"

    def _do_edit(self, names: list[str], path: str, value: object) -> str:
        for name in names:
            manifest = self._put.get(name, self._live.pods[name])
            self._put[name] = edited(manifest, path, value)
            self.node.put(self._put[name])
        return ", ".join(names)

    def _do_remove(self, *names: str) -> str:
        for name in names:
            try:
                self.node.remove(name)
            except FileNotFoundError:
                raise UsageError(f"the pod {name} was not put") from None
            self._put.pop(name, None)
        return f"{len(names)} pods"

    def _do_arm(self, rule: str) -> str:
        self.armed.append(self.node.cri.faults(rule))
        return ""

    def _do_disarm(self) -> str:
        fired = sum(scope.fired for scope in self.armed)
        for scope in self.armed:
            scope.disarm()
        return f"{fired} calls were struck"

    def _do_state(self, line: str) -> str:
        return self.node.cri.state.strike(line).missed or ""

    def _do_clock(self, verb: str, argument: str = "") -> str:
        clock = self.node.cri.clock
        if verb == "stamps":
            self._stamps = clock.stamps(argument)
        elif verb == "trust":
            if self._stamps is not None:
                self._stamps.stop()
        elif verb == "set":
            clock.set_wall(argument)
        elif verb == "jump":
            clock.jump(argument)
        else:
            {"freeze": clock.freeze, "thaw": clock.thaw}[verb]()
        return ""

    def _do_release(self, gate: str, number: int | None) -> str:
        return f"{self.node.cri.gates[gate].release(number)} calls went on"

    def _do_open(self, gate: str) -> str:
        self.node.cri.gates[gate].close()
        return ""

    def _do_kubelet(self, what: str) -> str:
        kubelet = self.node.kubelet
        try:
            if what in {"stop", "restart"}:
                kubelet.stop()
            if what == "kill":
                kubelet.stop(signal.SIGKILL)
            if what in {"start", "restart"}:
                kubelet.start()
        except (KubeletError, NotSeen) as error:
            return str(error)  # which may be what the scenario is about
        return ""

    def _do_wait(self, span_ns: int) -> str:
        self.wait(lambda: False, span_ns)
        return ""


_EVERY_S = 0.2


def cri_options(live: Live) -> dict[str, Any]:
    """Return what the runtime begins with, as its Options have it."""
    options = {
        "images" if key == "publish" else key: tuple(value) if isinstance(value, list) else value
        for key, value in live.cri.items()
    }
    armed = [rule for step in live.steps if step.verb == "arm" for rule in step.arguments]
    return {**options, "wire_faults": breaks_wires(as_rules(armed))}
