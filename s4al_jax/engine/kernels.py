"""Where a program's time goes: the kernels of a profiler's trace, the dearest first."""

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import jax

from s4al_jax.types import InputError


class Kernel(NamedTuple):
    """All runs of one kernel in a trace."""

    name: str
    """of the compiler's operation"""
    layer: str
    """the part of the network or step that it was made from; empty where that is not said"""
    calls: int
    seconds: float


def read_trace(folder: Path, program: str = "") -> list[Kernel]:
    """The kernels of the newest trace in a folder, those that took longest first.

    `program` is the compiled program's text, which says what each operation was made from.
    """
    traces = sorted(folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
    if not traces:
        raise InputError(f"{folder}: the profiler has left no trace there")
    layers = _layers(program)
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    for name, nanoseconds in _events(traces[-1]):
        seconds[name] += nanoseconds / 1e9
        calls[name] += 1
    order = sorted(seconds, key=lambda name: -seconds[name])
    return [Kernel(name, layers.get(name, ""), calls[name], seconds[name]) for name in order]


def table(found: list[Kernel], *, steps: int, count: int = 10) -> str:
    """The first few kernels as lines for people: time a step, share of all kernels, what it is."""
    whole = sum(kernel.seconds for kernel in found) or 1.0
    lines = [f"{'ms a step':>10}  {'share':>6}  {'calls':>6}  kernel"]
    for kernel in found[:count]:
        lines.append(
            f"{1e3 * kernel.seconds / steps:10.3f}  {100 * kernel.seconds / whole:5.1f}%  "
            f"{kernel.calls:6d}  {kernel.name}  {kernel.layer}".rstrip()
        )
    return "\n".join(lines)


def _events(trace: Path) -> list[tuple[str, float]]:
    """(operation, nanoseconds) of everything that ran; on an accelerator, what ran there."""
    planes = list(jax.profiler.ProfileData.from_file(str(trace)).planes)
    accelerators = [plane for plane in planes if plane.name.startswith("/device:")]
    found = []
    for plane in accelerators or planes:
        for line in plane.lines:
            for event in line.events:
                name = dict(event.stats).get("hlo_op")
                if name:
                    found.append((str(name), float(event.duration_ns)))
    return found


def _layers(program: str) -> dict[str, str]:
    """operation -> where in the step it comes from, shortened to what names a layer."""
    found = re.findall(r'^\s*(?:ROOT )?%?(\S+) = .*op_name="([^"]*)"', program, re.MULTILINE)
    return {name: re.sub(r"jit\(\w+\)/", "", origin) for name, origin in found}
