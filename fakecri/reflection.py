"""What the gRPC face says of itself: server reflection and health, for grpcurl, probes and such.

v1alpha2 has no proto file here: it is described by v1 under another package name, less what came
after it. At an API level both are described as they were then.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]  # it has no types
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]  # likewise
    reflection,
    reflection_pb2,
)

from fakecri.api import runtime_pb2 as pb
from fakecri.core.levels import Level
from fakecri.rpcs import OLD_PACKAGE, RPCS

Handlers: TypeAlias = "dict[str, grpc.RpcMethodHandler[Any, Any]]"
"""Handlers of grpc.aio, by path: `/package.Service/Method`."""
Contract: TypeAlias = FileDescriptor | Level
"""What is served: all of a file, or the CRI as a level speaks it."""

_NEW_REFLECTION = "grpc.reflection.v1"  # the name that v1alpha got later; the bytes are the same
_OLD_REFLECTION = "grpc.reflection.v1alpha"


async def handlers(contract: Contract = pb.DESCRIPTOR) -> Handlers:
    """Return the handlers of the health and reflection services, under all their names.

    They tell of themselves and of the services of `contract`.
    """
    return await _health_handlers(contract) | _reflection_handlers(contract)


@cache
def service_names(contract: Contract = pb.DESCRIPTOR) -> tuple[str, ...]:
    """Every service there is, by its full name, in order."""
    return tuple(
        f"{file.package}.{service.name}" for file in _files(contract) for service in file.service
    )


async def _health_handlers(contract: Contract) -> Handlers:
    servicer = health.aio.HealthServicer()
    for name in service_names(contract):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    codec = (
        health_pb2.HealthCheckRequest.FromString,
        health_pb2.HealthCheckResponse.SerializeToString,
    )
    return {
        "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(servicer.Check, *codec),
        "/grpc.health.v1.Health/Watch": grpc.unary_stream_rpc_method_handler(
            servicer.Watch, *codec
        ),
    }


def _reflection_handlers(contract: Contract) -> Handlers:
    servicer = reflection.aio.ReflectionServicer(service_names(contract), pool=_pool(contract))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return {
        f"/{package}.ServerReflection/ServerReflectionInfo": handler
        for package in (_NEW_REFLECTION, _OLD_REFLECTION)
    }


class _Symbols:
    """A pool that knows methods as symbols, as that of grpc-go does."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802  # a pool's name
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


@cache
def _pool(contract: Contract) -> _Symbols:
    """All that is served, in one pool that is nobody else's."""
    pool = DescriptorPool()
    for file in _files(contract):
        pool.AddSerializedFile(file.SerializeToString())
    return _Symbols(pool)


@cache
def _files(contract: Contract) -> tuple[FileDescriptorProto, ...]:
    contracts = _of_level(contract) if isinstance(contract, Level) else _whole(contract)
    old_reflection = _proto(reflection_pb2.DESCRIPTOR)
    new_reflection = _renamed(old_reflection, _NEW_REFLECTION)
    return *contracts, _proto(health_pb2.DESCRIPTOR), new_reflection, old_reflection


def _of_level(level: Level) -> list[FileDescriptorProto]:
    old = level.v1alpha2
    described = [_renamed(old.described, OLD_PACKAGE)] if old is not None else []
    return [level.v1.described, *described]


def _whole(contract: FileDescriptor) -> list[FileDescriptorProto]:
    contracts = [_proto(contract)]
    if contract is pb.DESCRIPTOR:
        old_contract = _renamed(contracts[0], OLD_PACKAGE)
        for service in old_contract.service:
            _keep_methods_of_v1alpha2(service)
        contracts.append(old_contract)
    return contracts


def _proto(file: FileDescriptor) -> FileDescriptorProto:
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return proto


def _keep_methods_of_v1alpha2(service: ServiceDescriptorProto) -> None:
    kept = [method for method in service.method if RPCS[method.name].in_v1alpha2]
    del service.method[:]
    service.method.extend(kept)


def _renamed(file: FileDescriptorProto, package: str) -> FileDescriptorProto:
    """Return a copy of a file, under another package name and at a path that goes with it."""
    copy = FileDescriptorProto.FromString(file.SerializeToString())
    copy.name = f"{package.replace('.', '/')}/{file.name.rpartition('/')[2]}"
    copy.package = package
    old, new = f".{file.package}.", f".{package}."
    for field in _fields(copy.message_type):
        if field.type_name:  # a scalar has none, and an empty one would be one
            field.type_name = field.type_name.replace(old, new, 1)
    for service in copy.service:
        for method in service.method:
            method.input_type = method.input_type.replace(old, new, 1)
            method.output_type = method.output_type.replace(old, new, 1)
    return copy


def _fields(messages: Iterable[DescriptorProto]) -> Iterator[FieldDescriptorProto]:
    for message in messages:
        yield from message.field
        yield from _fields(message.nested_type)
