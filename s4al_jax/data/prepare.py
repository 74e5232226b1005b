"""Writes a data set once, at its working size, as ArrayRecord files of TensorFlow Datasets.

A split is cut into shards of a fixed number of images, each written by one process and renamed
when it is whole. So a preparation that was killed goes on with the shards that are missing, and
what comes out depends neither on that nor on the number of processes.
"""

import contextlib
import fcntl
import io
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from s4al_jax.data.tfds import BEGUN, INFO, check_installed
from s4al_jax.files.atomic import read_json
from s4al_jax.files.jsonl import name_errors
from s4al_jax.types import DatasetSpec, ImageSet, InputError

VERSION = "1.0.0"
"""Of the layout of a record: its features and what they mean."""

SCRATCH = ".unfinished-"
"""How the folders of files begin that are being written; a killed preparation leaves them."""

Factory = Callable[..., DatasetSpec]
Progress = Callable[[int, int, int], None]
"""(images done, images in all, images that an earlier start had done)"""


class Shard(NamedTuple):
    """A part of a split: the images from `start` up to `stop`, in a file of their own."""

    split: str
    number: int
    of: int
    start: int
    stop: int

    def file_name(self, dataset: str) -> str:
        """What TFDS calls the file."""
        return f"{dataset}-{self.split}.array_record-{self.number:05d}-of-{self.of:05d}"


