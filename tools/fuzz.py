"""Feeds the readers of files with damaged ones: whatever is in a file, `InputError` may come out.

    python -m tools.fuzz --minutes=10 --seed=0 --out=findings

The time is shared by the readers of a ledger, its patches, requests, answers, class lists and
weights. With atheris (`pip install -e .[fuzz]`) inputs grow towards code that was not reached yet;
without it they are changed at random. Each input that brings out another error is written to
`--out`, and the command ends with 1.
"""

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

INSTRUMENTED = ("s4al_jax", "json", "pickle", "zipfile")
"""Packages in which atheris sees which code was reached."""

CHUNKS = (b"\n", b"{}", b"[]", b"null", b"-1", b"1e999", b'"', b"\x00", b"\xff" * 8, b"9" * 20)
"""What a change may put into an input, besides parts of itself."""

if importlib.util.find_spec("atheris"):
    import atheris

    with atheris.instrument_imports(include=list(INSTRUMENTED), enable_loader_override=False):
        importlib.import_module("s4al_jax.labels.store")
        importlib.import_module("s4al_jax.labels.file_annotator")
        importlib.import_module("s4al_jax.models.weights")
else:
    atheris = None

import numpy as np
from PIL import Image
from safetensors.numpy import save

from s4al_jax.data.classes import class_list
from s4al_jax.labels.file_annotator import file_annotator
from s4al_jax.labels.oracle import oracle
from s4al_jax.labels.store import LabelStore
from s4al_jax.models import weights
from s4al_jax.regions.grid import region_grid
from s4al_jax.types import DatasetSpec, ImageSet, InputError, RegionRef
from tests.support.old_torch_file import old_file, state_dict, tensor
from tests.support.partition import Partition


class Reader(NamedTuple):
    """What is fed, with an input that it likes."""

    good: bytes
    read: Callable[[bytes], object]


PICTURE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
TRUTH = (PICTURE[..., 0] % 3).astype(np.uint8)
POOL = ImageSet(("a", "b"), lambda index: PICTURE, lambda index: TRUTH)
SPEC = DatasetSpec(
    "fuzz", ("x", "y", "z"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)), 8, 12, POOL, POOL, POOL
)
GRID = region_grid(8, 12, 4, 6)
REFS = [RegionRef(0, 0), RegionRef(1, 3)]
DISKS = Partition(2 * ((np.hypot(*np.mgrid[-2:6, -3:9]) > 2).astype(np.uint16),))
"""In each image a disk, and all around it."""


def readers(folder: Path) -> Mapping[str, Reader]:
    """All readers by name; they work below a folder."""
    return {
        **_ledger(folder / "annotations"),
        **_person(folder / "run"),
        **_class_lists(folder / "classes"),
        **_weights(folder / "weights"),
    }


def _ledger(folder: Path) -> Mapping[str, Reader]:
    def opened() -> LabelStore:
        return LabelStore.open(
            folder, names=POOL.names, height=8, width=12, num_classes=3, repair=False
        )

    store = opened()
    for refs, regions in ((REFS, GRID), ([RegionRef(1, 0)], DISKS)):
        for answers in oracle(POOL).answers(refs, regions, 0):
            store.record(answers, regions)
    return {
        name: Reader((folder / file).read_bytes(), _with(folder / file, opened))
        for name, file in (("ledger", "ledger.jsonl"), ("patches", "patches/00.bin"))
    }


def _with(path: Path, read: Callable[[], object]) -> Callable[[bytes], object]:
    """Read with an input in the place of a file, which is then as it was."""
    before = path.read_bytes() if path.exists() else b""

    def reading(content: bytes) -> None:
        path.write_bytes(content)
        try:
            read()
        finally:
            path.write_bytes(before)

    return reading


