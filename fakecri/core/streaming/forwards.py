"""Port-forward: from ports that the client names to those of the pod."""

from typing import ClassVar

from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.sessions import Session


class Forward(Session):
    """Any number of connections to one pod."""

    method: ClassVar[str] = "portforward"
    request: pb.PortForwardRequest

    @property
    def ports(self) -> tuple[int, ...]:
        """Those of the request."""
        return tuple(self.request.port)
