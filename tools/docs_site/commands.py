"""The commands of `s4al`, as their parsers describe them."""

import argparse
import contextlib
import io
import shlex
from collections.abc import Mapping

from s4al_jax.cli.main import OVERRIDE, build_parser


def command_parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Command -> its parser, in the order of the help."""
    (commands,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return commands.choices


def command_pages() -> str:
    """Markdown: a section for each command, with its help."""
    lines: list[str] = []
    for name, parser in command_parsers().items():
        lines += ["", f"## s4al {name}", "", "```text", parser.format_help().rstrip(), "```"]
    return "\n".join(lines)


def command_table() -> str:
    """Markdown: a row for each command."""
    rows = [
        f"| `s4al {name}` | {getattr(parser, 'summary', '')} |"
        for name, parser in command_parsers().items()
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def command_mistake(line: str) -> str:
    """What is wrong with a command line that begins with `s4al`; empty if nothing is.

    Overrides of options are left to whoever knows the options.
    """
    words = [word for word in shlex.split(line, comments=True) if not OVERRIDE.match(word)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            build_parser().parse_args(words[1:])
    except SystemExit as end:
        return said.getvalue().strip() if end.code else ""
    return ""
