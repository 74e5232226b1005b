"""The numbers that `tools/parity.py` compares: how they are drawn, and what our network gives.

PyTorch is not needed for any of this, so `tests/models/parity_test.py` uses it, too.
"""

import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from s4al_jax.config.defaults import default
from s4al_jax.models import build as models_build
from s4al_jax.models import weights
from s4al_jax.types import Network, Tree

TOLERANCE = 1e-4
BATCH, CLASSES, SEED = 4, 5, 1
SAMPLES = 7
Found = dict[tuple[str, str], np.ndarray]
"""(mode, quantity) -> its numbers in PyTorch's layout"""


class Example(NamedTuple):
    """What both networks are given."""

    images: np.ndarray
    """float32 `[b, h, w, 3]` in 0..1"""
    label: np.ndarray
    """class ids `[b, h, w]`"""


def example(size: tuple[int, int], seed: int = SEED) -> Example:
    """Noise, of another brightness in each image: no two have nearly the same mean."""
    rng = np.random.default_rng(seed)
    images = rng.random((BATCH, *size, 3), np.float32)
    images *= np.linspace(0.25, 1.0, BATCH, dtype=np.float32)[:, None, None, None]
    return Example(images, rng.integers(0, CLASSES, (BATCH, *size)))


def drawn_tensor(name: str, shape: tuple[int, ...], seed: int = SEED) -> np.ndarray:
    """A tensor that its name and the seed decide, of a size that keeps activations finite."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = rng.standard_normal(shape).astype(np.float32)
    variable = name.rpartition(".")[2]
    if variable == "running_var" or (len(shape) == 1 and variable in ("weight", "gamma")):
        return (0.5 + rng.random(shape)).astype(np.float32)
    if variable == "weight":
        return values * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    return values * np.float32(0.1)


def difference(ours: np.ndarray, theirs: np.ndarray, floor: float = 0.0) -> float:
    """max |ours - theirs| / max |theirs|; infinite where shapes differ or a number is missing.

    Args:
      ours: any numbers.
      theirs: the same by the reference.
      floor: what max |theirs| counts as at least.
    """
    if ours.shape != theirs.shape or not (np.isfinite(ours) & np.isfinite(theirs)).all():
        return float("inf")
    highest = max(float(np.abs(theirs).max()), floor)
    far = float(np.abs(ours - theirs).max())
    return far / highest if highest else float("inf") if far else 0.0


def differences(found: Found, expected: Found) -> dict[tuple[str, str], float]:
    """Of each quantity; the largest of all gradients, and of all running means, under one name."""
    strangers = [key for key in found if key not in expected]
    if strangers:
        raise SystemExit(f"the reference lacks {strangers[0][1]}")
    grads = [np.abs(x).max() for key, x in expected.items() if row_name(key[1]) == "gradients"]
    worst: dict[tuple[str, str], float] = {}
    for (mode, quantity), x in expected.items():
        kind = row_name(quantity)
        if (mode, quantity) not in found:
            if kind == quantity:
                raise SystemExit(f"our network has no stage {quantity}")
            continue  # a tensor of a layer that is left out here
        floor = max(grads) / 1000 if kind == "gradients" else 0.0
        far = difference(found[mode, quantity], x, floor)
        if far > TOLERANCE:
            print(f"  {mode}, {quantity}: {far:.2e}", flush=True)
        worst[mode, kind] = max(worst.get((mode, kind), 0.0), far)
    return worst


def row_name(quantity: str) -> str:
    """The name of the row that a quantity goes into."""
    if quantity.startswith("gradient of "):
        return "gradients"
    return "running means" if quantity.endswith("running_mean") else quantity


def samples(values: np.ndarray) -> np.ndarray:
    """The highest magnitude of an array, then a few of its values, evenly spread."""
    flat = np.asarray(values, np.float32).ravel()
    picked = flat[np.linspace(0, flat.size - 1, SAMPLES).astype(int)]
    return np.concatenate([[np.abs(flat).max()], picked]).astype(np.float32)


def network_of(
    model: Mapping[str, Any],
    conventions: weights.Weights,
    size: tuple[int, int],
    *,
    platform: str = "cpu",
    double: bool = False,
) -> tuple[Network, weights.WeightNames]:
    """The network of a block of options, and what files call its variables.

    Args:
      model: what the block changes.
      conventions: how images are treated.
      size: of the images.
      platform: whose formulations of operations are used.
      double: whether layers compute in float64, where JAX does.
    """
    whole = default().model.to_dict() | dict(model)
    about: dict[str, Any] = {"num_classes": CLASSES, "image_size": size}
    about["conventions"] = conventions
    if not double:
        network = models_build.network(whole, **about, platform=platform)
    else:
        with jax.enable_x64(True), mock.patch.dict(models_build.COMPUTE, float64=jnp.float64):
            # The formulations of CPUs, which the other network has, round to float32.
            whole["compute"] = "float64"
            network = models_build.network(whole, **about, platform="gpu")
    return network, models_build.weight_names(whole)


def file_tensors(variables: Tree, names: weights.WeightNames) -> dict[str, np.ndarray]:
    """The variables as a file has them: names, and the layout of PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "variables.safetensors")
        weights.write(path, variables, weights.TORCHVISION, names)
        return dict(weights.read(path).tensors)


