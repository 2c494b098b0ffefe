"""What a whole image costs by its rate map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import RATE_STRIDE, Prediction


def whole_rate(predicted: Prediction) -> NDArray[np.float64]:
    """(8,) bits per pixel of the whole image by the rate map, cells counted by their pixels."""
    rows, columns = (
        np.minimum(length - np.arange(0, length, RATE_STRIDE), RATE_STRIDE).astype(np.float64)
        for length in (predicted.height, predicted.width)
    )
    inside = np.outer(rows, columns)
    return np.asarray((predicted.rate * inside).sum(axis=(1, 2)) / inside.sum())
