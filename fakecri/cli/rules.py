"""The rules that a command is given: by options, by files, by the environment."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from fakecri.core.faults.reading import RuleError
from fakecri.core.faults.rules import Rule
from fakecri.core.faults.texts import parse_rules
from fakecri.errors import UsageError
from fakecri.scopes import Scope, UnfiredRule

VARIABLE = "FAKECRI_RULES"


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    """Add `--rule`, `--rules` and `--strict-rules`."""
    add = parser.add_argument
    add(
        "--rule",
        action="append",
        default=[],
        metavar="RULE",
        help="what goes wrong, such as 'StopContainer{pod=web-*} = 1* error(UNAVAILABLE)'; "
        f"repeatable; the environment variable {VARIABLE} has more of them",
    )
    add(
        "--rules",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a file of rules, one a line or continued by indentation; repeatable",
    )
    add(
        "--strict-rules",
        action="store_true",
        help="at the end, exit status 1 where a rule has never acted",
    )


def add_wire_option(parser: argparse.ArgumentParser) -> None:
    """Add `--wire-faults`, to a command whose rules can come later."""
    parser.add_argument(
        "--wire-faults",
        action="store_true",
        help="let rules that come later break connections; those given here can anyway",
    )


def chosen_rules(
    options: argparse.Namespace, environment: Mapping[str, str] = os.environ
) -> list[Rule]:
    """Return the rules of the environment, of files, and of options. UsageError names the place."""
    rules = _parsed(environment.get(VARIABLE, ""), VARIABLE)
    for path in options.rules:
        rules += _read(path)
    for text in options.rule:
        chosen = _parsed(text, f"--rule {text}")
        if not chosen:
            raise UsageError(f"--rule {text!r}: there is no rule in it")
        rules += chosen
    return rules


def tell_unfired(scope: Scope, options: argparse.Namespace) -> int:
    """Return the exit status; where it is not 0, stderr names the rules that never acted."""
    if not options.strict_rules:
        return 0
    try:
        scope.check()
    except UnfiredRule as unfired:
        for line in str(unfired).splitlines():
            sys.stderr.write(f"fakecri: {line}\n")
        return 1
    return 0


def _parsed(text: str, where: str) -> list[Rule]:
    try:
        return list(parse_rules(text))
    except RuleError as error:
        raise UsageError(f"{where}: {error}") from error


def _read(path: Path) -> list[Rule]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--rules {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--rules {path}: this is no text in UTF-8: {error.reason}") from error
    try:
        return list(parse_rules(text))
    except RuleError as error:
        raise UsageError(f"{path}:{error.line}:{error.column}: {error.complaint}") from error