def variables_of(
    network: Network,
    names: weights.WeightNames,
    tensors: Mapping[str, np.ndarray],
    conventions: weights.Weights,
) -> tuple[Tree, weights.Report]:
    """The tensors as variables of the network, through a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drawn.safetensors")
        weights.write(path, {"file": dict(tensors)}, conventions, lambda way: way[-1])
        shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0))
        return weights.fill(weights.read(path), shapes, names)


def forward(
    network: Network,
    variables: Tree,
    images: jax.Array,
    wanted: Mapping[str, tuple[int, ...]],
    train: bool,
) -> tuple[dict[str, jax.Array], Tree]:
    """The stages that are wanted and the logits, and the running statistics.

    Args:
      network: the network.
      variables: of the network.
      images: `[b, h, w, bands]` in 0..1.
      wanted: the stages and "logits" -> the shapes that the reference gives.
      train: whether batches normalize themselves.
    """
    outputs: dict[str, jax.Array] = {}
    full_size = wanted["logits"][2:] == images.shape[1:3]
    with nn.intercept_methods(_note(outputs, wanted)):
        prediction, statistics = network.apply(variables, images, train=train, full_size=full_size)
    return {**outputs, "logits": prediction.logits}, statistics


def our_features(
    network: Network,
    names: weights.WeightNames,
    variables: Tree,
    data: Example,
    wanted: Mapping[str, tuple[int, ...]],
    mode: str = "inference",
) -> Found:
    """What our network makes of the images; `wanted` is that of `forward`."""
    run = jax.jit(lambda v, x: forward(network, v, x, wanted, mode == "training"))
    outputs, statistics = run(variables, data.images)
    return _found(mode, outputs, statistics if mode == "training" else {}, names)


def our_training(
    network: Network,
    names: weights.WeightNames,
    variables: Tree,
    data: Example,
    wanted: Mapping[str, tuple[int, ...]],
) -> Found:
    """Features, loss and gradients of a step of training, in float64."""
    label = data.label[:, : wanted["logits"][2], : wanted["logits"][3], None]

    def loss(params: Tree, rest: Tree, images: jax.Array, label: jax.Array) -> Any:
        outputs, statistics = forward(network, {**rest, "params": params}, images, wanted, True)
        logs = jax.nn.log_softmax(outputs["logits"])
        return -jnp.take_along_axis(logs, label, axis=-1).mean(), (outputs, statistics)

    with jax.enable_x64(True):
        exact = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), (variables, data.images))
        rest = {name: tree for name, tree in exact[0].items() if name != "params"}
        run = jax.jit(jax.value_and_grad(loss, has_aux=True))
        (value, (outputs, statistics)), grads = run(
            exact[0]["params"], rest, exact[1], jnp.asarray(label)
        )
        found = _found("training", outputs, statistics, names)
        tensors = file_tensors({"params": grads}, names)
    found |= {("training", f"gradient of {name}"): x for name, x in tensors.items()}
    return found | {("training", "loss"): np.asarray(value)}


def _found(
    mode: str, outputs: Mapping[str, jax.Array], statistics: Tree, names: weights.WeightNames
) -> Found:
    """Outputs and running means, as the reference gives them."""
    tensors = file_tensors(statistics, names) if statistics else {}
    means = {name: x for name, x in tensors.items() if name.endswith("running_mean")}
    return {(mode, name): _to_torch(x) for name, x in outputs.items()} | {
        (mode, name): x for name, x in means.items()
    }


def _note(outputs: dict[str, jax.Array], wanted: Mapping[str, Any]) -> Callable[..., Any]:
    """An interceptor of modules that keeps what those that are wanted return."""

    def note(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        result = call(*args, **kwargs)
        path = "/".join(context.module.path)
        if context.method_name == "__call__" and path in wanted:
            outputs[path] = result
        if context.method_name == "__call__" and isinstance(result, tuple):
            parts = {f"{path}.{index}": part for index, part in enumerate(result)}
            outputs.update({name: part for name, part in parts.items() if name in wanted})
        return result

    return note


def _to_torch(x: jax.Array) -> np.ndarray:
    array = np.asarray(x, np.float32)
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
