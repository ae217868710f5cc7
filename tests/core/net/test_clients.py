"""The commands of images that look at the network."""

from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.net.daemons import echo_server, http_server
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from tests.core.net.pods import Pods


@pytest.fixture
def client(net: Pods) -> str:
    """A container of busybox that goes on, in a pod with 10.88.0.2."""
    return net.start(net.pod(hostname="web-0"), "busybox", "sleep", "inf")


def serve(net: Pods, program: Any, name: str = "server") -> str:
    """Run a server in a pod of its own; return its address."""
    pod = net.pod(name)
    net.run(pod, program)
    return net.address(pod)


def test_wget_shows_a_page(net: Pods, client: str) -> None:
    address = serve(net, http_server(8080, routes={"/hello": "hello\n"}))
    url = f"http://{address}:8080/hello"
    assert net.exec(client, "wget", "-q", "-O", "-", url) == ("hello\n", "", 0)
    stdout, stderr, code = net.exec(client, "wget", "-O", "/tmp/page", url)
    assert (stdout, code) == ("", 0)
    assert stderr.splitlines() == [
        f"Connecting to {address}:8080 ({address}:8080)",
        "saving to '/tmp/page'",
        "'/tmp/page' saved",
    ]
    assert net.exec(client, "cat", "/tmp/page")[0] == "hello\n"
    assert net.exec(client, "wget", "-q", "--spider", url)[2] == 0


def test_wget_says_why_it_failed(net: Pods, client: str) -> None:
    address = serve(net, http_server(8080))

    def stderr(*arguments: str) -> tuple[str, int]:
        _, text, code = net.exec(client, "wget", "-q", "-O", "-", *arguments)
        return text, code

    assert stderr(f"{address}:8080/no") == (
        "wget: server returned error: HTTP/1.1 404 Not Found\n",
        1,
    )
    assert stderr(f"{address}:1/") == (
        f"wget: can't connect to remote host ({address}): Connection refused\n",
        1,
    )
    assert stderr("http://nobody.example/") == ("wget: bad address 'nobody.example'\n", 1)
    assert stderr("-T", "2", "http://192.0.2.1/") == ("wget: download timed out\n", 1)
    assert stderr("http://10.88.9.9/") == (
        "wget: can't connect to remote host (10.88.9.9): No route to host\n",
        1,
    )
    assert stderr("https://x/")[1] == 1
    assert stderr("http://x:port/")[1] == 1


def test_wget_shows_the_headers_of_the_server(net: Pods, client: str) -> None:
    address = serve(net, http_server(80, server="mine"))
    _, stderr, _ = net.exec(client, "wget", "-q", "-S", "-O", "-", f"http://{address}/healthz")
    assert stderr.startswith("  HTTP/1.1 200 OK\n  Server: mine\n")


def test_nc_carries_its_input_to_a_server_and_the_answer_back(net: Pods) -> None:
    address = serve(net, echo_server(7))

    def program(process: Process) -> Waits[int]:
        child = process.spawn(["nc", address, "7"], stdin=process.stdin, stdout=process.stdout)
        return (yield from child.exited)

    pod = net.pod("client")
    net.cri.register(program, command="caller")
    container = net.node.create(pod, "caller", name="caller", stdin=True, stdin_once=True)
    net.node.start(container)
    world = net.cri.host.world
    with net.cri.host.turn():
        stdin = world.store.containers.get(container).stdin
        stdin.feed(b"hello\n")
        stdin.close()
    net.cri.advance(1)
    assert net.cri.log(container).endswith(b"stdout F hello\n")
    assert net.node.status(container).exit_code == 0


