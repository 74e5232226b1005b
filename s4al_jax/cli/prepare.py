"""`s4al prepare`: writes a dataset once, at its working size."""

import argparse
import os

from s4al_jax.cli.parser import Parser, add_command, count

SETTINGS = {
    "camvid": {"height": 360, "width": 480},
    "cityscapes": {"height": 688, "width": 688, "val": 300, "seed": 0},
}
"""dataset -> its settings, as in its configuration"""


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "prepare",
        run,
        summary="write CamVid or Cityscapes once, at its working size",
        usage="DATASET SOURCE TARGET [options]",
        notes="SOURCE holds train, trainannot, ... (camvid), or the two archives or what was "
        "unpacked from them (cityscapes). TARGET becomes a TFDS data set, and what "
        "config.data.root has to be.",
        example="s4al prepare cityscapes Cityscapes data/cityscapes/1.0.0",
        stopped="Stopped; the same command goes on.",
    )
    parser.add_argument(
        "dataset", choices=tuple(SETTINGS), metavar="DATASET", help="camvid or cityscapes"
    )
    parser.add_argument("source", metavar="SOURCE", help="the folder of the raw files")
    parser.add_argument("target", metavar="TARGET", help="a new folder")
    parser.add_argument("--height", type=int, metavar="N", help="pixels; default: 360, 688")
    parser.add_argument("--width", type=int, metavar="N", help="pixels; default: 480, 688")
    parser.add_argument(
        "--val", type=int, metavar="N", help="images drawn out of Cityscapes' train; default: 300"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of that draw; default: 0")
    parser.add_argument(
        "--processes",
        type=count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="default: as many as there are cores",
    )
    parser.set_defaults(usage_error=parser.error)


def run(given: argparse.Namespace) -> None:
    """Write what is missing of the dataset."""
    settings = dict(SETTINGS[given.dataset])
    for name in ("height", "width", "val", "seed"):
        value = getattr(given, name)
        if value is not None and name not in settings:
            given.usage_error(f"--{name} is not for {given.dataset}")
        settings |= {} if value is None else {name: value}
    from s4al_jax.data.camvid import camvid
    from s4al_jax.data.cityscapes import cityscapes
    from s4al_jax.data.prepare import bar, prepare

    folder = prepare(
        {"camvid": camvid, "cityscapes": cityscapes}[given.dataset],
        given.source,
        given.target,
        settings,
        processes=given.processes,
        progress=bar(),
    )
    print(f"Done: --config.data.root={folder}")
