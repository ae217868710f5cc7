"""`fakecri node --count N --kubelet PATH`: nodes with a real kubelet each, on one machine."""

import argparse
import asyncio
import json
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fakecri.cli.commands import Commands, add_command
from fakecri.cli.rules import add_rule_options, chosen_rules, tell_unfired
from fakecri.cli.running import (
    add_ready_option,
    check_ready_fd,
    failure,
    tell_ready,
    told_to_stop,
)
from fakecri.cli.serving import add_behaviour_options, add_personality_options
from fakecri.cli.tables import aligned
from fakecri.control.options import Options
from fakecri.errors import UsageError
from fakecri.kubelet.configuration import Settings
from fakecri.kubelet.hollow import HOLLOW, JOINED, HollowNodes, split_subnet
from fakecri.kubelet.node import KubeletNode, own_subnet
from fakecri.kubelet.process import version_of
from fakecri.machine_mounts import mount_points
from fakecri.network import NETWORKS

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_LONGEST_NAME = 63
_COLUMNS = ("name", "version", "tls_port", "read_only_port", "pod_subnet", "socket")


def add_to(commands: Commands) -> None:
    """Add the command."""
    _add_options(
        add_command(
            commands, "node", run, "run nodes with a real kubelet each, until SIGTERM or SIGINT"
        )
    )


def run(options: argparse.Namespace) -> int:
    """Run nodes until told; return 0, or 1 where a kubelet was lost or a strict rule never acted.

    UsageError for what the options get wrong, and where a kubelet does not start.
    """
    # Whatever can be refused is, before anything is made.
    if options.ready_fd is not None:
        check_ready_fd(options.ready_fd)
    names = _names(options.name_prefix, options.count)
    versions = {program: version_of(program) for program in options.kubelet}
    subnets = split_subnet(options.pod_subnet or own_subnet(wide=True), options.count)
    runtimes = [_runtime(options, index, subnet) for index, subnet in enumerate(subnets)]
    for each in runtimes:
        Options(**each).check()
    settings = _settings(options)
    with _directory(options.directory) as directory, ExitStack() as stack:
        nodes = []
        for index, name in enumerate(names):
            program = options.kubelet[index % len(options.kubelet)]
            node = _node(options, program, directory / name, settings, runtimes[index])
            stack.callback(node.close)
            nodes.append(node)
        roster = Roster(directory, nodes, versions, subnets)
        return _run(roster, options)


def _node(
    options: argparse.Namespace,
    program: Path,
    home: Path,
    settings: Settings,
    runtime: dict[str, Any],
) -> KubeletNode:
    try:
        return KubeletNode(
            program,
            home,
            name=home.name,
            settings=settings,
            gates=dict(options.gate),
            flags=_flags(options, home),
            records=options.record,
            **runtime,
        )
    except OSError as error:
        raise failure(str(error.filename or home), error) from error


def _run(roster: "Roster", options: argparse.Namespace) -> int:
    hollow = HollowNodes(roster.nodes, _complain, restarts=options.restart)

    async def live() -> bool:
        return await hollow.live(
            told_to_stop(signal.SIGHUP), partial(_ready, roster, options.ready_fd), roster.write
        )

    all_lived = asyncio.run(live())
    unfired = [tell_unfired(node.rules, options) for node in roster.nodes]
    return max(int(not all_lived), *unfired)


def _ready(roster: "Roster", ready_fd: int | None) -> None:
    roster.write()
    count = len(roster.nodes)
    what = "1 node is" if count == 1 else f"{count} nodes are"
    tell_ready(f"{roster.table()}{what} ready: {roster.path}\n", str(roster.path), ready_fd)


def _complain(text: str) -> None:
    sys.stderr.write(f"fakecri: {text}\n")


def _names(prefix: str, count: int) -> list[str]:
    if count < 1:
        raise UsageError(f"--count {count}: there is 1 node or more")
    names = [f"{prefix}-{index}" for index in range(count)]
    if not _NAME.fullmatch(names[-1]) or len(names[-1]) > _LONGEST_NAME:
        raise UsageError(
            f"--name-prefix {prefix}: {names[-1]} is no name of a node, which has at most "
            f"{_LONGEST_NAME} lower-case letters, digits and -"
        )
    return names


def _runtime(options: argparse.Namespace, index: int, subnet: str) -> dict[str, Any]:
    """Return the options of a runtime. No two have the same ids."""
    return {
        "seed": options.seed + index,
        "rules": tuple(chosen_rules(options)),
        "behaviours": tuple(options.behave),
        "annotations": options.annotations,
        "personality": options.personality,
        "api_level": options.api_level,
        "network": options.network,
        "pod_subnets": (subnet,),
        "keep_calls": 0,  # nobody can ask for them
        "prefix": "--",
    }


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    joined = options.kubeconfig or options.bootstrap_kubeconfig
    settings = {**HOLLOW, **(JOINED if joined else {})}
    if options.bootstrap_kubeconfig:
        settings["rotateCertificates"] = True
    if options.manifests:
        settings["staticPodPath"] = str(options.manifests.resolve())
    return {**settings, **dict(options.set)}


