"""Hands over what a run has made: its network, and the labels that were bought.

    python scripts/export.py runs/photos --model=models/photos --labels=labels/photos

`--model` gets the newest teacher as safetensors and a JSON file, for scripts/predict.py; `--labels`
a folder dataset with images, masks and a COCO file. The dataset of the run must still be there.
"""

import argparse
import sys
from pathlib import Path

from s4al_jax.config.defaults import of_run
from s4al_jax.console.terminal import Terminal
from s4al_jax.labels.export import read_answers, write_bought
from s4al_jax.run import build, export, preflight
from s4al_jax.run.build import Experiment
from s4al_jax.types import InputError


def main() -> None:
    """Read the flags and write what they name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="the run's directory")
    parser.add_argument("--model", type=Path, help="a folder for the network")
    parser.add_argument("--network", default="", help="student or teacher; default: the teacher")
    parser.add_argument("--labels", type=Path, help="a new folder for images, masks and COCO")
    parser.add_argument("--size", choices=("original", "working"), default="original")
    parser.add_argument("--root", help="where the dataset lies now, if it was moved")
    given = parser.parse_args()
    if not (given.model or given.labels):
        parser.error("name a folder for --model, for --labels, or for both")
    built = _experiment(given.run, given.root)
    preflight.check_splits(built, given.run)
    if given.model:
        position = export.export_network(built, given.run, given.model, network=given.network)
        steps = built.schedule.steps_of(position.cycle)
        last = built.schedule.cycles - 1
        print(
            f"{given.model}: the network of cycle {position.cycle} (the last is {last}), after "
            f"step {position.step} of {steps}"
        )
    if given.labels:
        answers = read_answers(given.run / "annotations", built.spec)
        original = given.size == "original"
        with Terminal(sys.stderr) as terminal:
            progress = terminal.countdown("images written")
            write_bought(given.labels, built.spec, answers, original=original, progress=progress)
        print(f"{given.labels}: the labels of {len(answers)} images")


def _experiment(run: Path, root: str | None) -> Experiment:
    config = of_run(run)
    config.devices = 1
    if root is not None:
        config.data.root = root
    return build.build(config)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped; what was not finished ends in .part.")
