"""What the parsers of all commands share: help that fits a screen, mistakes said in one line."""

import argparse
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

Run = Callable[[argparse.Namespace], int | None]
"""What a command does with its arguments; None is the exit code 0."""


class Parser(argparse.ArgumentParser):
    """A parser that says a mistake in one line and ends with 2."""

    summary = ""
    """of its command, for the list of all"""

    def error(self, message: str) -> NoReturn:
        """Leave with 2, the code of a command that was not understood."""
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


class Help(argparse.RawDescriptionHelpFormatter):
    """Help for terminals of 80 columns, with room for the names of options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=80)


def add_command(
    subparsers: "argparse._SubParsersAction[Parser]",
    name: str,
    run: Run,
    *,
    summary: str,
    usage: str,
    notes: str,
    example: str,
    stopped: str = "Stopped.",
) -> Parser:
    """Add a command.

    Args:
      subparsers: where `s4al` keeps its commands.
      name: what is typed after `s4al`.
      run: what it does.
      summary: one line for the list of all commands, a sentence without its full stop.
      usage: arguments and options in one line.
      notes: what the help says besides.
      example: one or several command lines.
      stopped: what is said after Ctrl-C.

    Returns:
      The command's parser, which still lacks its arguments.
    """
    first = f"{summary[0].upper()}{summary[1:]}."
    examples = "\n".join(f"  {line}" for line in example.splitlines())
    parser = subparsers.add_parser(
        name,
        usage=f"s4al {name} {usage}",
        description=f"{first}\n\n{textwrap.fill(notes, 80)}",
        epilog=f"example:\n{examples}",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.summary = summary
    parser.set_defaults(run=run, stopped=stopped)
    return parser


def add_config(parser: Parser) -> None:
    """Have a command take a configuration and overrides of its options."""
    parser.add_argument(
        "config",
        metavar="CONFIG",
        help="demo, camvid:random, ... or the path of a file",
    )
    # `main` puts them here, since argparse does not know their names.
    parser.set_defaults(overrides=())


def run_directory(text: str) -> Path:
    """The path of a run's directory."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a folder")
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{text}: a run's directory has to be on a disk: what was paid for is locked and "
            "synced there, which a bucket cannot do; copy the finished run"
        )
    return Path(text)


def count(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1 up")
    return int(text)
