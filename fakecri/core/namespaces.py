"""Which namespaces a pod and its containers may ask for. Source: spec lifecycle 3.1 and 8.1."""

from google.protobuf.text_format import MessageToString

from fakecri.api import runtime_pb2 as pb
from fakecri.core.executables import quoted
from fakecri.core.records import Sandbox
from fakecri.core.states import ContainerState
from fakecri.core.store import Store
from fakecri.errors import CRIError, wrapped

_IDS = 2**32
"""How many ids there are; the last one stands for none."""


def require_pod_mappings(options: pb.NamespaceOption) -> None:
    """Raise where a network namespace cannot be made in the user namespace that a pod wants."""
    userns = options.userns_options
    if not _is_mapped(options):
        return
    for kind, mappings in (("uid", userns.uids), ("gid", userns.gids)):
        if len(mappings) != 1:
            raise CRIError(
                f"required only one {kind} mapping, but got {len(mappings)} {kind} mapping(s)"
            )
    if not all(_is_known_to_linux(each) for each in (userns.uids[0], userns.gids[0])):
        raise CRIError(
            "failed to start noop process for unshare: fork/exec /proc/self/exe: invalid argument"
        )


def require_pod_userns(options: pb.NamespaceOption) -> None:
    """Raise where the spec of a pod's pause container cannot have the user namespace asked for."""
    if not options.HasField("userns_options"):
        return
    with wrapped("user namespace configuration"):
        _require_valid(options.userns_options)
    if _is_mapped(options) and options.network == pb.NODE:
        # It is found by the network namespace that was made in it.
        raise CRIError(
            "failed to pin user namespace: failed to open netns(): open : no such file or directory"
        )


def require_root(options: pb.NamespaceOption) -> None:
    """Raise where nobody is root in a pod's user namespace: runc sets a container up as root."""
    if not _is_mapped(options):
        return
    userns = options.userns_options
    for kind, mappings in (("uid", userns.uids), ("gid", userns.gids)):
        if mappings[0].container_id:
            raise CRIError(f"user namespaces enabled, but no mapping found for {kind} 0: unknown")


def _is_mapped(options: pb.NamespaceOption) -> bool:
    return options.HasField("userns_options") and options.userns_options.mode == pb.POD


def _is_known_to_linux(mapping: pb.IDMapping) -> bool:
    """Whether /proc/PID/uid_map takes it: some ids, none of them beyond the last."""
    last = max(mapping.host_id, mapping.container_id) + mapping.length
    return mapping.length > 0 and last < _IDS


def check_namespaces(store: Store, request: pb.CreateContainerRequest, sandbox: Sandbox) -> None:
    """Raise where privileges or namespaces of a container do not fit the sandbox."""
    security = request.config.linux.security_context
    pod_security = request.sandbox_config.linux.security_context
    if security.privileged and not pod_security.privileged:
        raise CRIError("no privileged container allowed in sandbox")
    options, pod_options = security.namespace_options, pod_security.namespace_options
    if options.pid == pb.TARGET:
        require_target(store, options.target_id, sandbox)
    if options.HasField("userns_options"):
        with wrapped("user namespace configuration"):
            _require_valid(options.userns_options)
    if _userns(options) != _userns(pod_options):
        raise CRIError(
            "user namespace config for sandbox is different from container. Sandbox userns "
            f"config: {_text(pod_options)} - Container userns config: {_text(options)}"
        )


def require_target(store: Store, target_id: str, sandbox: Sandbox) -> None:
    """Raise where the container whose PID namespace is to be joined is not there to be joined."""
    name = quoted(target_id)
    with wrapped("invalid target container"):
        with wrapped(f"container {name} does not exist"):
            target = store.containers.get(target_id)
        if target.parent is not sandbox:
            raise CRIError(
                f"container {name} (sandbox {target.parent.id}) does not belong to sandbox "
                f"{sandbox.id}"
            )
        if target.state is not ContainerState.RUNNING:
            raise CRIError(
                f"container {name} is not running - in state CONTAINER_{target.state.name}"
            )


def _require_valid(userns: pb.UserNamespace) -> None:
    uids, gids = len(userns.uids), len(userns.gids)
    for kind, mappings in (("UID", userns.uids), ("GID", userns.gids)):
        with wrapped(f"{kind} mapping"):
            if len(mappings) > 1:
                raise CRIError(
                    f"only one mapping line supported, got {len(mappings)} mapping lines"
                )
            if mappings and not mappings[0].length:
                raise CRIError("invalid mapping length: 0")
    if userns.mode == pb.NODE and (uids or gids):
        raise CRIError(
            'can\'t use user namespace mode "NODE" with mappings. '
            f"Got {uids} UID mappings and {gids} GID mappings"
        )
    if userns.mode == pb.POD and not (uids and gids):
        raise CRIError('can\'t use user namespace mode "POD" without UID and GID mappings')
    if userns.mode not in {pb.NODE, pb.POD}:
        known = pb.NamespaceMode.values()
        name = pb.NamespaceMode.Name(userns.mode) if userns.mode in known else userns.mode
        raise CRIError(f'unsupported user namespace mode: "{name}"')


def _userns(options: pb.NamespaceOption) -> bytes | None:
    """Return what is asked for; to ask for nothing is something else than not to ask."""
    if not options.HasField("userns_options"):
        return None
    return options.userns_options.SerializeToString(deterministic=True)


def _text(options: pb.NamespaceOption) -> str:
    if not options.HasField("userns_options"):
        return "<nil>"
    return MessageToString(options.userns_options, as_one_line=True)
