"""Weights that others trained: what is in a file, and where it goes in a backbone."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from s4al_jax.models.torch_file import read_pth
from s4al_jax.ops.padding import Padding
from s4al_jax.types import InputError, Tree

PADDINGS: Mapping[str, Padding] = {"symmetric": "symmetric", "tf_same": "same"}
DIVISORS = ("bn_eps", "input_std")
LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}


class Weights(NamedTuple):
    """A file of weights, and how the network that they come from treats its images.

    `source` is the file's path."""

    tensors: Mapping[str, np.ndarray]
    padding: Padding
    norm_eps: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str


TORCHVISION = Weights(
    tensors={},
    padding="symmetric",
    norm_eps=1e-5,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    source="",
)
"""How torchvision's networks treat their images; what a file says nothing about is as here."""


class Report(NamedTuple):
    """Names of tensors in the file: those that went in, and those the network has no place for."""

    loaded: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a log."""
        groups = sorted({".".join(name.split(".")[:2]) for name in self.unused})
        rest = f" ({', '.join(groups)})" if groups else ""
        return f"{len(self.loaded)} tensors loaded, {len(self.unused)} not needed{rest}"


def read(path: str | Path) -> Weights:
    """The weights in a .safetensors file, or in a .pth file of torchvision's."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of a .safetensors or .pth file")
    if path.suffix == ".safetensors":
        tensors, settings = _safetensors(path)
    elif path.suffix in (".pth", ".pt"):
        tensors, settings = read_pth(path), {}
    else:
        raise InputError(f"{path}: weights are read from .safetensors and .pth files only")
    if not tensors:
        raise InputError(f"{path}: holds no weights; fetch it again")
    return Weights(
        tensors,
        padding=_padding(path, settings.get("padding", TORCHVISION.padding)),
        norm_eps=_numbers(path, settings, "bn_eps", (TORCHVISION.norm_eps,))[0],
        mean=_triple(path, settings, "input_mean", TORCHVISION.mean),
        std=_triple(path, settings, "input_std", TORCHVISION.std),
        source=str(path),
    )


def fill(pretrained: Weights, template: Tree) -> tuple[Tree, Report]:
    """Variables filled from the file, and which tensors of it were used.

    `template` has the shapes of the variables of a backbone or of a whole network. PyTorch's
    running variances are n/(n-1) of those that training here goes on with; with thousands of
    pixels behind each, that changes nothing.
    """
    found, tree = jax.tree_util.tree_flatten_with_path(template)
    names = [_torch_name(path) for path, _ in found]
    values = [
        _fitted(pretrained, name, leaf.shape) for name, (_, leaf) in zip(names, found, strict=True)
    ]
    unused = sorted(set(pretrained.tensors) - set(names))
    unused = [name for name in unused if not name.endswith("num_batches_tracked")]
    return jax.tree.unflatten(tree, values), Report(tuple(sorted(names)), tuple(unused))


def write(path: Path, variables: Tree, conventions: Weights) -> None:
    """A whole network's variables as a .safetensors file that `read` and `fill` understand.

    Its backbone's tensors have torchvision's names, so that another run can start from the file.
    """
    found, _ = jax.tree_util.tree_flatten_with_path(variables)
    tensors = {_torch_name(way): _as_torch(np.asarray(leaf)) for way, leaf in found}
    if len(tensors) != len(found):
        raise ValueError("two arrays of the network would have one name in the file")
    paddings = {padding: name for name, padding in PADDINGS.items()}
    settings = {
        "padding": paddings[conventions.padding],
        "bn_eps": json.dumps(conventions.norm_eps),
        "input_mean": json.dumps(conventions.mean),
        "input_std": json.dumps(conventions.std),
    }
    scratch = path.with_name(path.name + ".part")
    try:
        save_file(tensors, scratch, settings)
        os.replace(scratch, path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot write: {error}") from error


def _as_torch(value: np.ndarray) -> np.ndarray:
    if value.ndim == 4:
        value = value.transpose(3, 2, 0, 1)  # [h, w, in, out] -> [out, in, h, w]
    return np.ascontiguousarray(value)


def _torch_name(path: jax.tree_util.KeyPath) -> str:
    """Of params/features_3/conv_1_0/kernel: features.3.conv.1.0.weight.

    What comes below `backbone` is called as if it stood alone.
    """
    _, *modules, leaf = (str(cast(jax.tree_util.DictKey, step).key) for step in path)
    modules = modules[1:] if modules[0] == "backbone" else modules
    return ".".join([part.replace("_", ".") for part in modules] + [LEAVES[leaf]])


def _fitted(pretrained: Weights, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name not in pretrained.tensors:
        raise InputError(f"{pretrained.source}: holds no {name}, which the network needs")
    value = pretrained.tensors[name]
    if value.dtype.kind == "c" or not np.isfinite(value := value.astype(np.float32)).all():
        raise InputError(f"{pretrained.source}: {name} holds what is no number; fetch it again")
    if value.ndim == 4:
        value = value.transpose(2, 3, 1, 0)  # [out, in, h, w] -> [h, w, in, out]
    if value.shape != tuple(shape):
        theirs = pretrained.tensors[name].shape
        raise InputError(
            f"{pretrained.source}: {name} has shape {list(theirs)}, which the network wants as "
            f"{_torch_shape(shape)}; is its width the same?"
        )
    return np.ascontiguousarray(value)


def _torch_shape(shape: tuple[int, ...]) -> list[int]:
    if len(shape) != 4:
        return list(shape)
    return [shape[3], shape[2], shape[0], shape[1]]


def _safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a readable .safetensors file ({reason}); fetch it again"
        ) from error


def _padding(path: Path, name: str) -> Padding:
    if name not in PADDINGS:
        raise InputError(f"{path}: padding is {name!r}; known are {', '.join(PADDINGS)}")
    return PADDINGS[name]


def _triple(
    path: Path, settings: Mapping[str, str], key: str, default: tuple[float, ...]
) -> tuple[float, float, float]:
    red, green, blue = _numbers(path, settings, key, default)
    return red, green, blue


def _numbers(
    path: Path, settings: Mapping[str, str], key: str, default: tuple[float, ...]
) -> tuple[float, ...]:
    """A setting that is as many numbers as its default."""
    if key not in settings:
        return default
    try:
        value = json.loads(settings[key])
        numbers = tuple(float(v) for v in (value if isinstance(value, list) else [value]))
    except RecursionError as error:
        raise InputError(f"{path}: {key} is nested without end, not numbers") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {key} is {settings[key]!r}, not numbers") from error
    if len(numbers) != len(default) or not np.isfinite(numbers).all():
        raise InputError(f"{path}: {key} is {settings[key]!r}; {len(default)} numbers are needed")
    if key in DIVISORS and min(numbers) <= 0.0:
        raise InputError(f"{path}: {key} is {settings[key]!r}; numbers above 0 are needed")
    return numbers
