"""Speed of scoring: what an acquisition function costs beside the forward pass that it needs.

    python tools/benchmark_acquire.py --config=configs/camvid.py --out=results/acquire.csv
    python tools/benchmark_acquire.py --config=configs/demo.py --batches=1,4,8,16

The device's part are compiled programs on a batch that lies there: the network alone, which gives
its logits, and each acquisition function, which gives summaries of the regions. The host's part is
what a whole scoring loop takes beyond its program, from images in memory (host) and read anew by
threads (none): images are noise of the configuration's size, drawn before the clock starts, so
decoding is not in it; benchmark_cache.py measures that. All take turns, and medians count.
"""

import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import app, flags

from s4al_jax.acquisition.registry import ACQUISITIONS
from s4al_jax.cli import arguments
from s4al_jax.data.noise import IMAGES, noise
from s4al_jax.engine import devices
from s4al_jax.engine.score import scorer, summarizer
from s4al_jax.input.source import Source, open_source
from s4al_jax.run import build
from s4al_jax.run.build import Experiment
from s4al_jax.runtime import allocator
from s4al_jax.types import UNLABELED, Acquisition, InputError, ScoringState, Tree

_BATCHES = flags.DEFINE_list("batches", ["1", "4", "8", "16"], "Images of a batch.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "How often each program is timed.", lower_bound=1)
_CLASSES = flags.DEFINE_integer("classes", 11, "How many classes there are.")
_OUT = flags.DEFINE_string("out", None, "A CSV file; rows are appended.")

FORWARD = "forward"
HEAD = ["program", "height", "width", "compute", "batch", "images_per_second", "slowest_round"]
HEAD += ["fastest_round", "cost_in_forward_passes", "host_ms_an_image", "program_mib", "device"]
HEAD += ["date", "jax"]

Program = Callable[[ScoringState, Tree, jax.Array], Any]


class Timed(NamedTuple):
    """Something that is measured: `run` scores `images` images and waits for the result."""

    run: Callable[[], object]
    images: int
    mib: str = ""
    """memory of its program on a device, as the compiler says"""


class Sources(NamedTuple):
    """Images that are drawn once, and two ways in which a host may keep them."""

    host: Source
    none: Source


def main(_: Sequence[str]) -> None:
    """Measure all programs at each batch, then the loop at the best one."""
    config = arguments.config()
    config.model.pretrained = ""
    spec = noise(config.data.height, config.data.width, _CLASSES.value)
    built = build.build(config, spec)
    name, network = config.acquisition.name, config.acquisition.kwargs.get("network", "")
    images = open_sources(built)
    state = devices.replicate(built.fresh_state(0, np.ones(_CLASSES.value)), built.mesh)
    states, rows, best = ScoringState(state), [], (0.0, 0)
    for batch in batches(built.mesh.size):
        timed = {
            name: on_device(program, images.host, states, built, batch)
            for name, program in programs(built, images.host, network).items()
        }
        rates = in_turns(timed)
        forward = statistics.median(rates[FORWARD])
        for program, measured in rates.items():
            cost = f"{forward / statistics.median(measured):.3f}"
            rows.append([program, *about(built, batch, measured), cost, "", timed[program].mib])
        best = max(best, (statistics.median(rates[name]), batch))
    print(f"best batch for {name}: {best[1]}")
    rows += loops(built, images, states, best[1], network, name)
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


def open_sources(built: Experiment) -> Sources:
    """The images of the experiment, of which nothing is labeled."""
    spec = built.spec
    unknown = np.full((spec.height, spec.width), UNLABELED, np.uint8)
    drawn = [spec.train.read_image(index) for index in range(IMAGES)]
    images = spec.train._replace(read_image=lambda index: drawn[index])
    host, none = (open_source(images, lambda index: unknown, cache=c) for c in ("host", "none"))
    for source in (host, none):
        if built.regions.cell_size is None:
            source.add_maps({"regions": built.regions.id_map})
    return Sources(host, none)


def programs(built: Experiment, source: Source, network: str) -> dict[str, Program]:
    """The network alone, and each acquisition function with it."""

    def forward(states: ScoringState, fetched: Tree, key: jax.Array) -> jax.Array:
        variables = getattr(states.task, network or built.method.networks[-1])
        return built.method.predict(variables, source.materialize(fetched).image).logits

    return {FORWARD: devices.compile_for(built.mesh, lambda: forward)} | {
        name: summarizer(built.method, acquisition(built, name, network), source, built.mesh)
        for name in ACQUISITIONS
    }


def acquisition(built: Experiment, name: str, network: str) -> Acquisition:
    """One of the acquisition functions, over the configuration's regions."""
    return ACQUISITIONS[name](built.regions, network=network)


def on_device(
    program: Program, source: Source, states: ScoringState, built: Experiment, batch: int
) -> Timed:
    """A program on a batch that lies on the device, as often as makes about `IMAGES` images."""
    fetched = devices.shard(source.fetch(np.arange(batch), batch), built.mesh)
    key = devices.replicate(jax.random.PRNGKey(0), built.mesh)
    mib = devices.program_memory(devices.lower_and_compile(program, states, fetched, key)) / 2**20
    times = IMAGES // batch

    def run() -> None:
        for _ in range(times):
            # One after the other, as a loop that reads each batch's scores does.
            jax.block_until_ready(program(states, fetched, key))

    return Timed(run, times * batch, f"{mib:.0f}")


def loops(
    built: Experiment, images: Sources, states: ScoringState, batch: int, network: str, name: str
) -> Iterator[list[str]]:
    """Rows of whole scoring passes, with what they take beyond the program alone."""
    key, everyone = jax.random.PRNGKey(0), np.arange(IMAGES // batch * batch)
    function = acquisition(built, name, network)
    alone = summarizer(built.method, function, images.host, built.mesh)
    timed = {name: on_device(alone, images.host, states, built, batch)}
    for cache, source in images._asdict().items():
        score = scorer(built.method, function, source, built.mesh, batch=batch)
        timed[f"{name}, {cache}"] = Timed(partial(score, states, everyone, key), len(everyone))
    rates = in_turns(timed)
    program = statistics.median(rates.pop(name))
    for title, measured in rates.items():
        beyond = 1 / statistics.median(measured) - 1 / program
        yield [title, *about(built, batch, measured), "", f"{1000 * beyond:.3f}", ""]


def about(built: Experiment, batch: int, rates: Sequence[float]) -> list[str]:
    """The size of the work, and its median, lowest and highest rate."""
    spec, compute = built.spec, str(built.options["model.compute"])
    numbers = [f"{reduce(rates):.4g}" for reduce in (statistics.median, min, max)]
    return [str(spec.height), str(spec.width), compute, str(batch), *numbers]


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
        app.run(main, flags_parser=arguments.parse_flags)
    except InputError as error:
        sys.exit(f"error: {error}")
