"""What Status says of the runtime's condition, where a test wants it to say something else."""

from dataclasses import dataclass, field

from fakecri.api import runtime_pb2 as pb


@dataclass(frozen=True, slots=True)
class Said:
    """What is said instead of one condition; a reason or message only where it is not empty."""

    status: bool
    reason: str = ""
    message: str = ""
    off_ns: int = 0
    on_ns: int = 0
    """How long it is false and then true, in turns, from `since_ns` on; 0: it never changes."""
    since_ns: int = 0

    def now(self, now_ns: int) -> "Said":
        """Return what is said at a time; a reason or message is one for what is false."""
        if not self.on_ns:
            return self
        passed_ns = (now_ns - self.since_ns) % (self.off_ns + self.on_ns)
        return self if passed_ns < self.off_ns else Said(status=True)


@dataclass(slots=True)
class Conditions:
    """What is said instead: by type of condition, None where it is left out."""

    said: dict[str, Said | None] = field(default_factory=dict)
    answer: str = ""
    """`nil`: no status at all; `empty`: one without conditions; else one with them."""

    def status(self, true: list[pb.RuntimeCondition], now_ns: int) -> pb.RuntimeStatus | None:
        """Return what is said at a time where `true` is what holds."""
        if self.answer:
            return None if self.answer == "nil" else pb.RuntimeStatus()
        if not self.said:
            return pb.RuntimeStatus(conditions=true)
        known = [each.type for each in true]
        extra = [pb.RuntimeCondition(type=each) for each in self.said if each not in known]
        told = (self._told(each, now_ns) for each in (*true, *extra))
        return pb.RuntimeStatus(conditions=[each for each in told if each is not None])

    def _told(self, condition: pb.RuntimeCondition, now_ns: int) -> pb.RuntimeCondition | None:
        if condition.type not in self.said:
            return condition
        said = self.said[condition.type]
        if said is None:
            return None
        said = said.now(now_ns)
        return pb.RuntimeCondition(
            type=condition.type, status=said.status, reason=said.reason, message=said.message
        )
