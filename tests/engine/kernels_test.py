"""A trace of a real program names what it ran, how often, and what took longest."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from s4al_jax.engine import kernels
from s4al_jax.engine.kernels import Kernel
from s4al_jax.types import InputError


def test_the_dearest_operation_comes_first_with_the_layer_that_it_is_of(tmp_path: Path) -> None:
    @jax.jit
    def step(x: jax.Array) -> jax.Array:
        with jax.named_scope("head"):
            wide = x @ x
        return jnp.tanh(wide[:4, :4])

    x = jnp.ones((384, 384))
    jax.block_until_ready(step(x))
    with jax.profiler.trace(str(tmp_path)):
        for _ in range(3):
            x = x.at[:4, :4].set(step(x))
        jax.block_until_ready(x)
    first, *others = (
        kernel
        for kernel in kernels.read_trace(tmp_path, step.lower(x).compile().as_text())
        if "head" in kernel.layer or "tanh" in kernel.layer
    )
    assert first.layer == "head/dot_general" and first.calls == 3
    assert others and all(0 < other.seconds < first.seconds for other in others)


def test_a_table_divides_by_the_steps_and_shares_the_whole() -> None:
    found = [Kernel("conv", "stem", 4, 0.3), Kernel("add", "", 2, 0.1)]
    assert kernels.table(found, steps=2).splitlines() == [
        " ms a step   share   calls  kernel",
        "   150.000   75.0%       4  conv  stem",
        "    50.000   25.0%       2  add",
    ]
    assert len(kernels.table(found, steps=2, count=1).splitlines()) == 2


def test_a_folder_without_a_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}: the profiler has left no trace"):
        kernels.read_trace(tmp_path)
