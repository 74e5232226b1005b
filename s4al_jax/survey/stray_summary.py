"""One line for all masks with numbers or colors that mean nothing."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from s4al_jax.data.nearest_colors import are_between
from s4al_jax.files.stray_values import StrayValues, UnlistedValues, Value
from s4al_jax.types import VOID

MOST = 8
"""Values that are named; of the others it is said how many there are."""
FEWEST_BLENDS = 3
"""With fewer colors between those of classes, one may well be a class that was forgotten."""
MOST_LEVELS = 8
"""How far a color may lie from a class's to be meant as that one, in any channel."""


def stray_summaries(
    strays: Sequence[StrayValues], masks: int, classes: Sequence[str]
) -> Iterator[str]:
    """A line each for numbers and for colors: which, how often, in how many of the masks, and what
    makes them void."""
    for is_color in (False, True):
        of_kind = [one for one in strays if isinstance(next(iter(one.found)), tuple) == is_color]
        if of_kind:
            yield _summary(of_kind, masks, classes, is_color=is_color)


def stray_counts(strays: Sequence[StrayValues]) -> list[tuple[Value, int, float]]:
    """Each value, in how many masks it is, and in which part of their pixels; first what has the
    most pixels."""
    pixels: Counter[Value] = Counter()
    files: Counter[Value] = Counter()
    sizes: Counter[Value] = Counter()
    for one in strays:
        pixels.update(one.found)
        files.update(one.found.keys())
        sizes.update(dict.fromkeys(one.found, one.pixels))
    return [(value, files[value], count / sizes[value]) for value, count in pixels.most_common()]


def near_class(color: Value, known: Mapping[Any, int]) -> tuple[int, int] | None:
    """The class whose color is only a few levels from this one, and how many; None: no class's."""
    if not isinstance(color, tuple):
        return None
    levels = {
        other: max(abs(a - b) for a, b in zip(color, other, strict=True))
        for other, code in known.items()
        if isinstance(other, tuple) and code != VOID
    }
    best = min(levels, key=levels.__getitem__, default=None)
    if best is None or not 0 < levels[best] <= MOST_LEVELS:
        return None
    return known[best], levels[best]


def _summary(
    strays: Sequence[StrayValues], masks: int, classes: Sequence[str], *, is_color: bool
) -> str:
    first, counts = strays[0], stray_counts(strays)
    named = "; ".join(
        f"{value} in {files} ({100 * part:.2g} % of the pixels)"
        + _hint(near_class(value, first.known), classes)
        for value, files, part in counts[:MOST]
    )
    more = f" and {len(counts) - MOST} more" if len(counts) > MOST else ""
    value, kind = next(iter(first.found)), "color" if is_color else "id"
    line = (
        f"{first.file} holds the {kind} {value}, which no class has; {len(strays)} of "
        f"{masks} masks {'hold' if len(strays) > 1 else 'holds'} such: {named}{more}; correct them"
    )
    if not isinstance(first, UnlistedValues):
        return f"{line} ({str(first).partition(': ')[2]})"
    if soft := _soft_edges(strays):
        return f"{line}, or {soft}"
    return f"{line}, or make them void with this line of classes.json: {_line(strays, classes)}"


def _soft_edges(strays: Sequence[StrayValues]) -> str:
    """What the option `nearest_color` would do, where there is one and colors are blends of others;
    empty: it would not help."""
    first = strays[0]
    if not (isinstance(first, UnlistedValues) and first.offers_nearest):
        return ""
    counts: Counter[Any] = Counter()
    for one in strays:
        counts.update(one.found)
    values = list(counts)
    between = are_between(values, first.known)
    blends = {value for value, is_one in zip(values, between, strict=True) if is_one}
    if len(blends) < FEWEST_BLENDS:
        return ""
    files = [one for one in strays if blends & one.found.keys()]
    whole = sum(one.pixels for one in files)
    soft = sum(one.found[value] for one in files for value in blends & one.found.keys())
    changed = sum(sum(one.found.values()) for one in files)
    return (
        f"set config.data.kwargs.nearest_color=True: {soft} pixels in {len(files)} of them "
        f"({100 * soft / whole:.2g} % of theirs) lie between colors of classes, as soft edges do; "
        f"it would change {100 * changed / whole:.2g} % of the pixels"
    )


def _hint(near: tuple[int, int] | None, classes: Sequence[str]) -> str:
    return f", {near[1]} levels from {classes[near[0]]!r}" if near else ""


def _line(strays: Sequence[StrayValues], classes: Sequence[str]) -> str:
    """The entry `ids` or `void_colors` that makes void of what is in the masks and no class's."""
    wanted = sorted({value for one in strays for value in one.found}, key=_order)
    known = strays[0].known
    if isinstance(wanted[0], tuple):
        void = [value for value, code in known.items() if code == VOID]
        return f'"void_colors": {json.dumps([*void, *wanted])}'
    names = {**dict(enumerate(classes)), VOID: "void"}
    ids = {value: names[code] for value, code in known.items() if value != VOID or code != VOID}
    ids.update(dict.fromkeys(wanted, "void"))
    return f'"ids": {json.dumps({str(v): ids[v] for v in sorted(ids, key=_order)})}'


def _order(value: Value) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
