"""`s4al plan`: what a run would do and need."""

import argparse
from typing import TYPE_CHECKING

from s4al_jax.cli.exits import stoppable
from s4al_jax.cli.parser import Parser, add_command, add_config

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "plan",
        run,
        summary="say what a run would do and need: steps, budget, memory",
        usage="CONFIG [--config.OPTION=VALUE ...]",
        notes="Nothing is trained and nothing is written. The programs that need most memory "
        "are compiled, which takes a minute at full size and is kept for the run.",
        example="s4al plan cityscapes --config.data.root=Cityscapes --config.batch.labeled=8",
    )
    add_config(parser)


def run(given: argparse.Namespace) -> None:
    """Print the plan of a configuration."""
    from s4al_jax.cli.overrides import read_config

    print_plan(read_config(given.config, given.overrides))


def print_plan(config: "ConfigDict") -> None:
    """Print what a run of a configuration would do."""
    from s4al_jax.run import build
    from s4al_jax.run.plan import plan

    with stoppable():
        print(plan(build.build(config)), flush=True)
