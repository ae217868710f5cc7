"""What a real containerd 1.6 lacks, under both names of the API, the fake's lacks as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect
from fakecri.rpcs import OLD_PACKAGE, PACKAGE, RPCS
from tests.real.containerd import containerd, obstacles
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

PATIENCE_S = 60
READ_ONLY = ("Version", "Status", "ListContainers", "ListPodSandbox", "ListImages", "ImageFsInfo")


def refusals(channel: Any) -> dict[str, str]:
    """Ask for every RPC with an empty request; tell which are UNIMPLEMENTED, in what words."""
    told = {}
    for package in (PACKAGE, OLD_PACKAGE):
        for rpc in RPCS.values():
            path = rpc.path.replace(PACKAGE, package)
            ask = channel.unary_stream(path)
            try:
                next(ask(b"", timeout=PATIENCE_S), None)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    told[path] = error.details() or ""
    return told


def populated(channel: Any) -> Iterator[tuple[str, str, list[str]]]:
    """Name the fields of answers that need nothing to be there."""
    for package in (PACKAGE, OLD_PACKAGE):
        for name in READ_ONLY:
            rpc = RPCS[name]
            answer = channel.unary_unary(rpc.path.replace(PACKAGE, package))(b"")
            fields = rpc.response.FromString(answer).ListFields()
            yield package, name, [field.name for field, _ in fields]


def versions(channel: Any) -> Iterator[str]:
    """Tell what it says that it was asked under."""
    for package in (PACKAGE, OLD_PACKAGE):
        ask = channel.unary_unary(RPCS["Version"].path.replace(PACKAGE, package))
        yield pb.VersionResponse.FromString(ask(b"")).runtime_api_version


def test_the_same_methods_are_not_there() -> None:
    skip_for(obstacles())
    with (
        containerd() as real,
        connect(real.endpoint) as theirs,
        CRI(personality="containerd-1.6") as cri,
        cri.serve("127.0.0.1:0") as server,
        connect(server.endpoint) as ours,
    ):
        expected = refusals(theirs)
        assert refusals(ours) == expected
        assert len(expected) > 20
        assert list(populated(ours)) == list(populated(theirs))
        assert [*versions(ours)] == [*versions(theirs)] == ["v1", "v1alpha2"]
