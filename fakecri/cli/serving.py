"""`fakecri serve --listen unix:///run/cri.sock`: a runtime on a socket."""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from fakecri.cli.commands import Commands, add_command
from fakecri.cli.rules import add_rule_options, add_wire_option, chosen_rules, tell_unfired
from fakecri.cli.running import (
    KEPT_CALLS,
    add_listen_option,
    add_mask_option,
    add_ready_option,
    add_record_option,
    check_ready_fd,
    failure,
    open_record,
    serve_until_told,
)
from fakecri.cli.states import add_state_option
from fakecri.cli.streaming import add_streaming_options, chosen_tls
from fakecri.control.options import Options
from fakecri.control.server import ControlServer
from fakecri.control.sessions import Session, Sessions
from fakecri.core.addresses import SUBNET
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.personalities import DEFAULT, PROFILES
from fakecri.endpoints import Address, parse_address
from fakecri.errors import UsageError
from fakecri.host_mounts import HostFiles
from fakecri.logs import DiskFiles
from fakecri.network import LOOPBACK_SUBNET, NETWORKS
from fakecri.nri.server import check_nri
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
    listen = parse_address(options.listen)
    listen.check()
    if options.control is not None:
        _check_control(options.control, listen)
    if options.nri_socket is not None:
        _check_nri(options.nri_socket, options.listen, options.control)
    if options.ready_fd is not None:
        check_ready_fd(options.ready_fd)
    chosen = _chosen(options)
    chosen.check()
    if options.control is not None:
        return _serve_controlled(chosen, options)
    with ExitStack() as stack:
        record = stack.enter_context(open_record(options.record)) if options.record else None
        cri, scope = chosen.open(record)
        stack.callback(cri.close)
        server = Server(cri.host, options.listen, wire_faults=chosen.breaks_wires)
        asyncio.run(serve_until_told(server, options.ready_fd))
    return tell_unfired(scope, options)


def _check_control(control: str, listen: Address) -> None:
    address = parse_address(control)
    address.check()
    if address == listen:
        raise UsageError(f"--control {control}: the runtime itself is to listen there")


def _check_nri(text: str, *others: str | None) -> None:
    check_nri(text, "--")
    if parse_address(text) in {parse_address(other) for other in others if other}:
        raise UsageError(f"--nri-socket {text}: something else is to listen there")


def _serve_controlled(chosen: Options, options: argparse.Namespace) -> int:
    session = Session("", chosen, options.listen, options.record)
    try:
        asyncio.run(_run_controlled(Sessions(session), options))
    finally:
        session.close()
    return tell_unfired(session.scope, options)


async def _run_controlled(sessions: Sessions, options: argparse.Namespace) -> None:
    # The runtime is the last to be ready, and what tells so.
    async with ControlServer(sessions, options.control):
        try:
            await serve_until_told(sessions.get("").server, options.ready_fd)
        finally:
            await sessions.close_all()


def _chosen(options: argparse.Namespace) -> Options:
    files = _files(options)
    return Options(
        seed=options.seed,
        pace=options.pace,
        rate=options.rate,
        rules=tuple(chosen_rules(options)),
        strict_images=options.strict_images,
        images=tuple(options.add_image),
        registries=tuple(options.registry),
        behaviours=tuple(options.behave),
        annotations=options.annotations,
        disk_bytes=options.disk_bytes,
        network=options.network,
        pod_subnets=tuple(options.pod_subnet),
        streaming_address=options.streaming_address,
        streaming_tls=chosen_tls(options),
        nri_socket=options.nri_socket,
        nri_request_timeout=options.nri_request_timeout,
        files=lambda: _both(files(), options),
        on_disk=options.logs == "disk" or bool(options.host_mounts),
        state=tuple(options.state),
        mask=tuple(options.mask),
        wire_faults=options.wire_faults,
        keep_calls=KEPT_CALLS,
        api_level=options.api_level,
        personality=options.personality,
        image_fs=str(options.image_fs or ""),
        prefix="--",
    )


def _files(options: argparse.Namespace) -> Callable[[], Files]:
    """Return what makes the files of a runtime. UsageError where they cannot be."""
    if options.logs == "disk":
        try:
            DiskFiles(options.log_root)
        except OSError as error:
            raise failure(f"--log-root {options.log_root}", error) from error
        return lambda: DiskFiles(options.log_root)
    if options.log_root is not None:
        raise UsageError("--log-root goes with --logs disk")
    return MemoryFiles


def _both(files: Files, options: argparse.Namespace) -> tuple[Files, Files]:
    """Return the files, and what host paths of mounts are: the machine's own only if allowed."""
    confined = options.log_root is not None or options.logs == "memory"
    return files, HostFiles(files if confined else MemoryFiles(), options.host_mounts)


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add `--network` and `--pod-subnet`."""
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
    _add_disk_options(parser)
    add_record_option(parser)
    add_mask_option(parser)
    add_network_options(parser)
    add_streaming_options(parser)
    add("--nri-socket", metavar="PATH", help="a unix socket to which plugins of NRI connect")
    add(
        "--nri-request-timeout",
        default="2s",
        metavar="DURATION",
        help="how long a plugin may take for an answer (2s)",
    )
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
    add_personality_options(parser)
    add_behaviour_options(parser)
    add_rule_options(parser)
    add_wire_option(parser)
    add_state_option(parser)
    parser.add_argument(
        "--control",
        metavar="ADDRESS",
        help="where the control service listens, which must not be where clients can find it",
    )
    add_ready_option(parser)


def add_personality_options(parser: argparse.ArgumentParser) -> None:
    """Add `--personality` and `--api-level`."""
    parser.add_argument(
        "--personality",
        default=DEFAULT,
        metavar="NAME",
        help=f"the runtime that is played ({DEFAULT}): {', '.join(PROFILES)}",
    )
    parser.add_argument(
        "--api-level",
        default="",
        metavar="1.N",
        help="the Kubernetes minor whose API is spoken, such as 1.30 (the personality's)",
    )


def add_behaviour_options(parser: argparse.ArgumentParser) -> None:
    """Add `--behave` and `--annotations`."""
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


def _add_disk_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
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
    add(
        "--image-fs",
        type=Path,
        metavar="DIR",
        help="what is told as the place of images; a kubelet wants it to be there",
    )
