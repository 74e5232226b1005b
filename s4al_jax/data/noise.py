"""Pictures of noise, of any size and without a file: something to measure speed with."""

import numpy as np

from s4al_jax.types import DatasetSpec, ImageSet

IMAGES = 48
"""How many there are to learn from."""


def noise(height: int, width: int, classes: int) -> DatasetSpec:
    """Pictures of random pixels, a tenth of the labels void."""

    def split(number: int, count: int) -> ImageSet:
        def rng_of(index: int, kind: int) -> np.random.Generator:
            return np.random.default_rng([number, index, kind])

        def image(index: int) -> np.ndarray:
            return rng_of(index, 0).integers(0, 256, (height, width, 3), np.uint8)

        def truth(index: int) -> np.ndarray:
            # Blocks, as real label maps have areas.
            coarse = rng_of(index, 1).integers(0, classes + 1, (height // 24 + 1, width // 24 + 1))
            labels = coarse.repeat(24, axis=0).repeat(24, axis=1)[:height, :width]
            return np.where(labels == classes, 255, labels).astype(np.uint8)

        return ImageSet(tuple(f"{number}_{i}" for i in range(count)), image, truth)

    palette = tuple((index, index, index) for index in range(classes))
    names = tuple(f"class {index}" for index in range(classes))
    splits = split(0, IMAGES), split(1, 1), split(2, 1)
    return DatasetSpec("noise", names, palette, height, width, *splits)
