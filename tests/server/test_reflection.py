"""What the gRPC face says of itself."""

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # no types
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]  # likewise
    reflection_pb2,
)
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]  # likewise
    ProtoReflectionDescriptorDatabase,
)

from fakecri import reflection
from fakecri.rpcs import RPCS
from tests.server.served import Served
from tests.support import raises_status

SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "runtime.v1.ImageService",
    "runtime.v1.RuntimeService",
    "runtime.v1alpha2.ImageService",
    "runtime.v1alpha2.RuntimeService",
]


@pytest.fixture
def described(served: Served) -> DescriptorPool:
    """What a client learns that knows nothing of the contract."""
    return DescriptorPool(ProtoReflectionDescriptorDatabase(served.channel))


def asked(served: Served, package: str, **question: Any) -> Any:
    """Ask the reflection service one question, under one of its names."""
    channel: Any = served.channel
    ask = channel.stream_stream(
        f"/{package}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = ask(iter([reflection_pb2.ServerReflectionRequest(**question)]))
    return answer


def test_reflection_lists_the_services(served: Served) -> None:
    assert list(ProtoReflectionDescriptorDatabase(served.channel).get_services()) == SERVICES
    assert sorted(reflection.service_names()) == SERVICES


@pytest.mark.parametrize("service", ["RuntimeService", "ImageService"])
def test_reflection_describes_the_services(described: DescriptorPool, service: str) -> None:
    v1 = described.FindServiceByName(f"runtime.v1.{service}")
    old = described.FindServiceByName(f"runtime.v1alpha2.{service}")
    mine = [rpc for rpc in RPCS.values() if rpc.service == service]
    assert {method.name for method in v1.methods} == {rpc.name for rpc in mine}
    assert {method.name for method in old.methods} == {rpc.name for rpc in mine if rpc.in_v1alpha2}


def test_the_old_messages_are_the_new_ones_under_another_name(described: DescriptorPool) -> None:
    status = described.FindMessageTypeByName("runtime.v1alpha2.ContainerStatus")
    new = described.FindMessageTypeByName("runtime.v1.ContainerStatus")
    assert [field.name for field in status.fields] == [field.name for field in new.fields]
    inner = [field.message_type.full_name for field in status.fields if field.message_type]
    assert inner
    assert all(name.startswith("runtime.v1alpha2.") for name in inner)


@pytest.mark.parametrize("package", ["grpc.reflection.v1", "grpc.reflection.v1alpha"])
def test_reflection_knows_methods_as_symbols(served: Served, package: str) -> None:
    known = asked(served, package, file_containing_symbol="runtime.v1.RuntimeService.Version")
    assert known.file_descriptor_response.file_descriptor_proto
    unknown = asked(served, package, file_containing_symbol="runtime.v1.RuntimeService.Bogus")
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_every_service_is_healthy(served: Served, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(served.channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert stub.Check(request).status == health_pb2.HealthCheckResponse.SERVING
    watch = stub.Watch(request)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING


def test_a_service_that_is_not_there_has_no_health(served: Served) -> None:
    stub = health_pb2_grpc.HealthStub(served.channel)
    with raises_status(grpc.StatusCode.NOT_FOUND):
        stub.Check(health_pb2.HealthCheckRequest(service="runtime.v2.RuntimeService"))


def test_who_watches_health_does_not_hold_up_a_stop(served: Served) -> None:
    watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest())
    next(watch)
    served.server.stop()
    with pytest.raises(grpc.RpcError):
        next(watch)