def _person(workdir: Path) -> Mapping[str, Reader]:
    annotator = file_annotator(SPEC, workdir, person="nobody")
    annotator.post(REFS, GRID, 1, None)
    requests = workdir / "requests/01/requests.json"
    name = json.loads(requests.read_text())["requests"][0]["name"]
    answer = io.BytesIO()
    Image.fromarray(TRUTH[:4, :6]).save(answer, "PNG")

    def answers() -> None:
        list(annotator.answers(REFS, GRID, 1))

    path = workdir / f"requests/01/answers/{name}.png"
    path.write_bytes(answer.getvalue())
    return {
        "requests": Reader(requests.read_bytes(), _with(requests, answers)),
        "answers": Reader(answer.getvalue(), _with(path, answers)),
    }


def _class_lists(folder: Path) -> Mapping[str, Reader]:
    found = {}
    good = {
        "json": b'{"classes": [{"name": "road", "color": [128, 64, 128]}, {"name": "car", "color": '
        b'[0, 0, 142]}], "void_colors": [[0, 0, 0]], "ids": {"7": "road", "26": "car"}}',
        "txt": "road\ncar\nmoutón\n".encode(),
    }
    for kind, content in good.items():
        place = folder / kind
        place.mkdir(parents=True)
        path = place / f"classes.{kind}"
        path.write_bytes(content)
        read = _with(path, lambda place=place: class_list(place))  # type: ignore[misc]
        found[f"classes.{kind}"] = Reader(content, read)
    return found


def _weights(folder: Path) -> Mapping[str, Reader]:
    folder.mkdir()
    tensors: dict[str, np.ndarray] = {
        "a.weight": np.ones((2, 3), np.float32),
        "a.bias": np.zeros(2, np.float16),
    }
    settings = {"padding": "symmetric", "input_mean": "[0.5, 0.5, 0.5]", "bn_eps": "1e-5"}
    plain, torch = folder / "a.safetensors", folder / "a.pth"
    old = state_dict(a=tensor(size=(2, 2), stride=(1, 2)), b=tensor(size=(2,), view=(1, 2)))

    def pickled(as_file: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
        def reading(content: bytes) -> None:
            torch.write_bytes(as_file(content))
            weights.read(torch)

        return reading

    return {
        "safetensors": Reader(save(tensors, settings), _with(plain, lambda: weights.read(plain))),
        "pickle": Reader(_state_dict(), pickled(_as_pth)),
        "old_pickle": Reader(old, pickled(old_file)),
        "old_pth": Reader(old_file(old), _with(torch, lambda: weights.read(torch))),
        "pth": Reader(_as_pth(_state_dict()), _with(torch, lambda: weights.read(torch))),
    }


def _as_pth(content: bytes) -> bytes:
    """A file as PyTorch writes it, with this for its pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", struct.pack("<6f", *range(6)))
    return stream.getvalue()


def _state_dict() -> bytes:
    """The pickle of {"w": a tensor of 2 x 3 numbers}, as PyTorch writes it."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    storage += b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage
    tensor += b"K\x00K\x02K\x03\x86K\x03K\x01\x86"
    hooks = b"\x89ccollections\nOrderedDict\n)RtR"
    return pickle.PROTO + b"\x02}X\x01\x00\x00\x00w" + tensor + hooks + b"s."


def changed(content: bytes, lots: random.Random) -> bytes:
    """The input with a few changes: bits, bytes, chunks taken out, put in, or from elsewhere."""
    made = bytearray(content)
    for _ in range(lots.randint(1, 4)):
        at, length = lots.randint(0, len(made)), lots.randint(1, 16)
        way = lots.randrange(6)
        if way == 0 and at < len(made):
            made[at] ^= 1 << lots.randrange(8)
        elif way == 1 and at < len(made):
            made[at] = lots.randrange(256)
        elif way == 2:
            del made[at : at + length]
        elif way == 3:
            made[at:at] = lots.choice(CHUNKS)
        elif way == 4:
            start = lots.randint(0, len(made))
            made[at:at] = made[start : start + length]
        else:
            made[at : at + length] = lots.choice(CHUNKS)
    return bytes(made)


class Outcome(NamedTuple):
    """What became of one reader."""

    executions: int
    refused: int
    findings: int


class Watch:
    """Feeds a reader, counts, and writes down what it should not have done."""

    def __init__(self, name: str, reader: Reader, out: Path, seconds: float) -> None:
        self._name, self._reader, self._out = name, reader, out
        self._end = time.monotonic() + seconds
        self._executions = self._refused = 0
        self._places: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() > self._end

    @property
    def outcome(self) -> Outcome:
        """What became of it so far."""
        return Outcome(self._executions, self._refused, len(self._places))

    def feed(self, content: bytes) -> None:
        """One input; an error is a finding where none of its kind came from there before."""
        self._executions += 1
        try:
            self._reader.read(content)
        except InputError as error:
            self._refused += 1
            if "\n" in str(error):
                self._keep(content, f"a line break in {str(error)!r}")
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            self._keep(content, f"{type(error).__name__} in {frame.name}, line {frame.lineno}")

    def _keep(self, content: bytes, what: str) -> None:
        if what in self._places:
            return
        self._places.add(what)
        path = self._out / f"{self._name}-{hashlib.sha256(content).hexdigest()[:8]}"
        self._out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"{self._name}: {what}; {path}", file=sys.stderr, flush=True)


