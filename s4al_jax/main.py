"""`s4al train`, `plan` and `profile` by absl's flags, for those who keep to a file of `configs/`.

python -m s4al_jax.main --config=configs/demo.py --workdir=runs/demo
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app

from s4al_jax.cli import arguments as given
from s4al_jax.cli.exits import exit_code
from s4al_jax.cli.plan import print_plan
from s4al_jax.cli.profile import print_profile
from s4al_jax.cli.train import train
from s4al_jax.types import InputError


def main(_: Sequence[str]) -> None:
    """Do what the flags ask for."""
    workdir, traces = given.WORKDIR.value, given.PROFILE.value
    if not (workdir or given.PLAN.value or traces):
        raise InputError("--workdir is missing: name the directory of the run")
    together = given.together()
    if given.PLAN.value:
        print_plan(given.config())
    elif traces:
        print_profile(given.config(), Path(traces), steps=given.PROFILE_STEPS.value)
    else:
        train(given.config(), Path(workdir or ""), together=together, **given.conditions())


def run() -> None:
    """The command, with what is the user's to mend said in one line."""
    sys.exit(exit_code(lambda: app.run(main, flags_parser=given.parse_flags)))


if __name__ == "__main__":
    run()
