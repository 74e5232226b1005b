"""The acquisition functions that a configuration can name."""

from collections.abc import Callable

from s4al_jax.acquisition.functions import entropy, least_confidence, margin, random
from s4al_jax.types import Acquisition

ACQUISITIONS: dict[str, Callable[..., Acquisition]] = {
    "entropy": entropy,
    "least_confidence": least_confidence,
    "margin": margin,
    "random": random,
}
"""name -> (regions, options of its own by name) -> acquisition"""
