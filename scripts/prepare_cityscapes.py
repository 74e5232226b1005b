"""Writes Cityscapes once, at its working size, into one folder of TFDS ArrayRecord files.

python scripts/prepare_cityscapes.py Cityscapes data/cityscapes/1.0.0

The first folder holds leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, or what was
unpacked from them. Give the same command again after a stop: it goes on. Then set
config.data.root to the new folder.
"""

import argparse
import os

from s4al_jax.data.cityscapes import cityscapes
from s4al_jax.data.prepare import bar, prepare
from s4al_jax.types import InputError


def main() -> None:
    """Read the flags and prepare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="the folder that holds Cityscapes' archives")
    parser.add_argument("target", help="a new folder")
    parser.add_argument("--height", type=int, default=688, help="pixels")
    parser.add_argument("--width", type=int, default=688, help="pixels")
    parser.add_argument("--val", type=int, default=300, help="images drawn out of train")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    settings = {name: getattr(given, name) for name in ("height", "width", "val", "seed")}
    try:
        folder = prepare(
            cityscapes,
            given.source,
            given.target,
            settings,
            processes=given.processes,
            progress=bar(),
        )
    except InputError as error:
        raise SystemExit(f"error: {error}") from error
    except KeyboardInterrupt as stop:
        raise SystemExit("\nStopped; the same command goes on.") from stop
    print(f"Done: --config.data.root={folder}")


if __name__ == "__main__":
    main()
