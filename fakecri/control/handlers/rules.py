"""Rules: armed, counted, reset and disarmed."""

from collections.abc import Iterable

from fakecri.api import control_pb2 as pb
from fakecri.control.rpcs import handles
from fakecri.control.sessions import Session
from fakecri.core.faults import Armed
from fakecri.errors import Missing, UsageError
from fakecri.scopes import as_rules


@handles("Rules.Arm", changes=True)
def arm(session: Session, request: pb.ArmRequest) -> pb.ArmedRules:
    """Put rules in force: all of them, or none."""
    if not request.rules:
        raise UsageError("there is no rule in this request")
    rules = as_rules(request.rules)
    with session.cri.host.turn() as world:
        new = [world.faults.arm(rule) for rule in rules]
    return _answer((id_, armed) for id_, armed in session.armed().items() if armed in new)


@handles("Rules.Disarm", changes=True)
def disarm(session: Session, request: pb.DisarmRequest) -> pb.ArmedRules:
    """Take rules back."""
    chosen = _chosen(session, request.ids, all_=request.all)
    answer = _answer(chosen.items())
    with session.cri.host.turn() as world:
        for armed in chosen.values():
            world.faults.disarm(armed)
    return answer


@handles("Rules.List")
def list_rules(session: Session, request: pb.ListRulesRequest) -> pb.ArmedRules:  # noqa: ARG001  # nothing to choose
    """Return the rules in force."""
    return _answer(session.armed().items())


@handles("Rules.Reset", changes=True)
def reset(session: Session, request: pb.ResetRulesRequest) -> pb.ArmedRules:
    """Let rules begin again."""
    chosen = _chosen(session, request.ids, all_=not request.ids)
    with session.cri.host.turn():
        for armed in chosen.values():
            armed.reset()
    return _answer(chosen.items())


@handles("Rules.Switch", changes=True)
def switch(session: Session, request: pb.SwitchRequest) -> pb.SwitchResponse:
    """Turn a switch on or off."""
    session.cri.faults.switch(request.name, on=request.on)
    return pb.SwitchResponse()


def _chosen(session: Session, ids: Iterable[str], *, all_: bool) -> dict[str, Armed]:
    armed = session.armed()
    if all_:
        return armed
    chosen = {}
    for id_ in ids:
        if id_ not in armed:
            raise Missing(f"there is no rule {id_!r} in force")
        chosen[id_] = armed[id_]
    if not chosen:
        raise UsageError("neither ids of rules nor all of them")
    return chosen


def _answer(rules: Iterable[tuple[str, Armed]]) -> pb.ArmedRules:
    return pb.ArmedRules(
        rules=[
            pb.ArmedRule(
                id=id_,
                text=armed.text,
                hits=armed.hits,
                fired=armed.fired,
                calls=[call.serial for call in armed.calls],
                near_miss=armed.why_unfired() if armed.can_fire and not armed.fired else "",
            )
            for id_, armed in rules
        ]
    )
