"""Compares networks with their references in PyTorch: same weights, same images, same numbers?

    pip install -e '.[parity]'
    python -m tools.parity resnet50 deeplab_v3      # rows go into results/parity.csv
    python -m tools.parity resnet50 --fixture       # and tests/models/data/parity_resnet50.npz

A reference is a file `tools/references/NAME.py` with

- `MODEL`: what the block `model` of a configuration changes, such as `{"backbone": {...}}`;
- `SIZES`: heights and widths of the images, even and odd ones;
- `CONVENTIONS`: fields of `weights.Weights` that are not torchvision's: `{"norm_eps": 1e-3}`;
- `build(seed)`: a `torch.nn.Module` with the tensors' published names in `state_dict()`. It is
  given normalized images, `[b, c, h, w]`, and returns a dict of stages and "logits". A stage is
  named by our module, such as "backbone/layer1_0"; "backbone.0" is the first map of a tuple;
- perhaps `SMALL_MODEL`, `SMALL_SIZE` and `build_small(seed)`: a narrow network for the fixture.

All tensors are drawn anew by their names, go through a .safetensors file and our reader of weights,
and both networks see the same images, in inference and in training, without dropout: features of
every stage, logits, the loss, its gradients and the running means are compared. A difference is
max |ours - theirs| / max |theirs| of a tensor; it has to be at most 1e-4.

Numbers are float32, and those of gradients float64: a ReLU whose input is rounded to the other side
of 0 changes a gradient by a whole pixel's share, and among millions some are. A gradient counts as
no smaller than a thousandth of the largest, since some are 0 but for rounding (of a bias in front
of a normalization).
"""

import argparse
import csv
import importlib
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
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
ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "results" / "parity.csv"
HEAD = ["name", "size", "mode", "quantity", "max_relative_difference", "tolerance"]
HEAD += ["torch", "jax", "date"]
Found = dict[tuple[str, str], np.ndarray]
"""(mode, quantity) -> its numbers in PyTorch's layout"""


class Example(NamedTuple):
    """What both networks are given."""

    images: np.ndarray
    """float32 `[b, h, w, 3]` in 0..1"""
    label: np.ndarray
    """class ids `[b, h, w]`"""


def example(size: tuple[int, int], seed: int = SEED) -> Example:
    """Noise."""
    rng = np.random.default_rng(seed)
    images = rng.random((BATCH, *size, 3), np.float32)
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


# ---- our network


def network_of(
    model: Mapping[str, Any],
    conventions: weights.Weights,
    size: tuple[int, int],
    double: bool = False,
) -> tuple[Network, weights.WeightNames]:
    """The network of a block of options, and what files call its variables.

    Args:
      model: what the block changes.
      conventions: how images are treated.
      size: of the images.
      double: whether layers compute in float64, where JAX does.
    """
    whole = default().model.to_dict() | dict(model)
    about: dict[str, Any] = {"num_classes": CLASSES, "image_size": size}
    about["conventions"] = conventions
    if not double:
        network = models_build.network(whole, **about, platform=jax.default_backend())
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
) -> Found:
    """What our network makes of the images, in both modes; `wanted` is that of `forward`."""
    outputs = {}
    for mode in ("inference", "training"):
        run = jax.jit(lambda v, x, m=mode: forward(network, v, x, wanted, m == "training"))
        outputs[mode], statistics = run(variables, data.images)
    return _found(outputs, statistics, names)


