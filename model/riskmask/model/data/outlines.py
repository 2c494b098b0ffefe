"""How high a region is."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def outline_height(polygon: Sequence[tuple[float, float]]) -> float:
    """The shorter side of the smallest rectangle, turned as it may be, around corners (x, y)."""
    return float(min(cv2.minAreaRect(np.asarray(polygon, dtype=np.float32))[1]))
