"""How decoded images reach the device: two halves, one on each side of the transfer.

`fetch` runs on the host and gives what has to travel; `materialize` is traced inside the compiled
step and makes a `Batch` of it. Where the images live is a secret of the pair, so the step is
written once for images that lie on the device, in host memory, or on disk.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.input.prefetch import prefetch
from s4al_jax.types import VOID, Array, Batch, InputError

Read = Callable[[int], np.ndarray]
"""index -> an image or a label map"""

Rows = Callable[[int], np.ndarray]
"""rows of a batch -> which of them this host has to bring, in their order"""


class Footprint(NamedTuple):
    """Bytes that a source keeps for as long as it is used."""

    host: int
    device: int


@runtime_checkable
class Source(Protocol):
    """A split's images and what is known of them, on their way to the device."""

    def fetch(self, indices: np.ndarray, size: int) -> Any:
        """What the device needs for these images, padded to `size` rows.

        Its numpy leaves have one row per image and still have to travel (where several hosts share
        a batch, those of this host alone); its JAX arrays already are where they belong and must be
        passed on as they are, and never donated.
        """
        ...

    def materialize(self, fetched: Any) -> Batch:
        """The batch, from what `fetch` gave: a pure function for use inside a compiled step."""
        ...

    def nbytes(self) -> Footprint:
        """What all images together will occupy, known once one has been decoded."""
        ...

    def refresh(self) -> None:
        """Told whenever more is known of the images than before."""
        ...

    @property
    def lookahead(self) -> int:
        """How many batches are worth fetching before they are needed."""
        ...


