"""Manifests: the checksums of all files of a folder, written beside it when it is complete.

checkpoints/40/         what Orbax has written
checkpoints/40.json     its manifest
"""

import hashlib
import json
from pathlib import Path

from s4al_jax.files.atomic import write_atomically


def write_manifest(folder: Path) -> None:
    """Write the checksums of a folder that will not change any more."""
    content = json.dumps({"sha256": _checksums(folder)}, indent=1) + "\n"
    write_atomically(manifest_path(folder), content.encode())


def find_damage(folder: Path) -> str | None:
    """What is wrong with a folder; None if its files are as its manifest says.

    A folder without a manifest counts as whole: it was completed just before its process was
    killed, or by an earlier version.
    """
    try:
        wanted = json.loads(manifest_path(folder).read_text())["sha256"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{manifest_path(folder)} cannot be read ({error})"
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


def manifest_path(folder: Path) -> Path:
    """The path of a folder's manifest."""
    return folder.with_name(folder.name + ".json")


def remove_stale_manifests(parent: Path) -> None:
    """Remove the manifests of folders that are gone."""
    for path in parent.glob("*.json"):
        if not path.with_suffix("").is_dir():
            path.unlink()


def _checksums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _checksum(path) for path in paths}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
