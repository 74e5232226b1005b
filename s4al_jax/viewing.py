"""What a person looks at after a cycle: images as the network sees them, and the page with them.

Nothing here is learned from, and no question depends on it: a run without it has the same bits.
"""

from functools import partial
from pathlib import Path

import numpy as np

from s4al_jax.engine import devices, hosts, rundir
from s4al_jax.engine.beliefs import beliefs, likeliest_and_sure
from s4al_jax.engine.checkpoint import Position
from s4al_jax.experiment import Experiment, source
from s4al_jax.report import views, written
from s4al_jax.stages import Run
from s4al_jax.types import UNLABELED, ImageSet, InputError

PAGE = Path("report") / written.INDEX
"""Where the page of a run lies in its directory"""


def shown(experiment: Experiment) -> list[views.Place]:
    """The images to look at: some of the pool, and some of those that are measured on."""
    spec, most = experiment.spec, experiment.shown
    measured = {split: len(getattr(spec, split).names) for split in experiment.evaluated}
    return [
        *views.spread_evenly({"pool": len(spec.train.names)}, most["pool"]),
        *views.spread_evenly(measured, most["measured"]),
    ]


def finished(experiment: Experiment, workdir: Path) -> bool:
    """Whether nothing is left to be looked at, and the page was written after that."""
    last = rundir.cycle_folder(workdir, experiment.schedule.cycles - 1)
    looked = last.viewed or not shown(experiment)
    return looked and hosts.told(lambda: _newer(workdir / PAGE, last.path))


def view(run: Run, cycle: int) -> None:
    """Keep what the network that counts sees at the end of a cycle, unless it was kept before."""
    folder, places = rundir.cycle_folder(run.workdir, cycle), shown(run.experiment)
    trained = Position(cycle, run.experiment.schedule.steps_of(cycle))
    # A network that has learned on since is not this cycle's any more.
    if not places or folder.viewed or run.checkpoints.position() != trained:
        return
    run.terminal.say(f"cycle {cycle}: looking at {len(places)} images for the report")
    maps = _maps(run, places)
    try:
        folder.write_views(views.packed(places, maps) if hosts.primary() else b"")
    except InputError as error:
        run.terminal.say(f"the report will lack pictures: {error}")


def report(run: Run, cycle: int) -> None:
    """Write the page anew where it is older than what the cycle came to.

    Nobody needs the page to go on: where it cannot be written, a line says so.
    """
    if not hosts.primary():
        return
    page = run.workdir / PAGE
    try:
        if not _newer(page, rundir.cycle_folder(run.workdir, cycle).path):
            written.write(page.parent, [run.workdir], run.experiment.spec)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        run.terminal.say(f"the report was not written: {said}")


def _newer(page: Path, results: Path) -> bool:
    latest = max(path.stat().st_mtime_ns for path in results.iterdir())
    return page.exists() and page.stat().st_mtime_ns >= latest


def _maps(run: Run, places: list[views.Place]) -> np.ndarray:
    """uint8 `[images, height, width, 3]`, see `likeliest_and_sure`."""
    experiment, spec = run.experiment, run.experiment.spec
    splits = {"pool": spec.train, "val": spec.val, "test": spec.test}

    def read_image(number: int) -> np.ndarray:
        place = places[number]
        return splits[place.split].read_image(place.image)

    def unknown(number: int) -> np.ndarray:
        return np.full((spec.height, spec.width), UNLABELED, np.uint8)

    rows = partial(devices.own_rows, mesh=experiment.mesh)
    images = ImageSet(tuple(place.id for place in places), read_image, unknown)
    look = beliefs(
        experiment.method,
        source(images, unknown, residence="streamed", rows=rows),
        experiment.mesh,
        batch=experiment.batch["score"],
        told=likeliest_and_sure,
    )
    state = run.checkpoints.state(experiment.state_shapes)
    network = getattr(state, experiment.method.networks[-1])
    return np.stack(list(look(network, np.arange(len(places)))))
