"""Pretrained weights: what is in a file, and where it goes in a network.

A variable lies at a path, such as `("features_0", "0", "kernel")`, and has a name in the file, such
as `features.0.0.weight`. How they correspond is known by the backbone: a module whose variables do
not lie where `torchvision_name` expects them has a method `weight_name(path)`.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from s4al_jax.files.bands import per_band
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
"""A variable of a layer -> what PyTorch calls it; all others keep their names."""

WeightNames = Callable[[tuple[str, ...]], str]
"""(modules and name of a variable) -> the name of its tensor in a file"""


class Weights(NamedTuple):
    """The weights in a file, and how the network that they come from treats its images."""

    tensors: Mapping[str, np.ndarray]
    padding: Padding
    norm_eps: float
    mean: tuple[float, ...]
    """of each band of the images, in 0..1"""
    std: tuple[float, ...]
    source: str
    """the path of the file"""


TORCHVISION = Weights(
    tensors={},
    padding="symmetric",
    norm_eps=1e-5,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    source="",
)
"""How torchvision's networks treat their images: the default for what a file does not say."""


class Report(NamedTuple):
    """Names of tensors in the file: those that were loaded, and those the network does not have."""

    loaded: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a log."""
        groups = sorted({".".join(name.split(".")[:2]) for name in self.unused})
        rest = f" ({', '.join(groups)})" if groups else ""
        return f"{len(self.loaded)} tensors loaded, {len(self.unused)} not needed{rest}"


def read(path: str | Path, usual: Weights = TORCHVISION) -> Weights:
    """The weights in a .safetensors file, or in a .pth file of PyTorch's.

    Args:
      path: the file.
      usual: says how images are treated where the file does not, as those of PyTorch never do.
    """
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
    bands = _band_count(settings)
    mean, std = (per_band(rgb, bands) for rgb in (usual.mean, usual.std))
    padding = settings.get("padding")
    return Weights(
        tensors,
        padding=usual.padding if padding is None else _padding(path, padding),
        norm_eps=_numbers(path, settings, "bn_eps", (usual.norm_eps,))[0],
        mean=_numbers(path, settings, "input_mean", mean),
        std=_numbers(path, settings, "input_std", std),
        source=str(path),
    )


def for_bands(weights: Weights, channels: int) -> Weights:
    """Weights of a network that sees RGB, for images of any number of bands.

    Mean and standard deviation of a band are those of `files.bands.per_band`. The first
    convolution is widened by `fill`.
    """
    found = len(weights.mean)
    if found == channels:
        return weights
    if found != 3:
        raise InputError(
            f"{weights.source}: its network sees {found} bands, and config.data.kwargs.channels is "
            f"{channels}: set that to {found}, or choose other weights"
        )
    mean, std = (per_band(rgb, channels) for rgb in (weights.mean, weights.std))
    return weights._replace(mean=mean, std=std)


def widen_kernel(kernel: np.ndarray, channels: int) -> np.ndarray:
    """The kernels of a first convolution over RGB, `[rows, cols, 3, out]`, for so many bands.

    The first three bands have those of red, green and blue, every other band has their mean; so
    have one or two bands. All are multiplied by 3 / channels: to an image whose bands are all
    alike, the response is that to the gray one in RGB.
    """
    first = kernel if channels >= 3 else kernel[:, :, :0]
    mean = kernel.mean(axis=2, keepdims=True)
    others = np.repeat(mean, channels - first.shape[2], axis=2)
    return np.concatenate([first, others], axis=2) * np.float32(3 / channels)


def torchvision_name(path: tuple[str, ...]) -> str:
    """Every "/" and every "_" in a module's name is a dot.

    `("features_3", "conv_1_0", "kernel")` is `features.3.conv.1.0.weight`.
    """
    *modules, variable = path
    parts = [module.replace("_", ".") for module in modules]
    return ".".join([*parts, LEAVES.get(variable, variable)])


def network_names(backbone: WeightNames) -> WeightNames:
    """The names of a whole network: variables below `backbone` are called as those of it alone."""

    def name(path: tuple[str, ...]) -> str:
        return backbone(path[1:]) if path[0] == "backbone" else torchvision_name(path)

    return name


def fill(
    pretrained: Weights, template: Tree, names: WeightNames = torchvision_name
) -> tuple[Tree, Report]:
    """Variables filled from the file, and which of its tensors were used.

    A convolution over RGB is widened to the bands that `pretrained` is for, see `widen_kernel`.
    PyTorch's running variances are n/(n-1) of those that training here goes on with; with thousands
    of pixels behind each, that changes nothing.

    Args:
      pretrained: the file.
      template: the shapes of the variables of a backbone or of a whole network.
      names: how the file calls them.
    """
    found, tree = jax.tree_util.tree_flatten_with_path(template)
    paths = [_path(steps) for steps, _ in found]
    called = [names(path) for path in paths]
    values = [
        _tensor_for(pretrained, name, path[-1], leaf.shape)
        for name, path, (_, leaf) in zip(called, paths, found, strict=True)
    ]
    unused = sorted(set(pretrained.tensors) - set(called))
    unused = [name for name in unused if not name.endswith("num_batches_tracked")]
    return jax.tree.unflatten(tree, values), Report(tuple(sorted(called)), tuple(unused))


def write(
    path: Path, variables: Tree, conventions: Weights, names: WeightNames = torchvision_name
) -> None:
    """Write a network's variables into a .safetensors file that `read` and `fill` understand.

    Args:
      path: where the file will be.
      variables: arrays on the host or on a device.
      conventions: how the network treats its images, which the file says as well.
      names: what the file calls the variables.
    """
    found, _ = jax.tree_util.tree_flatten_with_path(variables)
    tensors = {}
    for steps, leaf in found:
        way = _path(steps)
        tensors[names(way)] = _to_torch(np.asarray(leaf), way[-1])
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


def _path(steps: jax.tree_util.KeyPath) -> tuple[str, ...]:
    """The modules and the name of a variable, without the collection that it is in."""
    return tuple(str(cast(jax.tree_util.DictKey, step).key) for step in steps[1:])


def _torch_axes(variable: str, ndim: int) -> tuple[int, ...]:
    """Which axis of a variable is which axis of the tensor, in the tensor's order.

    The input and output channels of a kernel are its last axes here, and the first in PyTorch, in
    the other order: of linear layers (2 axes) and of convolutions in one and two dimensions (3 and
    4). Whatever is not called "kernel", such as a positional embedding, is the same in both.
    """
    if variable != "kernel" or ndim < 2:
        return tuple(range(ndim))
    return (ndim - 1, ndim - 2, *range(ndim - 2))


def _to_torch(value: np.ndarray, variable: str) -> np.ndarray:
    return np.ascontiguousarray(value.transpose(_torch_axes(variable, value.ndim)))


def _from_torch(value: np.ndarray, variable: str) -> np.ndarray:
    return np.ascontiguousarray(value.transpose(np.argsort(_torch_axes(variable, value.ndim))))


def _tensor_for(
    pretrained: Weights, name: str, variable: str, shape: tuple[int, ...]
) -> np.ndarray:
    """The tensor of a name, for a variable of this shape."""
    if name not in pretrained.tensors:
        raise InputError(f"{pretrained.source}: holds no {name}, which the network needs")
    tensor = pretrained.tensors[name]
    if tensor.dtype.kind == "c" or not np.isfinite(value := tensor.astype(np.float32)).all():
        raise InputError(f"{pretrained.source}: {name} holds what is no number; fetch it again")
    value, bands = _from_torch(value, variable), len(pretrained.mean)
    if variable == "kernel" and value.ndim == 4 and value.shape[2] == 3 and shape[2] == bands != 3:
        value = widen_kernel(value, bands)
    if value.shape != tuple(shape):
        axes = _torch_axes(variable, len(shape))
        raise InputError(
            f"{pretrained.source}: {name} has shape {list(tensor.shape)}, which the network wants "
            f"as {[shape[axis] for axis in axes]}; is its width the same?"
        )
    return value


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


def _band_count(settings: Mapping[str, str]) -> int:
    """Of how many bands a file says mean and standard deviation; 3 where it does not agree."""
    try:
        mean, std = (json.loads(settings[key]) for key in ("input_mean", "input_std"))
        return len(mean) if 0 < len(mean) == len(std) else 3
    except (KeyError, ValueError, TypeError, RecursionError):
        return 3


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
