"""PyTorch's `.pth` files, in both of its formats, read without PyTorch.

Since 1.6 a `.pth` is a zip of raw arrays and one pickle that says which array is which. Before, it
was a row of pickles and, behind them, the arrays: a magic number, the format's version, the sizes
of the writer's types, the state dict, and the keys of the arrays in their order; then of each array
the count of its numbers as an int64, and the numbers. Nothing in a file is executed, see
`torch_pickle`.
"""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np

from s4al_jax.models import torch_pickle
from s4al_jax.models.torch_pickle import Refused, TensorPlace
from s4al_jax.types import InputError

RESAVE = (
    "re-save it in PyTorch with torch.save({k: v.cpu() for k, v in model.state_dict().items()}, f)"
)
CUT_SHORT = "the file is cut short or damaged; fetch it again"
OLD_MAGIC, OLD_VERSION = 0x1950A86A20F9469CFC6C, 1001
COPIES = 8
"""How often a file may use its numbers: tensors that share some are each read as a copy."""


class _CutShort(Exception):
    pass


def read_pth(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a state dict, at the top or under "state_dict" or "model", by name."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    is_zip = _is_zip(path, content)
    try:
        return _arrays(content) if is_zip else _old_arrays(content)
    except _CutShort:
        raise InputError(f"{path}: {CUT_SHORT}") from None
    except Refused as refused:
        raise InputError(f"{path}: {refused}; {RESAVE}") from refused
    except Exception as error:  # A damaged pickle can fail in any way at all.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or not a state dict ({reason}); {RESAVE}") from error


def _is_zip(path: Path, content: bytes) -> bool:
    """Whether a file is of today's format; refuses what is of neither."""
    # The old format first: the numbers at its end may look like the end of a zip.
    if content.startswith(b"\x80"):
        return False
    if zipfile.is_zipfile(io.BytesIO(content)):
        return True
    if content.startswith(b"PK"):
        raise InputError(f"{path}: {CUT_SHORT}")
    raise InputError(f"{path}: not a PyTorch file; give a .pth or .safetensors file")


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    members = archive.namelist()
    pickles = [name for name in members if name.split("/")[1:] == ["data.pkl"]]
    if len(pickles) != 1:
        raise Refused("there is no data.pkl in it")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise Refused("its parts are compressed, which PyTorch never does")
    root = pickles[0].removesuffix("data.pkl")
    order = archive.read(root + "byteorder") if root + "byteorder" in members else b"little"
    pickled = torch_pickle.pickle_at(archive.read(pickles[0]))
    top, _ = torch_pickle.load(pickled)
    found = dict(torch_pickle.named_tensors(top))
    _check_size(found, len(content))
    return {
        name: torch_pickle.array(
            tensor, archive.read(f"{root}data/{tensor.storage.key}"), big_endian=order == b"big"
        )
        for name, tensor in found.items()
    }


def _old_arrays(content: bytes) -> dict[str, np.ndarray]:
    start, parts = 0, []
    for _ in ("magic number", "version", "types", "state dict", "keys"):
        pickled = torch_pickle.pickle_at(content, start)
        parts.append(torch_pickle.load(pickled))
        start += len(pickled)
        if parts[0][0] != OLD_MAGIC:
            raise Refused("it does not begin with PyTorch's magic number")
    if parts[1][0] != OLD_VERSION:
        raise Refused(f"its format is none of version {OLD_VERSION}")
    (top, storages), (keys, _) = parts[3:]
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise Refused("the storages that it lists are not those that its tensors need")
    stored = {}
    for key in map(str, keys):
        if len(content) < start + 8:
            raise _CutShort
        # Always in this order, wherever it was written.
        (count,) = struct.unpack_from("<q", content, start)
        if count != storages[key].stored:
            raise Refused("a storage has another count of numbers than its tensors need")
        end = start + 8 + count * storages[key].dtype.itemsize
        if len(content) < end:
            raise _CutShort
        stored[key] = memoryview(content)[start + 8 : end]
        start = end
    found = dict(torch_pickle.named_tensors(top))
    _check_size(found, len(content))
    return {
        name: torch_pickle.array(tensor, stored[tensor.storage.key], big_endian=False)
        for name, tensor in found.items()
    }


def _check_size(tensors: dict[str, TensorPlace], size: int) -> None:
    """Refuse tensors that would take much more memory than the file has bytes."""
    wanted = sum(
        int(np.prod(tensor.size, dtype=object)) * tensor.storage.dtype.itemsize
        for tensor in tensors.values()
    )
    if wanted > COPIES * size:
        raise Refused(f"its tensors would take {wanted} bytes, and it has {size}")
