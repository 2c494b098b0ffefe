"""The peak of a risk map: how high its highest region stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.components import has_component
from riskmask.model.runtime.prediction import RISK_STRIDE

STEPS = 4096  # a peak is a multiple of 1/4096
SMALLEST_REGION = 48  # pixels; a smaller area is no region unless a policy says so


def peak_risk(risk: NDArray[np.float32], smallest: int, width: int, height: int) -> float:
    """The highest threshold at which a risk map holds a region, to 1/4096 and rounded down.

    Args:
        risk: (ceil(height / 4), ceil(width / 4)) float32 in [0, 1].
        smallest: area in pixels under which a connected area is no region.
        width, height: of the image in pixels.

    Returns:
        In [0, 1]; 0 where even all of the image is too small.
    """
    # No region of n cells stands higher than the n-th highest cell.
    cells = min(max(-(-smallest // RISK_STRIDE**2), 1), risk.size)
    highest = float(np.partition(risk, -cells, axis=None)[-cells])
    low, high = 0, int(highest * STEPS) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if has_component(risk, middle / STEPS, smallest, width, height):
            low = middle
        else:
            high = middle
    return low / STEPS
