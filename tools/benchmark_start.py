"""The first start of a run on a dataset, and later ones, each in a fresh process.

    python -m tools.benchmark_start --camvid=data/camvid --out=results/start.csv
    python -m tools.benchmark_start --images=10000 --workdir=/tmp/start

A start is what a run does before its first step: find the images and split them, look at each of
them and each mask, and fetch a batch. "first" has nothing decoded yet, "later" finds what the first
one kept, "uncached" keeps nothing. The photographs of `--images` are smooth noise of 360x480 in
JPEG, their masks PNGs of blobs; they are written to a temporary folder before. `--large` is one
such photograph of 9000x12000, in tiles. `mapped_mib` is what of the memory at the end are pages of
files, which processes share.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.config.defaults import default
from s4al_jax.data.decode_cache import FOLDER
from s4al_jax.files.resize import resize_image
from tools.benchmark_pool import MIB, write_table

HEAD = ["dataset", "images", "size", "start", "split_seconds", "look_seconds", "batch_seconds"]
HEAD += ["peak_mib", "mapped_mib", "kept_mib", "machine", "date", "numpy"]
OLD = 10**9
"""Seconds after 1970: a file of this moment would not be kept."""


def main() -> None:
    """Measure each dataset and each kind of start."""
    given = parse_arguments()
    if given.one:
        print(json.dumps(measure(*given.one)))
        return
    write_table(HEAD, rows(given), given.out)


def parse_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--camvid", help="CamVid's folder")
    parser.add_argument("--images", type=int, default=0, help="of a folder that is made for it")
    parser.add_argument("--large", action="store_true", help="also one picture of 9000x12000")
    parser.add_argument("--workdir", type=Path, help="where that and what is kept lie meanwhile")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "ROOT"), help="measure this one")
    return parser.parse_args()


def rows(given: argparse.Namespace) -> Iterator[list[str]]:
    """A row of the table for each start, up to what is said of the machine."""
    with tempfile.TemporaryDirectory(dir=given.workdir) as folder:
        places = [("camvid", given.camvid)] if given.camvid else []
        if given.images:
            write_photographs(Path(folder) / "photographs", given.images, (360, 480))
            places.append(("folder", f"{folder}/photographs"))
        if given.large:
            write_photographs(Path(folder) / "large", 1, (9000, 12000))
            places.append(("tiles", f"{folder}/large"))
        for name, root in places:
            kept = Path(folder) / f"kept-{name}"
            for start, where in (("first", kept), ("later", kept), ("uncached", None)):
                yield [name, *start_in_process(name, root, start, where)]


def start_in_process(name: str, root: str, start: str, kept: Path | None) -> list[str]:
    """What one start took, as texts."""
    command = [sys.executable, "-m", "tools.benchmark_start", "--one", name, root]
    environment = {**os.environ, FOLDER: str(kept or "")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    files = [path for path in kept.rglob("*") if path.is_file()] if kept else []
    blocks = sum(path.stat().st_blocks * 512 for path in files)
    seconds = [f"{found[part]:.2f}" for part in ("split", "look", "batch")]
    memory = [f"{number / MIB:.0f}" for number in (found["peak"], found["mapped"], blocks)]
    return [str(found["images"]), found["size"], start, *seconds, *memory]


def measure(name: str, root: str) -> dict[str, object]:
    """Start, and say how long each part took and how much memory there is at the end."""
    from s4al_jax.input.source import open_source
    from s4al_jax.run.task import build_dataset
    from s4al_jax.survey.validate import check

    data = default().data
    with data.unlocked():
        data.name, data.root, data.kwargs = name, root, {}
        if name == "tiles":
            data.name, data.kwargs, data.max_pixels = "folder", {"fit": "tile"}, 10**9
    times = [time.monotonic()]
    spec = build_dataset(data)
    times.append(time.monotonic())
    check(spec)
    times.append(time.monotonic())
    source = open_source(spec.train, spec.train.read_truth)
    source.fetch(np.arange(min(4, len(spec.train.names))), 4)
    times.append(time.monotonic())
    split, look, batch = np.diff(times).tolist()
    splits = (spec.train, spec.val, spec.test)
    return {
        "images": sum(len(images.names) for images in splits),
        "size": f"{spec.height}x{spec.width}",
        **{"split": split, "look": look, "batch": batch},
        **{"peak": 1024 * kibibytes("VmHWM"), "mapped": 1024 * kibibytes("RssFile")},
    }


def kibibytes(field: str) -> int:
    """What Linux says of this process's memory since it was started; 0 where nobody says it.

    `getrusage` would give the peak of the process that started this one, if that was larger.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def write_photographs(root: Path, count: int, size: tuple[int, int]) -> None:
    """A folder of photographs with masks, no two of which look alike."""
    grain = size[0] // 4, size[1] // 4, 1
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    (root / "classes.txt").write_text("earth\nwater\nair\n")
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = resize_image(rng.integers(0, 256, (9, 12, 3), np.uint8), *size)
        picture += rng.integers(0, 16, grain, np.uint8).repeat(4, 0).repeat(4, 1)
        mask = resize_image(rng.integers(0, 256, (5, 6), np.uint8), *size) // 86
        paths = root / f"images/{number:06d}x.jpg", root / f"masks/{number:06d}x.png"
        Image.fromarray(picture).save(paths[0], quality=90)
        Image.fromarray(mask).save(paths[1])
        for path in paths:
            os.utime(path, (OLD, OLD))


if __name__ == "__main__":
    main()
