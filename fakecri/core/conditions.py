"""What Status says of the runtime's condition, where a test wants it to say something else."""

from dataclasses import dataclass, field

from fakecri.api import runtime_pb2 as pb


@dataclass(frozen=True, slots=True)
class Said:
    """What is said instead of one condition; a reason or message only where it is not empty."""

    status: bool
    reason: str = ""
    message: str = ""


@dataclass(slots=True)
class Conditions:
    """What is said instead: by type of condition, None where it is left out."""

    said: dict[str, Said | None] = field(default_factory=dict)
    answer: str = ""
    """`nil`: no status at all; `empty`: one without conditions; else one with them."""

    def status(self, true: list[pb.RuntimeCondition]) -> pb.RuntimeStatus | None:
        """Return what is said where `true` is what holds."""
        if self.answer:
            return None if self.answer == "nil" else pb.RuntimeStatus()
        if not self.said:
            return pb.RuntimeStatus(conditions=true)
        known = [each.type for each in true]
        extra = [pb.RuntimeCondition(type=each) for each in self.said if each not in known]
        told = (self._told(each) for each in (*true, *extra))
        return pb.RuntimeStatus(conditions=[each for each in told if each is not None])

    def _told(self, condition: pb.RuntimeCondition) -> pb.RuntimeCondition | None:
        if condition.type not in self.said:
            return condition
        said = self.said[condition.type]
        if said is None:
            return None
        return pb.RuntimeCondition(
            type=condition.type, status=said.status, reason=said.reason, message=said.message
        )
