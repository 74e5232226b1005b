"""How a training state moves: the teacher's moving average, keys, fresh copies."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from s4al_jax.types import TrainState, Tree


def ema_momentum(updates: jax.Array, decay: float) -> Float[jax.Array, ""]:
    """How much of the teacher stays: 0 at the first update, then growing up to `decay`."""
    return jnp.minimum(1.0 - 1.0 / (jnp.asarray(updates, jnp.float32) + 1.0), decay)


def ema(teacher: Tree, student: Tree, momentum: Float[jax.Array, ""] | float) -> Tree:
    """`momentum` parts of the teacher and the rest of the student, leaf by leaf."""
    return optax.incremental_update(student, teacher, 1.0 - momentum)


def copy_tree(tree: Tree) -> Tree:
    """The same values in new arrays, so that either tree can be given away."""
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), tree)


def raw_key(key: jax.Array) -> jax.Array:
    """The uint32 data of a random key, typed or raw, as a state and a checkpoint hold it."""
    return jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key


def step_key(state: TrainState) -> jax.Array:
    """The typed random key of this very step: a function of the cycle's key and the step."""
    return jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step)


def between_key(state: TrainState) -> jax.Array:
    """The key of `Method.between` before the state's next step, which no step's own keys are."""
    return jax.random.fold_in(step_key(state), jnp.uint32(2**32 - 1))


def split_variables(variables: Tree) -> tuple[Tree, Tree]:
    """A network's parameters, and what else it holds by name: batch statistics, if any."""
    rest = {name: tree for name, tree in variables.items() if name != "params"}
    return variables["params"], rest


def update_teacher(
    teacher: Tree, student: Tree, momentum: Float[jax.Array, ""], *, keeps_statistics: bool
) -> Tree:
    """The teacher a little nearer to the student; its statistics too unless it keeps its own."""
    average = ema(teacher, student, momentum)
    return {**teacher, "params": average["params"]} if keeps_statistics else average
