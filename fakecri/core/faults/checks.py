"""What an action's arguments must be beside their types, before a rule is in force."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from fakecri.core.faults.details import encoded_details
from fakecri.core.faults.fits import find_misfit, find_mismatch
from fakecri.core.faults.kinds import is_session, named_arguments
from fakecri.core.faults.paths import FieldPath, PathError, parse_path
from fakecri.core.faults.patterns import glob_matcher
from fakecri.core.faults.rules import Action, Duration, Phase, Value
from fakecri.core.faults.targets import expanded
from fakecri.errors import Code, UsageError
from fakecri.rpcs import RPCS

PROTOCOLS = (
    *("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io"),
    *("channel.k8s.io", "v4.base64.channel.k8s.io", "base64.channel.k8s.io"),
    *("portforward.k8s.io", "SPDY/3.1+portforward.k8s.io"),
)
"""The subprotocols of sessions."""

LARGEST_PAD = 64 * 1024 * 1024
"""Four times what runtimes and their clients take."""

Named: TypeAlias = Mapping[str, Value | None]


class ArgumentError(UsageError):
    """An argument that makes no sense: which one, and where in it."""

    def __init__(self, complaint: str, argument: int = 0, offset: int = 0) -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.argument = argument
        """Its place, from 0."""
        self.offset = offset
        """The character of a path where it goes wrong, from 0."""


def check_arguments(action: Action, phase: Phase, targets: Sequence[str]) -> None:
    """Raise ArgumentError where an action could not do what it says to the RPCs of a rule."""
    named = named_arguments(action)
    _check_forms(action, phase, targets)
    _check_durations(action)
    check = _CHECKS.get(action.name)
    if check is not None:
        check(named)
    if "path" in named:
        _check_path(action, phase, targets)
    if action.name == "future":
        _check_future(named, _responses(action, phase, targets))
    if named.get("kind") not in {None, "ANY"}:
        _require_events(targets)


def _check_forms(action: Action, phase: Phase, targets: Sequence[str]) -> None:
    """Refuse what an RPC that is named does not take, or none that a word stands for."""
    fitting = [rpc for rpc in expanded(targets) if not find_misfit(action.name, phase, rpc)]
    complaints = {rpc: find_mismatch(action, phase, rpc) for rpc in fitting}
    named = [complaint for rpc, complaint in complaints.items() if complaint and rpc in targets]
    if named or (fitting and all(complaints.values())):
        raise ArgumentError(next(iter(named or complaints.values())))


def _check_durations(action: Action) -> None:
    for place, value in enumerate(action.arguments):
        if isinstance(value, Duration) and value.ns < 0 and action.name != "shift":
            raise ArgumentError("this time cannot be negative", place)


def _whole(named: Named, name: str) -> int:
    value = named[name]
    return value if isinstance(value, int) else 0


def _at_least(name: str, place: int, least: int = 1) -> Callable[[Named], None]:
    def check(named: Named) -> None:
        if named[name] is not None and _whole(named, name) < least:
            raise ArgumentError(f"expected {name} from {least} on, not {named[name]}", place)

    return check


def _check_error(named: Named) -> None:
    status = named.get("http_status")
    if status is not None and not 400 <= _whole(named, "http_status") < 600:  # noqa: PLR2004  # as HTTP has them
        raise ArgumentError(f"expected a status of HTTP from 400 to 599, not {status}")
    code, details = named.get("code"), named.get("details")
    if code is Code.OK:
        raise ArgumentError("OK is the code of no error")
    if details and isinstance(code, Code):
        try:
            encoded_details(code, str(named["text"]), str(details))
        except UsageError as error:
            raise ArgumentError(str(error), 2) from None


def _check_end(named: Named) -> None:
    if named["text"] and named["code"] in {None, Code.OK}:
        raise ArgumentError("a stream that ends well has no text", 1)


def _check_delay(named: Named) -> None:
    law = named.get("law")
    if law == "uniform" and _ns(named["least"]) > _ns(named["most"]):
        raise ArgumentError("the most is less than the least", 2)
    if law == "lognormal" and not 0 <= float(str(named["sigma"])) <= 10:  # noqa: PLR2004  # e to the 10th is 22026
        raise ArgumentError(f"expected a sigma from 0 to 10, not {named['sigma']}", 2)
    if law == "ramp":
        _at_least("calls", 3)(named)


def _ns(value: object) -> int:
    return value.ns if isinstance(value, Duration) else 0


def _check_pad(named: Named) -> None:
    if not 0 < _whole(named, "bytes") <= LARGEST_PAD:
        raise ArgumentError(f"expected 1 to {LARGEST_PAD} bytes, not {named['bytes']}")


def _check_some(named: Named) -> None:
    if "n" in named:
        _at_least("n", 1 if "kind" in named else 0)(named)
    _check_bytes(named)


def _check_bytes(named: Named) -> None:
    if "bytes" in named:
        _at_least("bytes", 1 if "channel" in named else 0)(named)


def _check_idle(named: Named) -> None:
    if not _ns(named["duration"]):
        raise ArgumentError("expected a duration above 0")


def _check_only(named: Named) -> None:
    pattern = str(named.get("protocols", "*"))
    if not any(map(glob_matcher(pattern), PROTOCOLS)):
        raise ArgumentError(f"no protocol is called {pattern}: {', '.join(PROTOCOLS)}")


_CHECKS: Mapping[str, Callable[[Named], None]] = {
    "error": _check_error,
    "end": _check_end,
    "delay": _check_delay,
    "pad": _check_pad,
    "drop": _check_some,
    "dup": _check_some,
    "overflow": _check_some,
    "reorder": _at_least("window", 0, 2),
    "serial": _at_least("workers", 1),
    "split": _at_least("items", 0),
    "slow": _at_least("bytes_per_s", 0),
    "slice": _at_least("bytes", 0),
    "stall": _check_bytes,
    "reset": _check_bytes,
    "idle": _check_idle,
    "only": _check_only,
}


def _responses(
    action: Action, phase: Phase, targets: Sequence[str]
) -> list[tuple[str, Descriptor]]:
    """Return the RPCs on which the action can act, with what it changes there."""
    return [
        (rpc, cast("Descriptor", _changed(phase, rpc).DESCRIPTOR))
        for rpc in expanded(targets)
        if not find_misfit(action.name, phase, rpc)
    ]


def _changed(phase: Phase, rpc: str) -> type[Message]:
    """Return what an action changes: the answer, or what a session was asked to be."""
    return RPCS[rpc].request if is_session(phase, rpc) else RPCS[rpc].response


def _check_path(action: Action, phase: Phase, targets: Sequence[str]) -> None:
    """Check a path for each RPC that a rule names, and that a word such as * has one for it."""
    named = {rpc for rpc in targets if rpc in RPCS}
    failure: PathError | None = None
    fits = False
    for rpc, message in _responses(action, phase, targets):
        try:
            _check_in(message, action)
            fits = True
        except PathError as error:
            failure = failure or error
            if rpc in named:
                raise _argument_error(error, action) from None
    if failure is not None and not fits:
        raise _argument_error(failure, action)


def _argument_error(error: PathError, action: Action) -> ArgumentError:
    about_value = error.offset >= len(str(action.arguments[0])) and action.name == "set"
    is_value = about_value and " takes " in error.complaint
    return ArgumentError(error.complaint, int(is_value), 0 if is_value else error.offset)


def _check_in(message: Descriptor, action: Action) -> FieldPath:
    text = str(action.arguments[0])
    path = parse_path(text, message)
    if action.name == "set":
        path.value(action.arguments[1])
    if action.name == "shift" and not path.has_number:
        raise PathError("shift is for whole numbers, such as a time", len(text))
    return path


def _check_future(named: Named, responses: Sequence[tuple[str, Descriptor]]) -> None:
    number = _whole(named, "field")
    if not 0 < number < 2**29 or 19000 <= number < 20000:  # noqa: PLR2004  # as protobuf has it
        raise ArgumentError(f"{number} is no number of a field: 1 to 18999, 20000 to 536870911")
    for rpc, message in responses:
        known = message.fields_by_number.get(number)
        if known is not None:
            raise ArgumentError(f"{number} is {known.name} in the answer of {rpc}")


def _require_events(targets: Sequence[str]) -> None:
    for rpc in targets:
        if rpc in RPCS and rpc != "GetContainerEvents":
            raise ArgumentError(f"only events have a kind, and {rpc} has none")
