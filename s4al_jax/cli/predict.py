"""`s4al predict`: what an exported network sees in any images."""

import argparse
import sys
from pathlib import Path

from s4al_jax.cli.parser import Parser, add_command, count


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "predict",
        run,
        summary="show what an exported network sees in any images",
        usage="IMAGES ... --model=DIR --out=DIR [options]",
        notes="Writes label maps, overlays and uncertainty maps. An image that cannot be read "
        "is named and left out, and the command ends with 1.",
        example="s4al predict photos/images more.jpg --model=models/photos --out=seen",
    )
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGES", help="files, or folders of images"
    )
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="what s4al export wrote"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder for what is seen"
    )
    parser.add_argument(
        "--size",
        choices=("original", "working"),
        default="original",
        metavar="SIZE",
        help="of the maps: original (default) or working",
    )
    parser.add_argument(
        "--batch", type=count, default=8, metavar="N", help="images or tiles at a time; default: 8"
    )
    parser.add_argument(
        "--tile",
        action="store_true",
        help="slide over images at their own scale, as for networks trained with fit=tile; "
        "of large TIFF files (extra [tiff]) only some rows are in memory, others whole",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=0.25,
        metavar="SHARE",
        help="of neighboring tiles; default: 0.25",
    )
    parser.add_argument(
        "--max_pixels",
        type=count,
        default=100_000_000,
        metavar="N",
        help="of an image, else it is left out; default: 100000000",
    )


def run(given: argparse.Namespace) -> int:
    """Write three files for each image."""
    from s4al_jax.cli.predict_images import Tiling, predict_images
    from s4al_jax.console.terminal import Terminal

    with Terminal(sys.stderr) as terminal:
        found = predict_images(
            given.model,
            given.images,
            given.out,
            original=given.size == "original",
            batch=given.batch,
            tiling=Tiling(given.tile, given.overlap),
            max_pixels=given.max_pixels,
            progress=terminal.countdown("images"),
        )
    print(f"{given.out}: {found.images} images")
    for problem in found.problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if found.problems else 0
