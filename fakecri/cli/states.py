"""What happens by itself to a runtime that is served: `--state FAULT`."""

import argparse


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        metavar="FAULT",
        help="what happens by itself, such as 'after 5s runtime restart down=2s'; repeatable",
    )
