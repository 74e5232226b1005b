"""Checkpoints: the whole training state and where in the run it belongs, kept by Orbax.

A checkpoint never holds the only copy of a label: those are in the ledger. All processes of a run
take part in saving and reading one; each array is written once. Beside each lies a manifest of
checksums (`files.checksums`); the newest one that is as its manifest says is the one that counts.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s4al_jax.files import checksums
from s4al_jax.runtime import processes
from s4al_jax.types import InputError, TrainState


class Position(NamedTuple):
    """A moment between two steps of a run."""

    cycle: int
    step: int
    """steps done in the cycle"""


class Checkpoints:
    """The last few states of a run on disk; writing one returns when it is safely there."""

    def __init__(
        self,
        folder: Path,
        *,
        keep: int,
        mesh: Mesh,
        alone: bool = False,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Of `keep` states; with `alone` only to read, by process 0 while the others wait.

        `say` hears which states are passed over because they are damaged.
        """
        options = ocp.CheckpointManagerOptions(
            max_to_keep=None if alone else keep,
            create=not alone,
            enable_async_checkpointing=False,
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                active_processes={0} if alone else None,
                barrier_sync_key_prefix="alone" if alone else None,
            ),
        )
        self.folder, self._say = folder.resolve(), say
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: remove it")
        with self._name_errors("cannot be used for checkpoints"):
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        self._everywhere = NamedSharding(mesh, PartitionSpec())
        self._found: tuple[int | None, list[int]] | None = None
        """the newest whole state's number, and those of damaged ones; None: not looked yet"""

    def save(
        self,
        number: int,
        position: Position,
        state: TrainState,
        epoch: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a state under the number of steps that the whole run has done.

        `epoch` (anything JSON can say) is what is known of the epoch that the state ends or
        interrupts. What is there already under this number is the same, and stays.
        """
        _check_finite(state, position)
        newest, damaged = self._look()
        if number == newest:
            return
        with self._name_errors("cannot write a checkpoint"):
            for old in damaged:
                self._manager.delete(old)
            self._manager.save(
                number,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state._asdict()),
                    position=ocp.args.JsonSave({**position._asdict(), "epoch": epoch}),
                ),
                force=True,
            )
            self._manager.wait_until_finished()
            processes.broadcast_from_primary(lambda: self._seal(number))
        self._found = number, []

    def position(self) -> Position | None:
        """Where the newest whole checkpoint stands; None when there is none."""
        kept = self._read("position", ocp.args.JsonRestore())
        return kept and Position(kept["cycle"], kept["step"])

    def epoch(self) -> Mapping[str, Any] | None:
        """What was saved of the epoch that the newest state ends or interrupts."""
        kept = self._read("position", ocp.args.JsonRestore())
        return kept and kept.get("epoch")

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def state(self, template: TrainState) -> TrainState:
        """The newest state; `template` has its shapes (`jax.eval_shape` of a fresh one)."""
        wanted = jax.tree.map(self._place, template._asdict())
        found = self._read("state", ocp.args.StandardRestore(wanted))
        if found is None:
            raise InputError(f"{self.folder} holds no state that is whole: restore it from a copy")
        return TrainState(**found)

    def close(self) -> None:
        """Let go of the folder."""
        self._manager.close()

    def _read(self, item: str, how: Any) -> Any:
        number, _ = self._look()
        processes.assert_equal_across_processes(
            "the newest checkpoint", number, f"all hosts have to see {self.folder} alike"
        )
        if number is None:
            return None
        try:
            return self._manager.restore(number, args=ocp.args.Composite(**{item: how}))[item]
        except (OSError, ValueError, KeyError, TypeError) as error:
            if processes.is_distributed() and str(self.folder) not in str(error):
                raise
            raise InputError(
                f"{self.folder / str(number)} cannot be read ({' '.join(str(error).split())}): "
                "move it away, and the run goes on from the one before"
            ) from error

    def _look(self) -> tuple[int | None, list[int]]:
        """Find the newest whole state, once; process 0 reads it all and tells the others."""
        if self._found is None:
            newest, damaged = processes.broadcast_from_primary(self._newest_whole)
            self._found = newest, damaged
        return self._found

    def _newest_whole(self) -> tuple[int | None, list[int]]:
        damaged: list[int] = []
        for number in sorted(self._manager.all_steps(), reverse=True):
            fault = checksums.find_damage(self.folder / str(number))
            if fault is None:
                return number, damaged
            self._say(f"the checkpoint after {number} steps is passed over: {fault}")
            damaged.append(number)
        return None, damaged

    def _seal(self, number: int) -> None:
        checksums.write_manifest(self.folder / str(number))
        checksums.remove_stale_manifests(self.folder)

    @contextlib.contextmanager
    def _name_errors(self, what: str) -> Iterator[None]:
        """Turn what the disk says into one line with the folder's name."""
        try:
            yield
        except InputError:
            raise
        except (OSError, ValueError) as error:
            # Another process that is gone is heard of in here, too.
            if not isinstance(error, OSError) and str(self.folder) not in str(error):
                raise
            said = " ".join(str(error).split())
            raise InputError(
                f"{self.folder}: {what}: {said}; make room or give write permission and start the "
                "same command again"
            ) from error

    def _place(self, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._everywhere)


def newest(folder: Path, template: TrainState, *, mesh: Mesh) -> tuple[Position, TrainState]:
    """The newest state of a run's checkpoints and where it stands; only read, by one process."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; nothing has been trained in {folder.parent} yet"
        )
    with Checkpoints(folder, keep=1, mesh=mesh, alone=True) as kept:
        position = kept.position()
        if position is None:
            raise InputError(f"{folder} holds no checkpoint: nothing has been trained long enough")
        return position, kept.state(template)


def _check_finite(state: TrainState, position: Position) -> None:
    """Refuse to keep a number that is none: whoever goes on from it is lost."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and not np.isfinite(np.asarray(leaf)).all():
            raise InputError(
                f"{jax.tree_util.keystr(path)} is not finite after step {position.step} of cycle "
                f"{position.cycle}: this state is not kept, the last checkpoint is a good one; "
                "lower config.optimizer.learning_rate in a new run"
            )
