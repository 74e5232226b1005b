"""What a run would do and need, without doing anything: `s4al plan`."""

from clu import parameter_overview

from s4al_jax.regions.protocol import region_costs
from s4al_jax.run.budget import planned_budget
from s4al_jax.run.build import Experiment
from s4al_jax.run.dry_run import memory_needs


def plan(experiment: Experiment) -> str:
    """Cycles, steps, batches, budget, parameters and memory, as a text for people."""
    parts = (_protocol, _measuring, _batches, _budget, _network, _memory)
    return "\n".join(line for part in parts for line in part(experiment))


def _protocol(experiment: Experiment) -> list[str]:
    spec, schedule = experiment.spec, experiment.schedule
    lines = [
        f"dataset   {spec.name}: {len(spec.train.names)} pool, {len(spec.val.names)} val, "
        f"{len(spec.test.names)} test images of {spec.height}x{spec.width}, "
        f"{len(spec.classes)} classes",
        f"cycles    {schedule.cycles} trainings, {schedule.cycles - 1} acquisitions, "
        f"{schedule.total_steps} steps",
    ]
    for cycle in range(schedule.cycles):
        spans = ", ".join(
            f"{stage.epochs * schedule.iterations} {stage.name}"
            for stage in experiment.stages(cycle, experiment.initial_pool())
        )
        lines.append(
            f"          cycle {cycle}: {schedule.epochs_of(cycle)} epochs of "
            f"{schedule.iterations} steps ({spans})"
        )
    return lines


def _measuring(experiment: Experiment) -> list[str]:
    if not experiment.evaluated:
        return ["measured  nothing: the splits to be measured on have no images"]
    names = " and ".join(experiment.evaluated)
    return [f"measured  on {names}, every {experiment.evaluate_every} epochs"]


def _batches(experiment: Experiment) -> list[str]:
    sizes = ", ".join(
        f"{size or 'as many as fit'} {name}" for name, size in experiment.batch.items()
    )
    device = experiment.mesh.devices.flat[0].device_kind
    return [f"batches   {sizes}; shared by {experiment.mesh.size} x {device}"]


def _budget(experiment: Experiment) -> list[str]:
    """The most that will be bought; less if images run out of regions before."""
    costs = region_costs(experiment.regions, len(experiment.spec.train.names)).sum(axis=1)
    pool, spent = int(costs.sum()), int(costs[list(experiment.initial)].sum())
    lines = [f"budget    {_spending('at the start', len(experiment.initial), spent, pool)}"]
    moments = [f"after cycle {cycle}" for cycle in range(experiment.schedule.cycles - 1)]
    if not experiment.initial:
        moments.insert(0, "before the first cycle")
    for moment, planned in zip(moments, planned_budget(experiment), strict=True):
        spent += planned.pixels
        where = f"{moment}, {planned.pixels} pixels in {planned.regions} regions, in all"
        lines.append(f"          {_spending(where, None, spent, pool)}")
    return lines


def _spending(where: str, images: int | None, spent: int, pool: int) -> str:
    counted = "" if images is None else f" {images} whole images,"
    return f"{where}{counted} {spent} pixels ({100 * spent / pool:.2f} %)"


def _network(experiment: Experiment) -> list[str]:
    params = experiment.state_shapes.student["params"]
    count = parameter_overview.count_parameters
    parts = f" ({count(params['backbone']):,} in the backbone)" if "backbone" in params else ""
    networks = ", ".join(experiment.method.networks)
    weights = experiment.preprocessing["weights"] or "random numbers"
    lines = [
        f"network   {count(params):,} parameters{parts}; trained: {networks}",
        f"          starts from {weights}",
    ]
    return [*lines, f"warning   {experiment.warning}"] if experiment.warning else lines


def _memory(experiment: Experiment) -> list[str]:
    """As the compiler counts it; the programs that it makes for that are kept for the run."""
    most, *others = sorted(memory_needs(experiment), key=lambda need: -need.bytes)
    rest = "".join(f", {other.bytes / 2**20:.0f} for {other.what}" for other in others)
    return [
        f"memory    {most.bytes / 2**20:.0f} MiB on each device for {most.what}{rest}; "
        f"{_images_memory(experiment)}"
    ]


def _images_memory(experiment: Experiment) -> str:
    spec = experiment.spec
    images = len(spec.train.names) + len(spec.val.names) + len(spec.test.names)
    labels = images * spec.height * spec.width / 2**20
    pictures = spec.channels * labels
    return {
        "device": f"{pictures + labels:.0f} MiB more there for images and labels (cache: device)",
        "host": f"{pictures:.0f} MiB on the host for decoded images (cache: host)",
        "none": "images are decoded as they are needed (cache: none)",
    }[experiment.cache]