def test_nc_tries_a_port(net: Pods, client: str) -> None:
    address = serve(net, echo_server(7))
    assert net.exec(client, "nc", "-z", address, "7") == ("", "", 0)
    assert net.exec(client, "nc", "-zv", address, "7") == ("", f"{address} ({address}:7) open\n", 0)
    assert net.exec(client, "nc", "-z", address, "8") == ("", "", 1)
    refused = f"nc: can't connect to remote host ({address}): Connection refused\n"
    assert net.exec(client, "nc", address, "8") == ("", refused, 1)
    assert net.exec(client, "nc", "-w", "1", "192.0.2.1", "8")[2] == 1
    assert net.exec(client, "nc", "-e", "sh", address, "7")[2] == 1


def test_nc_listens(net: Pods, client: str) -> None:
    pod = net.cri.host.world.store.containers.get(client).parent.id
    listener = net.start(pod, "busybox", "nc", "-l", "-p", "9000")

    def talk(process: Process) -> Waits[int]:
        connection = yield from process.connect("127.0.0.1", 9000)
        connection.write(b"hello\n")
        connection.close()
        return 0

    net.result(pod, talk)
    assert net.cri.log(listener).endswith(b"stdout F hello\n")


def test_ping_needs_a_capability_and_an_address_that_somebody_has(net: Pods) -> None:
    pod = net.pod()
    security = pb.LinuxContainerSecurityContext(
        capabilities=pb.Capability(drop_capabilities=["NET_RAW"])
    )
    bare = net.start(
        pod, "busybox", "sleep", "inf", linux=pb.LinuxContainerConfig(security_context=security)
    )
    assert net.exec(bare, "ping", "127.0.0.1") == (
        "PING 127.0.0.1 (127.0.0.1): 56 data bytes\n",
        "ping: permission denied (are you root?)\n",
        1,
    )
    able = net.start(pod, "busybox", "sleep", "inf")
    stdout, _, code = net.exec(able, "ping", "-c", "2", "127.0.0.1")
    assert code == 0
    assert stdout == (
        "PING 127.0.0.1 (127.0.0.1): 56 data bytes\n"
        "64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.050 ms\n"
        "64 bytes from 127.0.0.1: seq=1 ttl=64 time=0.050 ms\n"
        "\n--- 127.0.0.1 ping statistics ---\n"
        "2 packets transmitted, 2 packets received, 0% packet loss\n"
        "round-trip min/avg/max = 0.050/0.050/0.050 ms\n"
    )
    stdout, _, code = net.exec(able, "ping", "-c", "1", "10.88.9.9")
    assert (code, "100% packet loss" in stdout) == (1, True)
    assert net.exec(able, "ping", "-c", "x", "::1")[1].startswith("ping: invalid number 'x'\n")


def test_netstat_shows_what_listens_in_the_pod(net: Pods, client: str) -> None:
    pod = net.cri.host.world.store.containers.get(client).parent.id
    net.run(pod, echo_server(8080))
    net.run(pod, echo_server(53, "udp"))
    assert net.exec(client, "netstat", "-ln")[0] == (
        "Active Internet connections (only servers)\n"
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State       \n"
        "tcp        0      0 0.0.0.0:8080            0.0.0.0:*               LISTEN      \n"
        "udp        0      0 0.0.0.0:53              0.0.0.0:*                           \n"
        "Active UNIX domain sockets (only servers)\n"
        "Proto RefCnt Flags       Type       State         I-Node Path\n"
    )
    tables = net.exec(client, "cat", "/proc/net/tcp")[0].splitlines()
    assert tables[1].startswith("   0: 00000000:1F90 00000000:0000 0A 00000000:00000000")


def test_netstat_shows_who_is_connected(net: Pods, client: str) -> None:
    pod = net.cri.host.world.store.containers.get(client).parent.id
    net.run(pod, echo_server(8080))

    def hold(process: Process) -> Waits[int]:
        yield from process.connect("127.0.0.1", 8080)
        yield from process.forever()
        return 0

    net.run(pod, hold)
    lines = net.exec(client, "netstat", "-tn")[0].splitlines()[2:]
    assert [line.split()[-1] for line in lines] == ["ESTABLISHED", "ESTABLISHED"]


