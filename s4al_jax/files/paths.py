"""Where files lie: on a disk, or in a bucket that a URL such as gs://bucket/folder names.

A file in a bucket is named by an `epath.Path`, which answers as pathlib's `Path` does in what is
asked of it here. Where TensorFlow is installed, it is TensorFlow that `epath` reads with.
"""

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from s4al_jax.types import InputError

PACKAGES = {"gs": "gcsfs", "s3": "s3fs", "az": "adlfs", "hf": "huggingface_hub"}
"""Kind of URL -> the package that reads it."""


def is_url(where: str) -> bool:
    """Whether a name is that of a place in a bucket."""
    return "://" in where


def place(where: str) -> Path:
    """A folder or file by its name; one in a bucket has been looked at, to see that one may."""
    if not is_url(where):
        return Path(where).expanduser()
    kind = where.partition("://")[0]
    if kind not in PACKAGES:
        known = ", ".join(f"{known}://" for known in PACKAGES)
        raise InputError(f"{where}: what begins with {kind}:// is not read here, only {known}")
    # Not needed by those who read from disks.
    from etils import epath

    logging.getLogger("gcsfs").setLevel(logging.ERROR)  # it says something of every file
    path = cast(Path, epath.Path(where))
    try:
        next(iter(path.iterdir()), None)
    except ImportError as error:
        package = PACKAGES[kind]
        raise InputError(f"{where}: {kind}:// needs a package: pip install {package}") from error
    except FileNotFoundError as error:
        raise InputError(
            f"{where}: no such bucket or folder, or none that you may see: check the name"
        ) from error
    # Each of these packages has errors of its own, and of those of its cloud.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{where} cannot be read ({reason}): check the name and your right to read it"
        ) from error
    return path


def is_local(path: Path) -> bool:
    """Whether a file or folder lies on a disk."""
    return isinstance(path, Path)


def everything_below(folder: Path) -> list[Path]:
    """What is in a folder and its sub-folders, in order; of a bucket, files alone."""
    if is_local(folder):
        return sorted(folder.rglob("*"))
    found: list[Path] = []
    for path in folder.iterdir():
        found += everything_below(path) if path.is_dir() else [path]
    return sorted(found)


def opened(path: Path) -> BinaryIO:
    """A file to be read in binary; what lies in a bucket is fetched at once, by one request."""
    return path.open("rb") if is_local(path) else io.BytesIO(path.read_bytes())


def in_parts(path: Path) -> Path | BinaryIO:
    """A large file for those who read parts of it here and there, and open it if it is on a disk.

    Of one in a bucket a mebibyte is fetched at a time.
    """
    if is_local(path):
        return path
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, path.open("rb")), 2**20))


@contextlib.contextmanager
def on_disk(where: str) -> Iterator[Path]:
    """A file on a disk: a copy, for as long as it is used, of one in a bucket."""
    if not is_url(where):
        yield Path(where)
        return
    path = place(where)
    with tempfile.TemporaryDirectory(prefix="s4al-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        try:
            yield copy
        except InputError as error:
            raise InputError(str(error).replace(str(copy), where)) from error
