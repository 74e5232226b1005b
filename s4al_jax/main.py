"""The command: `python -m s4al_jax.main --config=configs/demo.py --workdir=runs/demo`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, logging

from s4al_jax.cli import arguments as command_line
from s4al_jax.console.screen import leave_terminals
from s4al_jax.run import build, loop
from s4al_jax.run.plan import plan
from s4al_jax.run.profile import profile_steps
from s4al_jax.runtime import allocator, processes, signals
from s4al_jax.types import AnnotationsPending, InputError


def main(arguments: Sequence[str]) -> None:
    """Build the experiment and drain the loop, perhaps together with other processes."""
    logging.set_verbosity(logging.WARNING)  # the libraries' own news is not the user's
    workdir, traces = command_line.WORKDIR.value or "", command_line.PROFILE.value
    only_plan, steps = command_line.PLAN.value, command_line.PROFILE_STEPS.value
    if not (workdir or only_plan or traces):
        raise InputError("--workdir is missing: name the directory of the run")
    with processes.join_processes(command_line.company()):
        built = build.build(command_line.config())
        if only_plan or traces:
            return _say(
                plan(built) if only_plan else profile_steps(built, Path(traces), steps=steps)
            )
        for result in loop.run_cycles(built, Path(workdir), **command_line.conditions()):
            _say(loop.summary(result))
    _say(f"The run is finished; its results lie in {workdir}.")


def _say(text: str) -> None:
    if processes.is_primary():
        print(text, flush=True)


def run() -> None:
    """The command, with what is the user's to mend said in one line."""
    allocator.keep_freed_memory()
    signals.before_exit(leave_terminals)
    try:
        with signals.handle_signals():
            app.run(main, flags_parser=command_line.parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
    except AnnotationsPending as pending:
        _say(str(pending))
    except signals.Stopped as stopped:
        print(f"\n{stopped}", file=sys.stderr)
        sys.exit(stopped.code)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    run()