def our_numbers(
    network: Network,
    names: weights.WeightNames,
    variables: Tree,
    data: Example,
    wanted: Mapping[str, tuple[int, ...]],
) -> Found:
    """All that is compared, the loss and its gradients too, in float64 as far as the network is."""
    label = data.label[:, : wanted["logits"][2], : wanted["logits"][3], None]

    def loss(params: Tree, rest: Tree, images: jax.Array) -> tuple[jax.Array, Any]:
        outputs, statistics = forward(network, {**rest, "params": params}, images, wanted, True)
        logs = jax.nn.log_softmax(outputs["logits"])
        value = -jnp.take_along_axis(logs, jnp.asarray(label), axis=-1).mean()
        return value, (outputs, statistics)

    @jax.jit
    def run(variables: Tree, images: jax.Array) -> Any:
        rest = {name: tree for name, tree in variables.items() if name != "params"}
        trained = jax.value_and_grad(loss, has_aux=True)(variables["params"], rest, images)
        return trained, forward(network, variables, images, wanted, False)[0]

    with jax.enable_x64(True):
        exact = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), (variables, data.images))
        ((value, (outputs, statistics)), grads), inference = run(*exact)
        found = _found({"inference": inference, "training": outputs}, statistics, names)
        tensors = file_tensors({"params": grads}, names)
    found |= {("training", f"gradient of {name}"): x for name, x in tensors.items()}
    return found | {("training", "loss"): np.asarray(value)}


def _found(
    outputs: Mapping[str, Mapping[str, jax.Array]], statistics: Tree, names: weights.WeightNames
) -> Found:
    """Outputs by their mode, and running means, as the reference gives them."""
    found = {(mode, name): _to_torch(x) for mode in outputs for name, x in outputs[mode].items()}
    tensors = file_tensors(statistics, names) if statistics else {}
    means = {name: x for name, x in tensors.items() if name.endswith("running_mean")}
    return found | {("training", name): x for name, x in means.items()}


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


# ---- the reference


def draw_all(module: Any) -> dict[str, np.ndarray]:
    """Redraw all parameters that learn and all running statistics, and give the whole state."""
    import torch

    learns = {name for name, tensor in module.named_parameters() if tensor.requires_grad}
    state = module.state_dict()
    for name, tensor in state.items():
        if name in learns or "running_" in name:
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(drawn_tensor(name, tuple(tensor.shape))))
    return {name: tensor.numpy().copy() for name, tensor in state.items() if tensor.ndim}


def theirs(module: Any, data: Example, conventions: weights.Weights) -> Found:
    """What the reference makes of the images."""
    import torch

    mean, std = (np.asarray(value, np.float32) for value in (conventions.mean, conventions.std))
    images = torch.from_numpy(((data.images - mean) / std).transpose(0, 3, 1, 2).copy())
    found: Found = {}
    for mode, train in (("inference", False), ("training", True)):
        module.train(train)
        for part in module.modules():
            if any(word in type(part).__name__ for word in ("Drop", "Stochastic")):
                part.eval()
        with torch.no_grad():
            outputs = module(images)
        found |= {(mode, name): x.numpy() for name, x in outputs.items()}
    for name, tensor in module.named_buffers():
        if name.endswith("running_mean"):
            found["training", name] = tensor.numpy().copy()
    exact = (torch.from_numpy(data.images).double() - torch.from_numpy(mean)) / torch.from_numpy(
        std
    )
    logits = module.double()(exact.permute(0, 3, 1, 2))["logits"]
    label = torch.from_numpy(data.label[:, : logits.shape[2], : logits.shape[3]])
    loss = torch.nn.functional.cross_entropy(logits, label)
    loss.backward()
    found["training", "loss"] = loss.detach().numpy()
    for name, tensor in module.named_parameters():
        if tensor.grad is not None:
            found["training", f"gradient of {name}"] = tensor.grad.numpy()
    return found


# ---- both


def compare(reference: Any, name: str) -> Iterator[dict[str, Any]]:
    """A row for each image size, mode and quantity; of gradients and means, the worst."""
    conventions = weights.TORCHVISION._replace(**reference.CONVENTIONS)
    for size in reference.SIZES:
        module = reference.build(SEED)
        tensors = draw_all(module)
        data = example(size)
        expected = theirs(module, data, conventions)
        wanted = {key[1]: x.shape for key, x in expected.items() if key[0] == "inference"}
        network, names = network_of(reference.MODEL, conventions, size)
        variables, report = variables_of(network, names, tensors, conventions)
        print(f"{name} at {size[0]}x{size[1]}: {report}", flush=True)
        found = our_features(network, names, variables, data, wanted)
        exact, _ = network_of(reference.MODEL, conventions, size, double=True)
        numbers = our_numbers(exact, names, variables, data, wanted)
        found |= {key: x for key, x in numbers.items() if key not in found}
        for (mode, quantity), far in differences(found, expected).items():
            yield {"size": f"{size[0]}x{size[1]}", "mode": mode, "quantity": quantity, "far": far}


