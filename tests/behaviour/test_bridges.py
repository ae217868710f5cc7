"""Bridges: who may make them in a pod's network namespace, and what `brctl` and `ip` say of them.

What they say was read off busybox in a network namespace of Linux.
"""

from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.configs import linux, pod_linux
from tests.support import Node, create_request

ADMIN = {"capabilities": pb.Capability(add_capabilities=["NET_ADMIN"])}
NODE = pb.NamespaceOption(network=pb.NODE)
DENIED = "Operation not permitted"


class Shell:
    """Commands in a container."""

    def __init__(self, node: Node, pod: str, name: str, **security: Any) -> None:
        self._node = node
        request = create_request(pod, "top", name=name, linux=linux(**security))
        if security.get("privileged"):
            request.sandbox_config.linux.CopyFrom(pod_linux(privileged=True))
        self._container = node.runtime.CreateContainer(request).container_id
        node.start(self._container)

    def __call__(self, line: str) -> tuple[int, str]:
        """Return the exit code, and what is said on both streams."""
        request = pb.ExecSyncRequest(container_id=self._container, cmd=line.split())
        done = self._node.runtime.ExecSync(request)
        return done.exit_code, (done.stdout + done.stderr).decode()


@pytest.fixture
def ready(node: Node) -> Node:
    """A node with an image that has `brctl`."""
    node.pull("busybox")
    return node


@pytest.fixture
def admin(ready: Node) -> Shell:
    """Commands that may change the network of a pod."""
    return Shell(ready, ready.run_sandbox("web"), "admin", **ADMIN)


def names(shell: Shell) -> list[str]:
    """Return the interfaces, as a directory of the kernel's has them."""
    return shell("ls /sys/class/net")[1].split()


def test_a_bridge_is_for_all_containers_of_a_pod_to_see_and_for_those_to_make_who_may(
    ready: Node,
) -> None:
    pod = ready.run_sandbox("web")
    admin, plain = Shell(ready, pod, "admin", **ADMIN), Shell(ready, pod, "plain")
    assert plain("brctl addbr wide") == (1, f"brctl: bridge wide: {DENIED}\n")
    assert plain("brctl addbr a/b") == (1, f"brctl: bridge a/b: {DENIED}\n")
    assert plain("brctl delbr none") == (1, f"brctl: bridge none: {DENIED}\n")
    assert plain("brctl addif none eth0") == (1, f"brctl: bridge none: {DENIED}\n")
    assert plain("brctl addif none nope") == (1, "brctl: iface nope: No such device\n")
    assert names(plain) == ["eth0", "lo"]
    assert admin("brctl addbr wide") == (0, "")
    assert admin("brctl addbr wide") == (1, "brctl: bridge wide: File exists\n")
    assert names(plain) == ["eth0", "lo", "wide"]
    assert "  wide:       0 " in plain("cat /proc/net/dev")[1]
    other = Shell(ready, ready.run_sandbox("other"), "other", **ADMIN)
    assert names(other) == ["eth0", "lo"]


@pytest.mark.parametrize(
    ("security", "may"),
    [
        pytest.param({}, False, id="default"),
        pytest.param({"privileged": True}, True, id="privileged"),
        pytest.param({"run_as_user": 1000, **ADMIN}, False, id="not-root"),
        pytest.param(
            {"capabilities": pb.Capability(add_capabilities=["ALL"])}, True, id="all-capabilities"
        ),
        pytest.param(
            {
                "capabilities": pb.Capability(
                    add_capabilities=["ALL"], drop_capabilities=["NET_ADMIN"]
                )
            },
            False,
            id="all-but-one",
        ),
    ],
)
def test_a_bridge_takes_the_capability_to_administer_networks(
    ready: Node, security: dict[str, Any], may: bool
) -> None:
    pod = ready.run_sandbox("web", linux=pod_linux(privileged=True))
    shell = Shell(ready, pod, "main", **security)
    refused = (2, f"ip: RTNETLINK answers: {DENIED}\n")
    assert shell("ip link add name new type bridge") == ((0, "") if may else refused)
    assert shell("brctl addbr other")[0] == (0 if may else 1)


def test_a_pod_on_the_network_of_the_node_makes_its_bridges_there(ready: Node) -> None:
    first, second = (
        Shell(
            ready, ready.run_sandbox(name, linux=pod_linux(namespace_options=NODE)), name, **ADMIN
        )
        for name in ("first", "second")
    )
    assert first("brctl addbr shared") == (0, "")
    assert names(second) == ["cni0", "lo", "shared"]
    assert second("brctl delbr cni0") == (1, "brctl: bridge cni0: Device or resource busy\n")
    assert second("brctl delbr shared") == (0, "")
    assert names(first) == ["cni0", "lo"]


def test_bridges_are_taken_away_when_they_are_down(admin: Shell) -> None:
    admin("brctl addbr b")
    assert admin("ip link set b up") == (0, "")
    assert admin("brctl delbr b") == (1, "brctl: bridge b: Device or resource busy\n")
    assert admin("ip link set dev b up down") == (0, "")
    assert admin("brctl delbr b") == (0, "")
    assert admin("brctl delbr b") == (1, "brctl: bridge b: No such device or address\n")
    assert admin("brctl delbr lo") == (1, f"brctl: bridge lo: {DENIED}\n")


