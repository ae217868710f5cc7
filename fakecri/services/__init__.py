"""The service form: the Go interfaces of `k8s.io/cri-api` in Python, over any stub.

`RuntimeService` and `ImageManagerService`, and the interfaces they are made of, are Protocols.
`RuntimeClient` and `ImageClient` fulfil them with a stub of the object, of a fake elsewhere
(`fakecri.channel`), or of a real runtime:

    runtime = RuntimeClient(cri.runtime)
    pod_sandbox_id = runtime.run_pod_sandbox(config)

They behave as Kubernetes' own client does, down to deadlines and to what they find missing in an
answer (source: `k8s.io/cri-client`; spec: images-streaming-stats 5.7 and 5.11).
"""

from fakecri.services.errors import ExitError, IncompleteResponse
from fakecri.services.images import ImageClient
from fakecri.services.interfaces import (
    ContainerManager,
    ContainerStatsManager,
    ImageManagerService,
    PodSandboxManager,
    RuntimeService,
    RuntimeVersioner,
)
from fakecri.services.runtime import RuntimeClient

__all__ = [
    "ContainerManager",
    "ContainerStatsManager",
    "ExitError",
    "ImageClient",
    "ImageManagerService",
    "IncompleteResponse",
    "PodSandboxManager",
    "RuntimeClient",
    "RuntimeService",
    "RuntimeVersioner",
]
