"""ImageManagerService over a stub."""
# ruff: noqa: A002  # the contract's word is filter

from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import ImageServiceStub
from fakecri.services.answers import check_image_status, quoted, require
from fakecri.services.deadlines import DEFAULT_TIMEOUT_S, earliest
from fakecri.services.interfaces import ImageManagerService
from fakecri.services.lists import Lists


class ImageClient(ImageManagerService):
    """What the kubelet's client does with a stub of ImageService; see RuntimeClient."""

    def __init__(
        self,
        stub: ImageServiceStub,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        *,
        list_streaming: bool = False,
    ) -> None:
        self._stub = stub
        self._timeout_s = timeout_s
        self._lists = Lists(streaming=list_streaming)

    def list_images(
        self, filter: pb.ImageFilter | None = None, *, deadline_s: float | None = None
    ) -> list[pb.Image]:
        stub, within_s = self._stub, earliest(self._timeout_s, deadline_s)
        stream = pb.StreamImagesRequest(filter=filter)
        whole = pb.ListImagesRequest(filter=filter)
        return self._lists.read(
            lambda: (part.images for part in stub.StreamImages(stream, within_s)),
            lambda: stub.ListImages(whole, within_s).images,
        )

    def image_status(
        self, image: pb.ImageSpec, verbose: bool = False, *, deadline_s: float | None = None
    ) -> pb.ImageStatusResponse:
        request = pb.ImageStatusRequest(image=image, verbose=verbose)
        response = self._stub.ImageStatus(request, timeout=earliest(self._timeout_s, deadline_s))
        check_image_status(response, image.image)
        return response

    def pull_image(
        self,
        image: pb.ImageSpec,
        auth: pb.AuthConfig | None = None,
        pod_sandbox_config: pb.PodSandboxConfig | None = None,
        *,
        deadline_s: float | None = None,
    ) -> str:
        request = pb.PullImageRequest(image=image, auth=auth, sandbox_config=pod_sandbox_config)
        image_ref = self._stub.PullImage(request, timeout=deadline_s).image_ref
        require(image_ref, f"imageRef of image {quoted(image.image)} is not set")
        return image_ref

    def remove_image(self, image: pb.ImageSpec, *, deadline_s: float | None = None) -> None:
        request = pb.RemoveImageRequest(image=image)
        self._stub.RemoveImage(request, timeout=earliest(self._timeout_s, deadline_s))

    def image_fs_info(self, *, deadline_s: float | None = None) -> pb.ImageFsInfoResponse:
        within_s = earliest(self._timeout_s, deadline_s)
        return self._stub.ImageFsInfo(pb.ImageFsInfoRequest(), timeout=within_s)