def _feed(name: str, seconds: float, seed: int, out: Path) -> None:
    """Feed one reader in this process, and print the outcome as JSON when its time is up."""
    with tempfile.TemporaryDirectory() as scratch:
        reader = readers(Path(scratch))[name]
        reader.read(reader.good)
        watch = Watch(name, reader, out, seconds)
        if atheris is None:
            lots = random.Random(seed)
            while not watch.over:
                watch.feed(changed(reader.good, lots))
            print(json.dumps(watch.outcome), flush=True)
            return
        corpus = Path(scratch) / "corpus"
        corpus.mkdir()
        (corpus / "good").write_bytes(reader.good)

        def one(content: bytes) -> None:
            watch.feed(content)
            if watch.over:
                # The library does not return.
                print(json.dumps(watch.outcome), flush=True)
                os._exit(0)

        longest = f"-max_len={4 * len(reader.good)}"
        # What it kills itself, by its size or its time, it writes down here.
        kept = f"-artifact_prefix={out}/{name}-"
        out.mkdir(parents=True, exist_ok=True)
        atheris.Setup([sys.argv[0], f"-seed={seed + 1}", longest, kept, str(corpus)], one)
        atheris.Fuzz()


def _outcomes(minutes: float, seed: int, out: Path) -> Iterator[tuple[str, Outcome]]:
    """Each reader in a process of its own: what one breaks, another does not feel."""
    with tempfile.TemporaryDirectory() as scratch:
        names = list(readers(Path(scratch)))
    seconds = 60 * minutes / len(names)
    for name in names:
        command = [sys.executable, "-m", "tools.fuzz", f"--reader={name}", f"--out={out}"]
        command += [f"--seconds={seconds}", f"--seed={seed}"]
        ended = subprocess.run(command, capture_output=True, text=True)
        found = [line for line in ended.stderr.splitlines() if line.startswith(f"{name}: ")]
        print(*found, sep="\n", end="\n" if found else "")
        lines = ended.stdout.splitlines()
        if ended.returncode or not lines:
            last = (ended.stderr.splitlines() or ["nothing was said"])[-1]
            print(f"{name}: ended with {ended.returncode}: {last}")
            yield name, Outcome(0, 0, 1)
        else:
            yield name, Outcome(*json.loads(lines[-1]))


def main() -> None:
    """Read the flags, feed, and print a line for each reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("findings"), help="for bad inputs")
    parser.add_argument("--reader", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    given: Any = parser.parse_args()
    if given.reader:
        return _feed(given.reader, given.seconds, given.seed, given.out)
    print("inputs are made by", "atheris" if atheris else "random changes: there is no atheris")
    total = 0
    for name, outcome in _outcomes(given.minutes, given.seed, given.out):
        total += outcome.findings
        print(
            f"{name}: {outcome.executions} inputs, {outcome.refused} refused, "
            f"{outcome.findings} findings",
            flush=True,
        )
    if total:
        sys.exit(1)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
