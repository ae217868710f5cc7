"""`fakecri serve --listen unix:///run/cri.sock`: a runtime on a socket."""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fakecri.cli.commands import Commands, add_command
from fakecri.cli.rules import add_rule_options, chosen_rules, tell_unfired
from fakecri.cli.running import (
    KEPT_CALLS,
    add_listen_option,
    add_mask_option,
    add_ready_option,
    add_record_option,
    check_masks,
    check_ready_fd,
    failure,
    open_record,
    serve_until_told,
)
from fakecri.cli.states import add_state_option, chosen_faults, strike_all
from fakecri.core.addresses import SUBNET
from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.rules import Rule
from fakecri.core.faults.rules import Rule as FaultRule
from fakecri.core.faults.rules import breaks_wires
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.references import InvalidReference
from fakecri.endpoints import parse_address
from fakecri.errors import UsageError
from fakecri.host import Host, open_host
from fakecri.host_mounts import HostFiles
from fakecri.logs import DiskFiles
from fakecri.network import LOOPBACK_SUBNET, NETWORKS, choose_subnets, open_network
from fakecri.pace import Pace, parse_pace
from fakecri.scopes import Faulting, texts_of
from fakecri.server import Server


def add_to(commands: Commands) -> None:
    """Add the command."""
    _add_options(
        add_command(commands, "serve", serve, "serve a runtime on a socket until SIGTERM or SIGINT")
    )


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status, which is 0 but for strict rules.

    UsageError for what the options get wrong.
    """
    # Whatever can be refused is, before a file of an earlier run is touched.
    parse_address(options.listen).check()
    if options.ready_fd is not None:
        check_ready_fd(options.ready_fd)
    if options.disk_bytes is not None and options.disk_bytes < 0:
        raise UsageError(f"--disk-bytes {options.disk_bytes}: a disk has 0 bytes or more")
    check_masks(options.mask)
    _configure(Registry(), options.registry)
    behaviours = [_behaviour(text) for text in options.behave]
    rules = chosen_rules(options)
    faults = chosen_faults(options)
    subnets = choose_subnets(options.network, options.pod_subnet)
    pace, files = _pace(options), _files(options)
    with ExitStack() as stack:
        record = stack.enter_context(open_record(options.record)) if options.record else None
        host = open_host(
            seed=options.seed,
            pace=pace,
            files=files,
            mounted=_mounted(files, options),
            record=record,
            strict_images=options.strict_images,
            keep_calls=KEPT_CALLS,
            disk_bytes=options.disk_bytes,
            annotations=options.annotations,
            pod_subnets=subnets,
            rules=texts_of(rules),
            mask=options.mask,
        )
        stack.callback(host.close)
        open_network(host, options.network)
        for reference in options.add_image:
            _add_image(host, reference)
        _configure(host.world.registry, options.registry)
        for behaviour in behaviours:
            host.world.behaviours.add(behaviour)
        strike_all(host, faults)
        scope = Faulting(host)(rules)
        asyncio.run(serve_until_told(_server(host, options, rules), options.ready_fd))
    return tell_unfired(scope, options)


def _server(host: Host, options: argparse.Namespace, rules: Sequence[FaultRule]) -> Server:
    wire_faults = options.wire_faults or breaks_wires(rules)
    return Server(host, options.listen, wire_faults=wire_faults)


def _pace(options: argparse.Namespace) -> Pace:
    if options.rate is not None and options.pace != "rate":
        raise UsageError("--rate goes with --pace rate")
    return parse_pace(options.pace, 1.0 if options.rate is None else options.rate)


def _files(options: argparse.Namespace) -> Files:
    if options.logs == "disk":
        try:
            return DiskFiles(options.log_root)
        except OSError as error:
            raise failure(f"--log-root {options.log_root}", error) from error
    if options.log_root is not None:
        raise UsageError("--log-root goes with --logs disk")
    return MemoryFiles()


def _mounted(files: Files, options: argparse.Namespace) -> Files:
    """Return what host paths of mounts are: the machine's own only where that was allowed."""
    confined = options.log_root is not None or options.logs == "memory"
    return HostFiles(files if confined else MemoryFiles(), options.host_mounts)


def _add_image(host: Host, reference: str) -> None:
    try:
        host.world.registry.add(reference)
    except InvalidReference as error:
        raise UsageError(f"--add-image {reference}: {error}") from error


def _configure(registry: Registry, rules: Sequence[str]) -> None:
    for text in rules:
        try:
            registry.configure(text)
        except UsageError as error:
            raise UsageError(f"--registry {text}: {error}") from error


def _behaviour(text: str) -> Rule:
    try:
        return Rule.parse(text)
    except BehaviourError as error:
        raise UsageError(f"--behave {text}: {error}") from error


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--network",
        choices=NETWORKS,
        default="memory",
        help="loopback: real clients on this machine reach the pods, at addresses of 127.0.0.0/8",
    )
    parser.add_argument(
        "--pod-subnet",
        action="append",
        default=[],
        metavar="CIDR",
        help=f"where pods get their addresses ({SUBNET}, or {LOOPBACK_SUBNET} on loopback); "
        "once more for IPv6",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_listen_option(parser)
    add("--seed", type=int, default=0, help="what ids and all else random follow from (0)")
    add(
        "--pace",
        choices=("manual", "autojump", "system", "rate"),
        default="rate",
        help="how time passes (rate)",
    )
    add("--rate", type=float, metavar="X", help="X times as fast as real time (1)")
    add(
        "--logs",
        choices=("disk", "memory"),
        default="disk",
        help="where container logs and checkpoints go (disk)",
    )
    add("--log-root", type=Path, metavar="DIR", help="a directory that stands for / of the node")
    add(
        "--host-mounts",
        action="append",
        type=Path,
        default=[],
        metavar="DIR",
        help="host paths below DIR are mounted for real, others from memory; repeatable",
    )
    add_record_option(parser)
    add_mask_option(parser)
    _add_network_options(parser)
    add("--strict-images", action="store_true", help="pull only images that were added")
    add(
        "--add-image",
        action="append",
        default=[],
        metavar="REFERENCE",
        help="publish an image, so that it can be pulled; repeatable",
    )
    add(
        "--registry",
        action="append",
        default=[],
        metavar="HOST=OPTIONS",
        help="how a registry behaves, such as registry.test=rate=5MiB,fail=2*503; repeatable",
    )
    add("--disk-bytes", type=int, metavar="N", help="how big the node's disk is (100 GiB)")
    _add_behaviour_options(parser)
    add_rule_options(parser)
    add_state_option(parser)
    add_ready_option(parser)


def _add_behaviour_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--behave",
        action="append",
        default=[],
        metavar="RULE",
        help="what containers do, such as 'pod=web-* container=main : exit/3/30s'; repeatable",
    )
    add(
        "--annotations",
        action="store_true",
        help="let annotations of pods, fakecri.dev/run.CONTAINER, choose what containers do",
    )
