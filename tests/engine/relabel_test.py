"""Maps of the whole pool: what a function gives for each image, kept on disk and learned from."""

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine.devices import mesh, replicate
from s4al_jax.engine.relabel import read_maps, store_maps
from s4al_jax.input.source import Source, open_source
from s4al_jax.types import UNLABELED, Batch, ImageSet, TrainState

COUNT, HEIGHT, WIDTH = 5, 3, 4
IMAGES = np.random.default_rng(0).integers(0, 200, (COUNT, HEIGHT, WIDTH, 3), np.uint8)
LABELS = np.full((COUNT, HEIGHT, WIDTH), UNLABELED, np.uint8)
LABELS[:, 0] = np.arange(COUNT)[:, None]


def source_of(cache: str = "host") -> Source:
    images = ImageSet(tuple("abcde"), IMAGES.__getitem__, LABELS.__getitem__)
    return open_source(images, LABELS.__getitem__, cache=cache)


def state_of(offset: int) -> TrainState:
    student = {"offset": jnp.asarray(offset, jnp.uint8)}
    return TrainState(jnp.int32(0), student, {}, (), jnp.zeros(2, jnp.uint32), {})


def labels_and_light(state: TrainState, batch: Batch) -> Mapping[str, jax.Array]:
    """Where nobody has labeled a pixel, its red and an offset; and how light it is."""
    guess = batch.image[..., 0] + state.student["offset"]
    return {
        "pseudo": jnp.where(batch.label == UNLABELED, guess, batch.label),
        "light": batch.image.astype(jnp.float32).mean(axis=-1) / 255,
    }


def expected(index: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    pseudo = IMAGES[index, ..., 0] + np.uint8(offset)
    pseudo[0] = index
    return pseudo, IMAGES[index].mean(axis=-1, dtype=np.float32) / np.float32(255)


def stored(folder: Path, offset: int, *, cache: str = "host", batch: int = 2, count: int = 1):
    place = mesh(count)
    state = replicate(state_of(offset), place)
    source = source_of(cache)
    store_maps(labels_and_light, state, source, place, folder, count=COUNT, batch=batch)
    return read_maps(folder)


@pytest.mark.parametrize("cache", ["host", "device", "none"])
@pytest.mark.parametrize(("batch", "count"), [(1, 1), (2, 1), (8, 1), (4, 4)])
def test_each_image_gets_its_own_maps_whatever_the_batch(
    tmp_path: Path, batch: int, count: int, cache: str
) -> None:
    # On several devices images lie in host memory, or are copied to each by the caller.
    cache = "host" if count > 1 else cache
    maps = stored(tmp_path / "maps", 7, cache=cache, batch=batch, count=count)
    assert list(maps) == ["light", "pseudo"]
    for index in range(COUNT):
        pseudo, light = expected(index, 7)
        assert maps["pseudo"](index).dtype == np.uint8 and maps["light"](index).dtype == np.float32
        np.testing.assert_array_equal(maps["pseudo"](index), pseudo)
        np.testing.assert_allclose(maps["light"](index), light, rtol=1e-6)


@pytest.mark.parametrize("cache", ["host", "device", "none"])
def test_stored_maps_are_learned_from_beside_their_images(tmp_path: Path, cache: str) -> None:
    source = source_of(cache)
    source.add_maps(stored(tmp_path, 1))
    batch = source.materialize(source.fetch(np.array([3, 0]), 2))
    np.testing.assert_array_equal(batch.extra["pseudo"], [expected(3, 1)[0], expected(0, 1)[0]])
    np.testing.assert_array_equal(batch.label, LABELS[[3, 0]])


def test_a_later_generation_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    before = stored(tmp_path, 0)
    after = stored(tmp_path, 50)
    np.testing.assert_array_equal(after["pseudo"](2), expected(2, 50)[0])
    # Who still reads the old maps is not given a mixture of both.
    np.testing.assert_array_equal(before["pseudo"](2), expected(2, 0)[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["light.npy", "pseudo.npy"]


def test_maps_that_were_not_finished_are_not_there(tmp_path: Path) -> None:
    def read_image(index: int) -> np.ndarray:
        if index == 3:
            raise OSError("the disk is gone")
        return IMAGES[index]

    images = ImageSet(tuple("abcde"), read_image, LABELS.__getitem__)
    source = open_source(images, LABELS.__getitem__, cache="none")
    with pytest.raises(OSError, match="the disk is gone"):
        store_maps(labels_and_light, state_of(0), source, mesh(1), tmp_path, count=COUNT, batch=1)
    assert read_maps(tmp_path) == read_maps(tmp_path / "nowhere") == {}
    assert list(stored(tmp_path, 2)) == ["light", "pseudo"]
