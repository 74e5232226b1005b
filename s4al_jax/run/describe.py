"""What a run is, in plain values: the `run.json` of its directory, for reports."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s4al_jax.config.comparison import group_options
from s4al_jax.config.defaults import default
from s4al_jax.config.options import FREE_OPTIONS, flat
from s4al_jax.run.budget import planned_budget
from s4al_jax.run.build import Experiment
from s4al_jax.rundir import views
from s4al_jax.rundir.region_maps import write_region_maps
from s4al_jax.rundir.run_json import RunDescription, describe_run, write_run_json


def write_description(experiment: Experiment, workdir: Path, identity: Mapping[str, Any]) -> None:
    """Write what reports need to know of a run into its directory."""
    if experiment.regions.cell_size is None:
        shown = [place.image for place in images_to_show(experiment) if place.split == "pool"]
        write_region_maps(workdir, experiment.regions, shown)
    write_run_json(workdir, describe(experiment, identity))


def describe(experiment: Experiment, identity: Mapping[str, Any]) -> RunDescription:
    """The description of a run; `identity` is what its config.json says."""
    options, pool = experiment.options, experiment.initial_pool()
    cycles = range(experiment.schedule.cycles)
    return describe_run(
        argv=command(sys.argv),
        options=group_options(options, defaults=flat(default()), free=FREE_OPTIONS),
        spec=experiment.spec,
        regions=experiment.regions,
        region_kind=options["regions.name"],
        method={
            "name": options["method.name"],
            "networks": list(experiment.method.networks),
            "labels_all": len(experiment.initial) == len(experiment.spec.train.names),
            "confidence_threshold": options.get("method.kwargs.confidence_threshold"),
        },
        schedule=experiment.schedule,
        stages=[experiment.stages(cycle, pool) for cycle in cycles],
        initial=experiment.initial,
        budgets=[(cycle.regions, cycle.pixels) for cycle in planned_budget(experiment)],
        acquisition=options["acquisition.name"],
        annotator=options["annotator.name"],
        preprocessing={
            "mean": list(experiment.preprocessing["mean"]),
            "std": list(experiment.preprocessing["std"]),
            "padding": experiment.preprocessing["padding"],
            "fit": experiment.spec.fit,
            "weights": experiment.preprocessing["weights"],
        },
        evaluated=experiment.evaluated,
        checkpoint={
            "every_epochs": experiment.checkpoint_every,
            "keep": experiment.checkpoint_keep,
        },
        versions=identity["versions"],
        device=identity["device"],
        revision=identity["revision"],
    )


def images_to_show(experiment: Experiment) -> list[views.Place]:
    """Some images of the pool, and some of those that are measured on, evenly spread."""
    spec, most = experiment.spec, experiment.shown
    measured = {split: len(getattr(spec, split).names) for split in experiment.evaluated}
    return [
        *views.spread_evenly({"pool": len(spec.train.names)}, most["pool"]),
        *views.spread_evenly(measured, most["measured"]),
    ]


def command(argv: Sequence[str]) -> list[str]:
    """The command of this process, as somebody would type it again."""
    program = Path(argv[0]).name
    if program == "main.py":
        return ["python", "-m", "s4al_jax.main", *argv[1:]]
    return ["s4al" if program == "__main__.py" else program, *argv[1:]]
