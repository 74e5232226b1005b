"""Speed of one training step, of each stage, alone or in turns with another program's.

    python tools/benchmark_step.py --config=configs/camvid.py --out=results/step.csv
    python tools/benchmark_step.py --config=configs/camvid.py --config.model.compute=bfloat16 \\
        --yardstick=torch_s4al_step.py --variants=eager,cl+bf16

Pictures are noise of the configuration's size, so that no dataset is needed. A yardstick is a
Python file with a class `Bench(device, variant, aug, size, classes, batch, ...)` whose `step()`
starts a step and whose `sync()` waits for it; it is measured in turns with ours, in a process of
its own, which waits while ours runs (on a GPU set XLA_PYTHON_CLIENT_PREALLOCATE=false). A variant
is named by its parts, `+` between them; `pil` among them asks for the augmentation through PIL.

FLOPs and bytes are the compiled program's by the compiler's count. The roof is the time that they
take at the rates of a large product of matrices and of a large copy; its share says how near a step
comes to it. Compiling is timed with an empty cache and again with a full one, unless `--nocompile`.
The peak is measured while the first step runs: a GPU's own count, else what the process grows by.
Both come after the timed blocks: what they leave behind in a CPU's memory slows a step by a fifth.
"""

import csv
import ctypes
import importlib.util
import itertools
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags
from jax.experimental.compilation_cache import compilation_cache

from s4al_jax.cli import arguments
from s4al_jax.data.noise import noise
from s4al_jax.engine import devices, train
from s4al_jax.input.sampler import StepPlan
from s4al_jax.input.source import Source, open_source
from s4al_jax.models.build import COMPUTE
from s4al_jax.run import build
from s4al_jax.run.build import Experiment
from s4al_jax.runtime import allocator
from s4al_jax.types import InputError

_STEPS = flags.DEFINE_integer("steps", 20, "Steps of a timed block.", lower_bound=2)
_BLOCKS = flags.DEFINE_integer("blocks", 5, "Timed blocks; their median counts.", lower_bound=1)
_STAGES = flags.DEFINE_list("stages", None, "The stages that are measured; by default all.")
_CLASSES = flags.DEFINE_integer("classes", 11, "How many classes there are.")
_YARDSTICK = flags.DEFINE_string("yardstick", None, "A Python file with a class Bench.")
_VARIANTS = flags.DEFINE_list("variants", ["eager"], "Variants of the yardstick.")
_COMPILE = flags.DEFINE_bool("compile", True, "Whether compiling is timed as well.")
_OUT = flags.DEFINE_string("out", None, "A CSV file; rows are appended.")

HEAD = ["program", "stage", "height", "width", "batch", "compute", "residence", "steps_per_second"]
HEAD += ["slowest_block", "fastest_block", "images_per_second", "compile_seconds"]
HEAD += ["compile_seconds_from_cache", "step_mib", "peak_mib", "gflop", "gbyte", "roof_share"]
HEAD += ["device", "date", "jax"]

OURS = "s4al_jax"
State = TypeVar("State")

Block = Callable[[], float]
"""Runs so many steps and gives the seconds that one took."""


class Rates(NamedTuple):
    """What a device does in a second when nothing else is asked of it."""

    flops: float
    bytes: float


class About(NamedTuple):
    """What is known of a step's program beside its speed."""

    compile: Callable[[], Any]
    step_mib: float
    peak_mib: float
    flops: float
    bytes: float

    def columns(
        self, machine: Rates, compiling: tuple[float, float] | None, seconds: float
    ) -> list[str]:
        """As in the table, for a step of so many seconds."""
        roof = max(self.flops / machine.flops, self.bytes / machine.bytes)
        times = [f"{time:.1f}" for time in compiling] if compiling else ["", ""]
        sizes = [f"{self.step_mib:.0f}", f"{self.peak_mib:.0f}"]
        counts = [f"{self.flops / 1e9:.4g}", f"{self.bytes / 1e9:.4g}"]
        return [*times, *sizes, *counts, f"{roof / seconds:.3f}"]


