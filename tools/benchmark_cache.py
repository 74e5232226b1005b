"""Memory and speed of the places where decoded images can be kept, each in a fresh process.

    python tools/benchmark_cache.py --images=/tmp/scenes --out=results/residence.csv

One pass of scoring over a pool in a folder of JPEG files, by a network that costs almost nothing:
what is measured is how images reach the device. The files are drawn where they are missing: 250
street scenes, shifted and mirrored until there are enough of them.
"""

import argparse
import csv
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from s4al_jax.acquisition.functions import entropy
from s4al_jax.engine import devices
from s4al_jax.engine.score import scorer
from s4al_jax.files.images import image_file, read_rgb
from s4al_jax.input.source import open_source
from s4al_jax.labels.store import LabelStore
from s4al_jax.learn.augment import unit_floats
from s4al_jax.regions.grid import region_grid
from s4al_jax.streets.dataset import scene
from s4al_jax.types import ImageSet, Method, Prediction, ScoringState, TrainState, Tree

HEIGHT, WIDTH, CELL, CLASSES, SCENES, BATCH = 360, 480, 30, 11, 250, 8
RUNS = (
    ("device", 1000),
    ("host", 1000),
    ("host", 4000),
    ("none", 1000),
    ("none", 4000),
    ("none", 10_000),
)
HEAD = ["cache", "images", "height", "width", "files", "batch", "images_per_second"]
HEAD += ["host_mib_before", "host_mib_peak", "scores_mib", "device", "date", "jax"]
MIB = 2**20


def main() -> None:
    """Draw what is missing and measure each run in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, required=True, help="a folder for the JPEG files")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    parser.add_argument("--one", nargs=2, metavar=("CACHE", "COUNT"), help="measure this one")
    given = parser.parse_args()
    if given.one:
        cache, count = given.one
        print(",".join(measure(given.images, cache, int(count))))
        return
    draw(given.images, max(count for _, count in RUNS))
    rows = []
    for cache, count in RUNS:
        command = [sys.executable, __file__, f"--images={given.images}", "--one", cache]
        done = subprocess.run([*command, str(count)], check=True, stdout=subprocess.PIPE, text=True)
        rows.append([cache, str(count), *done.stdout.strip().splitlines()[-1].split(",")])
        print("  ".join(rows[-1]), flush=True)
    if given.out:
        with given.out.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *rows])


def draw(folder: Path, count: int) -> None:
    """Fill a folder with JPEG files `000000.jpg` and so on, as many as are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        jobs = pool.imap_unordered(partial(_draw_variants, folder, count), range(SCENES))
        for number, _ in enumerate(jobs, start=1):
            print(f"\r{number} of {SCENES} scenes", end="", file=sys.stderr)
    print(file=sys.stderr)


def _draw_variants(folder: Path, count: int, number: int) -> None:
    """Every file that is made of one scene: moved sideways, and every second one mirrored."""
    paths = {i: folder / f"{i:06d}.jpg" for i in range(number, count, SCENES)}
    if all(path.exists() for path in paths.values()):
        return
    image, _ = scene(height=HEIGHT, width=WIDTH, rng=np.random.default_rng(number))
    for index, path in paths.items():
        variant = index // SCENES
        moved = np.roll(image, 11 * variant, axis=1)
        Image.fromarray(moved[:, ::-1] if variant % 2 else moved).save(path, quality=95)


def measure(folder: Path, cache: str, count: int) -> Iterator[str]:
    """One pass over `count` images: what a row of the table says after its first two entries."""
    mesh = devices.mesh(1)
    names = tuple(f"{index:06d}" for index in range(count))
    place = partial(devices.replicate, mesh=mesh)
    method = _cheap_method()
    state = TrainState(jnp.zeros((), jnp.int32), {}, {}, {}, jax.random.PRNGKey(0), {})
    states, acquisition = ScoringState(state), entropy(region_grid(HEIGHT, WIDTH, CELL, CELL))
    with tempfile.TemporaryDirectory() as scratch:
        labels = LabelStore.open(
            Path(scratch), names=names, height=HEIGHT, width=WIDTH, num_classes=CLASSES
        )
        images = ImageSet(
            names, lambda i: read_rgb(image_file(folder / f"{names[i]}.jpg")), _no_truth
        )
        before = _peak()
        source = open_source(images, labels.label_map, cache=cache, place=place)
        score = scorer(method, acquisition, source, mesh, batch=BATCH)
        key = jax.random.PRNGKey(0)
        score(states, np.arange(BATCH), key)  # compiles
        started = time.monotonic()
        scores = score(states, np.random.default_rng(0).permutation(count), key)["score"]
        seconds = time.monotonic() - started
    yield from (str(HEIGHT), str(WIDTH), "JPEG 95", str(BATCH), f"{count / seconds:.0f}")
    yield from (f"{before / MIB:.0f}", f"{_peak() / MIB:.0f}", f"{scores.nbytes / MIB:.1f}")
    kind = mesh.devices.flat[0].device_kind
    yield from (f"{kind} ({os.cpu_count()} cores)", time.strftime("%Y-%m-%d"), jax.__version__)


def _cheap_method() -> Method:
    """A fixed map from colors to classes in the place of a network."""
    weights = jax.random.normal(jax.random.PRNGKey(1), (3, CLASSES))

    def predict(variables: Tree, images: jax.Array) -> Prediction:
        del variables
        return Prediction(unit_floats(images) @ weights, images)

    def untrained(*inputs: object) -> Any:
        raise NotImplementedError("this network is not trained")

    return Method(untrained, untrained, predict, ("teacher",), {}, untrained)


def _no_truth(index: int) -> np.ndarray:
    raise NotImplementedError(f"image {index} has no truth")


def _peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
