"""What runtimes refuse, in which order and words: the tables that a profile has, and their rows.

The rows here are containerd's (spec: lifecycle 1.3, 3.1 and 8.1); those of others stand with their
profiles.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fakecri.errors import Code, CRIError


@dataclass(frozen=True, slots=True)
class Miss:
    """An error, with places in its text."""

    text: str
    """`{id}`: as Go quotes it; `{raw}`: as it is; `{other}`: of several ids that fit, one."""
    code: Code = Code.UNKNOWN

    def error(self, **places: str) -> CRIError:
        """Return the error, with its places filled."""
        return CRIError(self.text.format(**places), self.code)


@dataclass(frozen=True, slots=True)
class LookUp:
    """What an RPC says where the id that it is given leads nowhere; None: OK, and does nothing."""

    absent: Miss | None
    ambiguous: Miss | None
    """A prefix of several ids."""
    empty: Miss | None


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that a request must not fulfil, and what is said where it does."""

    fails: Callable[[Any], bool]
    text: str


def check(checks: tuple[Check, ...], request: object) -> None:
    """Raise for the first condition that a request fulfils."""
    for each in checks:
        if each.fails(request):
            raise CRIError(each.text)


def _containerd(frame: str, *, idempotent: bool = False) -> LookUp:
    return LookUp(
        absent=None if idempotent else Miss(f"{frame}: not found", Code.NOT_FOUND),
        ambiguous=Miss(f"{frame}: Multiple IDs found with provided prefix: {{raw}}"),
        empty=Miss(f"{frame}: prefix can't be empty"),
    )


_FIND_SANDBOX = "an error occurred when try to find sandbox"
_FIND_CONTAINER = "an error occurred when try to find container {id}"

LOOKUPS: Mapping[str, LookUp] = {
    "StopPodSandbox": _containerd(f"{_FIND_SANDBOX} {{id}}", idempotent=True),
    "RemovePodSandbox": _containerd(f"{_FIND_SANDBOX} {{id}}", idempotent=True),
    "PodSandboxStatus": _containerd(_FIND_SANDBOX),
    "UpdatePodSandboxResources": _containerd("failed to find sandbox"),
    "PodSandboxStats": _containerd("an error occurred when trying to find sandbox {raw}"),
    "CreateContainer": _containerd("failed to find sandbox id {id}"),
    "StartContainer": _containerd(_FIND_CONTAINER),
    "StopContainer": _containerd(_FIND_CONTAINER, idempotent=True),
    "RemoveContainer": _containerd(_FIND_CONTAINER, idempotent=True),
    "ContainerStatus": _containerd(_FIND_CONTAINER),
    "ReopenContainerLog": _containerd(_FIND_CONTAINER),
    "UpdateContainerResources": _containerd("failed to find container"),
    "ContainerStats": _containerd("failed to find container"),
    "CheckpointContainer": _containerd(
        "an error occurred when trying to find container the container status {id}: "
        + _FIND_CONTAINER
    ),
    "ExecSync": _containerd("failed to exec in container: failed to find container {id} in store"),
    "Exec": _containerd("failed to find container {id} in store"),
    "Attach": _containerd("failed to find container in store"),
    "PortForward": _containerd("failed to find sandbox {id}"),
    "exec": _containerd("failed to find container {id} in store"),
    "attach": _containerd("failed to find container {id} in store"),
    "portforward": _containerd("failed to find sandbox {id} in store"),
}
"""By RPC, and by what a client asks for at a URL. Most name the id, quoted; some do not."""

SANDBOX_CHECKS = (
    Check(lambda r: not r.config.HasField("metadata"), "sandbox config must include metadata"),
)
"""Of RunPodSandboxRequest, before all else."""

CONTAINER_CHECKS = (
    Check(lambda r: not r.config.HasField("metadata"), "container config must include metadata"),
    Check(
        lambda r: not r.sandbox_config.HasField("metadata"),
        "pod sandbox config must include metadata",
    ),
)
"""Of CreateContainerRequest, when its sandbox was found ready."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentences of errors that differ from runtime to runtime; `{}` are places."""

    sandbox_stopped: str = 'sandbox container "{id}" is not running'
    """CreateContainer in a sandbox that is not ready (8.1)."""
    runtime_missing: str = 'unable to get OCI runtime for sandbox "{id}"'
    """Before what is wrong with a runtime handler (3.1)."""
    sandbox_started: str = 'failed to start sandbox "{id}": '
    """Before what is wrong with pause itself, up to its creation (3.1)."""
    sandbox_options: str = "failed to generate sandbox container spec options"
    label_too_long: str = "label key and value length ({total} bytes)"
    spec_options: str = "failed to generate spec opts"
    """Before what is wrong with namespaces and privileges of a container (8.1)."""
    sandbox_failed: str = 'failed to start sandbox "{id}"'
    """Before what is wrong with the image of a pod itself (3.1)."""
    sandbox_stopped_code: Code = Code.UNKNOWN
    container_name_taken: str = (
        "failed to reserve container name {name}; check if another CreateContainer request is in "
        "progress"
    )
    """Before what is said of a name that is taken (8.2)."""
