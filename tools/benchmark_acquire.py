"""Speed of asking a network: what a question costs beside the forward pass that it needs.

    python tools/benchmark_acquire.py --config=configs/camvid.py --out=results/acquire.csv
    python tools/benchmark_acquire.py --config=configs/demo.py --batches=1,4,8,16

The device's part are compiled programs on a batch that lies there: the network alone, which gives
its logits, and each question, which gives a number for each cell. The host's part is what a whole
scoring loop takes beyond its program, from images in memory (cached) and by threads (streamed):
pictures are noise of the configuration's size, drawn before the clock starts, so decoding is not
in it; benchmark_residence.py measures that. All take turns, and medians of the rounds count.
"""

import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from absl import app, flags

from s4al_jax.cli import arguments
from s4al_jax.data.noise import IMAGES, noise
from s4al_jax.engine import devices
from s4al_jax.engine.score import scorer, summarizer
from s4al_jax.input.source import Source
from s4al_jax.run import build
from s4al_jax.run.build import ACQUISITIONS, Experiment
from s4al_jax.runtime import allocator
from s4al_jax.types import UNLABELED, Acquisition, InputError, TrainState, Tree

_BATCHES = flags.DEFINE_list("batches", ["1", "4", "8", "16"], "Images of a batch.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "How often each program is timed.", lower_bound=1)
_CLASSES = flags.DEFINE_integer("classes", 11, "How many classes there are.")
_OUT = flags.DEFINE_string("out", None, "A CSV file; rows are appended.")

FORWARD = "forward"
HEAD = ["program", "height", "width", "compute", "batch", "images_per_second", "slowest_round"]
HEAD += ["fastest_round", "cost_in_forward_passes", "host_ms_an_image", "program_mib", "device"]
HEAD += ["date", "jax"]

Program = Callable[[TrainState, Tree, jax.Array], jax.Array]


class Timed(NamedTuple):
    """Something that is measured: `run` asks about `images` images and waits for the answer."""

    run: Callable[[], object]
    images: int
    mib: str = ""
    """memory of its program on a device, as the compiler says"""


def main(_: Sequence[str]) -> None:
    """Measure all programs at each batch, then the loop at the best one."""
    config = arguments.config()
    config.model.pretrained = ""
    spec = noise(config.data.height, config.data.width, _CLASSES.value)
    built = build.build(config, spec)
    asked = config.acquisition.name
    images = Pictures(built)
    state = devices.replicate(built.fresh_state(0, np.ones(_CLASSES.value)), built.mesh)
    rows, best = [], (0.0, 0)
    for batch in batches(built.mesh.size):
        timed = {
            name: on_device(program, images.cached, state, built, batch)
            for name, program in programs(built, images.cached, config.acquisition.network).items()
        }
        rates = in_turns(timed)
        forward = statistics.median(rates[FORWARD])
        for name, found in rates.items():
            cost = f"{forward / statistics.median(found):.3f}"
            rows.append([name, *about(built, batch, found), cost, "", timed[name].mib])
        best = max(best, (statistics.median(rates[asked]), batch))
    print(f"best batch for {asked}: {best[1]}")
    rows += loops(built, images, state, best[1], config.acquisition.network, asked)
    write(rows, built)


def batches(shared_by: int) -> list[int]:
    """Those of the command line, if so many devices can share them."""
    for batch in _BATCHES.value:
        if not (batch.isdigit() and int(batch)):
            raise InputError(f"--batches has {batch!r}: name whole numbers from 1 up")
        if int(batch) > IMAGES:
            raise InputError(f"--batches={batch} is more than the {IMAGES} images that there are")
        if int(batch) % shared_by:
            raise InputError(f"--batches={batch} is not divisible by {shared_by} devices")
    return [int(batch) for batch in _BATCHES.value]


class Pictures:
    """Pictures that are drawn once, and the two ways in which a host may keep them."""

    def __init__(self, built: Experiment) -> None:
        spec = built.spec
        unknown = np.full((spec.height, spec.width), UNLABELED, np.uint8)
        drawn = [spec.train.read_image(index) for index in range(IMAGES)]
        made = partial(
            build.source,
            spec.train._replace(read_image=lambda index: drawn[index]),
            lambda index: unknown,
        )
        self.cached: Source = made(residence="cached")
        self.streamed: Source = made(residence="streamed")


def programs(built: Experiment, source: Source, network: str) -> dict[str, Program]:
    """The network alone, and each question to it."""

    def forward(state: TrainState, fetched: Tree, key: jax.Array) -> jax.Array:
        images = source.materialize(fetched).image
        return built.method.predict(getattr(state, network), images).logits

    asked = {
        name: summarizer(built.method, question(built, name, network), source, built.mesh)
        for name in ACQUISITIONS
    }
    return {FORWARD: devices.compile_for(forward, built.mesh), **asked}


def question(built: Experiment, name: str, network: str) -> Acquisition:
    """One of the questions, over the configuration's cells."""
    return ACQUISITIONS[name](built.grid, network=network, scope="image")


def on_device(
    program: Program, source: Source, state: TrainState, built: Experiment, batch: int
) -> Timed:
    """A program on a batch that lies on the device, as often as makes about `IMAGES` images."""
    fetched = devices.shard(source.fetch(np.arange(batch), batch), built.mesh)
    key = devices.replicate(jax.random.PRNGKey(0), built.mesh)
    mib = devices.program_memory(devices.lower_and_compile(program, state, fetched, key)) / 2**20
    times = IMAGES // batch

    def run() -> None:
        for _ in range(times):
            # One after the other, as a loop that reads each batch's scores does.
            program(state, fetched, key).block_until_ready()

    return Timed(run, times * batch, f"{mib:.0f}")


def loops(
    built: Experiment, images: Pictures, state: TrainState, batch: int, network: str, asked: str
) -> Iterator[list[str]]:
    """Rows of whole scoring passes, with what they take beyond the program alone."""
    key, everyone = jax.random.PRNGKey(0), np.arange(IMAGES // batch * batch)
    acquisition = question(built, asked, network)
    alone = summarizer(built.method, acquisition, images.cached, built.mesh)
    timed = {asked: on_device(alone, images.cached, state, built, batch)}
    for residence, source in (("cached", images.cached), ("streamed", images.streamed)):
        score = scorer(built.method, acquisition, source, built.mesh, batch=batch)
        timed[f"{asked}, {residence}"] = Timed(partial(score, state, everyone, key), len(everyone))
    rates = in_turns(timed)
    program = statistics.median(rates.pop(asked))
    for name, found in rates.items():
        beyond = 1 / statistics.median(found) - 1 / program
        yield [name, *about(built, batch, found), "", f"{1000 * beyond:.3f}", ""]


def about(built: Experiment, batch: int, rates: Sequence[float]) -> list[str]:
    """The size of the work, and its median, lowest and highest rate."""
    spec, compute = built.spec, str(built.options["model.compute"])
    found = [f"{take(rates):.4g}" for take in (statistics.median, min, max)]
    return [str(spec.height), str(spec.width), compute, str(batch), *found]


def in_turns(timed: Mapping[str, Timed]) -> dict[str, list[float]]:
    """Images a second of each, taking turns; the first round compiles and does not count."""
    rates: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(_ROUNDS.value + 1):
        for name, (run, images, _) in timed.items():
            started = time.monotonic()
            run()
            if number:
                rates[name].append(images / (time.monotonic() - started))
    return rates


def write(rows: Sequence[list[str]], built: Experiment) -> None:
    """Print the rows, and append them to the file that was named."""
    device = f"{built.mesh.size} x {built.mesh.devices.flat[0].device_kind}"
    whole = [[*row, device, time.strftime("%Y-%m-%d"), jax.__version__] for row in rows]
    for row in whole:
        print("  ".join(f"{n}={v}" for n, v in zip(HEAD, row, strict=True) if v))
    if _OUT.value:
        new = not Path(_OUT.value).exists()
        with Path(_OUT.value).open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *whole] if new else whole)


if __name__ == "__main__":
    allocator.keep_freed_memory()
    try:
        app.run(main, flags_parser=arguments.parsed)
    except InputError as error:
        sys.exit(f"error: {error}")
