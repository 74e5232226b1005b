"""Evaluation: one confusion matrix over a whole split, and the measures that come from it."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Bool, Float, Int32, UInt8

from s4al_jax.engine import devices
from s4al_jax.input.source import Source, batches
from s4al_jax.types import Batch, Method, Prediction, Tree


def confusion(
    labels: UInt8[jax.Array, "b h w"],
    logits: Float[jax.Array, "b h w k"],
    valid: Bool[jax.Array, " b"],
) -> Int32[jax.Array, "k k"]:
    """Pixels of a batch by true class (row) and predicted class (column); void is left out."""
    classes = logits.shape[-1]
    counted = valid[:, None, None] & (labels < classes)
    cells = labels.astype(jnp.int32) * classes + jnp.argmax(logits, axis=-1).astype(jnp.int32)
    cells = jnp.where(counted, cells, classes * classes)
    counts = jnp.bincount(cells.ravel(), length=classes * classes + 1)[:-1]
    return counts.reshape(classes, classes).astype(jnp.int32)


def evaluator(
    method: Method, source: Source, mesh: Mesh, *, count: int, batch: int
) -> Callable[[Tree], np.ndarray]:
    """Evaluation on a split.

    Args:
      method: predicts.
      source: of the split's images and true labels.
      mesh: of devices.
      count: images of the split.
      batch: images at a time.

    Returns:
      A function from a network's variables to the int64 confusion matrix `[classes, classes]`.
    """
    program = counter(method, source, mesh)

    def evaluate(variables: Tree) -> np.ndarray:
        total = np.zeros((), np.int64)
        for _, fetched in batches(source, np.arange(count), batch):
            counts = program(variables, devices.shard(fetched, mesh))
            # int32 holds one batch; a split can have more pixels than that.
            total = total + np.asarray(counts).astype(np.int64)
        return total

    return evaluate


def counter(
    method: Method, source: Source, mesh: Mesh
) -> Callable[[Tree, Tree], Int32[jax.Array, "k k"]]:
    """The program of a batch: (a network's variables, what was fetched) -> confusion matrix."""
    return devices.compile_for(mesh, _counts, method.predict, source.materialize)


def _counts(
    predict: Callable[..., Prediction], materialize: Callable[[Tree], Batch]
) -> Callable[[Tree, Tree], jax.Array]:
    def count(variables: Tree, fetched: Tree) -> jax.Array:
        images = materialize(fetched)
        return confusion(images.label, predict(variables, images.image).logits, images.valid)

    return count


def intersection_over_union(confusion: np.ndarray) -> np.ndarray:
    """IoU of each class; nan where a class is neither there nor predicted."""
    hits = np.diag(confusion).astype(np.float64)
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    return np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)


def measures(confusion: np.ndarray, classes: Sequence[str]) -> dict[str, float | None]:
    """mIoU, pixel accuracy, mean class accuracy and each class's IoU; None where undefined."""
    hits, truth = np.diag(confusion).astype(np.float64), confusion.sum(1)
    accuracy = np.divide(hits, truth, out=np.full(len(hits), np.nan), where=truth > 0)
    ious = intersection_over_union(confusion)
    values: dict[str, float] = {
        "miou": _mean(ious),
        "pixel_accuracy": float(hits.sum() / max(confusion.sum(), 1)),
        "class_accuracy": _mean(accuracy),
    }
    values |= {f"iou/{name}": float(iou) for name, iou in zip(classes, ious, strict=True)}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