def differences(found: Found, expected: Found) -> dict[tuple[str, str], float]:
    """Of each quantity; the largest of all gradients, and of all running means, under one name."""
    strangers = [key for key in found if key not in expected]
    if strangers:
        raise SystemExit(f"the reference lacks {strangers[0][1]}")
    grads = [np.abs(x).max() for key, x in expected.items() if _kind(key[1]) == "gradients"]
    worst: dict[tuple[str, str], float] = {}
    for (mode, quantity), x in expected.items():
        kind = _kind(quantity)
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


def _kind(quantity: str) -> str:
    """The name of the row that a quantity goes into."""
    if quantity.startswith("gradient of "):
        return "gradients"
    return "running means" if quantity.endswith("running_mean") else quantity


SAMPLES = 7


def samples(values: np.ndarray) -> np.ndarray:
    """The highest magnitude of an array, then a few of its values, evenly spread."""
    flat = np.asarray(values, np.float32).ravel()
    picked = flat[np.linspace(0, flat.size - 1, SAMPLES).astype(int)]
    return np.concatenate([[np.abs(flat).max()], picked]).astype(np.float32)


def write_fixture(reference: Any, path: Path) -> None:
    """A few numbers of the reference, and what they are of, for a test without PyTorch."""
    model = getattr(reference, "SMALL_MODEL", reference.MODEL)
    size = getattr(reference, "SMALL_SIZE", reference.SIZES[0])
    module = getattr(reference, "build_small", reference.build)(SEED)
    conventions = weights.TORCHVISION._replace(**reference.CONVENTIONS)
    draw_all(module)
    expected = theirs(module, example(size), conventions)
    network, names = network_of(model, conventions, size)
    shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0))
    known = set(file_tensors(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes), names))
    kept = {key: x for key, x in expected.items() if _is_of(key[1], known)}
    about = {"model": model, "size": size, "conventions": reference.CONVENTIONS}
    about |= {"stages": {k[1]: x.shape for k, x in kept.items() if k[0] == "inference"}}
    about |= {"quantities": list(kept)}
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.stack([samples(x) for x in kept.values()])
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), expected=numbers)
    print(f"{path}: {len(kept)} quantities, {path.stat().st_size} bytes")


def _is_of(quantity: str, known: set[str]) -> bool:
    """Whether a quantity is a stage, or belongs to a tensor that our network has."""
    return _kind(quantity) == quantity or quantity.removeprefix("gradient of ") in known


def write_rows(name: str, rows: list[dict[str, Any]]) -> None:
    """Replace the rows of one reference in the table."""
    import torch

    about = {"name": name, "tolerance": TOLERANCE, "torch": torch.__version__}
    about |= {"jax": jax.__version__, "date": time.strftime("%Y-%m-%d")}
    kept: list[dict[str, Any]] = []
    if TABLE.exists():
        with TABLE.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["name"] != name]
    for row in rows:
        shown = {key: row[key] for key in ("size", "mode", "quantity")}
        kept.append({**about, **shown, "max_relative_difference": f"{row['far']:.1e}"})
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(kept, key=lambda row: row["name"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="+", help="files in tools/references, without .py")
    parser.add_argument("--fixture", action="store_true", help="write numbers for a test, too")
    asked = parser.parse_args()
    failed = []
    for name in asked.names:
        reference = importlib.import_module(f"tools.references.{name}")
        rows = list(compare(reference, name))
        for row in rows:
            print(f"  {row['size']:>8} {row['mode']:>9} {row['far']:.1e}  {row['quantity']}")
        write_rows(name, rows)
        if max(row["far"] for row in rows) > TOLERANCE:
            failed.append(name)
        if asked.fixture:
            path = ROOT / "tests" / "models" / "data" / f"parity_{name}.npz"
            write_fixture(reference, path)
    if failed:
        sys.exit(f"differ by more than {TOLERANCE}: {', '.join(failed)}")


if __name__ == "__main__":
    main()
