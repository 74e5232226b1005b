"""`s4al profile`: what training steps spend their time on."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from s4al_jax.cli.exits import stoppable
from s4al_jax.cli.parser import Parser, add_command, add_config, count

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "profile",
        run,
        summary="trace some training steps: what do they spend time on?",
        usage="CONFIG --out=DIR [--steps=N] [--config.OPTION=VALUE ...]",
        notes="The steps are those of the stage that takes longest; nothing is kept of them.",
        example="s4al profile demo --out=/tmp/trace",
    )
    add_config(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder for the trace, to be read by xprof",
    )
    parser.add_argument("--steps", type=count, default=10, metavar="N", help="default: 10")


def run(given: argparse.Namespace) -> None:
    """Trace steps of a configuration."""
    from s4al_jax.cli.overrides import read_config

    print_profile(read_config(given.config, given.overrides), given.out, steps=given.steps)


def print_profile(config: "ConfigDict", out: Path, *, steps: int) -> None:
    """Trace so many steps into a folder and print what they spend their time on."""
    from s4al_jax.run import build
    from s4al_jax.run.profile import profile_steps

    with stoppable():
        print(profile_steps(build.build(config), out, steps=steps), flush=True)
