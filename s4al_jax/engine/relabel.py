"""Maps of the whole pool, computed between two trainings and kept on disk: stored pseudo-labels."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.lib.format import open_memmap

from s4al_jax.engine import devices
from s4al_jax.input.source import Read, Source, batches
from s4al_jax.runtime import processes
from s4al_jax.types import Array, Batch, TrainState, Tree


def store_maps(
    function: Callable[[TrainState, Batch], Mapping[str, Array]],
    state: TrainState,
    source: Source,
    mesh: Mesh,
    folder: Path,
    *,
    count: int,
    batch: int,
) -> None:
    """Run a function over the pool and keep the maps that it gives, one file for each name.

    Args:
      function: (state, batch) -> arrays `[batch, ...]` by name; pure.
      state: of the learner.
      source: of the pool.
      mesh: of devices.
      folder: gets NAME.npy, `[count, ...]`; a file is there when it is whole.
      count: images of the pool.
      batch: images at a time.
    """
    program = devices.compile_for(mesh, _maps, function, source.materialize)
    files: dict[str, np.memmap] = {}
    for indices, fetched in batches(source, np.arange(count), batch):
        maps = jax.device_get(program(state, devices.shard(fetched, mesh)))
        if not processes.is_primary():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in maps.items():
            if name not in files:
                shape = (count, *values.shape[1:])
                files[name] = open_memmap(_part(folder, name), "w+", values.dtype, shape)
            files[name][indices] = values[: len(indices)]
    for name, file in files.items():
        file.flush()
        os.replace(_part(folder, name), folder / f"{name}.npy")
    processes.broadcast_from_primary(lambda: None)


def _maps(
    function: Callable[[TrainState, Batch], Mapping[str, jax.Array]],
    materialize: Callable[[Tree], Batch],
) -> Callable[[TrainState, Tree], Mapping[str, jax.Array]]:
    return lambda state, fetched: function(state, materialize(fetched))


def read_maps(folder: Path) -> dict[str, Read]:
    """Readers of the maps in a folder, by name: index -> array."""
    return {path.stem: _reader(path) for path in sorted(folder.glob("*.npy"))}


def _reader(path: Path) -> Read:
    maps = np.load(path, mmap_mode="r", allow_pickle=False)
    return lambda index: np.asarray(maps[index])


def _part(folder: Path, name: str) -> Path:
    return folder / f"{name}.part"
