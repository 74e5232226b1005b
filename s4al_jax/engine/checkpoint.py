"""Checkpoints: the whole training state and where in the run it belongs, kept by Orbax.

A checkpoint never holds the only copy of a label: those are in the ledger. All processes of a run
take part in saving and reading one; each array is written once.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import orbax.checkpoint as ocp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from s4al_jax.engine import hosts
from s4al_jax.types import InputError, TrainState


class Position(NamedTuple):
    """A moment between two steps of a run."""

    cycle: int
    step: int
    """steps done in the cycle"""


class Checkpoints:
    """The last few states of a run on disk; writing one returns when it is safely there."""

    def __init__(self, folder: Path, *, keep: int, mesh: Mesh, alone: bool = False) -> None:
        """Of `keep` states; with `alone` only to read, by process 0 while the others wait."""
        options = ocp.CheckpointManagerOptions(
            max_to_keep=None if alone else keep,
            create=not alone,
            enable_async_checkpointing=False,
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                active_processes={0} if alone else None,
                barrier_sync_key_prefix="alone" if alone else None,
            ),
        )
        self._folder = folder
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: remove it")
        try:
            self._manager = ocp.CheckpointManager(folder.resolve(), options=options)
        except OSError as error:
            raise InputError(f"{folder}: cannot be used for checkpoints: {error}") from error
        self._everywhere = NamedSharding(mesh, PartitionSpec())

    def save(self, number: int, position: Position, state: TrainState) -> None:
        """Keep a state under the number of steps that the whole run has done."""
        try:
            self._manager.save(
                number,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state._asdict()),
                    position=ocp.args.JsonSave(position._asdict()),
                ),
                force=True,
            )
            self._manager.wait_until_finished()
        except OSError as error:
            raise InputError(
                f"{self._folder}: cannot write a checkpoint: {error}; make room or give write "
                "permission and start the same command again"
            ) from error

    def position(self) -> Position | None:
        """Where the newest checkpoint stands; None when there is none."""
        number = self._manager.latest_step()
        hosts.agree("the newest checkpoint", number, f"all hosts have to see {self._folder} alike")
        if number is None:
            return None
        with self._named_damage(number):
            found = self._manager.restore(
                number, args=ocp.args.Composite(position=ocp.args.JsonRestore())
            )
            return Position(**found["position"])

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def state(self, template: TrainState) -> TrainState:
        """The newest state; `template` has its shapes (`jax.eval_shape` of a fresh one)."""
        wanted = jax.tree.map(self._placed, template._asdict())
        number = self._manager.latest_step()
        with self._named_damage(number):
            found = self._manager.restore(
                number, args=ocp.args.Composite(state=ocp.args.StandardRestore(wanted))
            )
            return TrainState(**found["state"])

    @contextlib.contextmanager
    def _named_damage(self, number: int | None) -> Iterator[None]:
        """Say which checkpoint it is that cannot be read; Orbax's own errors are of many kinds."""
        try:
            yield
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{self._folder / str(number)} cannot be read ({reason}): restore it from a copy, "
                "or remove it, and the run goes on from the checkpoint before"
            ) from error

    def close(self) -> None:
        """Let go of the folder."""
        self._manager.close()

    def _placed(self, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._everywhere)
