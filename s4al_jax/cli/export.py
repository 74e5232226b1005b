"""`s4al export`: a run's network and the labels that were bought, as plain files."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from s4al_jax.cli.parser import Parser, add_command

if TYPE_CHECKING:
    from s4al_jax.run.build import Experiment


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "export",
        run,
        summary="hand over a run's network, and the labels that were bought",
        usage="RUN [--model=DIR] [--labels=DIR] [options]",
        notes="--model gets a network as safetensors and a JSON file, for s4al predict; "
        "--labels a folder dataset with images, masks and a COCO file. The dataset of "
        "the run must still be there.",
        example="s4al export runs/photos --model=models/photos --labels=labels/photos",
        stopped="Stopped; what was not finished ends in .part.",
    )
    parser.add_argument("run_directory", type=Path, metavar="RUN", help="the run's directory")
    parser.add_argument("--model", type=Path, metavar="DIR", help="a folder for the network")
    parser.add_argument(
        "--network", default="", metavar="NAME", help="student or teacher; default: the teacher"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="DIR", help="a new folder for images, masks and COCO"
    )
    parser.add_argument(
        "--size",
        choices=("original", "working"),
        default="original",
        metavar="SIZE",
        help="of the labels: original (default) or working",
    )
    parser.add_argument("--root", metavar="DIR", help="where the dataset lies now, if it was moved")
    parser.set_defaults(usage_error=parser.error)


def run(given: argparse.Namespace) -> None:
    """Write what the options name."""
    if not (given.model or given.labels):
        given.usage_error("name a folder for --model, for --labels, or for both")
    from s4al_jax.config.options import of_run
    from s4al_jax.run import build, preflight

    config = of_run(given.run_directory)
    config.devices = 1
    if given.root is not None:
        config.data.root = given.root
    experiment = build.build(config, starts=False)
    preflight.check_splits(experiment, given.run_directory)
    if given.model:
        _export_model(experiment, given.run_directory, given.model, given.network)
    if given.labels:
        _export_labels(
            experiment, given.run_directory, given.labels, original=given.size == "original"
        )


def _export_model(experiment: "Experiment", workdir: Path, out: Path, network: str) -> None:
    from s4al_jax.run.export import export_network

    position = export_network(experiment, workdir, out, network=network)
    steps, last = experiment.schedule.steps_of(position.cycle), experiment.schedule.cycles - 1
    print(
        f"{out}: the network of cycle {position.cycle} (the last is {last}), after step "
        f"{position.step} of {steps}"
    )


def _export_labels(experiment: "Experiment", workdir: Path, out: Path, *, original: bool) -> None:
    from s4al_jax.console.terminal import Terminal
    from s4al_jax.labels.export import export_labels, read_answers

    answers = read_answers(workdir / "annotations", experiment.spec)
    with Terminal(sys.stderr) as terminal:
        progress = terminal.countdown("images written")
        export_labels(out, experiment.spec, answers, original=original, progress=progress)
    print(f"{out}: the labels of {len(answers)} images")
