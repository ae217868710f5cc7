"""A container that is being created becomes what plugins made of it."""

from dataclasses import replace

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.creation import merge_resources
from fakecri.core.executables import quoted
from fakecri.core.nri.ownership import removed
from fakecri.core.nri.resources import resources_for_cri
from fakecri.core.records import Container
from fakecri.errors import CRIError, wrapped


def apply_adjustment(container: Container, adjustment: nri.ContainerAdjustment) -> None:
    """Change the container. CRIError where the node has not what is asked for."""
    if not adjustment.ByteSize():
        return
    with wrapped("failed to NRI-adjust container Spec"):
        _require_there(adjustment)
    container.adjustment = adjustment
    container.spec = replace(
        container.spec,
        argv=tuple(adjustment.args) or container.spec.argv,
        environment=_environment(container, adjustment),
    )
    container.reported = container.resources
    container.resources = _resources(container.resources, adjustment.linux)


def _require_there(adjustment: nri.ContainerAdjustment) -> None:
    """Raise for what would have to be configured on the node, and is not."""
    if adjustment.CDI_devices:
        names = ", ".join(each.name for each in adjustment.CDI_devices)
        raise CRIError(f"CDI device injection failed: unresolvable CDI devices {names}")
    blockio = adjustment.linux.resources.blockio_class.value
    if blockio:
        raise CRIError(
            "failed to adjust BlockIO class in OCI Spec: no OCI BlockIO parameters for class "
            f"{quoted(blockio)}"
        )


def _environment(container: Container, adjustment: nri.ContainerAdjustment) -> dict[str, str]:
    environment = dict(container.spec.environment)
    for each in adjustment.env:
        if removed(each.key) is None:
            environment[each.key] = each.value
    return environment


def _resources(
    before: pb.LinuxContainerResources, linux: nri.LinuxContainerAdjustment
) -> pb.LinuxContainerResources:
    """Return the limits; of memory there is but one, which is that of memory and swap too."""
    asked = resources_for_cri(linux.resources)
    asked.ClearField("hugepage_limits")  # which containerd leaves out by default
    after = merge_resources(before, asked)
    if linux.HasField("oom_score_adj"):
        after.oom_score_adj = linux.oom_score_adj.value
    return after
