"""Where a run keeps decoded images: on the device, in host memory, or nowhere."""

from typing import NamedTuple

from s4al_jax.types import InputError

CACHES = ("auto", "device", "host", "none")


class Memory(NamedTuple):
    """Bytes that there are in all; None where it cannot be told."""

    device: int | None
    host: int | None


def choose_cache(wanted: str, *, pixels: int, memory: Memory, channels: int = 3) -> str:
    """ "device", "host" or "none" for so many pixels of all images together, of so many bands.

    "auto" takes the device where images and label maps fill at most a quarter of it, else the host
    where images fill at most half of it.
    """
    if wanted not in CACHES:
        raise InputError(f"config.data.cache is {wanted!r}: one of {', '.join(CACHES)}")
    if wanted != "auto":
        return wanted
    if memory.device is not None and (channels + 1) * pixels <= memory.device // 4:
        return "device"
    if memory.host is None or channels * pixels <= memory.host // 2:
        return "host"
    return "none"
