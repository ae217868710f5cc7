"""Stubs on a gRPC channel, made from RPCS: the face of a runtime that is somewhere else."""

from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import grpc

from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.rpcs import RPCS, Rpc

# What Kubernetes' clients set (spec: images-streaming-stats 5.3, 5.4, 5.6): containerd's message
# limit, an authority that is no path, and a quick return to a runtime that was restarted.
OPTIONS = (
    ("grpc.default_authority", "localhost"),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),
    # Error texts are headers, and grpc-go takes 16 MiB of them.
    ("grpc.max_metadata_size", 16 * 1024 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3000),
    # A channel is a connection of its own, with a back-off of its own.
    ("grpc.use_local_subchannel_pool", 1),
)


def connect(endpoint: str) -> grpc.Channel:
    """Return a channel to a runtime, without TLS; it connects at the first call.

    `endpoint` is what Kubernetes' clients take, `unix:///run/containerd/containerd.sock` or a bare
    path, or another target of gRPC's. The caller closes the channel.
    """
    target = f"unix:{quote(endpoint)}" if endpoint.startswith("/") else endpoint
    return grpc.insecure_channel(target, options=OPTIONS)


def runtime_stub(channel: grpc.Channel) -> RuntimeServiceStub:
    """Return a stub of RuntimeService, with the shape of a generated one."""
    return cast("RuntimeServiceStub", _stub(channel, "RuntimeService"))


def image_stub(channel: grpc.Channel) -> ImageServiceStub:
    """Return a stub of ImageService, with the shape of a generated one."""
    return cast("ImageServiceStub", _stub(channel, "ImageService"))


def _stub(channel: grpc.Channel, service: str) -> SimpleNamespace:
    rpcs = (rpc for rpc in RPCS.values() if rpc.service == service)
    return SimpleNamespace(**{rpc.name: _method(channel, rpc) for rpc in rpcs})


def _method(channel: grpc.Channel, rpc: Rpc) -> Any:
    make = channel.unary_stream if rpc.streams else channel.unary_unary
    return make(
        rpc.path,
        request_serializer=rpc.request.SerializeToString,
        response_deserializer=rpc.response.FromString,
    )
