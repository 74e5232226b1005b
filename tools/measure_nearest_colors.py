"""How many labels are wrong after `nearest_color` has read masks with soft edges, or JPEGs.

    python tools/measure_nearest_colors.py

The masks are those of drawn street scenes and random disks, in the colors of CamVid. A label is
wrong if it is neither void nor the class with the largest part of the pixel; it is strange if that
class is nowhere among the 5 x 5 pixels around it. Beside it stands what the nearest color alone
would do.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from s4al_jax.data.camvid import PALETTE
from s4al_jax.data.nearest_colors import nearest_ids
from s4al_jax.report.tables import markdown
from s4al_jax.streets.dataset import streets
from s4al_jax.types import VOID

MASKS, FINE = 24, 4
COLORS = {color: index for index, color in enumerate(PALETTE)} | {(0, 0, 0): VOID}
Spoil = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def main() -> None:
    """Print the table."""
    ways: dict[str, Spoil] = {
        "edges averaged over 4 x 4": average,
        "scaled up twice, bilinear": scale_up,
        **{f"JPEG, quality {quality}": jpeg(quality) for quality in (95, 90, 75, 50)},
    }
    rows = []
    for kind, masks in (("streets", street_masks), ("disks", disk_masks)):
        for name, spoil in ways.items():
            rows.append((kind, name, *shares([spoil(mask) for mask in masks()])))
    heads = ("masks", "spoiled by", "changed", "void", "wrong", "strange")
    print(markdown((*heads, "nearest alone: wrong", "strange"), rows))


def street_masks() -> Iterator[np.ndarray]:
    """Drawn scenes, of the size in which they are averaged."""
    spec = streets(height=96 * FINE, width=128 * FINE, train=MASKS, val=1, test=1, seed=0)
    for index in range(MASKS):
        yield spec.train.read_truth(index)


def disk_masks() -> Iterator[np.ndarray]:
    """Forty disks of any class, one over the other."""
    for seed in range(MASKS):
        rng = np.random.default_rng(seed)
        rows, cols = np.mgrid[: 96 * FINE, : 128 * FINE]
        labels = np.full(rows.shape, rng.integers(len(PALETTE)), np.uint8)
        for _ in range(40):
            row, col = rng.uniform(0, rows.shape[0]), rng.uniform(0, rows.shape[1])
            radius = rng.uniform(4, 16) * FINE
            labels[(rows - row) ** 2 + (cols - col) ** 2 < radius**2] = rng.integers(len(PALETTE))
        yield labels


def in_colors(labels: np.ndarray) -> np.ndarray:
    """uint8 `[h, w, 3]`."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(PALETTE)] = PALETTE
    return table[labels]


def average(fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Soft edges, and the class with the largest part of each pixel."""
    height, width = fine.shape[0] // FINE, fine.shape[1] // FINE
    cells = fine.reshape(height, FINE, width, FINE).swapaxes(1, 2).reshape(height, width, -1)
    parts = np.stack([(cells == code).sum(-1) for code in range(256)], -1)
    blend = in_colors(cells).mean(2).round().astype(np.uint8)
    return blend, parts.argmax(-1).astype(np.uint8)


def scale_up(fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mask that a program has brought to another size, as if it was a photograph."""
    small = fine[FINE // 2 :: FINE, FINE // 2 :: FINE]
    size = (2 * small.shape[1], 2 * small.shape[0])
    soft = Image.fromarray(in_colors(small)).resize(size, Image.Resampling.BILINEAR)
    return np.array(soft), small.repeat(2, 0).repeat(2, 1)


def jpeg(quality: int) -> Spoil:
    """A mask that was saved as JPEG."""

    def spoil(fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, stream = fine[FINE // 2 :: FINE, FINE // 2 :: FINE], io.BytesIO()
        Image.fromarray(in_colors(labels)).save(stream, "JPEG", quality=quality)
        return np.array(Image.open(stream)), labels

    return spoil


def shares(masks: list[tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """In percent of all pixels: changed, void, wrong, strange; the last two by the nearest
    color alone."""
    counts, total = np.zeros(6), 0
    for picture, labels in masks:
        found, changed = nearest_ids(picture, COLORS)
        alone = nearest_alone(picture)
        total += labels.size
        counts[0] += changed.sum()
        counts[1] += (changed & (found == VOID) & (labels != VOID)).sum()
        for at, read in ((2, found), (4, alone)):
            wrong = (read != labels) & (read != VOID)
            counts[at] += wrong.sum()
            counts[at + 1] += (wrong & is_strange(read, labels)).sum()
    return [f"{100 * count / total:.3f}" for count in counts]


def nearest_alone(picture: np.ndarray) -> np.ndarray:
    """What the smallest distance in RGB says."""
    colors = np.array(list(COLORS), np.int64)
    far = ((picture[..., None, :].astype(np.int64) - colors) ** 2).sum(-1)
    return np.array(list(COLORS.values()), np.uint8)[far.argmin(-1)]


def is_strange(read: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Where a class is read that is not within two pixels."""
    padded = np.pad(labels, 2, mode="edge")
    height, width = labels.shape
    near = [padded[r : r + height, c : c + width] == read for r in range(5) for c in range(5)]
    return ~np.logical_or.reduce(near)


if __name__ == "__main__":
    main()
