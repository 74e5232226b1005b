"""Names looked up among what there is, and factories called with their own block of knobs."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from s4al_jax.types import InputError


def named(choices: Mapping[str, Any], knob: str, name: str) -> Any:
    """What a knob's value names."""
    if name not in choices:
        raise InputError(f"config.{knob} is {name!r}: one of {', '.join(choices)}")
    return choices[name]


def called(factory: Callable[..., Any], knob: str, kwargs: Mapping[str, Any], **given: Any) -> Any:
    """Call a factory with its own block of knobs; a knob that it does not have is refused."""
    known: Sequence[str] = list(inspect.signature(factory).parameters)
    unknown = sorted(set(kwargs) - set(known))
    if unknown:
        own = ", ".join(sorted(set(known) - set(given))) or "none"
        raise InputError(f"config.{knob}.{unknown[0]}: no such knob; there are {own}")
    return factory(**given, **kwargs)
