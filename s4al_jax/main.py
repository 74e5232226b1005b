"""The command: `python -m s4al_jax.main --config=configs/demo.py --workdir=runs/demo`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, logging

from s4al_jax import command_line, experiment, forecast, loop, profile
from s4al_jax.engine import allocator, hosts, stopping
from s4al_jax.types import AnnotationsPending, InputError


def main(arguments: Sequence[str]) -> None:
    """Build the experiment and drain the loop, perhaps together with other processes."""
    if len(arguments) > 1:
        raise InputError(f"unexpected argument {arguments[1]!r}: knobs are --config.name=value")
    logging.set_verbosity(logging.WARNING)  # the libraries' own news is not the user's
    workdir, plan = command_line.WORKDIR.value or "", command_line.PLAN.value
    traces = command_line.PROFILE.value
    if not (workdir or plan or traces):
        raise InputError("--workdir is missing: name the directory of the run")
    with hosts.company(command_line.company()):
        built = experiment.build(command_line.config())
        if plan:
            print(forecast.forecast(built))
        elif traces:
            print(profile.profile(built, Path(traces), steps=command_line.PROFILE_STEPS.value))
        if plan or traces:
            return
        for result in loop.cycles(built, Path(workdir), **command_line.conditions()):
            _say(loop.summary(result))
    _say(f"The run is finished; its results lie in {workdir}.")


def _say(text: str) -> None:
    if hosts.primary():
        print(text, flush=True)


def run() -> None:
    """The command, with what is the user's to mend said in one line."""
    allocator.keep_freed_memory()
    try:
        with stopping.listening():
            app.run(main, flags_parser=command_line.parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
    except AnnotationsPending as pending:
        _say(str(pending))
    except stopping.Stopped as stopped:
        print(f"\n{stopped}", file=sys.stderr)
        sys.exit(stopped.code)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    run()
