"""The node as a whole: version, status and configuration. Source: spec images 4, lifecycle 20."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from fakecri.api import runtime_pb2 as pb
from fakecri.core import info
from fakecri.core.go_json import go_json
from fakecri.core.node import Node
from fakecri.core.profiles import Profile
from fakecri.core.registry import handles
from fakecri.core.world import World
from fakecri.errors import CRIError, wrapped

KUBELET_API_VERSION = "0.1.0"
RUNTIME_API_VERSION = "v1"


@handles
def version(world: World, request: pb.VersionRequest) -> pb.VersionResponse:  # noqa: ARG001  # ignored
    """Whatever version the client says it has."""
    return pb.VersionResponse(
        version=KUBELET_API_VERSION,
        runtime_name=world.profile.runtime_name,
        runtime_version=world.profile.runtime_version,
        runtime_api_version=RUNTIME_API_VERSION,
    )


@handles
def status(world: World, request: pb.StatusRequest) -> pb.StatusResponse:
    """Who can serve at all is ready; what may be missing is the network."""
    ready = pb.RuntimeCondition(type="RuntimeReady", status=True)
    conditions = [ready, _network(world.node)]
    if world.profile.warns:
        conditions.append(_deprecations(world.node))
    return pb.StatusResponse(
        status=world.node.conditions.status(conditions, world.scheduler.now_ns),
        info=info.node_info(world) if request.verbose else None,
        runtime_handlers=_runtime_handlers(world.profile),
        features=pb.RuntimeFeatures(
            supplemental_groups_policy=True,
            user_namespaces_host_network=world.profile.userns_with_host_network,
        ),
    )


def _network(node: Node) -> pb.RuntimeCondition:
    if not node.network_error:
        return pb.RuntimeCondition(type="NetworkReady", status=True)
    return pb.RuntimeCondition(
        type="NetworkReady",
        reason="NetworkPluginNotReady",
        message=f"Network plugin returns error: {node.network_error}",
    )


def _deprecations(node: Node) -> pb.RuntimeCondition:
    kind = "ContainerdHasNoDeprecationWarnings"
    if not node.deprecations:
        return pb.RuntimeCondition(type=kind, status=True)
    return pb.RuntimeCondition(
        type=kind,
        reason="ContainerdHasDeprecationWarnings",
        message=go_json({each: node.deprecations[each] for each in sorted(node.deprecations)}),
    )


def _runtime_handlers(profile: Profile) -> list[pb.RuntimeHandler]:
    features = pb.RuntimeHandlerFeatures(recursive_read_only_mounts=True, user_namespaces=True)
    return [pb.RuntimeHandler(name=name, features=features) for name in profile.runtime_handlers]


@handles
def runtime_config(
    world: World,
    request: pb.RuntimeConfigRequest,  # noqa: ARG001  # it is empty
) -> pb.RuntimeConfigResponse:
    """A kubelet takes the cgroup driver for its own."""
    driver = world.profile.cgroup_driver
    linux = pb.LinuxRuntimeConfiguration(cgroup_driver=driver)  # type: ignore[arg-type]  # its number
    return pb.RuntimeConfigResponse(linux=linux)


@handles
def update_runtime_config(
    world: World,
    request: pb.UpdateRuntimeConfigRequest,
) -> pb.UpdateRuntimeConfigResponse:
    """A list of CIDRs is read, and nothing is made of it: no template is configured."""
    pod_cidrs = request.runtime_config.network_config.pod_cidr
    if not world.profile.reads_pod_cidrs:
        return pb.UpdateRuntimeConfigResponse()
    with wrapped("get routes"):
        for each in pod_cidrs.split(",") if pod_cidrs else ():
            _require_cidr(each.strip())
    return pb.UpdateRuntimeConfigResponse()


def _require_cidr(text: str) -> None:
    """Raise for what Go's net.ParseCIDR refuses; bits of the host are welcome."""
    address, _, prefix = text.partition("/")
    is_number = prefix.isascii() and prefix.isdecimal()
    if not is_number or int(prefix) > _bits(address):
        raise CRIError(f"invalid CIDR address: {text}")


def _bits(address: str) -> int:
    """Return the length of an address; -1: it is none. Those with a zone do not count."""
    if "%" in address:
        return -1
    try:
        return (IPv6Address(address) if ":" in address else IPv4Address(address)).max_prefixlen
    except AddressValueError:
        return -1
