"""PyTorch's `.pth` files, read without PyTorch and without running what is inside them.

A `.pth` is a zip of raw arrays and one pickle that says which array is which. Unpickling can call
any function that the file names, so the unpickler here knows a dozen names and refuses the rest.
"""

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from s4al_jax.types import InputError

RESAVE = (
    "re-save it in PyTorch with torch.save({k: v.cpu() for k, v in model.state_dict().items()}, f)"
)
DTYPES = {
    "DoubleStorage": np.dtype(np.float64),
    "FloatStorage": np.dtype(np.float32),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}


def read_pth(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a state dict, at the top or under "state_dict" or "model", by name."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    _check_kind(path, content)
    try:
        return _arrays(zipfile.ZipFile(io.BytesIO(content)))
    except _Refused as refused:
        raise InputError(f"{path}: {refused}; {RESAVE}") from refused
    except Exception as error:  # A damaged pickle can fail in any way at all.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or not a state dict ({reason}); {RESAVE}") from error


class _Refused(Exception):
    pass


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _StorageType:
    """Stands for a class such as `torch.FloatStorage`; without `__dict__`, nothing can be set."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype


class _Function:
    """Stands for a function of PyTorch's; as above."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)


def _tensor(
    storage: Any, offset: Any, size: Any, stride: Any, *_rest: Any
) -> _Tensor:  # requires_grad, backward_hooks and metadata tell us nothing
    numbers = [offset, *size, *stride]
    if type(storage) is not _Storage or any(type(n) is not int or n < 0 for n in numbers):
        raise _Refused("a tensor's size, stride or offset makes no sense")
    if len(size) != len(stride):
        raise _Refused("a tensor has more sizes than strides, or fewer")
    if math.prod(size) > storage.length:
        raise _Refused("a tensor has more numbers than are stored for it")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= storage.length:
        raise _Refused("a tensor reaches beyond the numbers that are stored for it")
    return _Tensor(storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: Any, *_rest: Any) -> _Tensor:
    if type(tensor) is not _Tensor:
        raise _Refused("a parameter is not a tensor")
    return tensor


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Function(_tensor)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _Function(_parameter)
        if module in ("torch", "torch.storage") and name in DTYPES:
            return _StorageType(DTYPES[name])
        raise _Refused(f"it asks for {module}.{name}, which a state dict does not need")

    def persistent_load(self, pid: Any) -> _Storage:
        tag, kind, key, _device, count = pid
        if tag != "storage" or type(kind) is not _StorageType or type(count) is not int:
            raise _Refused("it refers to something that is not a storage of numbers")
        return _Storage(str(key), kind.dtype, count)


def _check_kind(path: Path, content: bytes) -> None:
    if zipfile.is_zipfile(io.BytesIO(content)):
        return
    if content.startswith(b"PK"):
        raise InputError(f"{path}: the file is cut short or damaged; fetch it again")
    if content.startswith(b"\x80"):
        raise InputError(f"{path}: PyTorch's format from before 1.6; {RESAVE}")
    raise InputError(f"{path}: not a PyTorch file; give a .pth or .safetensors file")


def _arrays(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    members = archive.namelist()
    pickles = [name for name in members if name.split("/")[1:] == ["data.pkl"]]
    if len(pickles) != 1:
        raise _Refused("there is no data.pkl in it")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise _Refused("its parts are compressed, which PyTorch never does")
    root = pickles[0].removesuffix("data.pkl")
    order = archive.read(root + "byteorder") if root + "byteorder" in members else b"little"
    content = archive.read(pickles[0])
    _check_memory(content)
    top = _Unpickler(io.BytesIO(content)).load()
    return {
        name: _array(tensor, archive.read(f"{root}data/{tensor.storage.key}"), order)
        for name, tensor in _named_tensors(top)
    }


def _check_memory(content: bytes) -> None:
    """The unpickler makes room for as many things as the file says that it is to remember."""
    for code, argument, _ in pickletools.genops(content):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(content):
            raise _Refused(f"it is to remember {argument} things, and has {len(content)} bytes")


def _named_tensors(top: Any) -> Iterator[tuple[str, _Tensor]]:
    """The entries of the state dict, without the prefix that DataParallel puts before names."""
    for key in ("state_dict", "model"):
        if isinstance(top, dict) and isinstance(top.get(key), dict):
            top = top[key]
    if not isinstance(top, dict):
        raise _Refused("it does not hold a state dict")
    tensors = {name: value for name, value in top.items() if type(value) is _Tensor}
    if not tensors:
        raise _Refused("its state dict holds no tensors")
    for name, tensor in tensors.items():
        yield str(name).removeprefix("module."), tensor


def _array(tensor: _Tensor, content: bytes, order: bytes) -> np.ndarray:
    dtype = tensor.storage.dtype
    if len(content) < tensor.storage.length * dtype.itemsize:
        raise _Refused("it stores fewer numbers than it says")
    flat = np.frombuffer(content, dtype, tensor.storage.length)
    if order == b"big":
        flat = flat.byteswap()
    strides = tuple(step * dtype.itemsize for step in tensor.stride)
    start = flat[tensor.offset :]
    return np.lib.stride_tricks.as_strided(start, tensor.size, strides).copy()
