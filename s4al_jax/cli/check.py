"""`s4al check`: looks at every file of a dataset once."""

import argparse
import sys
from pathlib import Path

from s4al_jax.cli.parser import Parser, add_command, add_config, count


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "check",
        run,
        summary="look at every file of a dataset: is anything wrong with it?",
        usage="CONFIG [--sheet=FILE] [--config.OPTION=VALUE ...]",
        notes="Ends with 1 if something is wrong. A run makes the same checks before it trains.",
        example="s4al check folder --config.data.root=photos --sheet=sheet.png",
    )
    add_config(parser)
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="draw a contact sheet (.png, .pdf, ...)"
    )
    parser.add_argument(
        "--pictures", type=count, default=16, metavar="N", help="that it shows; default: 16"
    )


def run(given: argparse.Namespace) -> int:
    """Print the report, draw the sheet, and return 1 if a file is wrong."""
    from s4al_jax.cli.overrides import read_config
    from s4al_jax.console.terminal import Terminal
    from s4al_jax.data.validate import survey
    from s4al_jax.report.dataset import data_report
    from s4al_jax.run.task import build_dataset
    from s4al_jax.runtime.extras import require

    if given.sheet:
        require("matplotlib", extra="plots", what="--sheet")
    spec = build_dataset(read_config(given.config, given.overrides).data)
    with Terminal(sys.stderr) as terminal:
        found = survey(spec, progress=terminal.countdown("images read"), originals=True)
    print(data_report(spec, found))
    if given.sheet:
        from s4al_jax.report.figures.acquisition import save
        from s4al_jax.report.figures.data import sheet

        save(sheet(spec, given.pictures), given.sheet)
        print(f"\nThe contact sheet lies in {given.sheet}.")
    return 1 if found.errors else 0
