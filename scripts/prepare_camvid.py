"""Writes CamVid once, at its working size, into one folder of TFDS ArrayRecord files.

python scripts/prepare_camvid.py CamVid data/camvid/1.0.0

Give the same command again after a stop: it goes on. Then set config.data.root to the new folder.
"""

import argparse
import os

from s4al_jax.data.camvid import camvid
from s4al_jax.data.prepare import bar, prepare
from s4al_jax.types import InputError


def main() -> None:
    """Read the flags and prepare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="the folder that holds train, trainannot, ...")
    parser.add_argument("target", help="a new folder")
    parser.add_argument("--height", type=int, default=360, help="pixels")
    parser.add_argument("--width", type=int, default=480, help="pixels")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    settings = {"height": given.height, "width": given.width}
    try:
        folder = prepare(
            camvid, given.source, given.target, settings, processes=given.processes, progress=bar()
        )
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    except KeyboardInterrupt as stop:
        raise SystemExit("\nStopped; the same command goes on.") from stop
    print(f"Done: --config.data.root={folder}")


if __name__ == "__main__":
    main()
