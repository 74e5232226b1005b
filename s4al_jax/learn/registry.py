"""The optimizers that a configuration can name."""

from collections.abc import Callable

from s4al_jax.learn.optimizer import Rule, adam, adamw, sgd

OPTIMIZERS: dict[str, Callable[..., Rule]] = {"sgd": sgd, "adam": adam, "adamw": adamw}
