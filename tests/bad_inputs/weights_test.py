"""Bad files of weights, as starting a network from them finds them; nothing in them is run."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.models import weights
from s4al_jax.rundir.directory import CycleFolder
from s4al_jax.types import InputError
from tests.support.bad_inputs import Case, refused, tree
from tests.support.old_torch_file import old_file, state_dict, tensor

RESAVE = (
    "re-save it in PyTorch with torch.save({k: v.cpu() for k, v in model.state_dict().items()}, f)"
)
PLAIN, TORCH = "a.safetensors", "a.pth"


def raw(content: bytes) -> Callable[[Path], object]:
    return lambda place: (place / PLAIN).write_bytes(content)


def header(content: object, data: bytes = b"") -> Callable[[Path], object]:
    """A .safetensors file that says this of itself."""
    text = json.dumps(content).encode()
    return raw(struct.pack("<Q", len(text)) + text + data)


def entry(kind: str, shape: list[int], size: int) -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": [0, size]}


def broken(reason: str) -> str:
    return f"HERE/{PLAIN}: not a readable .safetensors file ({reason}); fetch it again"


INVALID = "Error while deserializing header: "
ONE = np.float32([1.0]).tobytes()

SAFETENSORS = (
    Case("of zero bytes", raw(b""), broken(INVALID + "header too small")),
    Case(
        "of zeros",
        raw(bytes(8)),
        broken(INVALID + "invalid JSON in header: EOF while parsing a value at line 1 column 0"),
    ),
    Case("with a header without end", raw(b"\xff" * 8), broken(INVALID + "header too large")),
    Case("without tensors", header({}), f"HERE/{PLAIN}: holds no weights; fetch it again"),
    Case(
        "shorter than it says",
        header({"w.weight": entry("F32", [4], 4)}, ONE),
        broken(INVALID + "invalid shape, data type, or offset for tensor"),
    ),
    Case(
        "larger than all memory",
        header({"w.weight": entry("F32", [2**62, 4], 4)}, ONE),
        broken(INVALID + "overflow computing buffer size from shape and/or element type"),
    ),
    Case(
        "with strange numbers",
        header({"w.weight": entry("F8_E4M3", [4], 4)}, ONE),
        broken("module 'numpy' has no attribute 'float8_e4m3fn'"),
    ),
    Case(
        "with another tensor",
        header({"v.weight": entry("F32", [1], 4)}, ONE),
        f"HERE/{PLAIN}: holds no w.weight, which the network needs",
    ),
    Case(
        "of another shape",
        header({"w.weight": entry("F32", [1, 1], 4)}, ONE),
        f"HERE/{PLAIN}: w.weight has shape "
        "[1, 1], which the network wants as [1]; is its width the same?",
    ),
    Case(
        "of what is no number",
        header({"w.weight": entry("F32", [1], 4)}, np.float32([np.nan]).tobytes()),
        f"HERE/{PLAIN}: w.weight holds what is no number; fetch it again",
    ),
    Case(
        "of complex numbers",
        header({"w.weight": entry("C64", [1], 8)}, 2 * ONE),
        f"HERE/{PLAIN}: w.weight holds what is no number; fetch it again",
    ),
    Case(
        "with an unknown padding",
        header({"__metadata__": {"padding": "wide"}, "w.weight": entry("F32", [1], 4)}, ONE),
        f"HERE/{PLAIN}: padding is 'wide'; known are symmetric, tf_same",
    ),
    Case(
        "with half a mean",
        header({"__metadata__": {"input_mean": "[0.5]"}, "w.weight": entry("F32", [1], 4)}, ONE),
        f"HERE/{PLAIN}: input_mean is '[0.5]'; 3 numbers are needed",
    ),
    Case(
        "with a spread of 0",
        header({"__metadata__": {"input_std": "[1, 1, 0]"}, "w.weight": entry("F32", [1], 4)}, ONE),
        f"HERE/{PLAIN}: input_std is '[1, 1, 0]'; numbers above 0 are needed",
    ),
    Case(
        "with settings nested without end",
        header({"__metadata__": {"bn_eps": "[" * 100_000}, "w.weight": entry("F32", [1], 4)}, ONE),
        f"HERE/{PLAIN}: bn_eps is nested without end, not numbers",
    ),
)


class Deed:
    """What unpickling would do: put a file where the test looks for it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.canary),)


def deed(place: Path) -> bytes:
    return pickle.dumps({"state_dict": Deed(place / "canary")}, 2)


def torch(content: Callable[[Path], bytes], **how: int) -> Callable[[Path], object]:
    """A file as PyTorch writes it, with this for its pickle."""

    def make(place: Path) -> None:
        with zipfile.ZipFile(place / TORCH, "w", **how) as archive:
            archive.writestr("archive/data.pkl", content(place))

    return make


