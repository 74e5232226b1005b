"""What a person looks at after a cycle: images as the network sees them, and the page with them.

Nothing here is learned from, and no question depends on it: a run without it has the same bits.
"""

from functools import partial
from pathlib import Path

import numpy as np

from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Position
from s4al_jax.engine.infer import class_confidence_entropy, inferrer
from s4al_jax.report.page import write
from s4al_jax.run.build import Experiment, source
from s4al_jax.run.stages import Run
from s4al_jax.rundir import directory, views
from s4al_jax.runtime import processes
from s4al_jax.types import UNLABELED, ImageSet, InputError

PAGE = Path("report") / write.INDEX
"""Where the page of a run lies in its directory"""


def images_to_show(experiment: Experiment) -> list[views.Place]:
    """The images to look at: some of the pool, and some of those that are measured on."""
    spec, most = experiment.spec, experiment.shown
    measured = {split: len(getattr(spec, split).names) for split in experiment.evaluated}
    return [
        *views.spread_evenly({"pool": len(spec.train.names)}, most["pool"]),
        *views.spread_evenly(measured, most["measured"]),
    ]


def is_finished(experiment: Experiment, workdir: Path) -> bool:
    """Whether nothing is left to be looked at, and the page was written after that."""
    last = directory.cycle_folder(workdir, experiment.schedule.cycles - 1)
    looked = last.viewed or not images_to_show(experiment)
    return looked and processes.broadcast_from_primary(lambda: _newer(workdir / PAGE, last.path))


def write_views(run: Run, cycle: int) -> None:
    """Keep what the network that counts sees at the end of a cycle, unless it was kept before."""
    folder, places = directory.cycle_folder(run.workdir, cycle), images_to_show(run.experiment)
    trained = Position(cycle, run.experiment.schedule.steps_of(cycle))
    # A network that has learned on since is not this cycle's any more.
    if not places or folder.viewed or run.checkpoints.position() != trained:
        return
    run.terminal.say(f"cycle {cycle}: looking at {len(places)} images for the report")
    maps = _maps(run, places)
    try:
        folder.write_views(views.packed(places, maps) if processes.is_primary() else b"")
    except InputError as error:
        run.terminal.say(f"the report will lack pictures: {error}")


def write_report(run: Run, cycle: int) -> None:
    """Write the page anew where it is older than what the cycle came to.

    Nobody needs the page to go on: where it cannot be written, a line says so.
    """
    if not processes.is_primary():
        return
    page = run.workdir / PAGE
    try:
        if not _newer(page, directory.cycle_folder(run.workdir, cycle).path):
            write.write(page.parent, [run.workdir], run.experiment.spec)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        run.terminal.say(f"the report was not written: {said}")


def _newer(page: Path, results: Path) -> bool:
    latest = max(path.stat().st_mtime_ns for path in results.iterdir())
    return page.exists() and page.stat().st_mtime_ns >= latest


def _maps(run: Run, places: list[views.Place]) -> np.ndarray:
    """uint8 `[images, height, width, 3]`, see `class_confidence_entropy`."""
    experiment, spec = run.experiment, run.experiment.spec
    splits = {"pool": spec.train, "val": spec.val, "test": spec.test}

    def read_image(number: int) -> np.ndarray:
        place = places[number]
        return splits[place.split].read_image(place.image)

    def unknown(number: int) -> np.ndarray:
        return np.full((spec.height, spec.width), UNLABELED, np.uint8)

    rows = partial(devices.local_rows, mesh=experiment.mesh)
    images = ImageSet(tuple(place.id for place in places), read_image, unknown)
    look = inferrer(
        experiment.method,
        source(images, unknown, residence="streamed", rows=rows),
        experiment.mesh,
        batch=experiment.batch["score"],
        told=class_confidence_entropy,
    )
    state = run.checkpoints.state(experiment.state_shapes)
    network = getattr(state, experiment.method.networks[-1])
    return np.stack(list(look(network, np.arange(len(places)))))
