"""Drawn scenes as somebody's photographs in folders, and a person who knows them; not a test."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from s4al_jax.streets.dataset import scene
from s4al_jax.types import VOID

CLASSES = "sky building pole road pavement tree sign fence car pedestrian bicyclist".split()


def draw_photographs(root: Path) -> Path:
    """Ten scenes of two sizes with all their masks, in folders by split."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("\n".join(CLASSES))
    for number, split in enumerate(["train"] * 6 + ["val"] * 2 + ["test"] * 2):
        height, width = ((96, 128), (60, 80))[number % 2]
        pictures = scene(height=height, width=width, rng=np.random.default_rng(number))
        for kind, picture in zip(("images", "masks"), pictures, strict=True):
            path = root / kind / split / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return root


def copy_without_masks(root: Path, target: Path, *keep: str) -> Path:
    """A copy of a folder in which only these pool images have masks."""
    shutil.copytree(root, target)
    for path in sorted((target / "masks/train").iterdir()):
        if f"train/{path.stem}" not in keep:
            path.unlink()
    return target


def answer_requests(workdir: Path, truth: Path, cycle: int) -> Iterator[str]:
    """A person who knows the truth: saves an answer to one request after the other.

    An answer is as large as its crop; what lies outside of a region that does not fill its box is
    not looked at. All have the same time, so that two runs can have the same bits.
    """
    folder = workdir / f"requests/{cycle:02d}"
    for request in json.loads((folder / "requests.json").read_text())["requests"]:
        number = request["image"].split("__")[-1]
        with Image.open(truth / f"masks/train/{number}.png") as mask:
            top, left, bottom, right = request["box"]
            labels = np.array(mask.crop((left, top, right, bottom)))
        labels[labels == len(CLASSES)] = VOID  # as CamVid's files write it
        Image.fromarray(labels).save(folder / request["answer_file"])
        os.utime(folder / request["answer_file"], (0, 0))
        yield request["name"]
