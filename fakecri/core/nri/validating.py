"""Plugins that look at what all of them together made of a container."""

from collections.abc import Sequence

from fakecri.api import nri_pb2 as nri
from fakecri.core.executables import quoted
from fakecri.core.nri.adaptation import Adaptation, Seat
from fakecri.core.nri.adjustments import Adjustments
from fakecri.core.nri.plugins import NRIError, PluginGone
from fakecri.core.scheduler import Waits
from fakecri.errors import CRIError

_METHOD = "ValidateContainerAdjustment"


def validate(
    adaptation: Adaptation,
    validators: Sequence[Seat],
    asked: Sequence[Seat],
    pod: nri.PodSandbox,
    container: nri.Container,
    adjustments: Adjustments,
) -> Waits[None]:
    """Have them agree, or raise. One that is gone has not agreed."""
    request = nri.ValidateContainerAdjustmentRequest(
        pod=pod,
        container=container,
        adjust=adjustments.total,
        update=adjustments.updates.others,
        owners=adjustments.owners.message,
        plugins=[
            nri.PluginInstance(name=each.plugin.name, index=each.plugin.index) for each in asked
        ],
    )
    for seat in validators:
        if seat.closed:
            continue
        try:
            answer = yield from adaptation.call(seat, _METHOD, request)
        except NRIError as error:
            if isinstance(error, PluginGone):
                adaptation.close(seat)
            raise CRIError(f"validator plugin {seat.name} failed: {error}") from error
        if answer.reject:
            reason = answer.reason or "unknown rejection reason"
            raise CRIError(
                f"validator {quoted(seat.name)} rejected container adjustment, reason: {reason}"
            )
