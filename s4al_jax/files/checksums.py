"""A folder's manifest: the checksum of each of its files, kept beside it once all are on disk.

checkpoints/40/         what Orbax has written
checkpoints/40.json     its manifest
"""

import hashlib
import json
from pathlib import Path

from s4al_jax.files.atomic import write_atomically


def write(folder: Path) -> None:
    """Keep the checksums of a folder that nobody will change any more."""
    content = json.dumps({"sha256": _checksums(folder)}, indent=1) + "\n"
    write_atomically(place(folder), content.encode())


def fault(folder: Path) -> str | None:
    """What is wrong with a folder; None where its files are as the manifest says, or it has none.

    Without a manifest it was finished just before its process was killed, or by an earlier version.
    """
    try:
        wanted = json.loads(place(folder).read_text())["sha256"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{place(folder)} cannot be read ({error})"
    try:
        found = _checksums(folder)
    except OSError as error:
        return f"{error.filename or folder} cannot be read ({error.strerror or error})"
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            return f"{folder / name} is missing"
        if wanted.get(name) != found[name]:
            return f"{folder / name} has changed since it was written"
    return None


def place(folder: Path) -> Path:
    """Where a folder's manifest lies."""
    return folder.with_name(folder.name + ".json")


def forget(parent: Path) -> None:
    """Take away the manifests of folders that are gone."""
    for path in parent.glob("*.json"):
        if not path.with_suffix("").is_dir():
            path.unlink()


def _checksums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _checksum(path) for path in paths}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
