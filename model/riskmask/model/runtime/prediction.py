"""The detector's answer for one whole image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS

RISK_STRIDE = 4
RATE_STRIDE = 16


@dataclass(frozen=True)
class Prediction:
    """Maps over an image of ``width`` x ``height`` pixels, raster, the last cells clipped.

    With h, w = ceil(height / 4), ceil(width / 4) and R, C = ceil(height / 16), ceil(width / 16):

    Attributes:
        risk: (8, h, w) float16 in [0, 1], per anchor level, non-increasing in the level.
        rate: (8, R, C) float32, bits per pixel >= 0 of the reference codec, non-decreasing.
        content: (3, h, w) float16 in [0, 1]: text, face, symbol; independent.
        high_impact: (h, w) float16 in [0, 1].
        kind: (3, h, w) float16 in [0, 1]: amplitude, geometry, shape, given a change.

    float16 keeps the maps of a 48-megapixel picture in 90 MB; its step near 0.3 is 0.0002.
    """

    width: int
    height: int
    risk: NDArray[np.float16]
    rate: NDArray[np.float32]
    content: NDArray[np.float16]
    high_impact: NDArray[np.float16]
    kind: NDArray[np.float16]

    @classmethod
    def zeros(cls, width: int, height: int) -> Prediction:
        """Maps of the right shapes, all zero."""
        cells = (-(-height // RISK_STRIDE), -(-width // RISK_STRIDE))
        blocks = (-(-height // RATE_STRIDE), -(-width // RATE_STRIDE))
        return cls(
            width=width,
            height=height,
            risk=np.zeros((ANCHORS, *cells), np.float16),
            rate=np.zeros((ANCHORS, *blocks), np.float32),
            content=np.zeros((3, *cells), np.float16),
            high_impact=np.zeros(cells, np.float16),
            kind=np.zeros((3, *cells), np.float16),
        )
