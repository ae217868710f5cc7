"""What Kubernetes' client finds missing in successful answers.

Each function returns when its answer is complete, else raises IncompleteResponse with the text of
`k8s.io/cri-client` (pkg/utils.go, remote_runtime.go, remote_image.go). Field names are Go's.
"""

import json
from typing import TypeAlias

from google.protobuf.text_format import MessageToString

from fakecri.api import runtime_pb2 as pb
from fakecri.services.errors import IncompleteResponse

Owner: TypeAlias = (
    pb.PodSandboxConfig | pb.PodSandboxStatus | pb.ContainerConfig | pb.ContainerStatus
)


def require(value: object, text: str) -> None:
    """Raise IncompleteResponse with the text where the value is empty, zero or absent."""
    if not value:
        raise IncompleteResponse(text)


def quoted(text: str) -> str:
    """Return the text in double quotes, as the client quotes names."""
    return json.dumps(text, ensure_ascii=False)


def metadata_text(owner: Owner) -> str:
    """Return the metadata on one line, in double quotes; the client's text of it varies."""
    if not owner.HasField("metadata"):
        return quoted("<nil>")
    return quoted(MessageToString(owner.metadata, as_one_line=True))


def check_version(response: pb.VersionResponse) -> None:
    """All four fields are set (spec: images-streaming-stats 4.2.3)."""
    fields = {
        "Version": response.version,
        "RuntimeName": response.runtime_name,
        "RuntimeApiVersion": response.runtime_api_version,
        "RuntimeVersion": response.runtime_version,
    }
    missing = ", ".join(name for name, value in fields.items() if not value)
    require(not missing, f"not all fields are set in VersionResponse (missing {missing})")


def check_status(response: pb.StatusResponse) -> None:
    """There are two conditions at least, whatever they say (same spec, 4.1.8)."""
    enough = len(response.status.conditions) >= 2  # noqa: PLR2004  # RuntimeReady, NetworkReady
    require(enough, "RuntimeReady or NetworkReady condition are not set")


def check_pod_sandbox_status(response: pb.PodSandboxStatusResponse) -> None:
    """A status, if there is one, has its id, metadata and time (same spec, 5.11)."""
    if not response.HasField("status"):
        return
    status = response.status
    require(status.id, "status.Id is not set")
    require(status.HasField("metadata"), "status.Metadata is not set")
    metadata = status.metadata
    require(
        metadata.name and metadata.namespace and metadata.uid,
        "metadata.Name, metadata.Namespace or metadata.Uid is not in metadata "
        f"{metadata_text(status)}",
    )
    require(status.created_at, "status.CreatedAt is not set")


def check_container_status(response: pb.ContainerStatusResponse) -> None:
    """A status, if there is one, has its id, name, time and image (likewise)."""
    if not response.HasField("status"):
        return
    status = response.status
    require(status.id, "status.Id is not set")
    require(status.HasField("metadata"), "status.Metadata is not set")
    require(status.metadata.name, f"metadata.Name is not in metadata {metadata_text(status)}")
    require(status.created_at, "status.CreatedAt is not set")
    require(status.image.image, "status.Image is not set")
    require(status.image_ref, "status.ImageRef is not set")


def check_image_status(response: pb.ImageStatusResponse, image: str) -> None:
    """An image, if there is one, has an id and a size (same spec, 1.5.3)."""
    if response.HasField("image"):
        complete = response.image.id and response.image.size
        require(complete, f"Id or size of image {quoted(image)} is not set")
