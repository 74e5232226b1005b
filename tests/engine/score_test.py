"""Scores come in the order asked for, without padding, and none that is not a number."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s4al_jax.engine import devices
from s4al_jax.engine.score import NonFiniteScores, largest_batch, scorer, summarizer
from s4al_jax.input.placement import Memory
from s4al_jax.input.source import CachedSource, ResidentSource
from s4al_jax.types import UNLABELED, Acquisition, Method, Phase, TrainState

STATE = TrainState(jnp.zeros((), jnp.int32), {}, {}, (), jnp.zeros(2, jnp.uint32), {})
KEY = jax.random.PRNGKey(3)


def unused(*arguments: object) -> None:
    raise AssertionError


METHOD = Method(unused, unused, unused, networks=("student",), phases=(Phase.WARMUP,))


def source(images: np.ndarray) -> CachedSource:
    unknown = np.full(images.shape[1:3], UNLABELED, np.uint8)
    return CachedSource(
        read_image=lambda index: images[index], read_label=lambda index: unknown, count=len(images)
    )


def pictures() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (7, 4, 6, 3)).astype(np.uint8)


def column_means(method: Method, state: TrainState, images, known, keys) -> jax.Array:
    """Two cells, the left and the right half of an image."""
    red = images[..., 0].astype(jnp.float32).reshape(-1, 4, 2, 3)
    return red.mean(axis=(1, 3))[:, None, :]


@pytest.mark.parametrize("batch", [0, 1, 2, 4, 8])
def test_each_image_gets_its_own_score_whatever_the_batch(batch: int) -> None:
    images, asked = pictures(), np.array([6, 0, 3, 2, 5])
    acquisition = Acquisition(summarize=column_means, choose=unused)
    score = scorer(METHOD, acquisition, source(images), devices.mesh(1), batch=batch)
    found = score(STATE, asked, KEY)
    halves = images[asked, :, :, 0].astype(np.float64).reshape(5, 4, 2, 3).mean(axis=(1, 3))
    assert found.shape == (5, 1, 2)
    np.testing.assert_allclose(found[:, 0], halves, rtol=1e-6)


def lots(method: Method, state: TrainState, images, known, keys) -> jax.Array:
    return jax.vmap(lambda key: jax.random.uniform(key, (1, 2)))(keys)


def test_no_two_images_draw_the_same_lots() -> None:
    acquisition = Acquisition(summarize=lots, choose=unused)
    score = scorer(METHOD, acquisition, source(pictures()), devices.mesh(1), batch=2)
    found = score(STATE, np.arange(6), KEY)
    assert len(np.unique(found)) == 12
    np.testing.assert_array_equal(found, score(STATE, np.arange(6), KEY))
    assert not np.array_equal(found, score(STATE, np.arange(6), jax.random.PRNGKey(4)))


@pytest.mark.parametrize(("batch", "count"), [(1, 1), (3, 1), (8, 1), (4, 4), (0, 2)])
def test_an_image_s_lots_depend_on_neither_its_batch_nor_its_company(
    batch: int, count: int
) -> None:
    acquisition = Acquisition(summarize=lots, choose=unused)
    asked = np.array([6, 0, 3, 2, 5])
    score = scorer(METHOD, acquisition, source(pictures()), devices.mesh(count), batch=batch)
    expected = [jax.random.uniform(jax.random.fold_in(KEY, image), (1, 2)) for image in asked]
    np.testing.assert_array_equal(score(STATE, asked, KEY), expected)


def told(monkeypatch: pytest.MonkeyPatch, *, device: int | None, host: int | None) -> None:
    monkeypatch.setattr(devices, "room", lambda mesh: Memory(device=device, host=host))


def found_batch(
    monkeypatch: pytest.MonkeyPatch, *, device: int | None, host: int | None, count: int = 1
) -> int:
    """The batch for a program that needs 1000 bytes and 100 for each row of a device."""
    told(monkeypatch, device=device, host=host)
    rows = partial(source(pictures()).fetch, np.zeros(1, int))
    counted = SimpleNamespace(fetch=lambda indices, size: rows(size).index)

    def prepared(program: object, indices: jax.Array) -> SimpleNamespace:
        # An index has four bytes of its own.
        sizes = {
            "temp_size_in_bytes": 900,
            "alias_size_in_bytes": 0,
            "output_size_in_bytes": 100 + 96 * len(indices) // count,
        }
        return SimpleNamespace(memory_analysis=lambda: SimpleNamespace(**sizes))

    monkeypatch.setattr(devices, "prepared", prepared)
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


def test_a_batch_is_found_of_what_the_compiler_says_without_the_resident_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.zeros((300, 4, 6, 3), np.uint8)
    read = {"read_image": lambda i: images[i], "read_label": lambda i: images[i, ..., 0]}
    mesh = devices.mesh(1)
    acquisition = Acquisition(summarize=column_means, choose=unused)
    # A row is 72 bytes of image and 24 of label; all 300 of them are far above this quarter.
    told(monkeypatch, device=4 * 4000, host=None)
    cached, resident = (
        largest_batch(
            summarizer(METHOD, acquisition, made, mesh),
            made,
            mesh,
            lambda fetched: (STATE, fetched, KEY),
        )
        for made in (CachedSource(**read, count=300), ResidentSource(**read, count=300))
    )
    # Of resident images only indices travel, and the compiler need not copy what it gathers.
    assert 8 <= cached <= 32 and resident >= cached


def test_a_score_that_is_not_a_number_names_its_image() -> None:
    def broken(method: Method, state: TrainState, images, known, keys) -> jax.Array:
        means = column_means(method, state, images, known, keys)
        return jnp.where(images[:, :1, 0, 0] == 77, jnp.nan, means[:, 0])[:, None]

    images = np.zeros((7, 4, 6, 3), np.uint8)
    images[4, 0, 0, 0] = 77
    acquisition = Acquisition(summarize=broken, choose=unused)
    score = scorer(METHOD, acquisition, source(images), devices.mesh(1), batch=4)
    with pytest.raises(NonFiniteScores, match=r"the scores of images \[4\]"):
        score(STATE, np.array([1, 2, 3, 4, 6]), KEY)
    assert score(STATE, np.array([1, 2, 3]), KEY).shape == (3, 1, 2)
