"""`s4al reproduce`: the paper's tables."""

import argparse
from pathlib import Path

from s4al_jax.cli.exits import terminate_as_interrupt
from s4al_jax.cli.parser import Parser, add_command

TABLES = ("1", "2a", "2b", "2c", "3a", "3b", "components", "fig3", "s1", "reach95", "all")
DATASETS = ("camvid", "cityscapes")


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "reproduce",
        run,
        summary="make a table of the paper, beside the paper's figures",
        usage="TABLE [options]",
        notes="Says first what it costs. A finished run is only read, a stopped one goes on.",
        example="s4al reproduce all --profile=quick\n"
        "s4al reproduce 3b --profile=paper --seeds=0,1,2 --dry_run",
        stopped="Stopped; the same command goes on.",
    )
    parser.add_argument("table", choices=TABLES, metavar="TABLE", help=" ".join(TABLES))
    parser.add_argument(
        "--profile", default="quick", metavar="NAME", help="quick, small, paper, or a config file"
    )
    parser.add_argument(
        "--dataset", choices=DATASETS, default="camvid", metavar="NAME", help="default: camvid"
    )
    parser.add_argument("--seeds", type=_seeds, default=(0,), metavar="N,...", help="default: 0")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/reproduce"), metavar="DIR", help="their folder"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for the tables; default: in --runs"
    )
    parser.add_argument("--dry_run", action="store_true", help="say what it costs, and stop")
    parser.add_argument("--no_timing", action="store_true", help="do not time steps for that")
    parser.add_argument("--tables_only", action="store_true", help="of what is finished")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="as in --set=config.seed=1; in all runs",
    )


def _seeds(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between, each once."""
    try:
        return tuple(dict.fromkeys(map(int, text.split(","))))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: give whole numbers, as in 0,1,2") from error


def run(given: argparse.Namespace) -> None:
    """Reproduce a table."""
    from s4al_jax.paper.reproduce import Request, read_changes, reproduce
    from s4al_jax.runtime.extras import require

    if not given.dry_run:
        require("matplotlib", extra="plots", what="s4al reproduce")
    tables = given.runs / "tables" / f"{Path(given.profile).stem}_{given.dataset}"
    request = Request(
        table=given.table,
        profile=given.profile,
        dataset=given.dataset,
        seeds=given.seeds,
        runs=given.runs,
        out=given.out or tables,
        changes=read_changes(given.set),
        command=given.command_line,
    )
    with terminate_as_interrupt():
        reproduce(
            request,
            dry_run=given.dry_run,
            timing=not given.no_timing,
            tables_only=given.tables_only,
        )
