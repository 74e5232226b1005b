"""A draw of parts from names of which some belong together."""

from collections.abc import Mapping, Sequence

from s4al_jax.types import InputError


def draw_groups(
    order: Sequence[str], related: Sequence[Sequence[str]], sizes: Mapping[str, int]
) -> dict[str, list[str]]:
    """For each part its names, sorted: as near to its size as whole groups allow.

    Args:
      order: the names that can be drawn, as chance has put them; what comes first is taken first.
      related: groups of names that stay together. One with a name that cannot be drawn is not.
      sizes: part -> how many names it should have.

    Without `related` the parts are the first names of the order, then the next ones, and so on.
    """
    there = set(order)
    group_of = {name: group for group in related for name in group}
    units, done = [], set()
    for name in order:
        if name in done:
            continue
        unit = [one for one in group_of.get(name, [name]) if one in there]
        done.update(unit)
        if len(unit) == len(group_of.get(name, [name])):
            units.append(unit)
    parts = {}
    for part, size in sizes.items():
        chosen = nearest_sum([len(unit) for unit in units], size)
        parts[part] = sorted(name for index in chosen for name in units[index])
        if size and not parts[part]:
            raise InputError(
                f"{part} cannot be drawn: of {len(order)} images with masks nearly all belong "
                "together, as frames of one video or because they look the same; name the splits "
                "by folders or lists, or set config.data.kwargs.keep_together=False"
            )
        units = [unit for index, unit in enumerate(units) if index not in set(chosen)]
    return parts


def nearest_sum(sizes: Sequence[int], wanted: int) -> list[int]:
    """Which of the sizes have a sum as near as possible to what is wanted: of the same sums the
    smaller, and of those the one with the first sizes."""
    # Bit s of reachable[i] says whether some of the first i sizes have the sum s.
    reachable = [1]
    for size in sizes:
        if reachable[-1] >> wanted & 1:
            break
        sums = reachable[-1] | reachable[-1] << size
        reachable.append(sums & ((1 << (2 * wanted + 1)) - 1))
    totals = (total for away in range(wanted + 1) for total in (wanted - away, wanted + away))
    left = next(total for total in totals if reachable[-1] >> total & 1)
    chosen = []
    for index in range(len(reachable) - 2, -1, -1):
        if not reachable[index] >> left & 1:
            chosen.append(index)
            left -= sizes[index]
    return chosen[::-1]
