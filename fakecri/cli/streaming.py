"""Where the URLs of Exec, Attach and PortForward lead: options of commands that serve."""

import argparse
from pathlib import Path

from fakecri.endpoints import ANY_PORT
from fakecri.errors import UsageError
from fakecri.streaming.server import Tls


def add_streaming_options(parser: argparse.ArgumentParser) -> None:
    """Add `--streaming-address` and what goes with it."""
    add = parser.add_argument
    add(
        "--streaming-address",
        default=ANY_PORT,
        metavar="ADDRESS",
        help=f"where exec, attach and port-forward stream ({ANY_PORT}); with TLS it need not be "
        "loopback",
    )
    for what, text in (("cert", "certificate, with its chain"), ("key", "key of that")):
        add(
            f"--streaming-tls-{what}",
            type=Path,
            metavar="FILE",
            help=f"the {text}, as PEM: streams are encrypted",
        )


def chosen_tls(options: argparse.Namespace) -> Tls | None:
    """Return the files for TLS; None: without. UsageError where one of the two is missing."""
    certificate, key = options.streaming_tls_cert, options.streaming_tls_key
    if (certificate is None) != (key is None):
        raise UsageError("--streaming-tls-cert and --streaming-tls-key go together")
    return None if certificate is None else (certificate, key)
