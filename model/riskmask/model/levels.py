"""The common quality scale: K = 8 anchor levels, 0 the coarsest and 7 the finest.

A level is a quantiser step of the reference codec, not a rate: at a fixed level what happens to
a pixel depends on its neighbourhood alone, so a tile can know it. The steps run geometrically
from 420 to 16, in units of one 8-bit grey value of an orthonormal 16x16 transform.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ANCHORS = 8
FINEST = float(ANCHORS - 1)
COARSEST_STEP = 420.0
FINEST_STEP = 16.0

Number = TypeVar("Number", float, NDArray[np.float32])


def step_of_level(level: Number) -> Number:
    """Quantiser step (8-bit grey values) of a level in [0, 7]; works on arrays alike."""
    ratio = FINEST_STEP / COARSEST_STEP
    step: Number = COARSEST_STEP * ratio ** (level / FINEST)
    return step


def interpolate(curve: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Value at a level of maps given at the anchors.

    Args:
        curve: (K, ...) float32, one map per anchor level.
        level: in [0, 7]; values outside are clamped.

    Returns:
        (...) float32, linear between the two neighbouring anchors.
    """
    clamped = min(max(level, 0.0), FINEST)
    below = min(int(clamped), ANCHORS - 2)
    weight = np.float32(clamped - below)
    return np.asarray(curve[below] * (1 - weight) + curve[below + 1] * weight, dtype=np.float32)
