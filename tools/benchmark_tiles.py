"""Prediction of large pictures by tiles: seconds, and how much memory it takes at most.

    python -m tools.benchmark_tiles --out=results/tiles.csv

A network of the demo's size with random weights slides over drawn pictures, each in a process of
its own: TIFF files in strips and in packed tiles, which are read in parts, and a PNG file, which is
decoded whole. `network_mib` is the most memory that the process had before it read the picture,
`peak_mib` the most that it had at the end.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from s4al_jax.files.png_stream import PngStream
from tools.benchmark_pool import MIB, peak, write_table

FORMS = ("strips", "tiles", "png")
SIZES = ((3000, 3000), (9000, 12000))
HEAD = ["form", "height", "width", "file_mib", "tile_height", "tile_width", "overlap", "windows"]
HEAD += ["seconds", "network_mib", "peak_mib", "machine", "date", "numpy"]


def main() -> None:
    """Measure each form and size in a process of its own."""
    given = parse_arguments()
    if given.one:
        print(",".join(measure(given.one, given.overlap, given.batch)))
        return
    write_table(HEAD, rows(given), given.out)


def parse_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--forms", type=lambda text: text.split(","), default=FORMS)
    parser.add_argument("--sizes", type=sizes, default=SIZES, help="as 3000x3000,9000x12000")
    parser.add_argument("--overlap", type=float, default=0.25, help="of neighboring windows")
    parser.add_argument("--batch", type=int, default=16, help="windows at a time")
    parser.add_argument("--workdir", type=Path, help="where pictures are written, and deleted")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    parser.add_argument("--one", type=Path, metavar="PICTURE", help="measure this one")
    return parser.parse_args()


def sizes(text: str) -> tuple[tuple[int, int], ...]:
    """Heights and widths with commas between."""
    pairs = (one.split("x") for one in text.split(","))
    return tuple((int(height), int(width)) for height, width in pairs)


def rows(given: argparse.Namespace) -> Iterator[list[str]]:
    """A row of the table for each size and form, up to what is said of the machine."""
    for (height, width), form in itertools.product(given.sizes, given.forms):
        with tempfile.TemporaryDirectory(dir=given.workdir) as folder:
            picture = Path(folder) / ("picture.png" if form == "png" else "picture.tif")
            draw_picture(picture, form, height, width)
            command = [sys.executable, "-m", "tools.benchmark_tiles", f"--one={picture}"]
            command += [f"--overlap={given.overlap}", f"--batch={given.batch}"]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            file_mib = f"{picture.stat().st_size / MIB:.0f}"
        measured = done.stdout.strip().splitlines()[-1].split(",")
        yield [form, str(height), str(width), file_mib, *measured]


def draw_picture(path: Path, form: str, height: int, width: int) -> None:
    """Write a picture of smooth colors and a little noise, a band of it at a time."""
    length = 256
    bands = (draw_band(top, min(top + length, height), width) for top in range(0, height, length))
    if form == "png":
        with path.open("wb") as stream:
            png = PngStream(stream, height, width, color=True)
            for band in bands:
                png.write(band)
        return
    import tifffile

    shape: dict[str, Any] = {"shape": (height, width, 3), "dtype": np.uint8, "photometric": "rgb"}
    if form == "strips":
        tifffile.imwrite(path, bands, rowsperstrip=length, **shape)
    else:
        how: dict[str, Any] = {"tile": (length, length), "compression": "zlib", "predictor": True}
        tifffile.imwrite(path, cut_tiles(bands, length), **how, **shape)


def draw_band(top: int, bottom: int, width: int) -> np.ndarray:
    """uint8 `[bottom - top, width, 3]`."""
    down, across = np.arange(top, bottom)[:, None], np.arange(width)
    waves = np.stack([np.sin(down / n) * np.sin(across / (n + 9)) for n in (40, 90, 200)], -1)
    noise = np.random.default_rng(top).normal(0, 3, waves.shape)
    return (128 + 100 * waves + noise).clip(0, 255).astype(np.uint8)


def cut_tiles(bands: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Square tiles of the bands, padded with black."""
    for band in bands:
        padded = np.zeros((length, -(-band.shape[1] // length) * length, 3), np.uint8)
        padded[: len(band), : band.shape[1]] = band
        for left in range(0, padded.shape[1], length):
            yield padded[:, left : left + length]


def measure(picture: Path, overlap: float, batch: int) -> Iterator[str]:
    """A prediction of one picture: the row of the table from the size of a tile on."""
    from s4al_jax.cli.predict_tiles import write_tiles
    from s4al_jax.config.loader import load
    from s4al_jax.engine.infer import predictor
    from s4al_jax.engine.sliding import windows
    from s4al_jax.files.images import image_file, read_size
    from s4al_jax.run import build
    from s4al_jax.run.export import ExportedNetwork

    config = load("demo")
    config.devices = 1
    config.data.kwargs.update(train=2, val=1, test=1)
    made = build.build(config)
    spec = made.spec
    variables = made.fresh_state(0, np.ones(len(spec.classes), np.int64)).student
    network = ExportedNetwork(
        *(spec.classes, spec.palette, spec.height, spec.width, "tile"),
        predict=made.method.predict,
        variables=variables,
    )
    see = predictor(network.predict, made.mesh, batch=batch)
    see(variables, np.zeros((batch, spec.height, spec.width, 3), np.uint8))
    file, before, started = image_file(picture, 10**9), peak(), time.monotonic()
    write_tiles(network, see, file, picture.parent, "seen", overlap=overlap, batch=batch)
    seconds, most = time.monotonic() - started, peak()
    height, width = read_size(file)
    across = len(windows(width, spec.width, overlap).starts)
    count = len(windows(height, spec.height, overlap).starts) * across
    yield from (str(spec.height), str(spec.width), f"{overlap:g}", str(count))
    yield from (f"{seconds:.1f}", f"{before / MIB:.0f}", f"{most / MIB:.0f}")


if __name__ == "__main__":
    main()
