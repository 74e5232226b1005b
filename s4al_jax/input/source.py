"""How decoded images reach the device: two halves, one on each side of the transfer.

`fetch` runs on the host and gives what has to travel; `materialize` is traced inside the compiled
step and makes a `Batch` of it. Only the pair knows where the images lie, so the step is written
once for images on the device, in host memory, or on disk.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.input.prefetch import prefetch
from s4al_jax.types import VOID, Array, Batch, ImageSet, InputError

Read = Callable[[int], np.ndarray]
"""index -> an image or a map of its pixels"""

Rows = Callable[[int], np.ndarray]
"""rows of a batch -> which of them this host has to bring, in their order"""


@runtime_checkable
class Source(Protocol):
    """A split's images and what is known of them, on their way to the device."""

    def fetch(self, indices: np.ndarray, size: int) -> Any:
        """What the device needs for these images, padded to `size` rows.

        Its numpy leaves have one row per image and still have to travel (where several hosts share
        a batch, those of this host alone); its JAX arrays already are where they belong and must be
        passed on as they are, and never donated.
        """

    def materialize(self, fetched: Any) -> Batch:
        """The batch, from what `fetch` gave: a pure function for use inside a compiled step."""

    def refresh(self) -> None:
        """Read anew what is known of the images: more than before."""

    def add_maps(self, maps: Mapping[str, Read]) -> None:
        """Have `Batch.extra` hold more maps from now on, or other ones of the same name."""

    def remove_maps(self, names: Iterable[str]) -> None:
        """Have `Batch.extra` hold these no longer."""

    @property
    def prefetch(self) -> int:
        """How many batches are worth fetching before they are needed."""


