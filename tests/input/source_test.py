"""Wherever images live, the compiled step sees the same batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.input.source import (
    CachedSource,
    ResidentSource,
    Source,
    StreamedSource,
    batches,
    padded,
)
from s4al_jax.types import UNLABELED, VOID, Batch, InputError

COUNT, HEIGHT, WIDTH = 5, 3, 4
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), np.uint8)


class Pool:
    """Label maps that change, and a count of how often each image was decoded."""

    def __init__(self) -> None:
        self.labels = np.full((COUNT, HEIGHT, WIDTH), UNLABELED, np.uint8)
        self.decoded = [0] * COUNT

    def read_image(self, index: int) -> np.ndarray:
        self.decoded[index] += 1
        return IMAGES[index]

    def read_label(self, index: int) -> np.ndarray:
        return self.labels[index]

    def cached(self) -> CachedSource:
        return CachedSource(read_image=self.read_image, read_label=self.read_label, count=COUNT)

    def resident(self) -> ResidentSource:
        return ResidentSource(read_image=self.read_image, read_label=self.read_label, count=COUNT)

    def streamed(self) -> StreamedSource:
        return StreamedSource(read_image=self.read_image, read_label=self.read_label)


def on_device(source: Source, indices: list[int], size: int) -> Batch:
    compiled = jax.jit(lambda fetched: source.materialize(fetched))
    return compiled(source.fetch(np.array(indices), size))


def test_a_short_batch_is_filled_up_with_its_first_image() -> None:
    index, valid = padded(np.array([4, 2]), 4)
    assert index.tolist() == [4, 2, 4, 4]
    assert index.dtype == np.int32
    assert valid.tolist() == [True, True, False, False]
    for wrong in ([], [1, 2, 3]):
        with pytest.raises(ValueError, match="do not make a batch of 2"):
            padded(np.array(wrong, int), 2)


def test_a_cached_batch_is_what_lies_on_disk() -> None:
    pool = Pool()
    pool.labels[2] = 7
    batch = pool.cached().fetch(np.array([2, 0, 2]), 5)
    np.testing.assert_array_equal(batch.image, IMAGES[[2, 0, 2, 2, 2]])
    assert (batch.image.dtype, batch.label.dtype) == (np.uint8, np.uint8)
    assert [set(label.ravel().tolist()) for label in batch.label] == [
        {7},
        {UNLABELED},
        {7},
        {VOID},
        {VOID},
    ]
    assert batch.index.tolist() == [2, 0, 2, 2, 2]
    assert batch.valid.tolist() == [True, True, True, False, False]


def test_an_image_is_decoded_once_and_its_labels_are_read_anew() -> None:
    pool = Pool()
    source = pool.cached()
    source.fetch(np.array([1, 3]), 2)
    pool.labels[3, 0, 0] = 5
    batch = source.fetch(np.array([3, 3]), 2)
    assert pool.decoded == [0, 1, 0, 1, 0]
    assert batch.label[:, 0, 0].tolist() == [5, 5]
    batch.label[:] = 9
    assert pool.labels[3, 0, 0] == 5


@pytest.mark.parametrize("indices", [[0], [4, 1], [3, 3, 0, 2]])
def test_all_residences_give_the_same_batch_to_a_compiled_step(indices: list[int]) -> None:
    pool = Pool()
    pool.labels[3] = 1
    cached = on_device(pool.cached(), indices, 4)
    for source in (pool.resident(), pool.streamed()):
        for mine, other in zip(cached, on_device(source, indices, 4), strict=True):
            assert isinstance(mine, jax.Array)
            assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
            np.testing.assert_array_equal(mine, other)


def test_resident_labels_grow_by_a_refresh_without_compiling_again() -> None:
    pool, traced = Pool(), list[None]()
    source = pool.resident()

    @jax.jit
    def labels(fetched: object) -> jax.Array:
        traced.append(None)
        return source.materialize(fetched).label  # type: ignore[arg-type]

    before = labels(source.fetch(np.array([2]), 1))
    pool.labels[2] = 6
    stale = labels(source.fetch(np.array([2]), 1))
    source.refresh()
    after = labels(source.fetch(np.array([4, 2][1:]), 1))
    assert (before == UNLABELED).all()
    assert (stale == UNLABELED).all()
    assert (after == 6).all()
    assert len(traced) == 1


def test_only_indices_travel_to_where_the_images_already_are() -> None:
    fetched = Pool().resident().fetch(np.array([1, 2]), 4)
    traveling = [leaf for leaf in jax.tree.leaves(fetched) if isinstance(leaf, np.ndarray)]
    staying = [leaf for leaf in jax.tree.leaves(fetched) if isinstance(leaf, jax.Array)]
    assert [leaf.shape for leaf in traveling] == [(4,), (4,)]
    assert [leaf.shape for leaf in staying] == [IMAGES.shape, IMAGES.shape[:3]]
    again = Pool().cached().fetch(np.array([1]), 2)
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(again))


def test_the_caller_decides_where_resident_arrays_are_placed() -> None:
    placed = list[tuple[int, ...]]()

    def place(array: np.ndarray) -> jax.Array:
        placed.append(array.shape)
        return jnp.asarray(array)

    pool = Pool()
    source = ResidentSource(
        read_image=pool.read_image, read_label=pool.read_label, count=COUNT, place=place
    )
    source.refresh()
    assert placed == [IMAGES.shape, IMAGES.shape[:3], IMAGES.shape[:3]]
    assert pool.decoded == [1] * COUNT


def test_the_memory_plan_counts_every_byte() -> None:
    pool = Pool()
    pixels = COUNT * HEIGHT * WIDTH
    assert pool.cached().nbytes() == (3 * pixels, 0)
    assert sum(pool.decoded) == 1
    assert pool.resident().nbytes() == (0, 4 * pixels)


def test_pictures_that_do_not_fit_are_refused_by_name() -> None:
    pool = Pool()
    pool.labels = pool.labels[:, 1:]
    with pytest.raises(InputError, match="label map of image 3 is uint8"):
        pool.cached().fetch(np.array([3]), 1)
    with pytest.raises(InputError, match="image 2 is float64"):
        CachedSource(
            read_image=lambda i: IMAGES[i] / 255.0, read_label=pool.read_label, count=COUNT
        ).fetch(np.array([2]), 1)
    mixed = CachedSource(
        read_image=lambda i: IMAGES[i][: 3 - i],
        read_label=lambda i: np.zeros(IMAGES[i][: 3 - i].shape[:2], np.uint8),
        count=2,
    )
    with pytest.raises(InputError, match=r"image 1 is \(2, 4, 3\), image 0 is \(3, 4, 3\)"):
        mixed.fetch(np.array([0, 1]), 2)


def test_a_stream_decodes_whenever_it_is_asked_and_keeps_nothing() -> None:
    pool = Pool()
    source = pool.streamed()
    for _ in range(2):
        source.fetch(np.array([1, 1, 4]), 4)
    assert pool.decoded == [0, 2, 0, 0, 2]
    # one batch of four images and four more that wait
    assert source.nbytes() == (5 * 4 * HEIGHT * WIDTH * 3, 0)


@pytest.mark.parametrize("residence", ["cached", "resident", "streamed"])
def test_batches_cover_all_images_in_order(residence: str) -> None:
    source = getattr(Pool(), residence)()
    found = list(batches(source, np.array([4, 0, 1, 3, 2]), 2))
    assert [part.tolist() for part, _ in found] == [[4, 0], [1, 3], [2]]
    images = [np.asarray(source.materialize(fetched).image) for _, fetched in found]
    np.testing.assert_array_equal(np.concatenate(images)[:5], IMAGES[[4, 0, 1, 3, 2]])
