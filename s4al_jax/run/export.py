"""A trained network on its own: its weights, and a JSON file that says how to use them.

model.safetensors   every array of the network; its backbone's have the names of pretrained files
model.json          classes and colors, how images are brought to its size, its parts, its run
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from s4al_jax.config.options import from_options
from s4al_jax.engine import devices
from s4al_jax.engine.checkpoint import Position, newest
from s4al_jax.files import atomic
from s4al_jax.files.bands import Bands, check_bands
from s4al_jax.learn.predict import predict_with
from s4al_jax.models import build
from s4al_jax.models import weights as pretrained
from s4al_jax.run.build import Experiment
from s4al_jax.rundir.directory import cycle_folder
from s4al_jax.types import InputError, Prediction, Tree

WEIGHTS, ABOUT = "model.safetensors", "model.json"
VERSION = 1


class ExportedNetwork(NamedTuple):
    """A network ready for use, on the devices that it was read for."""

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    height: int
    width: int
    fit: str
    """how pictures are brought to this size, see `files.fit`"""
    bands: Bands
    """which it sees, and which are shown"""
    predict: Callable[[Tree, jax.Array], Prediction]
    """(variables, uint8 images at this size) -> prediction"""
    variables: Tree


def export_network(
    experiment: Experiment, workdir: Path, out: Path, *, network: str = ""
) -> Position:
    """Write the newest network of a run into a folder, and say at which moment it is from.

    `network` is "student" or "teacher"; empty: the one that the method prefers.
    """
    name = network or experiment.method.networks[-1]
    if name not in experiment.method.networks:
        known = " and ".join(experiment.method.networks)
        raise InputError(f"--network={name}: the run has trained its {known} only")
    position, state = newest(workdir / "checkpoints", experiment.state_shapes, mesh=experiment.mesh)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot write: {error.strerror or error}") from error
    model = from_options(experiment.options).model.to_dict()
    weights = build.conventions(model, experiment.spec.channels)
    names = build.weight_names(model)
    variables = getattr(state, name)
    if experiment.frozen:
        variables = experiment.frozen.whole(variables)
    pretrained.write(out / WEIGHTS, variables, weights, names)
    atomic.write_json(out / ABOUT, _about(experiment, workdir, name, position, weights))
    return position


def read_network(folder: Path, mesh: Mesh) -> ExportedNetwork:
    """The network that `write` put into a folder."""
    about = atomic.read_json(folder / ABOUT)
    if about is None:
        raise InputError(f"{folder / ABOUT}: no such file; s4al export writes one")
    try:
        if about["version"] != VERSION:
            raise InputError(
                f"{folder / ABOUT} is of version {about['version']}, this program reads {VERSION}: "
                "export the network again"
            )
        height, width = about["input"]["height"], about["input"]["width"]
        fit, bands = about["input"].get("fit", "stretch"), _bands(about["input"])
        classes = tuple(str(entry["name"]) for entry in about["classes"])
        red_green_blue = [tuple(map(int, entry["color"])) for entry in about["classes"]]
        palette = tuple((red, green, blue) for red, green, blue in red_green_blue)
        model = about["model"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / ABOUT} is not as it was written ({error!r}): export the network again"
        ) from error
    weights = pretrained.for_bands(pretrained.read(folder / WEIGHTS), bands.channels)
    network = build.network(
        model,
        num_classes=len(classes),
        image_size=(height, width),
        conventions=weights,
        platform=mesh.devices.flat[0].platform,
    )
    shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0))
    variables, _ = pretrained.fill(weights, shapes, build.weight_names(model))
    placed = devices.replicate(variables, mesh)
    predict = predict_with(network)
    return ExportedNetwork(classes, palette, height, width, fit, bands, predict, placed)


def _bands(said: Mapping[str, Any]) -> Bands:
    """What `input` of a model.json says of bands; one of an earlier version does not: RGB."""
    lists = (tuple(said.get(name, ())) for name in ("value_range", "display_bands"))
    bands = Bands(said.get("channels", 3), *lists)
    check_bands(bands)
    return bands


def _about(
    experiment: Experiment,
    workdir: Path,
    network: str,
    position: Position,
    weights: pretrained.Weights,
) -> Mapping[str, Any]:
    spec, identity = experiment.spec, atomic.read_json(workdir / "config.json")
    model = from_options(experiment.options).model.to_dict()
    del model["pretrained"], model["frozen"]  # all weights are in the file
    layout = "RGB" if spec.channels == 3 else f"{spec.channels} bands"
    metrics = cycle_folder(workdir, position.cycle).status().metrics
    trained = position.step == experiment.schedule.steps_of(position.cycle)
    return {
        "version": VERSION,
        "classes": spec.legend,
        "input": {
            "height": spec.height,
            "width": spec.width,
            "layout": f"{layout}, rows first",
            "channels": spec.channels,
            "value_range": list(spec.value_range),
            "display_bands": list(spec.train.display),
            "fit": spec.fit,
            "resize": "after the fit, each side: averaged where it shrinks, else interpolated",
            "scale": "divided by 255, then (value - mean) / std",
            "mean": list(weights.mean),
            "std": list(weights.std),
        },
        "output": "logits of each class for each pixel at the input's size",
        "weights": WEIGHTS,
        "model": model,
        "run": {
            "network": network,
            "cycle": position.cycle,
            "step": position.step,
            "steps_of_cycle": experiment.schedule.steps_of(position.cycle),
            "fingerprint": identity["fingerprint"],
            "versions": identity["versions"],
            "labeled_share": metrics["labeled_share"] if metrics and trained else None,
            "measures": metrics["measures"].get(network) if metrics and trained else None,
        },
    }
