"""`fakecri proxy --upstream unix:///run/containerd/containerd.sock --listen unix:///run/cri.sock`."""

import argparse
import asyncio
from contextlib import ExitStack

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
    open_record,
    serve_until_told,
)
from fakecri.core.faults.engine import check_forwarded
from fakecri.core.faults.rules import breaks_wires
from fakecri.endpoints import parse_address
from fakecri.errors import UsageError
from fakecri.host import Host
from fakecri.proxy import open_proxy_host
from fakecri.relay import Relay
from fakecri.scopes import Faulting, texts_of
from fakecri.server import Server


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "proxy", proxy, "put rules and the recorder before a real runtime"
    )
    parser.add_argument(
        "--upstream",
        required=True,
        metavar="ADDRESS",
        help="where the runtime listens: unix:///path, or a loopback address",
    )
    add_listen_option(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="what the random numbers of rules follow from (0)"
    )
    parser.add_argument(
        "--learn",
        action="store_true",
        help="ask the runtime for what there is, so that rules know its pods, containers, images",
    )
    add_record_option(parser)
    add_rule_options(parser)
    add_mask_option(parser)
    add_ready_option(parser)


def proxy(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status, which is 0 but for strict rules.

    UsageError for what the options get wrong.
    """
    listen = parse_address(options.listen)
    listen.check()
    if options.ready_fd is not None:
        check_ready_fd(options.ready_fd)
    check_masks(options.mask)
    relay = Relay(options.upstream)
    if relay.endpoint == listen.endpoint:
        raise UsageError(f"--upstream {options.upstream}: the proxy itself is to listen there")
    rules = [check_forwarded(rule) for rule in chosen_rules(options)]
    with ExitStack() as stack:
        record = stack.enter_context(open_record(options.record)) if options.record else None
        host = open_proxy_host(
            relay,
            seed=options.seed,
            record=record,
            keep_calls=KEPT_CALLS,
            rules=texts_of(rules),
            mask=options.mask,
        )
        stack.callback(host.close)
        scope = Faulting(host)(rules)
        server = Server(host, options.listen, relay, wire_faults=breaks_wires(rules))
        asyncio.run(_run(host, relay, server, options))
    return tell_unfired(scope, options)


async def _run(host: Host, relay: Relay, server: Server, options: argparse.Namespace) -> None:
    await relay.open(host)
    try:
        if options.learn:
            await relay.learn()
        await serve_until_told(server, options.ready_fd)
    finally:
        host.close()
        await relay.close()
