"""Snapshots of a cycle: some images as its network sees them, kept for reports.

Nothing here is learned from, and no selection depends on it: a run without it has the same bits.
"""

from functools import partial
from pathlib import Path

import numpy as np

from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Position
from s4al_jax.engine.infer import class_confidence_entropy, inferrer
from s4al_jax.files.fit import fill_padding
from s4al_jax.input.source import open_source
from s4al_jax.run import shared_directory as shared
from s4al_jax.run.build import Experiment
from s4al_jax.run.describe import images_to_show
from s4al_jax.run.events import Message
from s4al_jax.run.open import Run
from s4al_jax.rundir import views
from s4al_jax.types import UNLABELED, VOID, ImageSet, InputError


def is_finished(experiment: Experiment, workdir: Path) -> bool:
    """Whether the last cycle's snapshot is there."""
    last = shared.cycle_status(workdir, experiment.schedule.cycles - 1)
    return last.has_views or not images_to_show(experiment)


def write_views(run: Run, cycle: int) -> None:
    """Keep what the preferred network sees at the end of a cycle, unless it was kept before."""
    folder, places = shared.cycle_folder(run.workdir, cycle), images_to_show(run.experiment)
    end = Position(cycle, run.experiment.schedule.steps_of(cycle))
    # A network that has learned on since is not this cycle's any more.
    if not places or shared.status(folder).has_views or run.task.checkpoints.position() != end:
        return
    run.emit(Message(f"cycle {cycle}: looking at {len(places)} images for the report"))
    maps = _maps(run, places)
    try:
        shared.write(lambda: folder.write_views(views.pack(places, maps)))
    except InputError as error:
        run.emit(Message(f"the report will lack pictures: {error}"))


def _maps(run: Run, places: list[views.Place]) -> np.ndarray:
    """uint8 `[images, height, width, 3]`, see `class_confidence_entropy`."""
    experiment, spec = run.experiment, run.seen
    splits = {"pool": spec.train, "val": spec.val, "test": spec.test}

    def read_image(number: int) -> np.ndarray:
        place = places[number]
        image = splits[place.split].read_image(place.image)
        # Only images of the pool have the features of their mirrored copies, too.
        return image[..., : experiment.frozen.layout.channels] if experiment.frozen else image

    def unknown(number: int) -> np.ndarray:
        return np.full((spec.height, spec.width), UNLABELED, np.uint8)

    local_rows = partial(devices.local_rows, mesh=experiment.mesh)
    images = ImageSet(tuple(place.id for place in places), read_image, unknown)
    infer = inferrer(
        experiment.method,
        open_source(images, unknown, cache="none", rows=local_rows),
        experiment.mesh,
        batch=experiment.batch["score"],
        readout=class_confidence_entropy,
    )
    state = run.task.checkpoints.state(run.task.shapes)
    network = getattr(state, experiment.method.networks[-1])
    maps = np.stack(list(infer(network, np.arange(len(places)))))
    for seen, place in zip(maps, places, strict=True):
        if shown := splits[place.split].shown:
            # What a network makes of padding is nothing to look at.
            fill_padding(seen, shown(place.image), (VOID, 0, 0))
    return maps
