"""What RunPodSandbox builds, step by step. Which steps, in which order, is a trait.

Source: spec lifecycle 3.1 and 3.4; CRI-O 1.36, server/sandbox_run_linux.go.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.creation import require_short_labels, user_string
from fakecri.core.executables import quoted
from fakecri.core.image_registry import Registry
from fakecri.core.namespaces import require_pod_mappings, require_pod_userns, require_root
from fakecri.core.net.pods import connect
from fakecri.core.paths import go_error_text
from fakecri.core.pulls import require_unpacked
from fakecri.core.records import Sandbox
from fakecri.core.references import parse_reference
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.world import World
from fakecri.errors import CRIError, wrapped

UNTRUSTED = "io.kubernetes.cri.untrusted-workload"
LOOK_NS = SECOND_NS
"""How often one looks whether the network has come."""
_NOT_CREATED = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed"
)


def build(world: World, sandbox: Sandbox) -> Waits[None]:
    """Build a pod; CRIError where that cannot be."""
    for name in world.profile.sandbox_steps:
        waits = STEPS[name](world, sandbox)
        if isinstance(waits, Generator):
            yield from waits


def _require_runtime(world: World, sandbox: Sandbox) -> None:
    with wrapped(world.profile.texts.runtime_missing.format(id=sandbox.id)):
        handler = sandbox.runtime_handler
        if sandbox.config.annotations.get(UNTRUSTED) == "true":
            if handler not in {"", "untrusted"}:
                raise CRIError("untrusted workload with explicit runtime handler is not allowed")
            options = sandbox.config.linux.security_context.namespace_options
            if pb.NODE in {options.network, options.pid, options.ipc}:
                raise CRIError("untrusted workload with host access is not allowed")
            handler = "untrusted"
        if handler not in world.profile.runtime_handlers:
            raise CRIError(f"no runtime for {quoted(handler)} is configured")


def _set_up_network(world: World, sandbox: Sandbox) -> None:
    if not sandbox.host_network:
        options = sandbox.config.linux.security_context.namespace_options
        with wrapped(f'failed to create network namespace for sandbox "{sandbox.id}"'):
            require_pod_mappings(options)
        with wrapped(f'failed to setup network for sandbox "{sandbox.id}"'):
            connect(world, sandbox)


def _ensure_image(world: World, sandbox: Sandbox) -> None:
    # It is the runtime's, not the test's: a strict registry has it too.
    name = world.profile.sandbox_image
    if world.images.resolve(name) is None:
        reference = parse_reference(name)
        resolution = Registry().resolve(reference)
        with (
            wrapped(world.profile.texts.sandbox_failed.format(id=sandbox.id, name=sandbox.name)),
            wrapped(f'failed to pull image "{name}"'),
            wrapped(f'failed to pull and unpack image "{reference}"'),
        ):
            require_unpacked(world, resolution)
        world.images.pull(reference, resolution)


def _require_spec(world: World, sandbox: Sandbox) -> None:  # the shape of a step
    security = sandbox.config.linux.security_context
    texts = world.profile.texts
    failed = texts.sandbox_started.format(id=sandbox.id)
    with wrapped(f"{failed}failed to generate sandbox container spec"):
        require_pod_userns(security.namespace_options)
    with wrapped(f"{failed}{texts.sandbox_options}"):
        user_string(
            security.run_as_user.value if security.HasField("run_as_user") else None,
            "",
            security.run_as_group.value if security.HasField("run_as_group") else None,
        )
    require_short_labels(
        world.profile, sandbox.config.labels, f"{failed}failed to create containerd container"
    )
    with wrapped(f"{failed}{_NOT_CREATED}"):
        require_root(security.namespace_options)


# Those of CRI-O.


def _await_network(world: World, sandbox: Sandbox) -> Waits[None]:
    """Wait for the plugins to be there, whatever the client's deadline."""
    while world.node.network_error and not sandbox.host_network:
        yield from world.scheduler.sleep(LOOK_NS)


def _require_handler(world: World, sandbox: Sandbox) -> None:
    known = world.profile.runtime_handlers
    if sandbox.runtime_handler not in known:
        # Go prints what a map points to as addresses.
        rows = " ".join(f"{name}:0xc000{i:03x}a80" for i, name in enumerate(filter(None, known), 1))
        raise CRIError(
            f"failed to find runtime handler {sandbox.runtime_handler} from runtime list "
            f"map[{rows}]"
        )


def _make_log_directory(world: World, sandbox: Sandbox) -> None:
    asked = sandbox.config.log_directory
    path = asked or f"{world.profile.log_root}/{sandbox.id}"
    if not path.startswith("/"):
        raise CRIError(f"requested logDir for sbuilder ID {sandbox.id} is a relative path: {path}")
    try:
        world.files.make_dirs(path, 0o700)
    except OSError as error:
        raise CRIError(go_error_text("mkdir", error.filename or path, error)) from error


def _require_labels(world: World, sandbox: Sandbox) -> None:
    require_short_labels(world.profile, sandbox.config.labels, "")


def _require_userns(world: World, sandbox: Sandbox) -> None:  # noqa: ARG001  # the shape of a step
    """What a kernel and an OCI runtime say of mappings is told as for containerd."""
    options = sandbox.config.linux.security_context.namespace_options
    mode = options.userns_options.mode
    if options.HasField("userns_options") and mode not in {pb.NODE, pb.POD}:
        name = pb.NamespaceMode.Name(mode) if mode in pb.NamespaceMode.values() else str(mode)
        raise CRIError(f"unsupported pod mode: {quoted(name)}")
    require_pod_mappings(options)
    require_pod_userns(options)
    require_root(options)


def _plug_in(world: World, sandbox: Sandbox) -> None:
    if not sandbox.host_network:
        metadata = sandbox.metadata
        pod = f"{metadata.namespace}_{metadata.name}"
        with (
            wrapped(f"failed to create pod network sandbox {sandbox.name}({sandbox.id})"),
            wrapped(f'error adding pod {pod} to CNI network "crio"'),
        ):
            connect(world, sandbox)


STEPS: Mapping[str, Callable[[World, Sandbox], Any]] = {
    "runtime": _require_runtime,
    "network": _set_up_network,
    "image": _ensure_image,
    "spec": _require_spec,
    "await network": _await_network,
    "handler": _require_handler,
    "log directory": _make_log_directory,
    "labels": _require_labels,
    "user namespace": _require_userns,
    "plug in": _plug_in,
}
"""A step that waits returns a generator."""
