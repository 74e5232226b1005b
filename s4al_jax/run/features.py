"""The first pass of a run with a frozen backbone: features of every image, kept beside the run.

features/pool.rows, .index          of the pool and of its mirrored images
features/measured.rows, .index      of the images that are measured on

A row is named by what the backbone and the pixels are, and has a checksum: a pass that was stopped
goes on where it stopped, and what is damaged or was only begun is computed anew.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from s4al_jax.console.terminal import Terminal
from s4al_jax.engine import devices
from s4al_jax.files.row_store import RowStore
from s4al_jax.input.source import padded
from s4al_jax.models.frozen import FrozenBackbone
from s4al_jax.types import DatasetSpec, ImageSet, InputError, Tree

FOLDER = "features"

Read = Callable[[int], np.ndarray]


def keep_features(
    spec: DatasetSpec,
    frozen: FrozenBackbone,
    workdir: Path,
    mesh: Mesh,
    *,
    batch: int,
    terminal: Terminal,
) -> DatasetSpec:
    """The dataset with features in the place of pixels; those that are not kept yet are computed.

    Args:
      spec: the dataset.
      frozen: the backbone.
      workdir: of the run.
      mesh: of devices.
      batch: images at a time.
      terminal: is told how far the pass is.
    """
    folder = workdir / FOLDER
    variables = devices.replicate(frozen.variables, mesh)
    rows, cols, both = frozen.row_shape
    # A store holds bytes: two of them are a number.
    pool = RowStore(folder / "pool", (rows, cols, 2 * both))
    measured = RowStore(folder / "measured", (rows, cols, both))
    kept: dict[str, ImageSet] = {}
    for split, store in (("train", pool), ("val", measured), ("test", measured)):
        images: ImageSet = getattr(spec, split)
        which = "both" if store is pool else "straight"
        program = devices.compile_for(mesh, _features, frozen.features, which)
        keys = [_key(frozen, images.read_image(index)) for index in range(len(images.names))]
        missing = _missing(store, keys)
        if missing:
            terminal.print_line(f"computing the features of {len(missing)} images ({split})")
        computed = _compute(program, variables, images, missing, mesh, batch)
        for index, features in zip(missing, computed, strict=True):
            _check_finite(features, images.names[index])
            store.add(keys[index], features.view(np.uint8), replace=True)
            _check_kept(store, folder)
        kept[split] = images._replace(read_image=_reader(store, keys, folder))
    return spec._replace(train=kept["train"], val=kept["val"], test=kept["test"])


def stand_in(spec: DatasetSpec, frozen: FrozenBackbone) -> DatasetSpec:
    """The dataset with zeros of the features' shape, where nothing is to be computed."""
    zeros = np.zeros(frozen.row_shape, np.float16)

    def blank(images: ImageSet, channels: int) -> ImageSet:
        return images._replace(read_image=lambda index: zeros[..., :channels])

    both = frozen.row_shape[-1]
    val, test = blank(spec.val, both // 2), blank(spec.test, both // 2)
    return spec._replace(train=blank(spec.train, both), val=val, test=test)


def _check_finite(features: np.ndarray, name: str) -> None:
    if not np.isfinite(features).all():
        raise InputError(
            f"{name}: its features are too large for 16 bits: choose another "
            "config.model.pretrained, or set --config.model.frozen="
        )


def _check_kept(store: RowStore, folder: Path) -> None:
    if store.failure is not None:
        raise InputError(
            f"{folder}: cannot keep features ({store.failure}): make room or give write "
            "permission and start the same command again"
        )


def _key(frozen: FrozenBackbone, image: np.ndarray) -> bytes:
    digest = hashlib.sha256(frozen.fingerprint.encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.digest()[:16]


def _missing(store: RowStore, keys: list[bytes]) -> list[int]:
    """The images of which there is no whole row; of several that are alike, the first."""
    first = {key: index for index, key in reversed(list(enumerate(keys)))}
    return sorted(index for key, index in first.items() if store.find(key) is None)


def _compute(
    program: Callable[[Tree, jax.Array], jax.Array],
    variables: Tree,
    images: ImageSet,
    wanted: list[int],
    mesh: Mesh,
    batch: int,
) -> Iterator[np.ndarray]:
    """The features of each wanted image; every batch has the same size, so the bits are its own."""
    for start in range(0, len(wanted), batch):
        part = np.array(wanted[start : start + batch])
        rows, valid = padded(part, batch)
        pixels = np.stack([images.read_image(int(row)) for row in rows])
        yield from np.asarray(program(variables, devices.shard(pixels, mesh)))[valid]


def _features(
    features: Callable[[Tree, jax.Array], jax.Array], which: str
) -> Callable[[Tree, jax.Array], jax.Array]:
    def compute(variables: Tree, images: jax.Array) -> jax.Array:
        straight = features(variables, images)
        if which != "both":
            return straight
        return jnp.concatenate([straight, features(variables, images[:, :, ::-1])], axis=-1)

    return compute


def _reader(store: RowStore, keys: list[bytes], folder: Path) -> Read:
    def read(index: int) -> np.ndarray:
        row = store.find(keys[index])
        if row is None:
            raise InputError(
                f"{folder}: the features of image {index} are damaged: start the same command "
                "again, which computes them anew"
            )
        return row.array.view(np.float16)

    return read
