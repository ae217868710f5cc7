"""Which namespaces a pod and its containers may ask for. Source: spec lifecycle 3.1 and 8.1."""

from collections.abc import Sequence

from google.protobuf.text_format import MessageToString

from fakecri.api import runtime_pb2 as pb
from fakecri.core.executables import quoted
from fakecri.core.records import Sandbox
from fakecri.core.states import ContainerState
from fakecri.core.store import Store
from fakecri.errors import CRIError, wrapped


def require_pod_mappings(options: pb.NamespaceOption) -> None:
    """Raise where a pod wants a user namespace of its own, but does not say of which ids."""
    userns = options.userns_options
    if not options.HasField("userns_options") or userns.mode != pb.POD:
        return
    for kind, mappings in (("uid", userns.uids), ("gid", userns.gids)):
        if len(mappings) != 1:
            raise CRIError(
                f"required only one {kind} mapping, but got {len(mappings)} {kind} mapping(s)"
            )


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


def _require_one(mappings: Sequence[pb.IDMapping]) -> None:
    if len(mappings) > 1:
        raise CRIError(f"only one mapping line supported, got {len(mappings)} mapping lines")
    if mappings and not mappings[0].length:
        raise CRIError("invalid mapping length: 0")


def _userns(options: pb.NamespaceOption) -> bytes | None:
    """Return what is asked for; to ask for nothing is something else than not to ask."""
    if not options.HasField("userns_options"):
        return None
    return options.userns_options.SerializeToString(deterministic=True)


def _text(options: pb.NamespaceOption) -> str:
    if not options.HasField("userns_options"):
        return "<nil>"
    return MessageToString(options.userns_options, as_one_line=True)
