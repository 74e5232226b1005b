"""Street scenes drawn by code: as many as one likes, of any size, with exact labels.

Each scene is a pure function of (seed, split, index), so nothing has to be stored or downloaded,
and a run on them can be repeated anywhere. The classes are CamVid's; small things are rare.
"""

from functools import lru_cache

import numpy as np

from s4al_jax.streets.canvas import Canvas, canvas, stand
from s4al_jax.streets.ground import cast_shadows, paint_ground
from s4al_jax.streets.lens import paint_sky, photograph, reflect
from s4al_jax.streets.place import CLASSES, FENCE, ROAD, SKY, Shadow, place
from s4al_jax.streets.street import ground, items
from s4al_jax.streets.textures import grainy, shade_of, smooth_tile
from s4al_jax.streets.weather import weather
from s4al_jax.types import VOID, DatasetSpec, ImageSet, InputError

PALETTE = (
    *((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0)),
    *((192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192)),
)
SMALLEST = 24
"""Fewest rows and columns of an image: below, nothing can be recognized."""


def streets(*, height: int, width: int, train: int, val: int, test: int, seed: int) -> DatasetSpec:
    """Three splits of drawn street scenes; `train`, `val` and `test` say how many of each."""
    _check_size(height, width)
    if train < 1:
        raise InputError(f"streets: train={train} leaves nothing to learn from; give 1 or more")
    for name, number in (("val", val), ("test", test), ("seed", seed)):
        if number < 0:
            raise InputError(f"streets: {name}={number} is negative; give 0 or more")
    sets = (
        _split("train", train, (seed, 0), height=height, width=width),
        _split("val", val, (seed, 1), height=height, width=width),
        _split("test", test, (seed, 2), height=height, width=width),
    )
    return DatasetSpec("streets", CLASSES, PALETTE, height, width, *sets)


def _split(name: str, number: int, seed: tuple[int, int], *, height: int, width: int) -> ImageSet:
    @lru_cache(maxsize=16)
    def draw(index: int) -> tuple[np.ndarray, np.ndarray]:
        if not 0 <= index < number:
            raise IndexError(f"{name} has {number} scenes, there is none with index {index}")
        return scene(height=height, width=width, rng=np.random.default_rng((*seed, index)))

    return ImageSet(
        names=tuple(f"{name}_{i:05d}" for i in range(number)),
        read_image=lambda index: draw(int(index))[0],
        read_truth=lambda index: draw(int(index))[1],
    )


def _check_size(height: int, width: int) -> None:
    if min(height, width) < SMALLEST:
        raise InputError(
            f"streets: scenes of {height}x{width} are too small to draw;"
            f" give a height and width of {SMALLEST} or more"
        )


def scene(*, height: int, width: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One street scene: uint8 RGB `[height, width, 3]` and class ids `[height, width]`."""
    _check_size(height, width)
    fold = 2
    air = weather(rng)
    clouds = smooth_tile(rng)
    tile = grainy(rng, clouds)
    here = place(rng, air, tile)
    view = canvas(rng, height=height * fold, width=width * fold, top_label=SKY)
    floor = ground(rng, here)
    everything = list(items(rng, here))
    shadows = [item for item in everything if isinstance(item, Shadow)]
    things = [item for item in everything if not isinstance(item, Shadow)]
    paint_sky(view, air, clouds)
    cast_shadows(view, [s.outline for s in shadows], [s.strength for s in shadows])
    paint_ground(view, here.street, floor, air, tile)
    # Near things first spares what they hide. One sees through fences: they come last, far first.
    things.sort(key=lambda thing: thing.a[1] + thing.b[1])
    fences = [thing for thing in reversed(things) if thing.label == FENCE]
    for thing in [*(thing for thing in things if thing.label != FENCE), *fences]:
        stand(view, thing, air)
    reflect(view, air, [ROAD])
    _dashboard(view, rng)
    image = photograph(view, air, rng, fold=fold)
    label = view.label[fold // 2 :: fold, fold // 2 :: fold].copy()
    for array in (image, label):
        array.flags.writeable = False
    return image, label


def _dashboard(view: Canvas, rng: np.random.Generator) -> None:
    """The bonnet of the car that carries the camera."""
    if rng.random() < 0.35:
        return
    height, width = view.label.shape
    paint = shade_of(rng, (0.1, 0.1, 0.11), (0.35, 0.35, 0.37), (0.5, 0.1, 0.1), (0.15, 0.2, 0.35))
    tall, middle = rng.uniform(0.025, 0.07) * height, rng.uniform(0.4, 0.6) * width
    rise = tall * (1 - ((np.arange(width) - middle) / (0.75 * width)) ** 2)
    rows = np.arange(height)[:, None]
    rows, cols = np.nonzero(rows > height - rise[None])
    sheen = 0.5 + 0.6 * np.clip(1 - (height - rows) / tall, 0, 1)
    view.image[rows, cols] = paint * sheen[:, None]
    view.label[rows, cols] = VOID
    view.depth[rows, cols] = 1.0
