"""What tells one picture from another."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def picture_hash(image: NDArray[np.uint8]) -> str:
    """SHA-256 of a picture's pixels, (H, W, 3) uint8 RGB, in rows."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
