"""Which actions make sense where, and with which arguments."""

from fakecri.core.faults.kinds import CHANNELS, KINDS, is_session, named_arguments
from fakecri.core.faults.parameters import listed, takes
from fakecri.core.faults.rules import Action, Phase
from fakecri.rpcs import RPCS


def find_misfit(name: str, phase: Phase, rpc: str) -> str:
    """Return why an action cannot act in this phase of an RPC, or nothing."""
    kind = KINDS[name]
    if phase not in kind.all_phases:
        words = ", ".join(each.value for each in kind.all_phases)
        return f"{name} acts in these phases: {words}; not in {phase.value}"
    if is_session(phase, rpc):
        return "" if rpc in kind.sessions else f"{name} does nothing to the session of {rpc}"
    if phase not in kind.phases:
        words = ", ".join(each for each in RPCS if each in kind.sessions)
        return f"{name} in phase {phase.value} is for the sessions of {words}, not for {rpc}"
    return _call_misfit(name, phase, rpc)


def _call_misfit(name: str, phase: Phase, rpc: str) -> str:
    kind, streams = KINDS[name], RPCS[rpc].streams
    if phase is Phase.STREAM and not streams:
        return f"{name} in phase stream is for RPCs that stream, and {rpc} does not"
    if kind.streams is not None and kind.streams is not streams:
        return f"{name} is for RPCs that {'stream' if kind.streams else 'do not stream'}, not {rpc}"
    if kind.rpcs is not None and rpc not in kind.rpcs:
        return f"{name} makes no sense for {rpc}"
    return ""


def find_mismatch(action: Action, phase: Phase, rpc: str) -> str:
    """Return why the arguments of an action that fits make no sense there, or nothing."""
    forms = KINDS[action.name].forms_for(phase, rpc)
    whose = f"the session of {rpc}" if is_session(phase, rpc) else rpc
    if not any(takes(each, action) for each in forms):
        return f"for {whose} {action.name} takes {listed(forms)}"
    if not is_session(phase, rpc):
        return ""
    channel = named_arguments(action).get("channel")
    if channel is not None and channel not in CHANNELS[rpc]:
        return f"{whose} has no {channel}, but {', '.join(CHANNELS[rpc])}"
    if rpc == "PortForward" and _ends_as_command(action):
        return f"{whose} has neither an exit code nor an end of its own"
    return ""


def _ends_as_command(action: Action) -> bool:
    named = named_arguments(action)
    return named.get("until") == "status" or "exit_code" in named
