"""Pretrained weights are tuned as the options say, from the file to a training step."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from s4al_jax.models import build as models_build
from s4al_jax.models import weights
from s4al_jax.run import build
from s4al_jax.types import TrainState, Tree
from tests.support.plain_backbone import Plain
from tests.support.toy_network import STAGES, compiled, some_inputs


class Layered(Plain):
    """The same, and how deep its two layers lie."""

    @staticmethod
    def layer_depth(path: tuple[str, ...]) -> int:
        """conv_1 and norm_1 are at depth 1."""
        return int(path[0].partition("_")[2])


PARTS = {
    "model__backbone": ConfigDict({"name": f"{__name__}:Layered", "kwargs": {}}),
    "model__head": ConfigDict({"name": "tests.support.plain_backbone:Linear", "kwargs": {}}),
}
ABOUT = {"num_classes": 11, "image_size": (8, 12), "platform": "cpu"}


def write_weights(path: Path, model: Tree) -> Tree:
    """The variables of a network whose statistics are not the first ones; they are in the file."""
    made = models_build.pretrained_network(model, **ABOUT)[0].init(jax.random.key(3))
    chance = np.random.default_rng(0)

    def draw(steps: tuple, value: jax.Array) -> np.ndarray:
        # Means below 0, so that no ReLU is dead.
        sign = -1 if steps[-1].key == "mean" else 1
        return sign * chance.uniform(0.5, 2.0, value.shape).astype(np.float32)

    made["batch_stats"] = jax.tree_util.tree_map_with_path(draw, made["batch_stats"])
    weights.write(path, made, weights.TORCHVISION, models_build.weight_names(model))
    return made


def step_once(config: ConfigDict) -> tuple[TrainState, TrainState]:
    """The states of S4AL before and after a step with pseudo labels."""
    method = build.build(config).method
    state = method.init(jax.random.key(0), np.full(11, 9), None)
    return state, compiled(method.update)(state, some_inputs(progress=0.0), STAGES[1])[0]


def test_a_step_keeps_the_statistics_of_the_file_and_moves_layers_by_their_depth(
    tiny: Callable[..., ConfigDict], tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    written = write_weights(path, tiny(**PARTS).model.to_dict())
    adam = {"eps": 1e-30, "weight_decay": 0.0, "decays": "kernels"}
    config = tiny(
        **PARTS,
        model__pretrained=str(path),
        model__norm_statistics="frozen_backbone",
        optimizer__name="adamw",
        optimizer__kwargs=ConfigDict(adam),
        optimizer__learning_rate=1e-3,
        optimizer__layer_decay=0.5,
    )
    before, after = step_once(config)
    for network in (before.student, after.student, after.teacher):
        jax.tree.map(np.testing.assert_array_equal, network["batch_stats"], written["batch_stats"])
    moved = jax.tree.map(
        lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(),
        before.student["params"],
        after.student["params"],
    )
    # The first step of Adam is the rate: halved once for the deepest layer, and again before it.
    backbone = moved["backbone"]
    assert np.isclose(moved["classify"]["bias"], 1e-3, rtol=1e-3)
    for name in ("conv_1", "norm_1"):
        np.testing.assert_allclose(jax.tree.leaves(backbone[name]), 5e-4, rtol=1e-3)
    for name in ("conv_0", "norm_0"):
        np.testing.assert_allclose(jax.tree.leaves(backbone[name]), 2.5e-4, rtol=1e-3)
