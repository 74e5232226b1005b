"""Names looked up among what there is, and factories called with their own block of options."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from s4al_jax.types import InputError

TYPE_NAMES = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
}
"""The kinds of values that options have, in words."""


def lookup(choices: Mapping[str, Any], option: str, name: str) -> Any:
    """What a option's value names."""
    if name not in choices:
        raise InputError(f"config.{option} is {name!r}: one of {', '.join(choices)}")
    return choices[name]


def call_with_options(
    factory: Callable[..., Any], option: str, kwargs: Mapping[str, Any], **given: Any
) -> Any:
    """Call a factory with its own block of options; a option that it does not have is refused."""
    known = inspect.signature(factory).parameters
    unknown = sorted(set(kwargs) - set(known))
    if unknown:
        own = ", ".join(sorted(set(known) - set(given))) or "none"
        raise InputError(f"config.{option}.{unknown[0]}: no such option; there are {own}")
    for name, value in kwargs.items():
        wanted = known[name].annotation
        kind = wanted if wanted in TYPE_NAMES else type(known[name].default)
        check_type(f"{option}.{name}", value, kind)
    return factory(**given, **kwargs)


def check_types(given: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Refuse options that are missing, or of another kind than their usual value."""
    for name, value in usual.items():
        if name not in given:
            raise InputError(
                f"config.{name} is missing: s4al_jax/config/defaults.py lists all options"
            )
        check_type(name, given[name], type(value))


def check_type(option: str, value: Any, kind: type) -> None:
    """Refuse a value of another kind; a whole number is a number, a tuple is a list."""
    alike = {float: (float, int), list: (list, tuple), tuple: (list, tuple)}.get(kind, (kind,))
    if kind in TYPE_NAMES and type(value) not in alike:
        raise InputError(f"config.{option} is {value!r}: give {TYPE_NAMES[kind]}")
