"""Summaries come in the order asked for, without padding, and none that is not a number."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.acquisition.pooling import region_means
from s4al_jax.engine import devices
from s4al_jax.engine.score import (
    NonFiniteScores,
    images_to_score,
    largest_batch,
    over_pool,
    scorer,
    summarizer,
)
from s4al_jax.input.placement import Memory
from s4al_jax.input.source import CachedSource, DeviceSource, StreamedSource
from s4al_jax.regions.grid import RegionGrid
from s4al_jax.regions.protocol import Regions
from s4al_jax.types import UNLABELED, Acquisition, Array, Batch, Method, ScoringState, TrainState
from tests.support.partition import Partition

STATES = ScoringState(
    TrainState(jnp.zeros((), jnp.int32), {}, {}, (), jnp.zeros(2, jnp.uint32), {})
)
KEY = jax.random.PRNGKey(3)
HALVES = RegionGrid(4, 6, 4, 3)


def unused(*arguments: object) -> None:
    raise AssertionError


METHOD = Method(unused, unused, unused, ("student",), {}, unused)


def source(images: np.ndarray, regions: Regions = HALVES) -> StreamedSource:
    """Images of which nothing is known, with the ids of their regions where these are no grid."""
    unknown = np.full(images.shape[1:3], UNLABELED, np.uint8)
    opened = StreamedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown
    )
    if regions.cell_size is None:
        opened.add_maps({"regions": regions.id_map})
    return opened


def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (7, 4, 6, 3)).astype(np.uint8)


def red_means(regions: Regions = HALVES) -> Acquisition:
    """The mean red of each region, and the mean color as a vector."""

    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: Array
    ) -> dict[str, Array]:
        colors = region_means(batch.image.astype(jnp.float32), batch, regions)
        return {"score": colors[..., 0], "color": colors}

    return Acquisition(summarize=summarize, select=unused)


def draws() -> Acquisition:
    """Two random numbers of each image."""

    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: Array
    ) -> dict[str, Array]:
        return {"score": jax.vmap(lambda key: jax.random.uniform(key, (2,)))(keys)}

    return Acquisition(summarize=summarize, select=unused)


@pytest.mark.parametrize("batch", [0, 1, 2, 4, 8])
def test_each_image_gets_its_own_summaries_whatever_the_batch(batch: int) -> None:
    images, wanted = pictures(), np.array([6, 0, 3, 2, 5])
    score = scorer(METHOD, red_means(), source(images), devices.mesh(1), batch=batch)
    found = score(STATES, wanted, KEY)
    halves = images[wanted].astype(np.float64).reshape(5, 4, 2, 3, 3).mean(axis=(1, 3))
    assert set(found) == {"score", "color"}
    np.testing.assert_allclose(found["color"], halves, rtol=1e-6)
    np.testing.assert_array_equal(found["score"], found["color"][..., 0])


@pytest.mark.parametrize(("batch", "count"), [(0, 1), (3, 1), (4, 4)])
def test_irregular_regions_of_each_image_are_summarized_by_their_own_map(
    batch: int, count: int
) -> None:
    images, wanted = pictures(), np.array([6, 0, 3, 2, 5])
    rng = np.random.default_rng(3)
    maps = [np.sort(rng.integers(0, 5, (4, 6)).ravel()).reshape(4, 6) for _ in images]
    regions = Partition(
        tuple(
            np.unique(ids, return_inverse=True)[1].reshape(4, 6).astype(np.uint16) for ids in maps
        )
    )
    score = scorer(
        METHOD, red_means(regions), source(images, regions), devices.mesh(count), batch=batch
    )
    found = score(STATES, wanted, KEY)["score"]
    assert found.shape == (5, regions.max_regions)
    for row, image in enumerate(wanted):
        for region in range(regions.max_regions):
            inside = images[image, ..., 0][regions.id_map(image) == region]
            expected = inside.mean() if inside.size else 0.0
            np.testing.assert_allclose(found[row, region], expected, rtol=1e-6)


def test_no_two_images_draw_the_same_numbers() -> None:
    score = scorer(METHOD, draws(), source(pictures()), devices.mesh(1), batch=2)
    found = score(STATES, np.arange(6), KEY)["score"]
    assert len(np.unique(found)) == 12
    np.testing.assert_array_equal(found, score(STATES, np.arange(6), KEY)["score"])
    other = score(STATES, np.arange(6), jax.random.PRNGKey(4))["score"]
    assert not np.array_equal(found, other)


@pytest.mark.parametrize(("batch", "count"), [(1, 1), (3, 1), (8, 1), (4, 4), (0, 2)])
def test_what_an_image_draws_depends_on_neither_its_batch_nor_its_company(
    batch: int, count: int
) -> None:
    wanted = np.array([6, 0, 3, 2, 5])
    score = scorer(METHOD, draws(), source(pictures()), devices.mesh(count), batch=batch)
    expected = [jax.random.uniform(jax.random.fold_in(KEY, image), (2,)) for image in wanted]
    np.testing.assert_array_equal(score(STATES, wanted, KEY)["score"], expected)


def test_images_with_an_open_region_are_scored_or_all_and_never_those_to_skip() -> None:
    is_open = np.array([[True, False], [False, False], [False, True], [True, True]])
    acquisition = draws()
    assert images_to_score(acquisition, is_open).tolist() == [0, 2, 3]
    assert images_to_score(acquisition, is_open, skip=[2]).tolist() == [0, 3]
    everything = acquisition._replace(looks_at="all")
    assert images_to_score(everything, is_open).tolist() == [0, 1, 2, 3]
    assert images_to_score(everything, is_open, skip=[1, 3]).tolist() == [0, 2]
    # Where nothing can be chosen, nothing has to be looked at.
    assert images_to_score(everything, np.zeros_like(is_open)).tolist() == []


def test_summaries_of_some_images_become_those_of_the_pool() -> None:
    summaries = {
        "score": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
        "color": np.arange(12).reshape(2, 2, 3),
    }
    whole = over_pool(summaries, np.array([3, 1]), 4)
    assert whole["score"].dtype == np.float32
    assert whole["score"].tolist() == [[0, 0], [3, 4], [0, 0], [1, 2]]
    assert whole["color"].shape == (4, 2, 3) and whole["color"].dtype == summaries["color"].dtype
    np.testing.assert_array_equal(whole["color"][[3, 1]], summaries["color"])


def set_memory(monkeypatch: pytest.MonkeyPatch, *, device: int | None, host: int | None) -> None:
    monkeypatch.setattr(devices, "memory", lambda mesh: Memory(device=device, host=host))


def found_batch(
    monkeypatch: pytest.MonkeyPatch, *, device: int | None, host: int | None, count: int = 1
) -> int:
    """The batch for a program that needs 1000 bytes and 100 for each row of a device."""
    set_memory(monkeypatch, device=device, host=host)
    rows = partial(source(pictures()).fetch, np.zeros(1, int))
    counted = SimpleNamespace(fetch=lambda indices, size: rows(size).index)

    def compile_it(program: object, indices: jax.Array) -> SimpleNamespace:
        # An index has four bytes of its own.
        sizes = {
            "temp_size_in_bytes": 900,
            "alias_size_in_bytes": 0,
            "output_size_in_bytes": 100 + 96 * len(indices) // count,
        }
        return SimpleNamespace(memory_analysis=lambda: SimpleNamespace(**sizes))

    monkeypatch.setattr(devices, "lower_and_compile", compile_it)
    return largest_batch(unused, counted, devices.mesh(count), lambda fetched: (fetched,))


def test_the_batch_that_is_found_fills_a_quarter_of_the_memory_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = partial(found_batch, monkeypatch, host=None)
    # 64 rows need 7400 bytes, 32 need 4200, 16 need 2600, one needs 1100.
    assert found(device=4 * 7400) == found(device=10**12) == 64
    assert found(device=4 * 7399) == found(device=4 * 4200) == 32
    assert found(device=4 * 4199) == 16
    assert found(device=4 * 1100) == found(device=100) == 1
    assert found(device=4 * 4200, count=4) == 4 * 32


def test_devices_that_do_not_tell_share_the_host_and_get_eight_images_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = partial(found_batch, monkeypatch, device=None)
    assert found(host=10**9) == found(host=4 * 1800) == 8
    assert found(host=4 * 1799) == 4
    assert found(host=4 * 4 * 1800, count=4) == 4 * 8
    assert found(host=4 * 4 * 1799, count=4) == 4 * 4
    assert found(host=None) == 1


def test_a_batch_is_found_of_what_the_compiler_says_without_images_that_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.zeros((300, 4, 6, 3), np.uint8)
    read = {"read_image": lambda i: images[i], "read_label": lambda i: images[i, ..., 0]}
    mesh = devices.mesh(1)
    # A row is 72 bytes of image and 24 of label; all 300 of them are far above this quarter.
    set_memory(monkeypatch, device=4 * 4000, host=None)
    cached, on_device = (
        largest_batch(
            summarizer(METHOD, red_means(), made, mesh),
            made,
            mesh,
            lambda fetched: (STATES, fetched, KEY),
        )
        for made in (CachedSource(**read), DeviceSource(**read, count=300))
    )
    # Of images on the device only indices travel, and the compiler need not copy what it gathers.
    assert 8 <= cached <= 32 and on_device >= cached


@pytest.mark.parametrize("broken", ["score", "color"])
def test_a_summary_that_is_not_a_number_names_its_image(broken: str) -> None:
    def summarize(
        method: Method, states: ScoringState, batch: Batch, keys: Array
    ) -> dict[str, Array]:
        found = red_means().summarize(method, states, batch, keys)
        is_bad = (batch.image[:, 0, 0, 0] == 77).reshape(-1, *[1] * (found[broken].ndim - 1))
        return {**found, broken: jnp.where(is_bad, jnp.nan, found[broken]), "ids": batch.index}

    images = np.zeros((7, 4, 6, 3), np.uint8)
    images[4, 0, 0, 0] = 77
    acquisition = Acquisition(summarize=summarize, select=unused)
    score = scorer(METHOD, acquisition, source(images), devices.mesh(1), batch=4)
    with pytest.raises(NonFiniteScores, match=r"the scores of images \[4\]") as caught:
        score(STATES, np.array([1, 2, 3, 4, 6]), KEY)
    assert caught.value.images == [4]
    assert score(STATES, np.array([1, 2, 3]), KEY)["score"].shape == (3, 2)