def alone(content: bytes) -> Callable[[Path], object]:
    return lambda place: (place / TORCH).write_bytes(content)


LATE = b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."
SETTING = b"\x80\x02ctorch\nFloatStorage\n}X\x05\x00\x00\x00dtypeK\x01sb."

PTH = (
    Case(
        "that would make a folder",
        torch(deed),
        f"HERE/{TORCH}: it asks for posix.mkdir, which a state dict does not need; {RESAVE}",
    ),
    Case(
        "that would evaluate",
        torch(lambda place: LATE),
        f"HERE/{TORCH}: it asks for builtins.eval, which a state dict does not need; {RESAVE}",
    ),
    Case(
        "of before 1.6 that would make a folder",
        lambda place: alone(deed(place))(place),
        f"HERE/{TORCH}: it asks for posix.mkdir, which a state dict does not need; {RESAVE}",
    ),
    Case(
        "of before 1.6 whose state dict would make a folder",
        lambda place: alone(old_file(deed(place)))(place),
        f"HERE/{TORCH}: it asks for posix.mkdir, which a state dict does not need; {RESAVE}",
    ),
    Case(
        "of before 1.6 with more numbers than it has",
        alone(old_file(state_dict(w=tensor()), [("7", 5, bytes(20))])),
        f"HERE/{TORCH}: a storage has another count of numbers than its tensors need; {RESAVE}",
    ),
    Case(
        "of before 1.6 that is larger than all memory",
        alone(old_file(state_dict(w=tensor(count=2**60)), [("7", 2**60, bytes(16))])),
        f"HERE/{TORCH}: the file is cut short or damaged; fetch it again",
    ),
    Case(
        "of before 1.6 with a view beyond its storage",
        alone(old_file(state_dict(w=tensor(view=(3, 2))))),
        f"HERE/{TORCH}: a view of a storage reaches beyond its end; {RESAVE}",
    ),
    Case(
        "of before 1.6 with another version",
        alone(old_file(state_dict(w=tensor()), version=pickle.dumps(1000, 2))),
        f"HERE/{TORCH}: its format is none of version 1001; {RESAVE}",
    ),
    Case(
        "that changes what reads it",
        torch(lambda place: SETTING),
        f"HERE/{TORCH}: damaged or not a state "
        f"dict ('_StorageType' object has no attribute '__dict__'); {RESAVE}",
    ),
    Case(
        "of zero bytes",
        alone(b""),
        f"HERE/{TORCH}: not a PyTorch file; give a .pth or .safetensors file",
    ),
    Case(
        "cut short",
        lambda place: (torch(deed)(place), os.truncate(place / TORCH, 60)),
        f"HERE/{TORCH}: the file is cut short or damaged; fetch it again",
    ),
    Case(
        "without tensors",
        torch(lambda place: pickle.dumps({"a": 1}, 2)),
        f"HERE/{TORCH}: its state dict holds no tensors; {RESAVE}",
    ),
    Case(
        "that is a number",
        torch(lambda place: pickle.dumps(3, 2)),
        f"HERE/{TORCH}: it does not hold a state dict; {RESAVE}",
    ),
    Case(
        "whose pickle ends early",
        torch(lambda place: b"\x80\x02X\xff\xff\xff\x7fabc."),
        f"HERE/{TORCH}: damaged or not a state dict (expected 2147483647 "
        "bytes in a unicodestring4, but only 4 "
        f"remain); {RESAVE}",
    ),
    Case(
        "that would fill all memory",
        torch(lambda place: b"\x80\x02K\x01r\xff\xff\xff\x7f."),
        f"HERE/{TORCH}: it is to remember 2147483647 things, and has 10 bytes; {RESAVE}",
    ),
    Case(
        "that is compressed",
        torch(deed, compression=zipfile.ZIP_DEFLATED),
        f"HERE/{TORCH}: its parts are compressed, which PyTorch never does; {RESAVE}",
    ),
)


def started(place: Path) -> None:
    """What building a network from a file does."""
    (path,) = (p for p in place.iterdir() if p.is_file())
    weights.fill(weights.read(path), {"params": {"w": {"scale": np.zeros(1, np.float32)}}})


@pytest.mark.parametrize("case", (*SAFETENSORS, *PTH), ids=lambda case: case.name)
def test_weights(case: Case, tmp_path: Path) -> None:
    refused(case, tmp_path, started)
    assert not (tmp_path / "canary").exists()


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path) -> None:
    array = np.array([Deed(tmp_path / "canary")], object)
    folder = CycleFolder(tmp_path)
    np.savez(tmp_path / "scores.npz", score=array, open=array)
    before = tree(tmp_path)
    with pytest.raises(InputError) as error:
        folder.read_scores()
    assert str(error.value) == (
        f"{tmp_path}/scores.npz is no whole archive of scores: remove it, and it is made again"
    )
    assert tree(tmp_path) == before
