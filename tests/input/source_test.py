"""Wherever images are kept, the compiled step sees the same batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.input.source import (
    CachedSource,
    DeviceSource,
    Source,
    StreamedSource,
    batches,
    open_source,
    padded,
)
from s4al_jax.types import UNLABELED, VOID, Batch, ImageSet, InputError

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

    def images(self) -> ImageSet:
        return ImageSet(tuple("abcde"), self.read_image, self.read_label)

    def source(self, cache: str) -> Source:
        return open_source(self.images(), self.read_label, cache=cache)


CACHES = {"host": CachedSource, "device": DeviceSource, "none": StreamedSource}


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
    batch = pool.source("host").fetch(np.array([2, 0, 2]), 5)
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
    source = pool.source("host")
    source.fetch(np.array([1, 3]), 2)
    pool.labels[3, 0, 0] = 5
    batch = source.fetch(np.array([3, 3]), 2)
    assert pool.decoded == [0, 1, 0, 1, 0]
    assert batch.label[:, 0, 0].tolist() == [5, 5]
    batch.label[:] = 9
    assert pool.labels[3, 0, 0] == 5


@pytest.mark.parametrize("with_maps", [False, True])
@pytest.mark.parametrize("indices", [[0], [4, 1], [3, 3, 0, 2]])
def test_all_caches_give_the_same_batch_to_a_compiled_step(
    indices: list[int], with_maps: bool
) -> None:
    pool = Pool()
    pool.labels[3] = 1
    found = []
    for cache in CACHES:
        source = pool.source(cache)
        if with_maps:
            source.add_maps({"regions": regions_of, "weight": weight_of})
        found.append(on_device(source, indices, 4))
    for other in found[1:]:
        pairs = zip(jax.tree.leaves(found[0]), jax.tree.leaves(other), strict=True)
        for mine, theirs in pairs:
            assert isinstance(mine, jax.Array)
            assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
            np.testing.assert_array_equal(mine, theirs)
    assert set(found[0].extra) == ({"regions", "weight"} if with_maps else set())


@pytest.mark.parametrize("cache", CACHES)
def test_a_cache_is_of_the_kind_that_is_asked_for(cache: str) -> None:
    assert type(Pool().source(cache)) is CACHES[cache]
    # A split without an image has nothing to be kept.
    nothing = ImageSet((), Pool().read_image, Pool().read_label)
    assert type(open_source(nothing, Pool().read_label, cache=cache)) is StreamedSource


# --- maps beside the images ---


def regions_of(index: int) -> np.ndarray:
    """Ids of regions: other ones in each image."""
    return (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) // 3 + index).astype(np.uint16)


def weight_of(index: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), index / 8, np.float32)


@pytest.mark.parametrize("cache", CACHES)
def test_maps_come_with_the_rows_of_their_images(cache: str) -> None:
    source = Pool().source(cache)
    assert source.fetch(np.array([1]), 1).extra == {}
    source.add_maps({"regions": regions_of})
    batch = on_device(source, [4, 2], 3)
    assert list(batch.extra) == ["regions"]
    assert batch.extra["regions"].dtype == np.uint16
    np.testing.assert_array_equal(batch.extra["regions"], [regions_of(i) for i in (4, 2, 4)])


@pytest.mark.parametrize("cache", CACHES)
def test_a_map_of_the_same_name_takes_the_place_of_the_old_one(cache: str) -> None:
    source = Pool().source(cache)
    source.add_maps({"pseudo": regions_of, "weight": weight_of})
    before = source.fetch(np.array([3]), 1)
    source.add_maps({"pseudo": lambda index: regions_of(index) + 100})
    after = on_device(source, [3], 1)
    np.testing.assert_array_equal(after.extra["pseudo"], regions_of(3)[None] + 100)
    np.testing.assert_array_equal(after.extra["weight"], weight_of(3)[None])
    # What was fetched stays what it was.
    np.testing.assert_array_equal(source.materialize(before).extra["pseudo"], [regions_of(3)])


@pytest.mark.parametrize("cache", CACHES)
def test_a_map_of_another_size_than_its_image_is_refused_by_name(cache: str) -> None:
    source = Pool().source(cache)
    with pytest.raises(InputError, match=r"the map weight of image 0 is \(2, 4\): .*\(3, 4\)"):
        source.add_maps({"weight": lambda index: weight_of(index)[1:]})
        source.fetch(np.array([0]), 1)


# --- on the device ---


def test_labels_on_the_device_grow_by_a_refresh_without_compiling_again() -> None:
    pool, traced = Pool(), list[None]()
    source = pool.source("device")

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
    fetched = Pool().source("device").fetch(np.array([1, 2]), 4)
    traveling = [leaf for leaf in jax.tree.leaves(fetched) if isinstance(leaf, np.ndarray)]
    staying = [leaf for leaf in jax.tree.leaves(fetched) if isinstance(leaf, jax.Array)]
    assert [leaf.shape for leaf in traveling] == [(4,), (4,)]
    assert [leaf.shape for leaf in staying] == [IMAGES.shape, IMAGES.shape[:3]]
    source = Pool().source("device")
    source.add_maps({"weight": weight_of})
    fetched = source.fetch(np.array([1, 2]), 4)
    assert isinstance(fetched.extra["weight"], jax.Array)
    assert fetched.extra["weight"].shape == IMAGES.shape[:3]
    again = Pool().source("host").fetch(np.array([1]), 2)
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(again))


def test_the_caller_decides_where_arrays_are_placed() -> None:
    placed = list[tuple[int, ...]]()

    def place(array: np.ndarray) -> jax.Array:
        placed.append(array.shape)
        return jnp.asarray(array)

    pool = Pool()
    source = open_source(pool.images(), pool.read_label, cache="device", place=place)
    source.refresh()
    source.add_maps({"weight": weight_of})
    assert placed == [IMAGES.shape, *[IMAGES.shape[:3]] * 3]
    assert pool.decoded == [1] * COUNT


def test_a_host_brings_its_own_rows_of_every_map() -> None:
    pool = Pool()
    for cache in CACHES:
        source = open_source(
            pool.images(), pool.read_label, cache=cache, rows=lambda size: np.arange(1, size, 2)
        )
        source.add_maps({"weight": weight_of})
        batch = source.materialize(source.fetch(np.array([4, 2, 3]), 4))
        assert batch.index.tolist() == [2, 4]
        assert batch.valid.tolist() == [True, False]
        np.testing.assert_array_equal(batch.image, IMAGES[[2, 4]])
        np.testing.assert_array_equal(batch.extra["weight"], [weight_of(2), weight_of(4)])


def test_pictures_that_do_not_fit_are_refused_by_name() -> None:
    pool = Pool()
    pool.labels = pool.labels[:, 1:]
    with pytest.raises(InputError, match="label map of image 3 is uint8"):
        pool.source("host").fetch(np.array([3]), 1)
    with pytest.raises(InputError, match="image 2 is float64"):
        CachedSource(read_image=lambda i: IMAGES[i] / 255.0, read_label=pool.read_label).fetch(
            np.array([2]), 1
        )
    flat = CachedSource(read_image=lambda i: IMAGES[i][..., 0], read_label=pool.read_label)
    with pytest.raises(InputError, match=r"uint8 \(3, 4\): give uint8 \(height, width, bands\)"):
        flat.fetch(np.array([2]), 1)
    mixed = CachedSource(
        read_image=lambda i: IMAGES[i][: 3 - i],
        read_label=lambda i: np.zeros(IMAGES[i][: 3 - i].shape[:2], np.uint8),
    )
    with pytest.raises(InputError, match=r"image 1 is \(2, 4, 3\), image 0 is \(3, 4, 3\)"):
        mixed.fetch(np.array([0, 1]), 2)


def test_a_stream_decodes_whenever_it_is_asked_and_keeps_nothing() -> None:
    pool = Pool()
    source = pool.source("none")
    for _ in range(2):
        source.fetch(np.array([1, 1, 4]), 4)
    assert pool.decoded == [0, 2, 0, 0, 2]
    # four batches are decoded before they are needed; what is in memory needs no time
    assert source.prefetch == 4
    assert [Pool().source(cache).prefetch for cache in ("host", "device")] == [0, 0]


@pytest.mark.parametrize("cache", CACHES)
def test_batches_cover_all_images_in_order(cache: str) -> None:
    source = Pool().source(cache)
    found = list(batches(source, np.array([4, 0, 1, 3, 2]), 2))
    assert [part.tolist() for part, _ in found] == [[4, 0], [1, 3], [2]]
    images = [np.asarray(source.materialize(fetched).image) for _, fetched in found]
    np.testing.assert_array_equal(np.concatenate(images)[:5], IMAGES[[4, 0, 1, 3, 2]])
