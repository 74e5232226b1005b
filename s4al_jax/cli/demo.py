"""`s4al demo`: active learning on drawn street scenes, beside a network that has all labels."""

import argparse
from pathlib import Path

from s4al_jax.cli.parser import Parser, add_command
from s4al_jax.cli.report import print_page, print_tables
from s4al_jax.cli.train import train


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "demo",
        run,
        summary="learn from drawn street scenes, and write a page (4 minutes)",
        usage="[--runs=DIR] [--config.OPTION=VALUE ...]",
        notes="Trains demo into runs/demo and demo:supervised into runs/demo_supervised, and "
        "compares them. A run that was stopped goes on, one that is done is only read.",
        example="s4al demo --config.seed=1 --runs=runs/seed1",
        stopped="Stopped; the same command goes on.",
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="their folder; default: runs"
    )
    parser.set_defaults(overrides=())


def run(given: argparse.Namespace) -> None:
    """Train both and compare them."""
    from s4al_jax.cli.overrides import read_config

    learned, reference = given.runs / "demo", given.runs / "demo_supervised"
    print(f"1/3 Active learning, into {learned}", flush=True)
    train(read_config("demo", given.overrides), learned)
    print(f"2/3 The same network with every label, into {reference}", flush=True)
    train(read_config("demo:supervised", given.overrides), reference)
    print("3/3 The results side by side", flush=True)
    print_tables([learned], reference)
    print_page([learned], reference=reference)
    page = learned / "report" / "index.html"
    print(f"The results lie in {learned} and {reference}; open {page}.")