def test_the_pods_own_name_and_address(net: Pods, client: str) -> None:
    assert net.exec(client, "hostname", "-i") == ("10.88.0.2 \n", "", 0)
    stdout, _, code = net.exec(client, "ip", "addr")
    assert (code, "    inet 10.88.0.2/16 brd 10.88.255.255 scope global eth0\n" in stdout) == (
        0,
        True,
    )
    assert net.exec(client, "ip", "route")[0] == (
        "default via 10.88.0.1 dev eth0 \n10.88.0.0/16 dev eth0 scope link  src 10.88.0.2 \n"
    )
    assert net.exec(client, "ip", "link", "set", "eth0", "down")[2] == 2
    assert net.exec(client, "ip", "nonsense")[2] == 1


def test_nslookup_finds_no_server_unless_a_test_knows_the_name(net: Pods, client: str) -> None:
    text = ";; connection timed out; no servers could be reached\n\n"
    assert net.exec(client, "nslookup", "db.example") == (text, "", 1)
    net.cri.host.world.network.names["db.example"] = "10.88.0.9"
    stdout, _, code = net.exec(client, "nslookup", "db.example")
    assert (code, "Address: 10.88.0.9\n" in stdout) == (0, True)


def test_curl_has_its_own_texts_and_exit_codes(net: Pods) -> None:
    client = net.start(net.pod(), "nginx", "sleep", "inf")
    address = serve(net, http_server(8080, routes={"/hello": "hello\n"}))
    url = f"http://{address}:8080/hello"
    assert net.exec(client, "curl", "-s", url) == ("hello\n", "", 0)
    code = net.exec(client, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\\n", url)
    assert code == ("200\n", "", 0)
    assert net.exec(client, "curl", "-sI", url)[0].startswith("HTTP/1.1 200 OK\r\n")
    missing = net.exec(client, "curl", "-sSf", f"{address}:8080/no")
    assert missing == ("", "curl: (22) The requested URL returned error: 404\n", 22)
    assert net.exec(client, "curl", "-s", "nobody.example")[2] == 6
    assert net.exec(client, "curl", "-s", f"{address}:1")[2] == 7
    assert net.exec(client, "curl", "-s", "-m", "2", "192.0.2.1")[2] == 28
    assert net.exec(client, "curl", "-s", "https://x")[2] == 1
    assert net.exec(client, "curl", "-s", "x:port")[2] == 3
    assert net.exec(client, "curl")[2] == 2
    refused = net.exec(client, "curl", "-sS", f"{address}:1")[1]
    assert refused == (
        f"curl: (7) Failed to connect to {address} port 1 after 0 ms: Couldn't connect to server\n"
    )


def test_httpd_of_busybox_serves_files(net: Pods, client: str) -> None:
    pod = net.cri.host.world.store.containers.get(client).parent.id
    server = net.start(pod, "busybox", "sleep", "inf")
    assert net.exec(server, "mkdir", "/www")[2] == 0
    assert net.exec(server, "cp", "/etc/hostname", "/www/name.txt")[2] == 0
    assert net.exec(server, "httpd", "-p", "x")[2] == 1
    running = net.start(pod, "busybox", "httpd", "-f", "-p", "8080", "-h", "/etc")
    assert net.exec(client, "wget", "-qO-", "127.0.0.1:8080/hostname")[0] == "web-0\n"
    assert net.exec(client, "wget", "-qO-", "127.0.0.1:8080/no")[2] == 1
    assert net.exec(client, "wget", "-qO-", "127.0.0.1:8080/../etc/passwd")[2] == 1
    net.node.stop(running, timeout=5)
    assert net.node.status(running).exit_code == 128 + 9


def test_httpd_of_busybox_ends_on_a_sigterm_unless_it_is_pid_1(net: Pods, client: str) -> None:
    script = "httpd -f -p 8080 & sleep 1; kill $!; wait $!; echo $?"
    assert net.exec(client, "sh", "-c", script)[0] == "143\n"
