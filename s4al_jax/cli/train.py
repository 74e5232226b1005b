"""`s4al train`: the loop, from wherever the run's directory stands."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s4al_jax.cli.exits import stoppable
from s4al_jax.cli.parser import Parser, add_command, add_config, run_directory
from s4al_jax.config.names import names, studies

if TYPE_CHECKING:
    from ml_collections import ConfigDict


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "train",
        run,
        summary="train, ask for labels, learn from them, and so on",
        usage="CONFIG --workdir=DIR [options] [--config.OPTION=VALUE ...]",
        notes=f"CONFIG is {', '.join(names())} or the path of a file; a study may follow, as "
        f"in camvid:random: {', '.join(studies())}. The same command resumes a "
        "stopped run.",
        example="s4al train camvid:random --workdir=runs/random --config.data.root=CamVid",
        stopped="Stopped; the same command goes on.",
    )
    add_config(parser)
    parser.add_argument(
        "--workdir", type=run_directory, required=True, metavar="DIR", help="the run's directory"
    )
    parser.add_argument(
        "--accept_partial",
        action="store_true",
        help="go on when only some of the regions are answered",
    )
    parser.add_argument(
        "--resume_from",
        choices=("last_good",),
        metavar="last_good",
        help="leave out the step whose numbers broke",
    )
    add_processes(parser)


def add_processes(parser: Parser) -> None:
    """Add what names the other processes of a run."""
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="one of several processes of a TPU pod or SLURM job",
    )
    parser.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="the same by hand: where process 0 listens",
    )
    parser.add_argument("--num_processes", type=int, metavar="N", help="how many, with that")
    parser.add_argument("--process_id", type=int, metavar="I", help="which one this is, from 0")


def run(given: argparse.Namespace) -> None:
    """Train as the arguments say."""
    from s4al_jax.cli.overrides import read_config

    together = other_processes(
        distributed=given.distributed,
        coordinator=given.coordinator,
        num_processes=given.num_processes,
        process_id=given.process_id,
    )
    train(
        read_config(given.config, given.overrides),
        given.workdir,
        together=together,
        accept_partial=given.accept_partial,
        resume_from_last_good=given.resume_from == "last_good",
    )


def train(
    config: "ConfigDict",
    workdir: Path,
    *,
    together: dict[str, Any] | None = None,
    accept_partial: bool = False,
    resume_from_last_good: bool = False,
) -> None:
    """Build a configuration's experiment and run its cycles, each of which is said in a line.

    Args:
      config: with all options as they are to be.
      workdir: the run's directory; a run that was stopped there goes on.
      together: see `other_processes`.
      accept_partial: go on when only some of the regions asked for are answered.
      resume_from_last_good: leave out the step or question whose numbers broke.
    """
    from s4al_jax.cli.listeners import run_listeners
    from s4al_jax.run import build, loop
    from s4al_jax.runtime import processes
    from s4al_jax.types import AnnotationsPending

    def say(text: str) -> None:
        if processes.is_primary():
            print(text, flush=True)

    conditions = {"accept_partial": accept_partial, "resume_from_last_good": resume_from_last_good}
    try:
        with stoppable(), processes.join_processes(together):
            added = run_listeners(workdir)
            for result in loop.run_cycles(
                build.build(config), workdir, listeners=added, **conditions
            ):
                say(loop.summary(result))
    except AnnotationsPending as pending:
        say(str(pending))
    else:
        say(f"The run is finished; its results lie in {workdir}.")


def other_processes(
    *,
    distributed: bool,
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
) -> dict[str, Any] | None:
    """What `jax.distributed.initialize` takes to find the other processes of a run.

    Returns:
      None where there are no others, and an empty dictionary where the cluster says who they are.
    """
    from s4al_jax.types import InputError

    by_hand = {
        "--coordinator": coordinator,
        "--num_processes": num_processes,
        "--process_id": process_id,
    }
    given = [flag for flag, value in by_hand.items() if value is not None]
    if not given:
        return {} if distributed else None
    if distributed:
        raise InputError(f"--distributed asks the cluster, {given[0]} does not: give one of them")
    if coordinator is None or num_processes is None or process_id is None:
        missing = [flag for flag, value in by_hand.items() if value is None]
        raise InputError(f"{given[0]} is given without {' and '.join(missing)}: give all three")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"--coordinator={coordinator}: give host:port, as in 10.0.0.1:1234")
    if num_processes < 1:
        raise InputError(f"--num_processes={num_processes}: give 1 or more")
    if not 0 <= process_id < num_processes:
        raise InputError(
            f"--process_id={process_id}: give 0 to {num_processes - 1}, another to each process"
        )
    return {
        "coordinator_address": coordinator,
        "num_processes": num_processes,
        "process_id": process_id,
    }
