"""`fakecri ctl`: the control service from the command line.

Exit status 1: the service refuses, or what was asked after is not so. 2: the command line is wrong,
what it says can be no rule, span or time, or nobody answers.
"""

import argparse
import re
import signal
import sys
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from fakecri.cli.commands import Commands, Parser, add_command, say_no_more
from fakecri.cli.ctl_verbs import GROUPS, VERBS, Argument, Verb
from fakecri.cli.tables import as_json
from fakecri.control import Control, ControlError
from fakecri.control.client import ENVIRONMENT
from fakecri.errors import Code

_WRONG = frozenset({Code.INVALID_ARGUMENT, Code.UNAVAILABLE, Code.UNIMPLEMENTED})
_INTERRUPTED = 128 + signal.SIGINT
_SIGNED = re.compile(r"-\d")
_OPTIONS = ("control", "session", "json")


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "ctl", control, "control a runtime that `serve --control` began")
    _add_options(parser)
    below = parser.add_subparsers(required=True, metavar="WHAT")
    for group, (purpose, verbs) in GROUPS.items():
        family = below.add_parser(group, help=purpose, description=purpose, allow_abbrev=False)
        family_below = family.add_subparsers(required=True, metavar="VERB")
        for verb in verbs:
            _add_verb(family_below, verb)
    for verb in VERBS:
        _add_verb(below, verb)


def _add_verb(below: Commands, verb: Verb) -> None:
    parser = add_command(below, verb.name, control, verb.purpose)
    # A span may be negative, which is no option.
    parser._negative_number_matcher = _SIGNED  # noqa: SLF001  # there is no other way to say so
    parser.set_defaults(verb=verb)
    _add_options(parser, default=argparse.SUPPRESS)
    for argument in verb.arguments:
        rest = dict(argument.rest or {})
        if argument.flag:
            parser.add_argument(argument.flag, dest=_dest(argument), **rest)
        else:
            parser.add_argument(_dest(argument), **rest)


def _add_options(parser: Parser, default: str | None = None) -> None:
    """Add the options that may stand before the verb as well as behind it."""
    add = parser.add_argument
    add("--control", metavar="ADDRESS", default=default, help=f"where it is (${ENVIRONMENT})")
    add("--session", metavar="NAME", default=default, help="which runtime (the first one)")
    add("--json", action="store_true", default=default, help="answers as JSON, one a line")


def _dest(argument: Argument) -> str:
    return f"field {argument.field}"


def control(options: argparse.Namespace) -> int:
    """Do what the command line says; return the exit status."""
    try:
        return _control(options)
    except KeyboardInterrupt:  # how a `record --follow` ends
        return _INTERRUPTED
    except BrokenPipeError:  # its reader has had enough
        say_no_more()
        return 0


def _control(options: argparse.Namespace) -> int:
    verb: Verb = options.verb
    fields = _fields(verb, options)
    with Control(options.control, options.session or "") as client:
        service, _, method = verb.method.partition(".")
        try:
            answer = getattr(getattr(client, service), method)(**fields)
            return _tell(verb, answer, as_lines=bool(options.json))
        except ControlError as error:
            if error.code in _WRONG:
                raise
            return _complain(str(error))


def _fields(verb: Verb, options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the request: those that were given."""
    fields: dict[str, Any] = dict(verb.fixed or {})
    for argument in verb.arguments:
        value = getattr(options, _dest(argument))
        outer, dot, inner = argument.field.partition(".")
        if value is None or value == []:
            continue
        if dot:
            fields.setdefault(outer, {})[inner] = value
        else:
            fields[outer] = value
    return verb.compose(fields) if verb.compose else fields


def _tell(verb: Verb, answer: Message | Iterator[Message], *, as_lines: bool) -> int:
    messages = [answer] if isinstance(answer, Message) else answer
    for message in messages:
        raw = as_lines and verb.name != "record"  # whose lines are JSON already
        sys.stdout.write(f"{as_json(message)}\n" if raw else verb.show(message))
        sys.stdout.flush()
        complaint = verb.complaint(message) if verb.complaint else ""
        if complaint:
            return _complain(complaint)
    return 0


def _complain(text: str) -> int:
    sys.stderr.write(f"fakecri: {' '.join(text.split())}\n")
    return 1