def _flags(options: argparse.Namespace, home: Path) -> list[str]:
    flags = ["--v=1"]  # what is usual would fill the disk
    if options.kubeconfig:
        flags.append(f"--kubeconfig={options.kubeconfig.resolve()}")
    if options.bootstrap_kubeconfig:
        flags += [
            f"--bootstrap-kubeconfig={options.bootstrap_kubeconfig.resolve()}",
            f"--kubeconfig={home}/kubeconfig",
        ]
    return [*flags, *options.kubelet_flag]


@contextmanager
def _directory(chosen: Path | None) -> Iterator[Path]:
    """Make the directory; one that nobody chose goes with the nodes."""
    if chosen is not None:
        try:
            chosen.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise failure(f"--directory {chosen}", error) from error
        yield chosen.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="fakecri-")).resolve()
    try:
        yield made
    finally:
        # What is mounted there still is somebody else's.
        if not any(Path(each.path).is_relative_to(made) for each in mount_points()):
            shutil.rmtree(made, ignore_errors=True)


class Roster:
    """What is told of nodes: as a table, and as JSON."""

    def __init__(
        self,
        directory: Path,
        nodes: Sequence[KubeletNode],
        versions: Mapping[Path, str],
        subnets: Sequence[str],
    ) -> None:
        self.path = directory / "nodes.json"
        self.nodes = nodes
        self._versions = versions
        self._subnets = subnets

    def rows(self) -> list[dict[str, Any]]:
        """Return what there is to tell of each node."""
        return [
            {
                "name": node.kubelet.name,
                "version": self._versions[node.kubelet.program],
                "pid": node.kubelet.pid,
                "tls_port": node.kubelet.tls_port,
                "read_only_port": node.kubelet.read_only_port,
                "pod_subnet": subnet,
                "socket": node.server.endpoint,
                "directory": str(node.directory),
            }
            for node, subnet in zip(self.nodes, self._subnets, strict=True)
        ]

    def write(self) -> None:
        """Write the file, anew as a whole."""
        written = self.path.with_name(f".{self.path.name}")
        written.write_text(json.dumps(self.rows(), indent=2) + "\n")
        written.rename(self.path)

    def table(self) -> str:
        """Return a line for each node, under the names of the columns."""
        head = [each.replace("_", " ").upper() for each in _COLUMNS]
        return aligned([head, *([str(row[each]) for each in _COLUMNS] for row in self.rows())])


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--kubelet",
        action="append",
        type=Path,
        required=True,
        metavar="PATH",
        help="the program; where it is given more than once, nodes have one after the other",
    )
    add("--count", type=int, default=1, metavar="N", help="how many nodes (1)")
    add("--name-prefix", default="hollow", metavar="NAME", help="nodes are NAME-0, NAME-1, ...")
    add(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where each node has a directory, which stays (a temporary one, which goes)",
    )
    _add_kubelet_options(parser)
    add(
        "--restart",
        action="store_true",
        help="start a kubelet that ends again; without, the others go on",
    )
    add("--seed", type=int, default=0, help="what ids and all else random follow from (0)")
    add("--record", action="store_true", help="record each runtime in DIR/NAME/recording.jsonl")
    add(
        "--network",
        choices=NETWORKS,
        default="loopback",
        help="memory: nobody reaches the pods, and their addresses can be any",
    )
    add(
        "--pod-subnet",
        metavar="CIDR",
        help="what nodes get equal parts of (a /16 of 127.0.0.0/8)",
    )
    add_personality_options(parser)
    add_behaviour_options(parser)
    add_rule_options(parser)
    add_ready_option(parser, "the path of nodes.json")


def _add_kubelet_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    joining = parser.add_mutually_exclusive_group()
    joining.add_argument(
        "--kubeconfig",
        type=_file,
        metavar="FILE",
        help="how kubelets reach an API server (they stand alone)",
    )
    joining.add_argument(
        "--bootstrap-kubeconfig",
        type=_file,
        metavar="FILE",
        help="how each kubelet asks an API server for a certificate of its own",
    )
    add(
        "--manifests",
        type=_file,
        metavar="DIR",
        help="pods that each node has (those in DIR/NAME/manifests)",
    )
    add(
        "--set",
        action="append",
        type=_setting,
        default=[],
        metavar="KEY=VALUE",
        help="a key of KubeletConfiguration, its value JSON or a text; repeatable",
    )
    add(
        "--gate",
        action="append",
        type=_gate,
        default=[],
        metavar="NAME=BOOL",
        help="a feature gate; repeatable",
    )
    add(
        "--kubelet-flag",
        action="append",
        default=[],
        metavar="FLAG",
        help="more of the command line, such as --kubelet-flag=--v=3; repeatable",
    )


def _file(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text}: there is no such file")
    return path


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text}: write KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _gate(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if not name or value not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=true or NAME=false")
    return name, value == "true"
