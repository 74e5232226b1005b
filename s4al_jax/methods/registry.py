"""The learners that a configuration can name."""

from collections.abc import Callable

from s4al_jax.methods.s4al import s4al
from s4al_jax.methods.supervised import supervised
from s4al_jax.types import Method

METHODS: dict[str, Callable[..., Method]] = {"s4al": s4al, "supervised": supervised}