def main(_: Sequence[str]) -> None:
    """Measure every stage that is asked for, in turns with the yardstick's variants."""
    config = arguments.config()
    config.model.pretrained = ""
    spec = noise(config.data.height, config.data.width, _CLASSES.value)
    built = build.build(config, spec)
    rows, taken, programs = [], {}, {}
    for name in _STAGES.value or stages(built):
        programs[name], block = ours(built, name)
        blocks = {OURS: block} | (yardsticks(built) if name == "replay" else {})
        taken[name] = in_turns(blocks)
    machine = rates(built)
    for name, program_seconds in taken.items():
        about = programs[name]
        compiling = compile_seconds(about.compile) if _COMPILE.value else None
        for program, seconds in program_seconds.items():
            of_blocks = [f"{1 / take(seconds):.4g}" for take in (statistics.median, max, min)]
            seen = images(built, name) / statistics.median(seconds)
            own = None
            if program == OURS:
                own = about.columns(machine, compiling, statistics.median(seconds))
            rows.append([program, name, *size(built), *of_blocks, f"{seen:.4g}"])
            rows[-1] += own or [""] * 7
            kind = built.mesh.devices.flat[0].device_kind
            rows[-1] += [f"{built.mesh.size} x {kind}", time.strftime("%Y-%m-%d"), jax.__version__]
            print("  ".join(f"{n}={v}" for n, v in zip(HEAD, rows[-1], strict=True)), flush=True)
    if _OUT.value:
        new = not Path(_OUT.value).exists()
        with Path(_OUT.value).open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *rows] if new else rows)


def size(built: Experiment) -> list[str]:
    """What a row says of the work that a step is."""
    batch = f"{built.batch['labeled']}+{built.batch['unlabeled']}"
    compute = str(built.options["model.compute"])
    return [str(built.spec.height), str(built.spec.width), batch, compute, built.cache]


def stages(built: Experiment) -> list[str]:
    """Of the last cycle, by name."""
    last = built.schedule.cycles - 1
    return list(dict.fromkeys(s.name for s in built.stages(last, built.initial_pool()) if s.epochs))


def images(built: Experiment, stage: str) -> int:
    """Images that the student sees in a step."""
    return next(numbered(built, stage)).images


def rates(built: Experiment) -> Rates:
    """The device's own, as far as a plain program reaches them."""
    dtype = COMPUTE[str(built.options["model.compute"])]
    side, length = (1024, 2**25) if jax.default_backend() == "cpu" else (8192, 2**29)
    # A product that is what went in, and a copy in place: no time goes into fetching memory. Sums
    # are in float32: so accelerators have it anyway, and CPUs are far faster than without.
    matrix, line = jnp.full((side, side), 1 / side, dtype), jnp.ones(length, jnp.float32)
    seconds = [
        min(in_turns({"": timed(program, argument)})[""])
        for program, argument in ((_squared, matrix), (lambda x: x + 1, line))
    ]
    return Rates(flops=2 * side**3 / seconds[0], bytes=8 * length / seconds[1])


def _squared(x: jax.Array) -> jax.Array:
    return jnp.matmul(x, x, preferred_element_type=jnp.float32).astype(x.dtype)


def timed(function: Callable[[jax.Array], jax.Array], argument: jax.Array) -> Block:
    """Applies a function ten times, each time to what it gave."""
    program = jax.jit(function, donate_argnums=0)

    def run() -> float:
        nonlocal argument
        started = time.monotonic()
        for _ in range(10):
            argument = program(argument)
        jax.block_until_ready(argument)
        return (time.monotonic() - started) / 10

    return run


def ours(built: Experiment, stage: str) -> tuple[About, Block]:
    """What there is to know of our step, and how to run a block of it."""
    source = open_source(
        built.spec.train,
        built.spec.train.read_truth,
        cache=built.cache,
        place=lambda array: devices.replicate(array, built.mesh),
    )
    update = train.updates(built.method, source, built.mesh)(stage)
    state = devices.replicate(built.fresh_state(0, np.ones(_CLASSES.value)), built.mesh)
    steps = numbered(built, stage)
    first = devices.shard(
        train.fetch([next(steps)] * built.schedule.steps_per_call, source), built.mesh
    )
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding),
        (state, first),
    )
    compiled = devices.lower_and_compile(update, *shapes)
    cost = compiled.cost_analysis() or {}
    size = devices.program_memory(compiled)
    # The state is there before the step and after it, so it is no part of what the step adds.
    there = sum(leaf.nbytes for leaf in jax.tree.leaves((state, first)))
    added, state = _growth(lambda: jax.block_until_ready(compiled(state, first)[0]))
    together = built.schedule.steps_per_call
    about = About(
        compile=lambda: devices.lower_and_compile(update, *shapes),
        step_mib=size / 2**20,
        peak_mib=(added + there) / 2**20,
        flops=cost.get("flops", float("nan")) / together,
        bytes=cost.get("bytes accessed", float("nan")) / together,
    )
    return about, _block(state, steps, compiled, source, built)


