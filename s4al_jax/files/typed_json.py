"""Whether what was read from a JSON file has the shape that a `TypedDict` says."""

import types
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict


def mismatch(value: Any, kind: Any, where: str = "") -> str:
    """What does not fit first, for a message: "schedule.epochs is 3"; empty where all fits.

    Args:
      value: as `json.loads` gives it; entries that the type does not name are left alone.
      kind: a `TypedDict`, `list`, `dict`, a union, `Any`, or a type of JSON's values.
      where: the dotted name of the value.
    """
    if kind is Any:
        return ""
    if get_origin(kind) in (Union, types.UnionType):
        found = [mismatch(value, one, where) for one in get_args(kind)]
        return "" if "" in found else found[0]
    if is_typeddict(kind):
        return _entries_mismatch(value, kind, where)
    container = get_origin(kind) or kind
    if not _is(value, container):
        return f"{where or 'it'} is {_short(value)}"
    if container is list and get_args(kind):
        parts = [(f"{where}[{i}]", one) for i, one in enumerate(value)]
        return _first(parts, get_args(kind)[0])
    if container is dict and get_args(kind):
        return _first([(f"{where}.{name}", one) for name, one in value.items()], get_args(kind)[1])
    return ""


def _entries_mismatch(value: Any, kind: Any, where: str) -> str:
    if not isinstance(value, dict):
        return f"{where or 'it'} is {_short(value)}"
    for name, of_entry in get_type_hints(kind).items():
        inside = f"{where}.{name}".removeprefix(".")
        if name not in value:
            if name in kind.__required_keys__:
                return f"{inside} is missing"
        elif wrong := mismatch(value[name], of_entry, inside):
            return wrong
    return ""


def _first(parts: list[tuple[str, Any]], kind: Any) -> str:
    return next((wrong for where, one in parts if (wrong := mismatch(one, kind, where))), "")


def _is(value: Any, kind: Any) -> bool:
    # JSON's true is no number, and 1 may stand for 1.0.
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
