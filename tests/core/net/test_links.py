"""The interfaces of a network namespace, and the kernel's rules for them."""

import errno
from collections.abc import Callable

import pytest

from fakecri.core.net.links import Links

DEVICES = (("bridge", "b"), ("bridge", "o"), ("dummy", "d"))


@pytest.fixture
def links() -> Links:
    """Those of a pod."""
    return Links("eth0", "0a:58:0a:f4:00:02")


def code_of(work: Callable[[], object]) -> int:
    with pytest.raises(OSError, match=r".") as raised:
        work()
    return raised.value.errno or 0


def test_a_pod_begins_with_the_loopback_and_what_cni_made(links: Links) -> None:
    assert [(each.index, each.name, each.is_up) for each in links] == [
        (1, "lo", True),
        (2, "eth0", True),
    ]


def test_a_namespace_without_addresses_has_the_loopback_alone() -> None:
    assert [each.name for each in Links("", "")] == ["lo"]


def test_new_links_are_down_and_numbers_are_never_used_again(links: Links) -> None:
    first = links.add("bridge", "one")
    assert (first.index, first.is_up) == (3, False)
    links.remove(first)
    assert links.add("dummy", "two").index == 4


def test_hardware_addresses_are_local_ones_and_differ(links: Links) -> None:
    added = [links.add("bridge", f"b{number}") for number in range(20)]
    assert len({each.hardware for each in added}) == 20
    assert all(int(each.hardware[:2], 16) & 3 == 2 for each in added)


def test_the_same_links_have_the_same_hardware_addresses() -> None:
    one, other = (Links("eth0", "0a:58:0a:f4:00:02").add("bridge", "b").hardware for _ in range(2))
    assert one == other != Links("eth0", "0a:58:0a:f4:00:03").add("bridge", "b").hardware


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a:b", "a\tb", "a%sb", "%", "a%d%d"])
def test_names_that_linux_does_not_take_are_invalid(links: Links, name: str) -> None:
    assert code_of(lambda: links.add("bridge", name)) == errno.EINVAL


def test_a_long_name_is_cut(links: Links) -> None:
    assert links.add("bridge", "averyveryverylongname").name == "averyveryverylo"
    assert code_of(lambda: links.add("bridge", "averyveryverylo")) == errno.EEXIST


def test_a_number_in_a_name_is_the_first_free_one(links: Links) -> None:
    assert [links.add("bridge", "br%d").name for _ in range(2)] == ["br0", "br1"]
    links.remove(links.get("br0"))
    assert links.add("bridge", "br%d").name == "br0"
    assert links.add("bridge", "a%dz").name == "a0z"


def test_a_name_is_given_once(links: Links) -> None:
    assert code_of(lambda: links.add("bridge", "eth0")) == errno.EEXIST


def test_links_of_other_kinds_are_not_supported(links: Links) -> None:
    assert code_of(lambda: links.add("wireguard", "w")) == errno.EOPNOTSUPP
    assert code_of(lambda: links.remove(links.get("lo"))) == errno.EOPNOTSUPP
    assert code_of(lambda: links.get("none")) == errno.ENODEV


def test_a_bridge_has_ports(links: Links) -> None:
    bridge, port = links.add("bridge", "b"), links.add("dummy", "d")
    links.join(bridge, port)
    links.join(bridge, links.get("eth0"))
    assert [each.name for each in links.ports(bridge)] == ["eth0", "d"]
    links.leave(bridge, port)
    assert [each.name for each in links.ports(bridge)] == ["eth0"]


def test_ports_of_a_bridge_that_goes_are_free(links: Links) -> None:
    bridge, port = links.add("bridge", "b"), links.add("dummy", "d")
    links.join(bridge, port)
    links.remove(bridge)
    assert port.master is None
    assert [each.name for each in links] == ["lo", "eth0", "d"]


def test_what_cannot_be_a_port_is_refused(links: Links) -> None:
    bridge, other, port = (links.add(*each) for each in DEVICES)
    links.join(bridge, port)
    assert code_of(lambda: links.join(bridge, links.get("lo"))) == errno.EINVAL
    assert code_of(lambda: links.join(bridge, other)) == errno.ELOOP
    assert code_of(lambda: links.join(bridge, port)) == errno.EBUSY
    assert code_of(lambda: links.join(other, port)) == errno.EBUSY
    assert code_of(lambda: links.leave(other, port)) == errno.EINVAL
    assert code_of(lambda: links.join(port, bridge)) == errno.EOPNOTSUPP
    assert code_of(lambda: links.leave(port, bridge)) == errno.EOPNOTSUPP
