"""Finds the weights that ship inside the package.

``weights/manifest.json`` names, for each role (``detector``, or a learned codec's name), the file,
its sha256 and the model's name: ``{"detector": {"file": ..., "sha256": ..., "name": ...}}``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from riskmask.model.runtime.errors import WeightsError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Weights:
    """One verified weights file."""

    path: Path
    sha256: str
    name: str


def packaged_folder() -> Path:
    """Where the installed package keeps its weights."""
    return Path(str(resources.files("riskmask.model"))) / "weights"


def packaged_roles(folder: Path | None = None) -> frozenset[str]:
    """The roles that a folder's manifest names; none where there is no manifest.

    Raises:
        WeightsError: the manifest is not a JSON object.
    """
    path = (packaged_folder() if folder is None else folder) / MANIFEST
    if not path.exists():
        return frozenset()
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict):
        raise WeightsError(f"the weights' {MANIFEST} is not JSON; install riskmask again")
    return frozenset(manifest)


def find_weights(role: str = "detector", folder: Path | None = None) -> Weights:
    """The weights of a role, their hash checked.

    Args:
        role: a key of the manifest.
        folder: holds ``manifest.json``; the package's own unless given.

    Raises:
        WeightsError: there are none, or the file is not the one that the manifest names.
    """
    folder = packaged_folder() if folder is None else folder
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError:
        raise WeightsError(
            "this installation holds no weights; install a released riskmask, or train and "
            f"export them first ({MANIFEST} is missing from the weights folder)"
        ) from None
    except ValueError:
        raise WeightsError(f"the weights' {MANIFEST} is not JSON; install riskmask again") from None
    entry = manifest.get(role) if isinstance(manifest, dict) else None
    if entry is None:
        raise WeightsError(f"the weights' {MANIFEST} names no {role}; install riskmask again")
    try:
        file, expected, name = str(entry["file"]), str(entry["sha256"]), str(entry["name"])
    except (KeyError, TypeError):
        raise WeightsError(
            f"{role} in the weights' {MANIFEST} must have file, sha256 and name"
        ) from None
    path = folder / Path(file).name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise WeightsError(f"the weights file {path.name} is missing or unreadable") from None
    if found != expected:
        raise WeightsError(
            f"{path.name} is damaged: its sha256 is {found[:8]}…, "
            f"{MANIFEST} says {expected[:8]}…; install riskmask again"
        )
    return Weights(path=path, sha256=found, name=name)
