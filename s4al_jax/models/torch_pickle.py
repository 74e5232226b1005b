"""The pickles in PyTorch's files, read without PyTorch and without running what is inside them.

Unpickling can call any function that a file names, so the unpickler here knows a dozen names and
refuses the rest. What a pickle describes comes out as `TensorPlace`s: where the numbers of each
tensor lie.
"""

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

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


class Refused(Exception):
    """What is wrong with a file, without its name."""


class Storage(NamedTuple):
    """A part of a file that is an array of numbers, or some of one."""

    key: str
    """the name of that array"""
    dtype: np.dtype
    stored: int
    """how many numbers the whole array has"""
    start: int
    """the number that this begins with"""
    length: int
    """how many it has"""


class TensorPlace(NamedTuple):
    """Where the numbers of a tensor lie in a storage."""

    storage: Storage
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
) -> TensorPlace:  # requires_grad, backward_hooks and metadata tell us nothing
    numbers = [offset, *size, *stride]
    if type(storage) is not Storage or any(type(n) is not int or n < 0 for n in numbers):
        raise Refused("a tensor's size, stride or offset makes no sense")
    if len(size) != len(stride):
        raise Refused("a tensor has more sizes than strides, or fewer")
    if math.prod(size) > storage.length:
        raise Refused("a tensor has more numbers than are stored for it")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= storage.length:
        raise Refused("a tensor reaches beyond the numbers that are stored for it")
    return TensorPlace(storage, offset, tuple(size), tuple(stride))


def _parameter(tensor: Any, *_rest: Any) -> TensorPlace:
    if type(tensor) is not TensorPlace:
        raise Refused("a parameter is not a tensor")
    return tensor


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, Storage] = {}
        """the whole arrays that were referred to, by key"""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _Function(_tensor)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _Function(_parameter)
        if module in ("torch", "torch.storage") and name in DTYPES:
            return _StorageType(DTYPES[name])
        raise Refused(f"it asks for {module}.{name}, which a state dict does not need")

    def persistent_load(self, pid: Any) -> Storage:
        tag, kind, key, _device, count, *view = pid
        is_count = type(count) is int and count >= 0
        if tag != "storage" or type(kind) is not _StorageType or not is_count:
            raise Refused("it refers to something that is not a storage of numbers")
        whole = Storage(str(key), kind.dtype, count, 0, count)
        if self.storages.setdefault(whole.key, whole) != whole:
            raise Refused("one storage is described in two ways")
        return _part(whole, view[0]) if view and view[0] is not None else whole


def _part(whole: Storage, view: Any) -> Storage:
    """What a storage that is a view of another one sees of it."""
    _key, start, length = view
    if type(start) is not int or type(length) is not int or min(start, length) < 0:
        raise Refused("a view of a storage makes no sense")
    if start + length > whole.stored:
        raise Refused("a view of a storage reaches beyond its end")
    return whole._replace(start=start, length=length)


def pickle_at(content: bytes, start: int = 0) -> bytes:
    """The pickle that begins there, if what it makes is not much larger than itself."""
    stream = io.BytesIO(content)
    stream.seek(start)
    highest = 0
    for code, argument, _ in pickletools.genops(stream):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            highest = max(highest, int(argument or 0))
    found = content[start : stream.tell()]
    # The unpickler makes room for as many things as the file says that it is to remember.
    if highest > len(found):
        raise Refused(f"it is to remember {highest} things, and has {len(found)} bytes")
    return found


def load(pickled: bytes) -> tuple[Any, dict[str, Storage]]:
    """What a pickle that `pickle_at` gave describes, and all storages that it refers to, by key."""
    unpickler = _Unpickler(io.BytesIO(pickled))
    return unpickler.load(), unpickler.storages


def named_tensors(top: Any) -> Iterator[tuple[str, TensorPlace]]:
    """The entries of the state dict, without the prefix that DataParallel puts before names."""
    for key in ("state_dict", "model"):
        if isinstance(top, dict) and isinstance(top.get(key), dict):
            top = top[key]
    if not isinstance(top, dict):
        raise Refused("it does not hold a state dict")
    tensors = {name: value for name, value in top.items() if type(value) is TensorPlace}
    if not tensors:
        raise Refused("its state dict holds no tensors")
    for name, tensor in tensors.items():
        yield str(name).removeprefix("module."), tensor


def array(tensor: TensorPlace, content: bytes | memoryview, *, big_endian: bool) -> np.ndarray:
    """The numbers of a tensor, from the bytes of its whole storage."""
    storage = tensor.storage
    width = storage.dtype.itemsize
    if len(content) < (storage.start + storage.length) * width:
        raise Refused("it stores fewer numbers than it says")
    flat = np.frombuffer(content, storage.dtype, storage.length, storage.start * width)
    if big_endian:
        flat = flat.byteswap()
    strides = tuple(step * width for step in tensor.stride)
    start = flat[tensor.offset :]
    return np.lib.stride_tricks.as_strided(start, tensor.size, strides).copy()