def batches(source: Source, indices: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
    """All these images, `size` at a time, the last batch padded: (indices, what was fetched)."""
    parts = (indices[start : start + size] for start in range(0, len(indices), size))
    return prefetch(parts, lambda part: source.fetch(part, size), depth=source.prefetch)


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


class _HostSource:
    """What sources have in common whose batches are numpy's and travel whole."""

    def __init__(self) -> None:
        self._maps: dict[str, Read] = {}

    @staticmethod
    def materialize(fetched: Batch) -> Batch:
        """The batch as it came."""
        return fetched

    def refresh(self) -> None:
        """Labels are read anew anyway."""

    def add_maps(self, maps: Mapping[str, Read]) -> None:
        """Read these, too, for every batch."""
        self._maps.update(maps)

    def remove_maps(self, names: Iterable[str]) -> None:
        """Read these no longer."""
        for name in names:
            self._maps.pop(name, None)


class CachedSource(_HostSource):
    """Images decoded once and kept in host memory; labels read anew each time, as they grow."""

    def __init__(self, *, read_image: Read, read_label: Read, rows: Rows = all_rows) -> None:
        super().__init__()
        self._read_image, self._read_label, self._rows = read_image, read_label, rows
        self._images: dict[int, np.ndarray] = {}

    def fetch(self, indices: np.ndarray, size: int) -> Batch:
        """The numpy batch itself; rows that only pad it are `VOID` throughout."""
        index, valid = (column[self._rows(size)] for column in padded(indices, size))
        rows = index.tolist()
        images = _stacked([self._image(i) for i in rows], rows)
        shape = _label_shape(images, self._read_label, rows[0])
        labels = np.full((len(rows), *shape), VOID, np.uint8)
        for row in np.flatnonzero(valid):
            labels[row] = _label(self._read_label, rows[row], shape)
        extra = {
            name: np.stack([_map(name, read, i, labels.shape[1:]) for i in rows])
            for name, read in self._maps.items()
        }
        return Batch(images, labels, index, valid, extra)

    @property
    def prefetch(self) -> int:
        """A copy in memory takes no time."""
        return 0

    def _image(self, index: int) -> np.ndarray:
        if index not in self._images:
            self._images[index] = _image(self._read_image, index)
        return self._images[index]


class StreamedSource(_HostSource):
    """Images decoded whenever they are needed, and forgotten: memory for any number of them."""

    def __init__(
        self, *, read_image: Read, read_label: Read, prefetch: int = 4, rows: Rows = all_rows
    ) -> None:
        """`prefetch` batches are decoded by threads before they are needed."""
        super().__init__()
        self._once = {"read_image": read_image, "read_label": read_label, "rows": rows}
        self._prefetch = prefetch

    def fetch(self, indices: np.ndarray, size: int) -> Batch:
        """The numpy batch, read now."""
        once = CachedSource(**self._once)
        once.add_maps(self._maps)
        return once.fetch(indices, size)

    @property
    def prefetch(self) -> int:
        """As given."""
        return self._prefetch


class OnDevice(NamedTuple):
    """A batch before it is gathered: everything there is, and which rows of it are wanted."""

    images: Array
    labels: Array
    index: Array
    valid: Array
    extra: Mapping[str, Array]


class DeviceSource:
    """All images and label maps on the device: only indices travel.

    Labels are those of the last `refresh`, to be called whenever regions have been annotated.
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
        self._extra: dict[str, jax.Array] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what is known by now and put it on the device."""
        shape = _label_shape(self._images, self._read_label, 0)
        labels = [_label(self._read_label, i, shape) for i in range(len(self._images))]
        self._labels = self._place(np.stack(labels))

    def remove_maps(self, names: Iterable[str]) -> None:
        """Leave these out of batches; their memory is free."""
        for name in names:
            self._extra.pop(name, None)

    def add_maps(self, maps: Mapping[str, Read]) -> None:
        """Put these on the device, too."""
        count, *shape = self._labels.shape
        for name, read in maps.items():
            every = [_map(name, read, index, tuple(shape)) for index in range(count)]
            self._extra[name] = self._place(np.stack(every))

    @property
    def prefetch(self) -> int:
        """Everything is there already."""
        return 0

    def fetch(self, indices: np.ndarray, size: int) -> OnDevice:
        """The arrays that lie on the device already, and the indices into them."""
        index, valid = (column[self._rows(size)] for column in padded(indices, size))
        return OnDevice(self._images, self._labels, index, valid, dict(self._extra))

    @staticmethod
    def materialize(fetched: OnDevice) -> Batch:
        """The wanted rows; those that only pad the batch are `VOID` throughout."""
        index, valid = jnp.asarray(fetched.index), jnp.asarray(fetched.valid)
        known = fetched.labels[index]
        labels = jnp.where(valid[:, None, None], known, jnp.uint8(VOID))
        extra = {name: maps[index] for name, maps in fetched.extra.items()}
        return Batch(fetched.images[index], labels, index, valid, extra)


def open_source(
    images: ImageSet,
    read_label: Read,
    *,
    cache: str = "host",
    place: Callable[[np.ndarray], jax.Array] = jnp.asarray,
    rows: Rows = all_rows,
) -> Source:
    """A split's images on their way to the device, with what may be known of them.

    Args:
      images: the split.
      read_label: index -> what is known of its pixels.
      cache: where decoded images are kept, see `input.placement`.
      place: puts a host array on the device.
      rows: which rows of a batch this host has to bring.
    """
    count = len(images.names)
    if cache == "device" and count:
        return DeviceSource(
            read_image=images.read_image,
            read_label=read_label,
            count=count,
            place=place,
            rows=rows,
        )
    kind = CachedSource if cache == "host" and count else StreamedSource
    return kind(read_image=images.read_image, read_label=read_label, rows=rows)


def _image(read: Read, index: int) -> np.ndarray:
    image = read(index)
    if image.dtype not in (np.uint8, np.float16) or image.ndim != 3:
        raise InputError(
            f"image {index} is {image.dtype} {image.shape}: give uint8 (height, width, bands)"
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


def _label_shape(images: Array, read: Read, index: int) -> tuple[int, ...]:
    """That of the images; features of a frozen backbone are coarser, and any label map says it."""
    if images.dtype == np.float16:
        return read(index).shape
    return tuple(images.shape[1:3])


def _label(read: Read, index: int, shape: tuple[int, ...]) -> np.ndarray:
    label = read(index)
    if label.dtype != np.uint8 or label.shape != shape:
        raise InputError(
            f"the label map of image {index} is {label.dtype} {label.shape}: give uint8 {shape}, "
            "the size of its image"
        )
    return label


def _map(name: str, read: Read, index: int, shape: tuple[int, ...]) -> np.ndarray:
    values = read(index)
    if values.shape[:2] != shape:
        raise InputError(
            f"the map {name} of image {index} is {values.shape}: give {shape}, the size of its "
            "image"
        )
    return values
