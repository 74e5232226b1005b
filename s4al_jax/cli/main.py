"""The command `s4al`: finds the subcommand, runs it, and ends with its exit code."""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence

from s4al_jax import __version__
from s4al_jax.cli import (
    check,
    completion,
    demo,
    export,
    plan,
    predict,
    prepare,
    profile,
    report,
    reproduce,
    status,
    train,
)
from s4al_jax.cli.exits import CODES, exit_code
from s4al_jax.cli.parser import Help, Parser

ABOUT = "Active and semi-supervised learning for semantic segmentation."

COMMANDS = (
    demo,
    train,
    plan,
    profile,
    status,
    report,
    export,
    predict,
    check,
    prepare,
    reproduce,
    completion,
)
"""A module for each, in the order of the help."""

OVERRIDE = re.compile(r"--?(no)?config\.")
"""How a flag begins that sets an option of the configuration."""


def build_parser() -> Parser:
    """The parser of `s4al` and all of its commands."""
    parser = Parser(
        prog="s4al",
        usage="s4al COMMAND [--help] ...",
        epilog=CODES,
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="name", help=argparse.SUPPRESS)
    for command in COMMANDS:
        command.register(subparsers)
    known = subparsers.choices.items()
    listed = "\n".join(f"  {name:<12}{command.summary}" for name, command in known)
    parser.description = f"{ABOUT}\n\ncommands:\n{listed}"
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
      arguments: what stands after `s4al`; by default, those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return exit_code(lambda: _run(given))


def _run(arguments: Sequence[str]) -> int:
    overrides = [one for one in arguments if OVERRIDE.match(one)]
    parser = build_parser()
    given = parser.parse_args([one for one in arguments if not OVERRIDE.match(one)])
    if not given.name:
        parser.print_help()
        return 0
    if overrides and "overrides" not in given:
        parser.error(f"unrecognized arguments: {' '.join(overrides)}")
    given.overrides = overrides
    given.command_line = shlex.join(["s4al", *arguments])
    return exit_code(lambda: given.run(given), stopped=given.stopped)


def run() -> None:
    """The command of this process."""
    sys.exit(main())
