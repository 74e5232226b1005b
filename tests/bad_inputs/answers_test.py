"""Bad answers of a person, and requests that somebody has changed, as a run finds them.

What is wrong with pictures in general is in `pictures_test.py`, with a ledger in
`tests/labels/ledger_damage_test.py`.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.labels.annotator import Annotator
from s4al_jax.labels.file_annotator import file_annotator
from s4al_jax.regions.grid import region_grid
from s4al_jax.types import VOID, DatasetSpec, ImageSet, RegionRef
from tests.bad_inputs.pictures_test import bomb
from tests.support.bad_inputs import Case, refused

PICTURE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
POOL = ImageSet(("a",), lambda index: PICTURE, lambda index: PICTURE[..., 0])
PALETTE = ((1, 2, 3), (4, 5, 6), (7, 8, 9))
SPEC = DatasetSpec("two", ("x", "y", "z"), PALETTE, 8, 12, POOL, POOL, POOL)
GRID = region_grid(8, 12, 4, 6)
REFS = [RegionRef(0, 0), RegionRef(0, 3)]
LABELS = (PICTURE[:4, :6, 0] % 3).astype(np.uint8)

REQUESTS, FOLDER = "requests/01/requests.json", "requests/01/answers"
FIRST = f"{FOLDER}/00000_a_r00_c00.png"
KEPT = "All other answers are kept"


@pytest.fixture
def annotator(tmp_path: Path) -> Annotator:
    """One with requests for two regions, of which one has a good answer."""
    made = file_annotator(SPEC, tmp_path, person="Ada")
    made.post(REFS, GRID, 1, None)
    Image.fromarray(LABELS).save(tmp_path / FIRST)
    return made


def saved(place: str, pixels: np.ndarray) -> Callable[[Path], object]:
    return lambda root: Image.fromarray(pixels).save(root / place)


def written(place: str, content: bytes) -> Callable[[Path], object]:
    return lambda root: (root / place).write_bytes(content)


def renumbered(root: Path) -> None:
    picture = Image.fromarray(np.zeros_like(LABELS)).convert("P")
    picture.putpalette([4, 5, 6] + 765 * [0])
    picture.save(root / FIRST)


ANSWERS = (
    Case(
        "of zero bytes",
        written(FIRST, b""),
        f"HERE/{FIRST} cannot be read (no kind of picture that is read here): replace the file. "
        f"{KEPT}",
    ),
    Case(
        "of another size",
        saved(FIRST, LABELS.T),
        f"HERE/{FIRST} has 6 x 4 pixels, the request is for 4 x 6: save it at that size. {KEPT}",
    ),
    Case(
        "that is a bomb",
        written(FIRST, bomb(30_000, 30_000)),
        f"HERE/{FIRST} has more than 100000000 pixels: make it smaller, or raise "
        f"config.data.max_pixels. {KEPT}",
    ),
    Case(
        "in colors",
        saved(FIRST, PICTURE[:4, :6]),
        f"HERE/{FIRST} is of mode RGB, not a map of class ids: save it with one 8-bit channel "
        f"(mode L or P). {KEPT}",
    ),
    Case(
        "with an id that is no class",
        saved(FIRST, np.full_like(LABELS, 3)),
        f"HERE/{FIRST} holds the id 3: use 0 to 2, 255 for void, 254 for not labeled yet. {KEPT}",
    ),
    Case(
        "with colors made anew",
        renumbered,
        f"HERE/{FIRST} shows the id 0 in the color of the id 1: the program that saved it has "
        f"renumbered the colors; save numbers, not colors. {KEPT}",
    ),
    Case(
        "to no request",
        saved(f"{FOLDER}/b.png", LABELS),
        f"HERE/{FOLDER}/b.png has the name of no request in HERE/{REQUESTS}. {KEPT}",
    ),
    Case(
        "with a line break in its name",
        saved(f"{FOLDER}/b\n.png", LABELS),
        f"'HERE/{FOLDER}/b\\n.png' has a sign in its name that is no text, such as a line break: "
        "rename it",
    ),
    Case(
        "that is another one in another file",
        saved(f"{FOLDER}/00000_a_r00_c00.bmp", np.full_like(LABELS, VOID)),
        f"HERE/{FOLDER}/00000_a_r00_c00.bmp and HERE/{FIRST} answer 00000_a_r00_c00 differently: "
        f"keep one. {KEPT}",
    ),
    Case(
        "that is a pipe",
        lambda root: ((root / FIRST).unlink(), os.mkfifo(root / FIRST)),
        f"HERE/{FIRST} is no file: remove it, or put the picture there. {KEPT}",
    ),
)

LISTS = (
    Case(
        "without its requests",
        written(REQUESTS, b"{}"),
        f"HERE/{REQUESTS} cannot be read ('requests'): remove it, and it is written again",
    ),
    Case(
        "that is no JSON",
        written(REQUESTS, b"{"),
        f"HERE/{REQUESTS} cannot be read (Expecting property name enclosed in double quotes: line "
        "1 column 2 (char 1)): remove it, and it is written again",
    ),
    Case(
        "nested without end",
        written(REQUESTS, b"[" * 100_000),
        f"HERE/{REQUESTS} cannot be read (nested without end): remove it, and it is written again",
    ),
    Case(
        "of another picture",
        lambda root: (root / REQUESTS).write_text(
            (root / REQUESTS)
            .read_text()
            .replace('"image_size": [\n    8,', '"image_size": [\n    9,')
        ),
        "image a has 8 x 12 pixels, and had 9 x 12 when its requests were written: bring "
        "back the image",
    ),
)


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_an_answer(case: Case, annotator: Annotator, tmp_path: Path) -> None:
    refused(case, tmp_path, lambda root: list(annotator.answers(REFS, GRID, 1)))


@pytest.mark.parametrize("case", LISTS, ids=lambda case: case.name)
def test_a_list_of_requests(case: Case, annotator: Annotator, tmp_path: Path) -> None:
    refused(case, tmp_path, lambda root: list(annotator.answers(REFS, GRID, 1)))
