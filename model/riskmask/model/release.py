"""Enter a new weights file into the packaged manifest, and drop the one it replaces."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from riskmask.model.runtime.weights import MANIFEST
from riskmask.model.whole_file import write_whole


def register(role: str, path: Path, name: str) -> None:
    """Make a weights file the one that its folder's manifest names for a role.

    Args:
        role: ``detector``, or a learned codec's name.
        path: of the file, named by its content's hash; its folder holds the manifest.
        name: of the model, as replies give it.
    """
    manifest_path = path.parent / MANIFEST
    manifest = json.loads(manifest_path.read_text("utf-8")) if manifest_path.exists() else {}
    before = manifest.get(role, {}).get("file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest[role] = {"file": path.name, "sha256": digest, "name": name}
    write_whole(manifest_path, json.dumps(manifest, indent=2) + "\n")
    if before and before != path.name:
        replaced = path.parent / before
        replaced.unlink(missing_ok=True)
        replaced.with_suffix(".levels.json").unlink(missing_ok=True)  # a codec's level curve
