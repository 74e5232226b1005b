"""Speed of one training step, of each phase, alone or in turns with another program's.

    python scripts/benchmark_step.py --config=configs/camvid.py --out=results/step.csv
    python scripts/benchmark_step.py --config=configs/camvid.py --config.model.compute=bfloat16 \\
        --yardstick=torch_s4al_step.py --variants=eager,cl+bf16

Pictures are noise of the configuration's size, so that no dataset is needed. A yardstick is a
Python file with a class `Bench(device, variant, aug, size, classes, batch, ...)` whose `step()`
starts a step and whose `sync()` waits for it; it is measured in turns with ours, in one process.
Compiling is as long as JAX's cache makes it: JAX_COMPILATION_CACHE_DIR names an empty one.
"""

import csv
import importlib.util
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import app, flags

from s4al_jax import command_line, experiment
from s4al_jax.engine import devices, train
from s4al_jax.experiment import Experiment
from s4al_jax.feed.plan import StepPlan
from s4al_jax.feed.source import Source
from s4al_jax.pool.noise import IMAGES, noise
from s4al_jax.types import InputError, Phase

_STEPS = flags.DEFINE_integer("steps", 20, "Steps of a timed block.", lower_bound=2)
_BLOCKS = flags.DEFINE_integer("blocks", 5, "Timed blocks; their median counts.", lower_bound=1)
_PHASES = flags.DEFINE_list("phases", [phase.value for phase in Phase], "What is measured.")
_CLASSES = flags.DEFINE_integer("classes", 11, "How many classes there are.")
_YARDSTICK = flags.DEFINE_string("yardstick", None, "A Python file with a class Bench.")
_VARIANTS = flags.DEFINE_list("variants", ["eager"], "Variants of the yardstick.")
_OUT = flags.DEFINE_string("out", None, "A CSV file; rows are appended.")

HEAD = ["program", "phase", "height", "width", "batch", "compute", "residence", "steps_per_second"]
HEAD += ["slowest_block", "fastest_block", "compile_seconds", "step_mib", "gflop", "device"]
HEAD += ["date", "jax"]

Block = Callable[[], float]
"""Runs so many steps and gives the seconds that one took."""


def main(_: Sequence[str]) -> None:
    """Measure every phase that is asked for, in turns with the yardstick's variants."""
    experiment.DATASETS["noise"] = noise
    config = command_line.config()
    with config.unlocked():
        config.data.name, config.data.kwargs = "noise", {"classes": _CLASSES.value}
    config.model.pretrained = ""
    built = experiment.build(config)
    rows = []
    for name in _PHASES.value:
        about, block = ours(built, Phase(name))
        blocks = {"s4al_jax": block} | (yardsticks(built) if name == Phase.REPLAY.value else {})
        for program, seconds in in_turns(blocks).items():
            rates = [f"{1 / take(seconds):.4g}" for take in (statistics.median, max, min)]
            rows.append([program, name, *size(built), *rates])
            rows[-1] += about if program == "s4al_jax" else ["", "", ""]
            kind = built.mesh.devices.flat[0].device_kind
            rows[-1] += [f"{built.mesh.size} x {kind}", time.strftime("%Y-%m-%d"), jax.__version__]
            print("  ".join(f"{n}={v}" for n, v in zip(HEAD, rows[-1], strict=True)), flush=True)
    if _OUT.value:
        new = not Path(_OUT.value).exists()
        with Path(_OUT.value).open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *rows] if new else rows)


def size(built: Experiment) -> list[str]:
    """What a row says of the work that a step is."""
    batch = f"{built.batch['labeled']}+{built.batch['unlabeled']}"
    compute = str(built.knobs["model.compute"])
    return [str(built.spec.height), str(built.spec.width), batch, compute, built.residence]


def ours(built: Experiment, phase: Phase) -> tuple[list[str], Block]:
    """What the compiler says of our step (seconds, MiB, GFLOP), and how to run a block of it."""
    source = experiment.source(
        built.spec.train,
        built.spec.train.read_truth,
        residence=built.residence,
        place=lambda array: devices.replicated(array, built.mesh),
    )
    update = train.updates(built.method, source, built.mesh)
    state = devices.replicated(built.fresh_state(0, np.ones(_CLASSES.value)), built.mesh)
    steps = numbered(built, phase)
    first = devices.split(
        train.fetched([next(steps)] * built.schedule.steps_together, source), built.mesh
    )
    started = time.monotonic()
    compiled = devices.prepared(update[phase], state, first)
    seconds = time.monotonic() - started
    flops = (compiled.cost_analysis() or {}).get("flops", float("nan"))
    about = [f"{seconds:.1f}", f"{devices.memory(compiled) / 2**20:.0f}", f"{flops / 1e9:.1f}"]
    return about, _block(state, steps, update, source, built)


def _block(
    state: Any, steps: Iterator[StepPlan], update: Any, source: Source, built: Experiment
) -> Block:
    together = built.schedule.steps_together
    if _STEPS.value % together:
        raise InputError(f"--steps={_STEPS.value} is not a multiple of {together} steps together")
    epochs = train.epochs(
        state, steps, update, source, built.mesh, iterations=_STEPS.value, together=together
    )
    return lambda: next(epochs).seconds


def numbered(built: Experiment, phase: Phase) -> Iterator[StepPlan]:
    """Steps of one phase without an end, numbered from 0."""
    whole = np.arange(IMAGES // 4)
    last = built.schedule.cycles - 1
    plans = built.steps(last, whole, np.arange(IMAGES // 4, IMAGES), 0)
    some = list(itertools.islice((plan for plan in plans if plan.phase is phase), 64))
    if not some:
        raise InputError(
            f"the configuration has no {phase.value} steps: leave them out of --phases"
        )
    for number, plan in enumerate(itertools.cycle(some)):
        yield plan._replace(step=number)


def yardsticks(built: Experiment) -> dict[str, Block]:
    """The yardstick's variants by name."""
    if not _YARDSTICK.value:
        return {}
    found = importlib.util.spec_from_file_location("yardstick", _YARDSTICK.value)
    if found is None or found.loader is None:
        raise InputError(f"--yardstick={_YARDSTICK.value}: no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules["yardstick"] = module
    found.loader.exec_module(module)
    platform = built.mesh.devices.flat[0].platform
    shape = {
        "size": (built.spec.height, built.spec.width),
        "classes": len(built.spec.classes),
        "batch": built.batch["labeled"],
        "width": built.knobs["model.backbone.kwargs.width"],
        "aspp": built.knobs["model.head.kwargs.aspp_channels"],
        "low": built.knobs["model.head.kwargs.low_level_channels"],
    }

    def block(bench: Any) -> Block:
        def run() -> float:
            started = time.monotonic()
            for _ in range(_STEPS.value):
                bench.step()
            bench.sync()
            return (time.monotonic() - started) / _STEPS.value

        return run

    made = {
        variant: module.Bench(
            device="cuda" if platform == "gpu" else "cpu", variant=variant, aug="tensor", **shape
        )
        for variant in _VARIANTS.value
    }
    return {name: block(bench) for name, bench in made.items()}


def in_turns(blocks: dict[str, Block]) -> dict[str, list[float]]:
    """Seconds a step of each block, the programs taking turns; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in blocks}
    for number in range(_BLOCKS.value + 1):
        for name, block in blocks.items():
            seconds = block()
            if number:
                taken[name].append(seconds)
    return taken


if __name__ == "__main__":
    try:
        app.run(main, flags_parser=command_line.parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
