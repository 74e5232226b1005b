"""Names looked up among what there is, and factories called with their own block of knobs."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from s4al_jax.types import InputError

KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
}
"""The kinds of values that knobs have, in words."""


def named(choices: Mapping[str, Any], knob: str, name: str) -> Any:
    """What a knob's value names."""
    if name not in choices:
        raise InputError(f"config.{knob} is {name!r}: one of {', '.join(choices)}")
    return choices[name]


def called(factory: Callable[..., Any], knob: str, kwargs: Mapping[str, Any], **given: Any) -> Any:
    """Call a factory with its own block of knobs; a knob that it does not have is refused."""
    known = inspect.signature(factory).parameters
    unknown = sorted(set(kwargs) - set(known))
    if unknown:
        own = ", ".join(sorted(set(known) - set(given))) or "none"
        raise InputError(f"config.{knob}.{unknown[0]}: no such knob; there are {own}")
    for name, value in kwargs.items():
        wanted = known[name].annotation
        kind = wanted if wanted in KINDS else type(known[name].default)
        check_kind(f"{knob}.{name}", value, kind)
    return factory(**given, **kwargs)


def check_kinds(given: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Refuse knobs that are missing, or of another kind than their usual value."""
    for name, value in usual.items():
        if name not in given:
            raise InputError(f"config.{name} is missing: s4al_jax/config.py lists all knobs")
        check_kind(name, given[name], type(value))


def check_kind(knob: str, value: Any, kind: type) -> None:
    """Refuse a value of another kind; a whole number is a number, a tuple is a list."""
    alike = {float: (float, int), list: (list, tuple), tuple: (list, tuple)}.get(kind, (kind,))
    if kind in KINDS and type(value) not in alike:
        raise InputError(f"config.{knob} is {value!r}: give {KINDS[kind]}")
