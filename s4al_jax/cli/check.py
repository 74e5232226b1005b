"""`s4al check`: looks at every file of a dataset once."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from s4al_jax.cli.parser import Parser, add_command, add_config, count

if TYPE_CHECKING:
    import numpy as np
    from ml_collections import ConfigDict

    from s4al_jax.survey.sketches import Sketch
    from s4al_jax.survey.suspicions import Suspicion
    from s4al_jax.types import DatasetSpec


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "check",
        run,
        summary="look at every file of a dataset: is anything wrong with it?",
        usage="CONFIG [--sheet=FILE] [--config.OPTION=VALUE ...]",
        notes="Ends with 1 if something is wrong. A run makes the same checks before it trains, on "
        "what it has decoded before; this decodes every file anew. "
        "What only looks wrong, such as a mask that fits another image, is a suspicion.",
        example="s4al check folder --config.data.root=photos --sheet=sheet.png",
    )
    add_config(parser)
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="draw a contact sheet (.png, .pdf, ...)"
    )
    parser.add_argument(
        "--pictures", type=count, default=16, metavar="N", help="that it shows; default: 16"
    )


def run(given: argparse.Namespace) -> int:
    """Print the report, draw the sheet, and return 1 if a file is wrong."""
    from s4al_jax.data.decode_cache import decode_anew

    with decode_anew() as changed:
        return _check(given, changed)


def _check(given: argparse.Namespace, changed: list[str]) -> int:
    from s4al_jax.cli.overrides import read_config
    from s4al_jax.console.terminal import Terminal
    from s4al_jax.files.stray_values import ClassListError
    from s4al_jax.report.dataset import data_report
    from s4al_jax.run.task import build_dataset
    from s4al_jax.runtime.extras import require
    from s4al_jax.survey.suspicions import suspicions
    from s4al_jax.survey.validate import survey
    from s4al_jax.survey.whole_pictures import sketcher
    from s4al_jax.types import InputError

    if given.sheet:
        require("matplotlib", extra="plots", what="--sheet")
    data = read_config(given.config, given.overrides).data
    try:
        spec = build_dataset(data)
    except InputError as error:
        if isinstance(error, ClassListError):
            _print_suggestion(data)
        raise
    sketches: list[Sketch] = []
    add_sketch = sketcher(spec, sketches)

    def look(label: str, image: "np.ndarray", truth: "np.ndarray | None") -> None:
        add_sketch(label, spec.train.to_display(image), truth)

    with Terminal(sys.stderr) as terminal:
        found = survey(spec, progress=terminal.countdown("images read"), originals=True, look=look)
    suspected = [
        *_range_suspicions(spec),
        *_color_suspicions(data),
        *suspicions(sketches, spec.classes),
    ]
    print(data_report(spec, found, suspected))
    for name in changed:
        print(f"note: {name} had changed, but neither its size nor its time: it is read anew now")
    if found.needs_class_list:
        _print_suggestion(data)
    if given.sheet:
        _draw_sheet(spec, suspected, given.pictures, given.sheet)
    return 1 if found.errors else 0


def _draw_sheet(
    spec: "DatasetSpec", suspected: "list[Suspicion]", pictures: int, path: Path
) -> None:
    from s4al_jax.report.figures.acquisition import save
    from s4al_jax.report.figures.data import sheet
    from s4al_jax.survey.whole_pictures import middle_tiles

    shown = middle_tiles(spec) if spec.fit == "tile" else {}
    titles: dict[str, str] = {}
    for one in suspected:
        titles.setdefault(shown.get(one.label, one.label), one.title)
    save(sheet(spec, pictures, titles), path)
    print(f"\nThe contact sheet lies in {path}.")


def _range_suspicions(spec: "DatasetSpec") -> "list[Suspicion]":
    """Of pictures of 16 bits, unless somebody has said which of their numbers count."""
    from collections.abc import Iterator

    from s4al_jax.survey.value_ranges import range_suspicion
    from s4al_jax.types import InputError

    def pictures() -> "Iterator[np.ndarray | None]":
        for images in (spec.train, spec.val, spec.test):
            read = images.read_deep or (lambda index: None)
            for index in range(len(images.names)):
                with contextlib.suppress(InputError):  # the report names it
                    yield read(index)

    found = None if spec.value_range else range_suspicion(pictures())
    return [found] if found else []


def _color_suspicions(data: "ConfigDict") -> "list[Suspicion]":
    """Of a folder of masks: colors of palettes that nearly are a class's."""
    from s4al_jax.files.paths import resolve_path
    from s4al_jax.survey.class_suggestion import known_classes
    from s4al_jax.survey.mask_census import folder_census, near_colors

    if data.name != "folder":
        return []
    classes = known_classes(resolve_path(data.root))
    # All masks are read for it: only where there are colors to hold theirs against.
    if classes is None or not classes.colors:
        return []
    _, census = folder_census(data.root, data.max_pixels)
    return list(near_colors(census, classes))


def _print_suggestion(data: "ConfigDict") -> None:
    """Print a classes.json for a folder whose masks need one."""
    from s4al_jax.survey.class_suggestion import known_classes, suggestion
    from s4al_jax.survey.mask_census import census_table, folder_census

    if data.name != "folder" or not data.root:
        return
    place, census = folder_census(data.root, data.max_pixels)
    print(f"\n{census_table(census)}" if census.masks else "", end="")
    text = suggestion(census, known_classes(place))
    if text is not None:
        print(
            f"\nThis {place / 'classes.json'}, in the place of any classes.txt, reads all of it; "
            f"give the classes names of your own:\n\n{text}"
        )
