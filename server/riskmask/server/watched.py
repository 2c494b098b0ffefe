"""Whether files have changed since they were read."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

Fingerprint: TypeAlias = tuple[tuple[int, int, int] | None, ...]


def fingerprint(*files: Path) -> Fingerprint:
    """Inode, time of change and size of each, None where there is no file.

    Kubernetes exchanges mounted secrets by a link, so the inode changes even where time and size
    do not.
    """
    return tuple(_one(file) for file in files)


def _one(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
