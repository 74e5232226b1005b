"""`s4al prepare`: writes a dataset once, at its working size, or the frames of a film."""

import argparse
import os
from pathlib import Path

from s4al_jax.cli.parser import Parser, add_command, count

SETTINGS = {
    "camvid": {"height": 360, "width": 480},
    "cityscapes": {"height": 688, "width": 688, "val": 300, "seed": 0},
}
"""dataset -> its settings, as in its configuration"""

VIDEO = "video"


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "prepare",
        run,
        summary="write CamVid, Cityscapes or the frames of a film once",
        usage="DATASET SOURCE TARGET [options]",
        notes="SOURCE: the folder of the raw files, Cityscapes' two archives, a film or a folder "
        "of films. TARGET is what config.data.root has to be.",
        example="s4al prepare cityscapes Cityscapes data/cityscapes/1.0.0\n"
        "s4al prepare video trip.mp4 --out=photos --every=10",
        stopped="Stopped; the same command goes on.",
    )
    parser.add_argument(
        "dataset",
        choices=(*SETTINGS, VIDEO),
        metavar="DATASET",
        help="camvid, cityscapes or video",
    )
    parser.add_argument("source", metavar="SOURCE", help="what is read")
    parser.add_argument("target", nargs="?", metavar="TARGET", help="a folder; or --out=TARGET")
    parser.add_argument("--out", metavar="TARGET", help=argparse.SUPPRESS)
    parser.add_argument("--height", type=int, metavar="N", help="pixels; default: 360, 688")
    parser.add_argument("--width", type=int, metavar="N", help="pixels; default: 480, 688")
    parser.add_argument(
        "--val", type=int, metavar="N", help="drawn out of Cityscapes' train; default: 300"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of that draw; default: 0")
    parser.add_argument(
        "--every", type=count, metavar="N", help="write every Nth frame; default: 1"
    )
    parser.add_argument("--processes", type=count, metavar="N", help="default: one a core")
    parser.set_defaults(usage_error=parser.error)


def run(given: argparse.Namespace) -> None:
    """Write what is missing of the dataset."""
    targets = [target for target in (given.target, given.out) if target is not None]
    if len(targets) != 1:
        given.usage_error("the following arguments are required: TARGET, once")
    write = _write_video if given.dataset == VIDEO else _write_dataset
    write(given, targets[0])


def _write_dataset(given: argparse.Namespace, target: str) -> None:
    settings = dict(SETTINGS[given.dataset])
    _refuse(given, "every")
    for name in ("height", "width", "val", "seed"):
        value = getattr(given, name)
        if name not in settings:
            _refuse(given, name)
        settings |= {} if value is None else {name: value}
    from s4al_jax.data.camvid import camvid
    from s4al_jax.data.cityscapes import cityscapes
    from s4al_jax.data.prepare import bar, prepare

    folder = prepare(
        {"camvid": camvid, "cityscapes": cityscapes}[given.dataset],
        given.source,
        target,
        settings,
        processes=given.processes or os.cpu_count() or 1,
        progress=bar(),
    )
    print(f"Done: --config.data.root={folder}")


def _write_video(given: argparse.Namespace, target: str) -> None:
    _refuse(given, "height", "width", "val", "seed", "processes")
    from s4al_jax.data.video import write_frames

    folder = Path(target).expanduser()
    written = write_frames(Path(given.source).expanduser(), folder, every=given.every or 1)
    for film, frames in written.items():
        place = folder / "images" / film
        print(
            f"{place}: {frames} frames" if frames else f"{place}: is there already, left as it is"
        )
    print(f"Done: --config.data.root={folder}")


def _refuse(given: argparse.Namespace, *names: str) -> None:
    """Refuse options that say nothing of what is prepared."""
    for name in names:
        if getattr(given, name) is not None:
            given.usage_error(f"--{name} is not for {given.dataset}")
