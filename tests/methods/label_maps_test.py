"""Any label map there can be: whatever a step learns from, its numbers are numbers."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s4al_jax.types import UNLABELED, VOID, Batch, StepInputs
from tests.support.toy_network import CLASSES, PARTS, learner, started

HEIGHT, WIDTH = 8, 12
CODES = (*range(CLASSES), VOID, UNLABELED)


def label_map(codes: list[int], rare: list[tuple[int, int, int]], seed: int) -> np.ndarray:
    """Pixels drawn from a few codes, perhaps all of one, and single pixels of others."""
    drawn = np.random.default_rng(seed).choice(np.array(codes, np.uint8), (HEIGHT, WIDTH))
    for row, col, code in rare:
        drawn[row, col] = code
    return drawn


LABEL_MAPS = st.builds(
    label_map,
    st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True),
    st.lists(
        st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.sampled_from(CODES)),
        max_size=2,
    ),
    st.integers(0, 99),
)


def picture(kind: str, seed: int) -> np.ndarray:
    shape = (HEIGHT, WIDTH, 3)
    if kind == "noise":
        return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return np.full(shape, {"black": 0, "white": 255}[kind], np.uint8)


PICTURES = st.builds(picture, st.sampled_from(("noise", "black", "white")), st.integers(0, 9))


@st.composite
def batches(draw: Callable, size: int) -> Batch:
    images = [draw(PICTURES) for _ in range(size)]
    labels = [draw(LABEL_MAPS) for _ in range(size)]
    valid = np.array([draw(st.booleans()) for _ in range(size)])
    index = np.arange(size, dtype=np.int32)
    return Batch(*map(jnp.asarray, (np.stack(images), np.stack(labels), index, valid)))


@functools.cache
def compiled(size: int) -> tuple:
    """The state that a step starts from, and the step; `size` has its own compilation."""
    method, update = learner()
    return started(method), update


@pytest.mark.parametrize("size, cases", [(2, 700), (1, 300)])
def test_a_step_is_finite(
    size: int, cases: int, record_property: Callable[[str, object], None]
) -> None:
    state, update = compiled(size)
    counted = 0

    @settings(max_examples=cases, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        batches(size), batches(size), batches(size), st.lists(st.booleans(), min_size=4, max_size=4)
    )
    def check(labeled: Batch, unlabeled: Batch, replayed: Batch, head: list[bool]) -> None:
        nonlocal counted
        counted += 1
        groups = {"head": jnp.array(head), "tail": ~jnp.array(head)}
        streams = {"labeled": labeled, "unlabeled": unlabeled, "replay": replayed}
        inputs = StepInputs(streams, jnp.asarray(0.5, jnp.float32))
        before = state._replace(extra={**state.extra, **groups})
        after, metrics = update(before, inputs, "replay")
        metrics = {name: float(value) for name, value in metrics.items()}
        assert np.isfinite(list(metrics.values())).all(), metrics
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.student))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.teacher))
        assert min(metrics[name] for name in PARTS) >= 0.0
        assert max(metrics[name] for name in PARTS if name.startswith("eta")) <= 1.0 + 1e-6
        if not (np.asarray(labeled.label) < CLASSES).any():
            assert metrics["loss_supervised"] == 0.0
        if not np.asarray(replayed.valid).any():
            assert metrics["loss_replay"] == metrics["eta_replay"] == 0.0

    check()
    assert counted >= cases
    record_property("cases", counted)
