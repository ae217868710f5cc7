"""Which capabilities a container gets."""

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.capabilities import DEFAULT, KNOWN, capabilities_of, capability_mask


def given(
    add: tuple[str, ...] = (), drop: tuple[str, ...] = (), *, privileged: bool = False
) -> tuple[str, ...]:
    asked = pb.Capability(add_capabilities=add, drop_capabilities=drop)
    return capabilities_of(
        pb.LinuxContainerSecurityContext(capabilities=asked, privileged=privileged)
    )


def test_a_container_has_fourteen_by_default() -> None:
    assert given() == DEFAULT
    assert capability_mask(DEFAULT) == 0xA80425FB


def test_the_kernel_knows_forty_one() -> None:
    assert capability_mask(KNOWN) == 0x1FFFFFFFFFF


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        (("NET_ADMIN",), (), (*DEFAULT, "CAP_NET_ADMIN")),
        (("net_admin", "CHOWN"), (), (*DEFAULT, "CAP_NET_ADMIN")),
        ((), ("CHOWN",), DEFAULT[1:]),
        (("CHOWN",), ("chown",), DEFAULT[1:]),
        (("ALL",), ("CHOWN",), KNOWN[1:]),
        (("all",), (), KNOWN),
        ((), ("ALL",), ()),
        (("CHOWN",), ("ALL",), ("CAP_CHOWN",)),
        (("ALL",), ("ALL",), ()),
        (("CAP_CHOWN",), ("ALL",), ("CAP_CAP_CHOWN",)),
    ],
)
def test_all_comes_first_then_what_is_added_then_what_is_dropped(
    add: tuple[str, ...], drop: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert given(add, drop) == expected


def test_a_privileged_container_has_them_all_whatever_is_dropped() -> None:
    assert given(drop=("ALL",), privileged=True) == KNOWN


def test_what_the_kernel_does_not_know_has_no_bit() -> None:
    assert capability_mask(("CAP_CAP_CHOWN", "CAP_CHOWN", "CAP_CHOWN")) == 1
