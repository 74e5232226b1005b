"""Where programs run: a mesh of one or more devices, and the one place that compiles for it.

Every program sees global arrays: batches are split over the mesh's `data` axis, all else is
copied to each device, so the numbers do not depend on how many devices there are, nor on how many
hosts they belong to. A host holds only those rows of a batch that lie on devices of its own.
"""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from s4al_jax.files.paths import user_cache
from s4al_jax.input.placement import Memory
from s4al_jax.runtime import processes
from s4al_jax.types import InputError, Tree


def enable_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, unless JAX was told another place."""
    if not getattr(jax.config, "jax_compilation_cache_dir", None):
        jax.config.update("jax_compilation_cache_dir", str(user_cache() / "xla"))


def memory(mesh: Mesh) -> Memory:
    """The memory of one of the devices, where it tells, and of this host."""
    statistics = mesh.local_devices[0].memory_stats() or {}
    try:
        host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        host = None
    return Memory(device=statistics.get("bytes_limit"), host=host)


def mesh(count: int = 0) -> Mesh:
    """The first `count` devices of this host; 0 takes all there are, of all hosts together."""
    available = jax.devices()
    if jax.process_count() > 1:
        _check_hosts(count, len(available))
    if count > len(available):
        raise InputError(
            f"config.devices is {count}, but this host has {len(available)} "
            f"{available[0].platform} devices: choose up to {len(available)}, or 0 for all"
        )
    chosen = available[: count or len(available)]
    # Auto, because with the default (Explicit) axes bincount, gather and top_k do not work.
    return jax.make_mesh((len(chosen),), ("data",), axis_types=(AxisType.Auto,), devices=chosen)


def _check_hosts(count: int, available: int) -> None:
    if not processes.is_distributed():
        raise InputError(
            f"this is one of {jax.process_count()} hosts that share {available} devices: give "
            "--distributed, and the same command to all of them"
        )
    if count not in (0, available):
        raise InputError(
            f"config.devices is {count}, but several hosts share a batch over all of their "
            f"{available} devices: leave it 0"
        )


def check_divisible(mesh: Mesh, batches: Mapping[str, int]) -> None:
    """Refuse batches, by the name of their option, that the mesh's devices cannot share evenly."""
    for name, size in batches.items():
        if size % mesh.size:
            raise InputError(
                f"config.{name} {size} is not divisible by {mesh.size} devices: choose a multiple, "
                "or fewer config.devices"
            )


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """The tree's arrays, whole on every device; every host gives the same."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda array: _place(array, everywhere, np.shape(array)), tree)


def shard(tree: Tree, mesh: Mesh) -> Tree:
    """Host arrays, each split over the devices by its first axis; scalars are copied.

    A host gives its `own_rows`. Arrays that lie on a device already are where they belong and are
    passed on.
    """

    def place_one(array: np.ndarray | jax.Array) -> jax.Array:
        if isinstance(array, jax.Array):
            return array
        axes = PartitionSpec("data") if np.ndim(array) else PartitionSpec()
        return _place(array, NamedSharding(mesh, axes))

    return jax.tree.map(place_one, tree)


def _place(
    array: np.ndarray | jax.Array, place: NamedSharding, shape: tuple[int, ...] | None = None
) -> jax.Array:
    """An array on the devices of `place`, of this shape in all (None: as its parts make it)."""
    if place.is_fully_addressable:
        return jax.device_put(array, place)
    return jax.make_array_from_process_local_data(place, np.asarray(array), shape)


def local_rows(size: int, mesh: Mesh) -> np.ndarray:
    """Which rows of a batch of `size` lie on devices of this host, in their order."""
    places = NamedSharding(mesh, PartitionSpec("data")).addressable_devices_indices_map((size,))
    return np.sort(np.concatenate([np.arange(size)[place] for place in places.values()]))


def local_mesh(mesh: Mesh) -> Mesh:
    """The part of a mesh that this host can use without the others."""
    return mesh.local_mesh


def compile_for(
    mesh: Mesh, make: Callable[..., Callable[..., Any]], *parts: Any, donate: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """The function `make(*parts)`, compiled for the mesh; what it returns is whole on every device.

    The very same parts give the same program: within a process, an experiment that goes on, or is
    run again, is not traced and compiled again. `make` looks at nothing but its arguments.
    """
    return _program(mesh, make, tuple(_Same(part) for part in parts), donate)


class _Same:
    """Something that equals nothing but itself; strings equal those of the same letters."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same):
            return NotImplemented
        if isinstance(self.value, str):
            return bool(self.value == other.value)
        return self.value is other.value

    def __hash__(self) -> int:
        return hash(self.value) if isinstance(self.value, str) else id(self.value)


# More than the programs of two runs; what is compiled takes memory as long as it is here.
@lru_cache(maxsize=24)
def _program(
    mesh: Mesh,
    make: Callable[..., Callable[..., Any]],
    parts: tuple[_Same, ...],
    donate: tuple[int, ...],
) -> Callable[..., Any]:
    everywhere = NamedSharding(mesh, PartitionSpec())
    function = make(*(part.value for part in parts))
    return jax.jit(function, donate_argnums=donate, out_shardings=everywhere)


def lower_and_compile(program: Callable[..., Any], *arguments: Tree) -> Any:
    """A program as it is compiled for such arguments, without running it."""
    return program.lower(*arguments).compile()  # type: ignore[attr-defined]


def program_memory(prepared: Any) -> int:
    """Bytes that one call of a `prepared` program needs on a device, as the compiler says."""
    return prepared.memory_analysis().argument_size_in_bytes + program_working_memory(prepared)


def program_working_memory(prepared: Any) -> int:
    """As `memory`, without what goes in."""
    analysis = prepared.memory_analysis()
    # What goes in and is used up makes room for what comes out.
    out = analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    return analysis.temp_size_in_bytes + out
