"""Where decoded images live while a run needs them: on the device, in host memory, or on disk."""

from typing import NamedTuple

from s4al_jax.types import InputError

PLACEMENTS = ("auto", "resident", "cached", "streamed")


class Memory(NamedTuple):
    """Bytes that there are in all; None where nobody can say."""

    device: int | None
    host: int | None


def placement(wanted: str, *, pixels: int, room: Memory) -> str:
    """ "resident", "cached" or "streamed" for so many pixels of all images together.

    "auto" takes the device where images and label maps fill at most a quarter of it, else the host
    where images fill at most half of it.
    """
    if wanted not in PLACEMENTS:
        raise InputError(f"config.data.residence is {wanted!r}: one of {', '.join(PLACEMENTS)}")
    if wanted != "auto":
        return wanted
    if room.device is not None and 4 * pixels <= room.device // 4:
        return "resident"
    if room.host is None or 3 * pixels <= room.host // 2:
        return "cached"
    return "streamed"