def shards(counts: Mapping[str, int], images_per_shard: int) -> list[Shard]:
    """How splits of so many images are cut."""
    return [
        Shard(
            split, number, -(-count // images_per_shard), start, start + images_per_shard
        )._replace(stop=min(start + images_per_shard, count))
        for split, count in counts.items()
        for number, start in enumerate(range(0, count, images_per_shard))
    ]


def prepare(
    factory: Factory,
    source: str,
    target: str,
    settings: Mapping[str, int],
    *,
    processes: int = 1,
    images_per_shard: int = 16,
    progress: Progress = lambda done, total, before: None,
) -> Path:
    """Write `factory(source, **settings)` into the folder `target`, or what is missing of it."""
    check_installed()
    if processes < 1:
        raise InputError(f"{processes} processes do nothing: give 1 or more")
    folder = Path(target).expanduser()
    if not source or Path(source).expanduser().resolve() == folder.resolve():
        raise InputError(f"{target} cannot be made of {source!r}: name the folder of the raw files")
    spec = factory(source, **settings)
    with name_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _write_missing(
                spec, folder, (factory, source, settings), processes, images_per_shard, progress
            )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep every other preparation out of a folder; a process that dies lets go of it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InputError(
            f"{folder} is being prepared by another process: wait for it, or choose another folder"
        ) from error
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(handle)


def _write_missing(
    spec: DatasetSpec,
    folder: Path,
    made_of: tuple[Factory, str, Mapping[str, int]],
    processes: int,
    images_per_shard: int,
    progress: Progress,
) -> Path:
    """Write what is missing of a data set into a folder that nobody else writes into."""
    settings = made_of[2]
    _begin(folder, spec, settings, images_per_shard)
    plan = shards({split: len(part.names) for split, part in _splits(spec)}, images_per_shard)
    missing = [shard for shard in plan if not (folder / shard.file_name(spec.name)).is_file()]
    total, before = (sum(shard.stop - shard.start for shard in some) for some in (plan, missing))
    before = done = total - before
    progress(done, total, before)
    for shard in _write_shards(missing, folder, made_of, processes):
        done += shard.stop - shard.start
        progress(done, total, before)
    _finish(folder, spec, settings, plan)
    return folder


def pace(done: int, total: int, before: int, seconds: float) -> str:
    """`120/701 images, 24.0 images/s, 24 s left`, `seconds` after a start at `before` images."""
    rate = (done - before) / max(seconds, 1e-9)
    if done == before:
        return f"{done}/{total} images"
    return f"{done}/{total} images, {rate:.1f} images/s, {(total - done) / rate:.0f} s left"


def bar() -> Progress:
    """Keeps one line of the terminal up to date: how far, how fast, how long still."""
    start = time.monotonic()

    def show(done: int, total: int, before: int) -> None:
        filled = 30 * done // max(total, 1)
        line = f"[{'#' * filled:<30}] {pace(done, total, before, time.monotonic() - start)}"
        print(f"\r\033[K{line}", end="\n" if done == total else "", flush=True)

    return show


def _splits(spec: DatasetSpec) -> tuple[tuple[str, ImageSet], ...]:
    return ("train", spec.train), ("val", spec.val), ("test", spec.test)


def _begin(
    folder: Path, spec: DatasetSpec, settings: Mapping[str, int], images_per_shard: int
) -> None:
    """Note what is being written, or refuse to go on with something else."""
    plan = {
        "version": VERSION,
        "settings": {"dataset": spec.name, **settings},
        "images_per_shard": images_per_shard,
        "names": {split: list(part.names) for split, part in _splits(spec)},
    }
    begun = folder / BEGUN
    for left in folder.glob(f"{SCRATCH}*"):
        shutil.rmtree(left)
    if not begun.is_file():
        if any(folder.iterdir()):
            raise InputError(f"{folder} holds other things: choose an empty or a new folder")
        _write_whole(begun, lambda path: path.write_text(json.dumps(plan)))
    there = read_json(begun)
    if not isinstance(there, dict):
        raise InputError(f"{begun} is not as it was written: choose another folder")
    for what, wanted in plan.items():
        if there.get(what) != wanted:
            was, now = (
                (there.get(what), wanted) if what != "names" else ("other images", "these images")
            )
            raise InputError(f"{folder} was begun with {what} {was}, not {now}: choose another")


_SPEC: DatasetSpec
"""The data set, in each of the processes that write it."""


def _start_writer(factory: Factory, source: str, settings: Mapping[str, int]) -> None:
    global _SPEC
    _SPEC = factory(source, **settings)
    # Ctrl-C is for the process that waits: a shard that is being written is finished first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    # A process pool does not notice when the one that feeds it is killed.
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _write_shards(
    missing: list[Shard], folder: Path, made_of: tuple[Any, ...], processes: int
) -> Iterator[Shard]:
    """Writes the shards and gives each when it is whole."""
    if not missing:
        return
    # Not forked: the threads that JAX or TFDS may have started would not live on in a fork.
    with ProcessPoolExecutor(
        min(processes, len(missing)),
        multiprocessing.get_context("spawn"),
        initializer=_start_writer,
        initargs=made_of,
    ) as pool:
        try:
            for future in as_completed([pool.submit(_write, folder, shard) for shard in missing]):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"{folder}: a process that wrote was killed, perhaps for want of memory: "
                "go on with fewer processes"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _write(folder: Path, shard: Shard) -> Shard:
    write_shard(_SPEC, folder, shard)
    return shard


def write_shard(spec: DatasetSpec, folder: Path, shard: Shard) -> None:
    """One file of records; it appears under its name only when it is whole."""
    from array_record.python.array_record_module import ArrayRecordWriter

    images, features = dict(_splits(spec))[shard.split], _features(spec)

    def write(path: Path) -> None:
        # One record a group, so that each can be read alone; a PNG cannot be pressed further.
        writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")
        try:
            for index in range(shard.start, shard.stop):
                writer.write(_serialize(features, _record(images, index)))
        finally:
            writer.close()

    _write_whole(folder / shard.file_name(spec.name), write)


def _record(images: ImageSet, index: int) -> dict[str, Any]:
    return {
        "id": images.names[index],
        "image": _png(images.read_image(index)),
        "label": _png(images.read_truth(index)),
    }


def _serialize(features: Any, record: Mapping[str, Any]) -> bytes:
    """The bytes of a record, the same in every process."""
    from tensorflow_datasets.proto import tf_example_pb2

    # As TFDS writes it, a record's features are in any order.
    example = tf_example_pb2.Example.FromString(features.serialize_example(record))
    return example.SerializeToString(deterministic=True)


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _features(spec: DatasetSpec) -> Any:
    """A record as TFDS knows it."""
    from tensorflow_datasets.core.features import FeaturesDict, LabeledImage, Text
    from tensorflow_datasets.core.features import Image as Picture

    size = spec.height, spec.width
    return FeaturesDict(
        {
            "id": Text(),
            "image": Picture(shape=(*size, 3), encoding_format="png"),
            "label": LabeledImage(
                labels=list(spec.classes), shape=(*size, 1), encoding_format="png"
            ),
        }
    )


def _finish(
    folder: Path, spec: DatasetSpec, settings: Mapping[str, int], plan: list[Shard]
) -> None:
    """Write what TFDS and a reader need to know; the file that says it is whole comes last."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.dataset_info import DatasetIdentity

    info = tfds.core.DatasetInfo(
        builder=DatasetIdentity(
            name=spec.name, version=tfds.core.Version(VERSION), data_dir=str(folder), module_name=""
        ),
        description=f"{spec.name} at {spec.height} x {spec.width}; label 255 is void.",
        features=_features(spec),
        metadata=tfds.core.MetadataDict(
            settings={"dataset": spec.name, **settings},
            classes=list(spec.classes),
            palette=[list(color) for color in spec.palette],
            names={split: list(images.names) for split, images in _splits(spec)},
        ),
        split_dict=tfds.core.SplitDict(
            [
                _split_info(
                    folder, spec.name, split, [part for part in plan if part.split == split]
                )
                for split, images in _splits(spec)
                if images.names
            ]
        ),
    )
    info.set_file_format("array_record")
    with _scratch(folder) as scratch:
        info.write_to_directory(scratch)
        for path in sorted(Path(scratch).iterdir(), key=lambda path: path.name == INFO):
            os.replace(path, folder / path.name)


def _split_info(folder: Path, dataset: str, split: str, parts: list[Shard]) -> Any:
    import tensorflow_datasets as tfds

    return tfds.core.SplitInfo(
        name=split,
        shard_lengths=[part.stop - part.start for part in parts],
        num_bytes=sum((folder / part.file_name(dataset)).stat().st_size for part in parts),
        filename_template=tfds.core.ShardedFileTemplate(
            dataset_name=dataset, data_dir=folder, split=split, filetype_suffix="array_record"
        ),
    )


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH)


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """A file that is there as a whole or not at all, whenever its writer is killed."""
    with _scratch(path.parent) as scratch:
        unfinished = Path(scratch) / path.name
        write(unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
