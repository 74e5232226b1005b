"""Paths on a disk, and in a bucket that a URL such as gs://bucket/folder names.

A path in a bucket is an `epath.Path`, which has the methods of `pathlib.Path` that are used here.
If TensorFlow is installed, `epath` reads through it.
"""

import contextlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from s4al_jax.types import InputError

PACKAGES = {
    "gs": "'s4al_jax[gs]'",
    "s3": "'s4al_jax[s3]'",
    "az": "adlfs",
    "hf": "huggingface_hub",
}
"""Kind of URL -> what is installed to read it."""


def user_cache() -> Path:
    """The folder of the package in the user's cache: what is in it can be made anew."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "s4al_jax"


def is_url(name: str) -> bool:
    """Whether this names something in a bucket."""
    return "://" in name


def resolve_path(name: str) -> Path:
    """The path of a folder or file; for one in a bucket, access is tried before."""
    if not is_url(name):
        return Path(name).expanduser()
    scheme = name.partition("://")[0]
    if scheme not in PACKAGES:
        known = ", ".join(f"{known}://" for known in PACKAGES)
        raise InputError(f"{name}: what begins with {scheme}:// is not read here, only {known}")
    # Imported late: paths on disks do not need it.
    from etils import epath

    logging.getLogger("gcsfs").setLevel(logging.ERROR)  # it logs a line for every file
    path = cast(Path, epath.Path(name))
    try:
        next(iter(path.iterdir()), None)
    except ImportError as error:
        package = PACKAGES[scheme]
        raise InputError(f"{name}: {scheme}:// needs a package: pip install {package}") from error
    except FileNotFoundError as error:
        raise InputError(
            f"{name}: no such bucket or folder, or none that you may see: check the name"
        ) from error
    # Each of these packages raises exceptions of its own, and those of its cloud's client.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{name} cannot be read ({reason}): check the name and your right to read it"
        ) from error
    return path


def is_local(path: Path) -> bool:
    """Whether a path is one on a disk."""
    return isinstance(path, Path)


def list_tree(folder: Path) -> list[Path]:
    """All entries of a folder and its sub-folders, sorted; in a bucket, the files alone."""
    if is_local(folder):
        return sorted(folder.rglob("*"))
    found: list[Path] = []
    for path in folder.iterdir():
        found += list_tree(path) if path.is_dir() else [path]
    return sorted(found)


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading; from a bucket it is fetched as a whole, by one request."""
    return path.open("rb") if is_local(path) else io.BytesIO(path.read_bytes())


def seekable(path: Path) -> Path | BinaryIO:
    """A large file for a reader that wants parts of it, and that opens a path on a disk by itself.

    From a bucket one mebibyte is fetched at a time.
    """
    if is_local(path):
        return path
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, path.open("rb")), 2**20))


@contextlib.contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """The path of a file on a disk; for one in a bucket, of a copy that is removed afterwards."""
    if not is_url(name):
        yield Path(name)
        return
    path = resolve_path(name)
    with tempfile.TemporaryDirectory(prefix="s4al-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        try:
            yield copy
        except InputError as error:
            raise InputError(str(error).replace(str(copy), name)) from error
