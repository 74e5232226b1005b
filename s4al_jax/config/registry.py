"""Names looked up in a registry, and factories called with their own block of options."""

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from s4al_jax.config.defaults import default
from s4al_jax.config.options import flat
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
    """What an option names: one of the choices, or whatever lies at "package.module:name"."""
    module, colon, attribute = name.partition(":")
    if colon:
        return _import_part(option, name, module, attribute)
    if name not in choices:
        raise InputError(f"config.{option} is {name!r}: one of {', '.join(choices)}")
    return choices[name]


def call_with_options(
    factory: Callable[..., Any],
    block: str,
    kwargs: Mapping[str, Any],
    *,
    offered: Mapping[str, Any] = MappingProxyType({}),
    **given: Any,
) -> Any:
    """Call a factory with its block of options; one that it does not have is refused.

    Args:
      factory: takes what is `given`, and its options as keyword arguments. Several options may be
        one argument, whose default is a NamedTuple of them with a default for each.
      block: the name of the block in the configuration, for messages.
      kwargs: the options that are set.
      offered: arguments that a factory gets if it has them.
      given: arguments that every factory gets.
    """
    parameters = inspect.signature(factory).parameters
    given |= {name: value for name, value in offered.items() if name in parameters}
    groups = {
        name: one.default
        for name, one in parameters.items()
        if name not in given and hasattr(one.default, "_asdict")
    }
    known = _keywords(parameters, {*given, *groups})
    for group in groups.values():
        known |= _fields(group)
    chosen = _without_leftovers(block, kwargs, known)
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        own = ", ".join(sorted(known)) or "none"
        raise InputError(f"config.{block}.{unknown[0]}: no such option; there are {own}")
    for name, value in chosen.items():
        check_type(f"{block}.{name}", value, known[name])
    for name in sorted(set(known) - set(chosen)):
        if name in parameters and parameters[name].default is inspect.Parameter.empty:
            raise InputError(f"config.{block}.{name} is missing, and has no default: set it")
    for argument, group in groups.items():
        of_group = {name: chosen.pop(name) for name in group._fields if name in chosen}
        given[argument] = group._replace(**of_group)
    return factory(**given, **chosen)


def _without_leftovers(
    block: str, kwargs: Mapping[str, Any], known: Mapping[str, type]
) -> dict[str, Any]:
    """The options without those that belong to the default part and were left as they are.

    Who names another part need not take away what the default one has.
    """
    usual = flat(default())
    return {
        name: value
        for name, value in kwargs.items()
        if name in known or usual.get(f"{block}.{name}", ...) != _as_json(value)
    }


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _import_part(option: str, name: str, module: str, attribute: str) -> Any:
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a module may raise anything
        said = " ".join(str(error).split())
        raise InputError(
            f"config.{option} is {name!r}, which cannot be imported ({type(error).__name__}: "
            f"{said}): give package.module:name, from the folder in which the command runs or an "
            "installed package"
        ) from error


def _fields(options: Any) -> dict[str, type]:
    return {name: type(value) for name, value in options._asdict().items()}


def _keywords(
    parameters: Mapping[str, inspect.Parameter], given: Collection[str]
) -> dict[str, type]:
    return {
        name: one.annotation if one.annotation in TYPE_NAMES else type(one.default)
        for name, one in parameters.items()
        if name not in given and one.kind is not inspect.Parameter.VAR_KEYWORD
    }


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