def test_ports_come_and_go(admin: Shell) -> None:
    for line in ("brctl addbr b", "brctl addbr c", "ip link add d type dummy"):
        assert admin(line) == (0, "")
    assert admin("brctl addif b d c") == (1, "brctl: invalid argument 'c' to 'brctl'\n")
    assert admin("brctl addif b d") == (1, "brctl: bridge b: Device or resource busy\n")
    assert admin("brctl addif c d") == (1, "brctl: bridge c: Device or resource busy\n")
    assert admin("brctl addif b lo") == (1, "brctl: bridge b: Invalid argument\n")
    assert admin("brctl addif b c") == (1, "brctl: bridge b: Too many levels of symbolic links\n")
    assert admin("brctl addif d c") == (1, "brctl: bridge d: Operation not supported\n")
    assert admin("brctl addif none d") == (1, "brctl: bridge none: No such device\n")
    assert admin("ip link set d master c") == (0, "")
    assert admin("brctl delif b d") == (1, "brctl: bridge b: Invalid argument\n")
    assert "d: <BROADCAST,MULTICAST> mtu 1500 qdisc noop master c qlen 1000" in admin("ip link")[1]
    assert admin("ip link set d nomaster") == (0, "")
    assert "master" not in admin("ip link")[1]
    assert admin("brctl addif b d") == (0, "")
    assert admin("brctl delif b d") == (0, "")


def test_bridges_are_shown(admin: Shell) -> None:
    assert admin("brctl show") == (0, "")
    for line in ("brctl addbr b", "brctl addbr c", "ip link add d type dummy", "brctl addif c d"):
        admin(line)
    admin("brctl addif c eth0")
    head = "bridge name\tbridge id\t\tSTP enabled\tinterfaces\n"
    code, text = admin("brctl show")
    assert (code, text[: len(head)]) == (0, head)
    first, second, third = text.removeprefix(head).splitlines()
    assert first.startswith("b\t\t8000.")
    assert first.endswith("\tno")
    assert second.startswith("c\t\t8000.")
    assert second.endswith("\tno\t\teth0")
    assert third == "\t\t\t\t\t\t\td"
    assert admin("brctl show c b")[1].splitlines()[1:] == [second, third, first]
    assert admin("brctl show lo") == (1, "brctl: bridge lo does not exist\n")


def test_what_brctl_does_not_understand_is_said(admin: Shell) -> None:
    assert admin("brctl stp b on") == (1, "brctl: invalid argument 'stp' to 'brctl'\n")
    for line in ("brctl", "brctl addbr", "brctl addif b"):
        code, text = admin(line)
        assert code == 1
        assert "Usage: brctl COMMAND [BRIDGE [ARGS]]\n" in text
    assert admin("brctl addbr b more") == (0, "")


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("ip link add new type nosuch", 2, "RTNETLINK answers: Operation not supported"),
        ("ip link add new", 2, "RTNETLINK answers: Operation not supported"),
        ("ip link add eth0 type bridge", 2, "RTNETLINK answers: File exists"),
        ("ip link add new type", 2, 'command line is not complete, try "help"'),
        ("ip link del none", 2, "can't find device 'none'"),
        ("ip link del lo", 2, "RTNETLINK answers: Operation not supported"),
        ("ip link set none up", 2, "SIOCGIFFLAGS: No such device"),
        ("ip link set none master eth0", 2, "can't find device 'none'"),
        ("ip link set eth0 master none", 2, "can't find device 'none'"),
        ("ip link set eth0 master lo", 2, "RTNETLINK answers: Operation not supported"),
        ("ip link set eth0 master", 2, 'command line is not complete, try "help"'),
        ("ip link set eth0 odd", 2, 'either "dev" is duplicate, or "odd" is garbage'),
        ("ip link set", 2, '"dev" requires an argument'),
        ("ip link set eth0 down", 2, "SIOCSIFFLAGS: Operation not supported"),
        ("ip link set eth0 mtu 1400", 2, "RTNETLINK answers: Operation not supported"),
        ("ip link odd", 2, "invalid argument 'odd' to 'ip'"),
        ("ip link show none", 2, "can't find device 'none'"),
        ("ip addr show none", 1, "can't find device 'none'"),
        ("ip addr add 10.0.0.1/8 dev eth0", 2, "RTNETLINK answers: Operation not supported"),
    ],
)
def test_what_ip_cannot_do_is_said(admin: Shell, line: str, code: int, text: str) -> None:
    assert admin(line) == (code, f"ip: {text}\n")


def test_links_are_made_without_a_name_too_and_shown_alone(admin: Shell) -> None:
    assert admin("ip link add type bridge") == (0, "")
    code, text = admin("ip link show dev bridge0")
    assert code == 0
    assert text.startswith("3: bridge0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop qlen 1000\n")
    admin("ip link set bridge0 up")
    assert "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue" in admin("ip addr")[1]
    assert admin("ip link delete bridge0") == (0, "")
    assert admin("ip link del") == (1, "")
    assert admin("ip route show dev lo") == (0, "")