def compile_seconds(compile: Callable[[], Any]) -> tuple[float, float]:
    """What compiling a program takes with an empty cache, and from a full one.

    The cache is an empty folder of its own, for this alone.
    """
    before = getattr(jax.config, "jax_compilation_cache_dir", None)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        jax.config.update("jax_compilation_cache_dir", folder)
        for _ in range(2):
            compilation_cache.reset_cache()
            jax.clear_caches()
            started = time.monotonic()
            compile()
            seconds.append(time.monotonic() - started)
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()
    return seconds[0], seconds[1]


def _growth(run: Callable[[], State]) -> tuple[int, State]:
    """Bytes that a device, or on a CPU this process, needs more at most while something runs."""
    device = jax.devices()[0]
    if statistics := device.memory_stats():
        before = statistics["bytes_in_use"]
        result = run()
        return (device.memory_stats() or {})["peak_bytes_in_use"] - before, result
    # What earlier steps have freed goes back, and Linux forgets the largest size that there was.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    result = run()
    return _resident("VmHWM") - before, result


def _resident(which: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(which))


def _block(
    state: Any, steps: Iterator[StepPlan], update: train.Update, source: Source, built: Experiment
) -> Block:
    together = built.schedule.steps_per_call
    if _STEPS.value % together:
        raise InputError(f"--steps={_STEPS.value} is not a multiple of {together} steps per call")
    epochs = train.train_epochs(
        state,
        steps,
        lambda stage: update,
        source,
        built.mesh,
        iterations=_STEPS.value,
        steps_per_call=together,
    )
    return lambda: next(epochs).seconds_per_step


def numbered(built: Experiment, stage: str) -> Iterator[StepPlan]:
    """Steps of one stage without an end, numbered from 0."""
    plans = built.steps(built.schedule.cycles - 1, built.initial_pool(), 0)
    some = list(itertools.islice((plan for plan in plans if plan.stage == stage), 64))
    if not some:
        raise InputError(f"the configuration has no {stage} steps: leave them out of --stages")
    for number, plan in enumerate(itertools.cycle(some)):
        yield plan._replace(step=number)


def yardsticks(built: Experiment) -> dict[str, Block]:
    """The yardstick's variants by name, each in a process of its own.

    In one process an allocator that serves both would find no place for what it had before.
    """
    if not _YARDSTICK.value:
        return {}
    if not Path(_YARDSTICK.value).is_file():
        raise InputError(f"--yardstick={_YARDSTICK.value}: no Python file")
    platform = built.mesh.devices.flat[0].platform
    about = {
        "device": "cuda" if platform == "gpu" else "cpu",
        "size": (built.spec.height, built.spec.width),
        "classes": len(built.spec.classes),
        "batch": built.batch["labeled"],
        "width": built.options.get("model.backbone.kwargs.width", 1.0),
        "aspp": built.options["model.head.kwargs.aspp_channels"],
        "low": built.options["model.head.kwargs.low_level_channels"],
    }
    return {name: _elsewhere({**about, **_variant(name)}) for name in _VARIANTS.value}


def _variant(name: str) -> dict[str, str]:
    """Where a variant augments is told apart from how its network runs."""
    parts = name.split("+")
    network = "+".join(part for part in parts if part != "pil")
    return {"variant": network, "aug": "pil" if "pil" in parts else "tensor"}


def _elsewhere(about: dict[str, Any]) -> Block:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    work = (there, _YARDSTICK.value, about, _STEPS.value)
    context.Process(target=run_yardstick, args=work, daemon=True).start()
    there.close()

    def block() -> float:
        try:
            here.send(None)
            return here.recv()
        except (EOFError, OSError) as error:
            name = f"{about['variant']}, {about['aug']}"
            raise InputError(f"--variants: {name} ended with the error above") from error

    return block


def run_yardstick(calls: Connection, path: str, about: dict[str, Any], steps: int) -> None:
    """Run so many steps for each call, and answer with the seconds that one took."""
    found = importlib.util.spec_from_file_location("yardstick", path)
    if found is None or found.loader is None:
        raise InputError(f"--yardstick={path}: no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules["yardstick"] = module
    found.loader.exec_module(module)
    bench = module.Bench(**about)
    while True:
        try:
            calls.recv()
        except EOFError:
            return
        started = time.monotonic()
        for _ in range(steps):
            bench.step()
        bench.sync()
        calls.send((time.monotonic() - started) / steps)


def in_turns(blocks: dict[str, Block]) -> dict[str, list[float]]:
    """Seconds a step of each block, the programs taking turns; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in blocks}
    for number in range(_BLOCKS.value + 1):
        for name, block in blocks.items():
            seconds = block()
            if number:
                taken[name].append(seconds)
    return taken


if __name__ == "__main__":
    allocator.keep_freed_memory()
    try:
        app.run(main, flags_parser=arguments.parse_flags)
    except InputError as error:
        sys.exit(f"error: {error}")