def batches(source: Source, indices: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
    """All these images, `size` at a time, the last batch padded: (indices, what was fetched)."""
    parts = (indices[start : start + size] for start in range(0, len(indices), size))
    return prefetch(parts, lambda part: source.fetch(part, size), depth=source.lookahead)


def padded(indices: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """int32 `[size]` indices, the first repeated to fill up, and bool `[size]`: which are real."""
    count = len(indices)
    if not 1 <= count <= size:
        raise ValueError(f"{count} images do not make a batch of {size}")
    rows = np.full(size, indices[0], np.int32)
    rows[:count] = indices
    return rows, np.arange(size) < count


def all_rows(size: int) -> np.ndarray:
    """The rows of a host that is the only one."""
    return np.arange(size)


class CachedSource:
    """Images decoded once and kept in host memory; labels read anew each time, as they grow."""

    def __init__(
        self, *, read_image: Read, read_label: Read, count: int, rows: Rows = all_rows
    ) -> None:
        """`read_image` and `read_label` take an index below `count`."""
        self._read_image = read_image
        self._read_label = read_label
        self._count = count
        self._rows = rows
        self._images: dict[int, np.ndarray] = {}

    def fetch(self, indices: np.ndarray, size: int) -> Batch:
        """The numpy batch itself; rows that only pad it are `VOID` throughout."""
        index, valid = (column[self._rows(size)] for column in padded(indices, size))
        rows = index.tolist()
        images = _stacked([self.image(i) for i in rows], rows)
        labels = np.full(images.shape[:3], VOID, np.uint8)
        for row in np.flatnonzero(valid):
            labels[row] = _label(self._read_label, rows[row], labels.shape[1:])
        return Batch(images, labels, index, valid)

    def materialize(self, fetched: Batch) -> Batch:
        """The batch as it came."""
        return fetched

    def nbytes(self) -> Footprint:
        """The decoded images."""
        return Footprint(host=self._count * self.image(0).nbytes, device=0)

    def refresh(self) -> None:
        """Labels are read anew anyway."""

    @property
    def lookahead(self) -> int:
        """A copy in memory takes no time."""
        return 0

    def image(self, index: int) -> np.ndarray:
        """One decoded image, from memory if it was asked for before."""
        if index not in self._images:
            self._images[index] = _image(self._read_image, index)
        return self._images[index]


class StreamedSource:
    """Images decoded whenever they are needed, and forgotten: memory for any number of them."""

    def __init__(
        self, *, read_image: Read, read_label: Read, lookahead: int = 4, rows: Rows = all_rows
    ) -> None:
        """`lookahead` batches are decoded by threads before they are needed."""
        self._read_image, self._read_label = read_image, read_label
        self._lookahead, self._rows = lookahead, rows
        self._bytes = 0

    def fetch(self, indices: np.ndarray, size: int) -> Batch:
        """The numpy batch, read now."""
        once = CachedSource(
            read_image=self._read_image,
            read_label=self._read_label,
            count=len(indices),
            rows=self._rows,
        )
        fetched = once.fetch(indices, size)
        self._bytes = max(self._bytes, fetched.image.nbytes)
        return fetched

    def materialize(self, fetched: Batch) -> Batch:
        """The batch as it came."""
        return fetched

    def nbytes(self) -> Footprint:
        """The batches that wait, of the largest size so far."""
        return Footprint(host=(self._lookahead + 1) * self._bytes, device=0)

    def refresh(self) -> None:
        """Labels are read anew anyway."""

    @property
    def lookahead(self) -> int:
        """As given."""
        return self._lookahead


class Resident(NamedTuple):
    """A batch before it is gathered: everything there is, and which rows of it are wanted."""

    images: Array
    labels: Array
    index: Array
    valid: Array


class ResidentSource:
    """All images and label maps on the device: only indices travel.

    Labels are those of the last `refresh`, to be called whenever regions have been bought.
    """

    def __init__(
        self,
        *,
        read_image: Read,
        read_label: Read,
        count: int,
        place: Callable[[np.ndarray], jax.Array] = jnp.asarray,
        rows: Rows = all_rows,
    ) -> None:
        """`place` puts a host array on the device, or a copy of it on each of several."""
        self._place, self._rows = place, rows
        self._read_label = read_label
        everyone = range(count)
        self._images = place(_stacked([_image(read_image, i) for i in everyone], everyone))
        self.refresh()

    def refresh(self) -> None:
        """Read what is known by now and put it on the device."""
        count, *shape, _ = self._images.shape
        labels = [_label(self._read_label, i, tuple(shape)) for i in range(count)]
        self._labels = self._place(np.stack(labels))

    @property
    def lookahead(self) -> int:
        """Everything is there already."""
        return 0

    def fetch(self, indices: np.ndarray, size: int) -> Resident:
        """The arrays that lie on the device already, and the indices into them."""
        index, valid = (column[self._rows(size)] for column in padded(indices, size))
        return Resident(self._images, self._labels, index, valid)

    def materialize(self, fetched: Resident) -> Batch:
        """The wanted rows; those that only pad the batch are `VOID` throughout."""
        index, valid = jnp.asarray(fetched.index), jnp.asarray(fetched.valid)
        known = fetched.labels[index]
        labels = jnp.where(valid[:, None, None], known, jnp.uint8(VOID))
        return Batch(fetched.images[index], labels, index, valid)

    def nbytes(self) -> Footprint:
        """The images and label maps, on each device that holds them."""
        return Footprint(host=0, device=self._images.nbytes + self._labels.nbytes)


def _image(read: Read, index: int) -> np.ndarray:
    image = read(index)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        raise InputError(
            f"image {index} is {image.dtype} {image.shape}: give uint8 (height, width, 3), RGB"
        )
    return image


def _stacked(images: list[np.ndarray], indices: Sequence[int]) -> np.ndarray:
    for image, index in zip(images, indices, strict=True):
        if image.shape != images[0].shape:
            raise InputError(
                f"image {index} is {image.shape}, image {indices[0]} is {images[0].shape}: "
                "bring all to one size"
            )
    return np.stack(images)


def _label(read: Read, index: int, shape: tuple[int, ...]) -> np.ndarray:
    label = read(index)
    if label.dtype != np.uint8 or label.shape != shape:
        raise InputError(
            f"the label map of image {index} is {label.dtype} {label.shape}: give uint8 {shape}, "
            "the size of its image"
        )
    return label
