"""Writes PyTorch's format from before 1.6 by hand, so that a file can say what is not true."""

import pickle
import struct
from collections.abc import Iterable, Sequence

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
VERSION = pickle.dumps(1001, 2)
TYPES = pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)


def text(word: str) -> bytes:
    """A string in a pickle."""
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value: int) -> bytes:
    """A number in a pickle."""
    return pickle.dumps(value, 2)[2:-1]


def numbers(values: Iterable[int]) -> bytes:
    """A tuple of numbers in a pickle."""
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    key: str = "7",
    *,
    count: int = 4,
    offset: int = 0,
    size: Sequence[int] = (4,),
    stride: Sequence[int] = (1,),
    view: tuple[int, int] | None = None,
    kind: str = "FloatStorage",
    function: str = "_rebuild_tensor_v2",
) -> bytes:
    """A tensor of a storage, or of a view of it (start, length), in a pickle."""
    about = b"N" if view is None else b"(" + text("view") + b"".join(map(number, view)) + b"t"
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    storage += number(count) + about + b"tQ"
    head = f"ctorch._utils\n{function}\n(".encode()
    hooks = b"\x89ccollections\nOrderedDict\n)R" if function == "_rebuild_tensor_v2" else b""
    return head + storage + number(offset) + numbers(size) + numbers(stride) + hooks + b"tR"


def state_dict(**tensors: bytes) -> bytes:
    """The pickle of a dict of tensors."""
    entries = b"".join(text(name) + value + b"s" for name, value in tensors.items())
    return b"\x80\x02}" + entries + b"."


def old_file(
    state: bytes,
    storages: Sequence[tuple[str, int, bytes]] = (("7", 4, struct.pack("<4f", 0, 1, 2, 3)),),
    *,
    magic: bytes = MAGIC,
    version: bytes = VERSION,
    keys: bytes | None = None,
) -> bytes:
    """A file with this state dict; a storage is its key, the count that it says, and its bytes."""
    listed = pickle.dumps([key for key, _, _ in storages], 2) if keys is None else keys
    stored = b"".join(struct.pack("<q", count) + content for _, count, content in storages)
    return magic + version + TYPES + state + listed + stored
