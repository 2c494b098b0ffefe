"""Finds weights and what their manifest says of them.

``manifest.json``, in the weights' own folder, names for each role (``detector``, or a learned
codec's name) the file, its sha256 and the model's name:
``{"detector": {"file": ..., "sha256": ..., "name": ...}}``. The package's own weights have one;
other files may.
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
    """One weights file, and what its manifest says of it."""

    path: Path
    sha256: str
    name: str

    def check_hash(self, found: str) -> None:
        """Holds the hash of what was read against the manifest's.

        Raises:
            WeightsError: they differ.
        """
        if found != self.sha256:
            raise WeightsError(
                f"{self.path.name} is damaged or another file: its sha256 is {found[:8]}…, "
                f"{MANIFEST} says {self.sha256[:8]}…; install it again, with its manifest"
            )


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
    weights = _entry(role, entry, folder)
    try:
        found = hashlib.sha256(weights.path.read_bytes()).hexdigest()
    except OSError:
        raise WeightsError(
            f"the weights file {weights.path.name} is missing or unreadable"
        ) from None
    weights.check_hash(found)
    return weights


def weights_beside(path: Path) -> Weights | None:
    """What a manifest beside a file says of it, its hash unchecked; None where none names it.

    A link is looked up by its own name and by that of the file it leads to, each in its folder.

    Raises:
        WeightsError: a manifest is there that cannot be read, or whose entry is not whole.
    """
    for file in dict.fromkeys((path.absolute(), path.resolve())):
        try:
            manifest = json.loads((file.parent / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            raise WeightsError(f"the {MANIFEST} beside {path.name} is not readable JSON") from None
        for role, entry in manifest.items() if isinstance(manifest, dict) else ():
            if isinstance(entry, dict) and entry.get("file") == file.name:
                return _entry(role, entry, file.parent)
    return None


def _entry(role: str, entry: object, folder: Path) -> Weights:
    values = (
        [entry.get(key) for key in ("file", "sha256", "name")] if isinstance(entry, dict) else []
    )
    if len(values) != 3 or not all(isinstance(value, str) and value for value in values):
        raise WeightsError(f"{role} in the weights' {MANIFEST} must have file, sha256 and name")
    file, sha256, name = map(str, values)
    return Weights(path=folder / Path(file).name, sha256=sha256.lower(), name=name)
