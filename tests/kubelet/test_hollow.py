"""Hollow nodes, and `fakecri node`: small programs stand in for their kubelets."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fakecri.cli import main
from fakecri.errors import UsageError
from fakecri.kubelet import KubeletNode, hollow, process
from fakecri.kubelet.hollow import HollowNodes, split_subnet
from fakecri.kubelet.node import own_subnet
from tests.kubelet.standin import (
    IGNORES,
    LEAVES,
    OBEYS,
    TELLS_ITS_VERSION,
    Unborrowed,
    write_program,
)

ONE = 'case "$*" in *override=hollow-1*)'
"""What follows is done by the second of the nodes alone."""


@pytest.fixture(autouse=True)
def _no_root_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "Borrowed", Unborrowed)


class Fleet:
    """Programs that stand in for kubelets, and what `fakecri node` says of them."""

    def __init__(self, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.home = directory / "nodes"
        self._program = directory / "kubelet"
        self._pids = directory / "pids"
        self._capfd = capfd

    def write(self, *lines: str) -> Path:
        """Write the program; each kubelet notes its pid first."""
        return write_program(self._program, TELLS_ITS_VERSION, f"echo $$ >> {self._pids}", *lines)

    def run(self, *options: str) -> tuple[int, str]:
        """Run to the end; return the exit status, and what standard error got."""
        words = ("--kubelet", str(self._program), "--directory", str(self.home), *options)
        return main(["node", *words]), self._capfd.readouterr().err

    def pids(self) -> list[int]:
        """Return the processes that were started."""
        return [int(each) for each in self._pids.read_text().split()]

    def left(self) -> list[int]:
        """Return those that still run."""
        return [each for each in self.pids() if Path(f"/proc/{each}").exists()]

    def roster(self) -> list[dict[str, object]]:
        """Return what nodes.json says."""
        told: list[dict[str, object]] = json.loads((self.home / "nodes.json").read_text())
        return told


@pytest.fixture
def fleet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Fleet:
    """Return a fleet that is not there yet."""
    return Fleet(tmp_path, capfd)


# What goes wrong.


def test_none_is_left_where_one_of_three_ends_at_once(fleet: Fleet) -> None:
    fleet.write(f"""{ONE} echo '{{"msg": "no luck"}}'; exit 3;; esac""", OBEYS)
    status, said = fleet.run("--count", "3")
    assert (status, said) == (
        2,
        "fakecri: hollow-1: the kubelet ended with status 3: no luck\n",
    )
    assert 1 <= len(fleet.pids()) <= 3
    assert fleet.left() == []
    assert not (fleet.home / "hollow-0" / "cri.sock").exists()


def test_none_is_left_where_one_does_not_get_ready(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = process.Kubelet._answers

    def decided(kubelet: process.Kubelet) -> bool:
        while not (answered := answers(kubelet)) and not kubelet.lines("I think"):
            time.sleep(0.01)
        return answered

    monkeypatch.setattr(process.Kubelet, "_answers", decided)
    monkeypatch.setattr(process, "READY_S", 0)
    fleet.write(f"""{ONE} echo '{{"msg": "I think"}}'; exec sleep 100;; esac""", OBEYS)
    status, said = fleet.run("--count", "2")
    assert status == 2
    assert said == (
        "fakecri: hollow-1: waited 0 s for the kubelet's first answer; the log ends: I think\n"
    )
    assert fleet.left() == []


def test_one_that_ends_later_is_told_with_its_last_words(fleet: Fleet) -> None:
    fleet.write(LEAVES, """echo '{"msg": "farewell"}'""", "exit 9")
    assert fleet.run() == (
        1,
        "fakecri: hollow-0: the kubelet ended with status 9, and said last:\nfarewell\n",
    )


# Told to end.


def run_until(
    nodes: Sequence[KubeletNode],
    condition: Callable[[], bool],
    said: list[str],
    *,
    restarts: bool = False,
) -> bool:
    """Let nodes live until a condition is true; return whether each has lived until then."""

    async def live() -> bool:
        told = asyncio.Event()

        async def watch() -> None:
            while not condition():  # noqa: ASYNC110  # it is no event
                await asyncio.sleep(0.01)
            told.set()

        fleet = HollowNodes(nodes, said.append, restarts=restarts)
        watching = asyncio.ensure_future(watch())
        try:
            return await fleet.live(told, lambda: said.append("ready"), lambda: said.append("new"))
        finally:
            watching.cancel()

    return asyncio.run(live())


@pytest.fixture
def make(fleet: Fleet) -> Callable[[int], list[KubeletNode]]:
    """Return what makes nodes."""

    def made(count: int) -> list[KubeletNode]:
        return [
            KubeletNode(
                fleet._program,
                fleet.home / f"hollow-{index}",
                name=f"hollow-{index}",
                pod_subnets=(f"127.35.{index}.0/24",),
                records=False,
            )
            for index in range(count)
        ]

    return made


Make = Callable[[int], list[KubeletNode]]


def test_one_that_ignores_sigterm_is_killed(
    fleet: Fleet, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "TERM_S", 0.1)
    fleet.write(IGNORES)
    said: list[str] = []
    nodes = make(2)
    assert run_until(nodes, lambda: "ready" in said, said)
    assert [each.kubelet.status for each in nodes] == [-signal.SIGKILL] * 2
    assert said == ["ready"]


def test_none_is_left_where_they_are_told_while_they_start(fleet: Fleet, make: Make) -> None:
    fleet.write("exec sleep 100")
    said: list[str] = []
    assert run_until(make(3), fleet._pids.exists, said)
    assert said == []
    assert fleet.left() == []


def test_the_others_go_on_where_one_ends(fleet: Fleet, make: Make) -> None:
    fleet.write(f"{ONE} {LEAVES}; exit 9;; esac", OBEYS)
    said: list[str] = []
    nodes = make(2)
    assert not run_until(nodes, lambda: len(said) > 1, said)
    assert said[1].startswith("hollow-1: the kubelet ended with status 9,")
    assert nodes[0].kubelet.status == 7


def test_one_that_ends_is_started_again_if_so_chosen(
    fleet: Fleet, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hollow, "PAUSE_S", 0.01)
    # The second time it is of no use, the third time it stays.
    nth = f"$(wc -l < {fleet._pids})"
    fleet.write(
        f"[ {nth} != 1 ] || {{ {LEAVES}; exit 9; }}",
        f"[ {nth} != 2 ] || exit 4",
        OBEYS,
    )
    said: list[str] = []
    (node,) = make(1)
    assert run_until([node], lambda: "new" in said, said, restarts=True)
    assert [each.partition(",")[0] for each in said] == [
        "ready",
        "hollow-0: the kubelet ended with status 9",
        "hollow-0: the kubelet ended with status 4: ",
        "hollow-0: the kubelet was started again",
        "new",
    ]
    assert fleet.pids()[-1] == node.kubelet.pid
    assert fleet.left() == []


# What is told.


def test_a_table_a_file_and_a_descriptor_tell_of_the_nodes(
    fleet: Fleet, capfd: pytest.CaptureFixture[str]
) -> None:
    fleet.write(LEAVES)
    reader, writer = os.pipe()
    words = ("--count", "2", "--pod-subnet", "127.35.0.0/16", "--ready-fd", str(writer))
    main(["node", "--kubelet", str(fleet._program), "--directory", str(fleet.home), *words])
    with os.fdopen(reader) as told:
        assert told.read() == f"{fleet.home}/nodes.json\n"
    rows = fleet.roster()
    assert [each["name"] for each in rows] == ["hollow-0", "hollow-1"]
    assert [each["pod_subnet"] for each in rows] == ["127.35.0.0/17", "127.35.128.0/17"]
    assert sorted(fleet.pids()) == sorted(map(int, (str(each["pid"]) for each in rows)))
    head, first, second, ready = capfd.readouterr().out.splitlines()
    assert head.split("  ")[0] == "NAME"
    assert "TLS PORT" in head
    for line, row in zip((first, second), rows, strict=True):
        ports = (str(row["tls_port"]), str(row["read_only_port"]))
        assert line.split() == [row["name"], "v1.36.3", *ports, row["pod_subnet"], row["socket"]]
    assert ready == f"2 nodes are ready: {fleet.home}/nodes.json"


def test_kubelets_get_what_was_chosen(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write(f'echo "$@" > {tmp_path}/flags; exit 1')
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    chosen = ("--set", "maxPods=7", "--set", "syncFrequency=3s", "--gate", "EventedPLEG=true")
    status, _ = fleet.run(
        *chosen,
        *("--kubeconfig", str(kubeconfig), "--manifests", str(tmp_path)),
        "--kubelet-flag=--node-labels=a=b",
    )
    assert status == 2
    settings = json.loads((fleet.home / "hollow-0" / "kubelet.json").read_text())
    assert settings["maxPods"] == 7
    assert settings["syncFrequency"] == "3s"
    assert settings["featureGates"] == {"EventedPLEG": True}
    assert settings["staticPodPath"] == str(tmp_path)
    # An API server decides who may ask, and nobody is to get by it.
    assert settings["readOnlyPort"] == 0
    assert settings["authentication"] == settings["authorization"] == {}
    flags = (tmp_path / "flags").read_text().split()
    assert {f"--kubeconfig={kubeconfig}", "--node-labels=a=b"} <= set(flags)


def test_each_asks_for_a_certificate_of_its_own(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write(f'echo "$@" > {tmp_path}/flags; exit 1')
    bootstrap = tmp_path / "bootstrap"
    bootstrap.touch()
    fleet.run("--bootstrap-kubeconfig", str(bootstrap))
    flags = (tmp_path / "flags").read_text().split()
    home = fleet.home / "hollow-0"
    assert {f"--bootstrap-kubeconfig={bootstrap}", f"--kubeconfig={home}/kubeconfig"} <= set(flags)
    assert json.loads((home / "kubelet.json").read_text())["rotateCertificates"] is True


def test_a_directory_that_nobody_chose_goes(fleet: Fleet, tmp_path: Path) -> None:
    program = fleet.write(f"echo $1 > {tmp_path}/configuration; exit 1")
    assert main(["node", "--kubelet", str(program)]) == 2
    place = Path((tmp_path / "configuration").read_text().strip().partition("=")[2])
    assert place.name == "kubelet.json"
    assert not place.parent.parent.exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--count", "0"], "--count 0: there is 1 node or more"),
        (["--name-prefix", "Node"], "--name-prefix Node: Node-0 is no name of a node"),
        (["--name-prefix", "n" * 62], "has at most 63 lower-case letters"),
        (["--pod-subnet", "127.35.0.0/30", "--count", "9"], "too small for 9 nodes"),
        (["--pod-subnet", "127.35.0.0/28", "--count", "9"], "has no address for a pod"),
        (["--pod-subnet", "10.0.0.0/8"], "is no part of 127.0.0.0/8"),
        (["--pod-subnet", "somewhere"], "somewhere"),
        (["--set", "maxPods"], "argument --set: maxPods: write KEY=VALUE"),
        (["--gate", "A=yes"], "argument --gate: A=yes: write NAME=true or NAME=false"),
        (["--kubeconfig", "/nowhere"], "/nowhere: there is no such file"),
        (["--manifests", "/nowhere"], "/nowhere: there is no such file"),
        (["--rule", "Nothing = hang"], "--rule"),
        (["--ready-fd", "1"], "--ready-fd 1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    fleet: Fleet, options: list[str], complaint: str
) -> None:
    fleet.write(OBEYS)
    status, said = fleet.run(*options)
    assert status == 2
    assert said.startswith("fakecri: ")
    assert complaint in said
    assert said.count("\n") == 1
    assert not fleet.home.exists()


@pytest.mark.parametrize("path", ["hollow-1", "hollow-1/manifests"])
def test_a_file_that_is_in_the_way_is_told(fleet: Fleet, path: str) -> None:
    fleet.write(OBEYS)
    place = fleet.home / path
    place.parent.mkdir(parents=True)
    place.touch()
    assert fleet.run("--count", "2") == (2, f"fakecri: {place}: File exists\n")


def test_what_is_no_kubelet_is_refused(fleet: Fleet) -> None:
    write_program(fleet._program, "echo busybox")
    assert fleet.run() == (2, f"fakecri: {fleet._program} is no kubelet: it says 'busybox'\n")


def test_parts_of_a_subnet_are_equal_and_have_nothing_in_common() -> None:
    assert split_subnet("127.35.0.0/16", 1) == ["127.35.0.0/16"]
    assert split_subnet("127.35.0.0/16", 3) == [
        "127.35.0.0/18",
        "127.35.64.0/18",
        "127.35.128.0/18",
    ]
    with pytest.raises(UsageError, match="too small"):
        split_subnet("127.35.0.0/30", 9)
    assert split_subnet(own_subnet(wide=True), 200)[199].endswith("/24")
