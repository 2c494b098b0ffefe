"""Bootstrap over images: regions of one picture resemble each other, pictures do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 200

Interval = tuple[float, float]


def interval(
    images: NDArray[np.intp],
    statistic: Callable[[NDArray[np.intp]], float],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """95% percentile interval of a statistic when images are drawn with replacement.

    Args:
        images: (R,) int, the image of each row.
        statistic: of row numbers; NaN where it is not defined, which drops that resample.
        seed: of the resamples.
        resamples: how many.

    Returns:
        Low and high; NaN where no resample defines the statistic.
    """
    generator = np.random.default_rng(seed)
    order = np.argsort(images, kind="stable")
    _, starts = np.unique(images[order], return_index=True)
    rows_of = np.split(order, starts[1:])
    values = []
    for _ in range(resamples if len(images) else 0):
        chosen = generator.integers(0, len(rows_of), size=len(rows_of))
        value = statistic(np.concatenate([rows_of[i] for i in chosen]))
        if not np.isnan(value):
            values.append(value)
    if not values:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
