"""RPCS: every method of the CRI, one frozen row each, read from the descriptors."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb

PACKAGE = "runtime.v1"
VERSION = "1.37"
"""The Kubernetes minor whose CRI this is."""
OLD_PACKAGE = "runtime.v1alpha2"

# What came after v1alpha2 was frozen. Everything else it had under the same names.
_NEVER_IN_V1ALPHA2 = frozenset(
    {
        "CheckpointContainer",
        "CheckpointPod",
        "GetContainerEvents",
        "ListMetricDescriptors",
        "ListPodSandboxMetrics",
        "RestorePod",
        "RuntimeConfig",
        "StreamContainerStats",
        "StreamContainers",
        "StreamImages",
        "StreamPodSandboxMetrics",
        "StreamPodSandboxStats",
        "StreamPodSandboxes",
        "UpdatePodSandboxResources",
    }
)


@dataclass(frozen=True, slots=True)
class Rpc:
    """One method of the contract."""

    name: str
    service: str
    request: type[Message]
    response: type[Message]
    streams: bool
    in_v1alpha2: bool

    @property
    def path(self) -> str:
        """The method's name on the wire: `/runtime.v1.RuntimeService/Version`."""
        return f"/{PACKAGE}.{self.service}/{self.name}"


def _rpc(method: MethodDescriptor) -> Rpc:
    return Rpc(
        name=method.name,
        service=method.containing_service.name,
        request=getattr(pb, method.input_type.name),
        response=getattr(pb, method.output_type.name),
        streams=method.server_streaming,
        in_v1alpha2=method.name not in _NEVER_IN_V1ALPHA2,
    )


RPCS: Mapping[str, Rpc] = MappingProxyType(
    {
        method.name: _rpc(method)
        for service in pb.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
)
