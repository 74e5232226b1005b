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

Inference is compared in float32, training in float64. Batches that normalize themselves amplify
rounding by a fifth with each block, and a ReLU whose input is rounded to the other side of 0 gives
another gradient: in float32 a deep network differs from itself by more than 1e-4. A gradient counts
as no smaller than a thousandth of the largest, since some are 0 but for rounding (of a bias in
front of a normalization).
"""

import argparse
import csv
import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from s4al_jax.models import weights
from tools.parity_numbers import (
    SEED,
    TOLERANCE,
    Example,
    Found,
    differences,
    drawn_tensor,
    example,
    file_tensors,
    network_of,
    our_features,
    our_training,
    row_name,
    samples,
    variables_of,
)

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "results" / "parity.csv"
HEAD = ["name", "size", "mode", "quantity", "max_relative_difference", "tolerance"]
HEAD += ["torch", "jax", "date"]


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
    """What the reference makes of the images: inference in float32, then training in float64."""
    import torch

    images = torch.from_numpy(data.images)
    mean, std = (torch.tensor(value) for value in (conventions.mean, conventions.std))
    with torch.no_grad():
        inference = module.eval()(((images - mean) / std).permute(0, 3, 1, 2))
    found = {("inference", name): x.numpy() for name, x in inference.items()}
    module.double().train()
    for part in module.modules():
        if any(word in type(part).__name__ for word in ("Drop", "Stochastic")):
            part.eval()
    trained = module(((images.double() - mean) / std).permute(0, 3, 1, 2))
    height, width = trained["logits"].shape[2:]
    label = torch.from_numpy(data.label[:, :height, :width])
    loss = torch.nn.functional.cross_entropy(trained["logits"], label)
    loss.backward()
    found |= {("training", name): x.detach().numpy() for name, x in trained.items()}
    for name, tensor in module.named_buffers():
        if name.endswith("running_mean"):
            found["training", name] = tensor.numpy().copy()
    found["training", "loss"] = loss.detach().numpy()
    for name, tensor in module.named_parameters():
        if tensor.grad is not None:
            found["training", f"gradient of {name}"] = tensor.grad.numpy()
    return found


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
        found |= our_training(exact, names, variables, data, wanted)
        for (mode, quantity), far in differences(found, expected).items():
            yield {"size": f"{size[0]}x{size[1]}", "mode": mode, "quantity": quantity, "far": far}


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
    kept = {key: x for key, x in expected.items() if key[0] == "training" and _is_of(key[1], known)}
    del kept["training", "loss"]
    about = {"model": model, "size": size, "conventions": reference.CONVENTIONS}
    about |= {"stages": {k[1]: x.shape for k, x in expected.items() if k[0] == "inference"}}
    about |= {"quantities": list(kept)}
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.stack([samples(x) for x in kept.values()])
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), expected=numbers)
    print(f"{path}: {len(kept)} quantities, {path.stat().st_size} bytes")


def _is_of(quantity: str, known: set[str]) -> bool:
    """Whether a quantity is a stage, or the running mean of a tensor that our network has."""
    return row_name(quantity) == quantity or quantity in known


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
