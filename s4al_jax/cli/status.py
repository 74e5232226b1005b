"""`s4al status`: how far runs are, read from their files."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from s4al_jax.cli.parser import Parser, add_command

if TYPE_CHECKING:
    from rich.console import Group


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "status",
        run,
        summary="say how far runs are, running or not",
        usage="RUN ... [--watch=SECONDS]",
        notes="Says who is running, who waits for how many answers, and where the others "
        "stopped, failed or ended. It reads files only, and no run notices it.",
        example="s4al status runs/* --watch=5",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's directory")
    parser.add_argument(
        "--watch", type=_seconds, metavar="SECONDS", help="look again so often, until Ctrl-C"
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if float(text) > 0:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text}: give a number of seconds above 0")


def run(given: argparse.Namespace) -> int:
    """Print the table, once or again and again."""
    from s4al_jax.console.terminal import print_table, watch
    from s4al_jax.rundir.status import status_table

    if given.watch is not None:
        watch(lambda: _table_and_errors(given.runs), given.watch)
    table, errors = status_table(given.runs)
    if table.row_count:
        print_table(table)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


def _table_and_errors(runs: Sequence[Path]) -> "Group":
    from rich.console import Group

    from s4al_jax.rundir.status import status_table

    table, errors = status_table(runs)
    return Group(*([table] if table.row_count else []), *errors)
