"""What a command adds to a run: the page after each cycle, and pictures for TensorBoard."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s4al_jax.run.events import CycleEnded, Event, Listener, ListenerFailed, Selected
from s4al_jax.rundir.tensorboard import TensorBoard
from s4al_jax.runtime import processes

PAGE = Path("report") / "index.html"
"""Where the page of a run lies in its directory."""

IMAGES = 4
"""How many pool images TensorBoard shows of a cycle."""


def run_listeners(workdir: Path) -> list[Listener]:
    """The listeners that every training command adds."""
    if not processes.is_primary():
        return []
    return [write_page, show_scores(workdir / "tensorboard" / "images")]


def write_page(event: Event) -> None:
    """Write the page anew where it is older than what the cycle came to.

    A run goes on without its page: where it cannot be written, a line says so.
    """
    if not isinstance(event, CycleEnded):
        return
    from s4al_jax.report.page.write import write_page as write
    from s4al_jax.rundir.directory import cycle_folder

    page = event.workdir / PAGE
    try:
        results = cycle_folder(event.workdir, event.cycle).path
        if not _is_newer(page, results):
            write(page.parent, [event.workdir], event.spec)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ListenerFailed(f"the report was not written: {said}") from error


def show_scores(folder: Path) -> Listener:
    """Shows the images in which the best chosen regions lie, if matplotlib is installed.

    The folder is theirs alone: TensorBoard reads no more of a file once a newer one lies beside it.
    """

    def listen(event: Event) -> None:
        if isinstance(event, Selected):
            with contextlib.closing(TensorBoard(folder)) as board:
                for number, picture in enumerate(score_maps(event), 1):
                    board.write_image(event.number, f"scores/{number}", picture)

    return listen


def score_maps(event: Selected) -> Iterator[np.ndarray]:
    """The images in which the best chosen regions lie, beside their scores.

    Each is uint8 `[height, width, 3]`, the best first.
    """
    try:
        from s4al_jax.report.figures.acquisition import acquisition, pixels
    except ImportError:
        return
    best_first = sorted(event.chosen, key=lambda one: (-float(event.scores[one]), one))
    for image in list(dict.fromkeys(region.image for region in best_first))[:IMAGES]:
        chosen = [region for region in event.chosen if region.image == image]
        figure = acquisition(
            event.spec.train.picture(image), event.scores[image], event.regions, image, chosen
        )
        figure.suptitle(event.spec.train.names[image])
        yield pixels(figure)


def _is_newer(page: Path, results: Path) -> bool:
    latest = max(path.stat().st_mtime_ns for path in results.iterdir())
    return page.exists() and page.stat().st_mtime_ns >= latest
