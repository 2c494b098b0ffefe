"""How far a probability can be taken at its word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 15
SMALLEST = 1e-4  # probability under which logits are not told apart


def logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(p / (1 - p)), of probabilities kept 1e-4 away from 0 and 1."""
    clipped = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(clipped / (1 - clipped)))


def scaled(
    probability: NDArray[np.float64],
    slope: float | Sequence[float],
    intercept: float | Sequence[float],
) -> NDArray[np.float64]:
    """sigmoid(slope x logit(p) + intercept): Platt scaling.

    Args:
        probability: (...) or (..., N) in [0, 1].
        slope: of the logit; one for all, or N of them.
        intercept: likewise.
    """
    raised = np.asarray(slope) * logit(probability) + np.asarray(intercept)
    return np.asarray(1 / (1 + np.exp(-raised)))


def calibration_error(risk: NDArray[np.float64], changed: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal mass; NaN without any value."""
    if not len(risk):
        return float("nan")
    parts = equal_mass_bins(risk)
    gaps = [abs(float(risk[part].mean() - changed[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(risk)


def equal_mass_bins(risk: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Rows of 15 bins that hold equally many values, in rising order of risk; none is empty."""
    parts = np.array_split(np.argsort(risk, kind="stable"), BINS)
    return [part for part in parts if len(part)]


def brier_skill(risk: NDArray[np.float64], changed: NDArray[np.bool_]) -> float:
    """1 - Brier score over that of the share that changed.

    Args:
        risk: (R,), or (R, N) to hold each column against its own share: a forecast that knows the
            share of each column and nothing else then has a skill of 0.
        changed: of the same shape.

    Returns:
        At most 1; NaN where nothing or everything changed.
    """
    share = changed.mean(axis=0) if len(changed) else np.zeros(1)
    naive = float(np.mean(share * (1 - share)))
    return float("nan") if naive == 0 else 1.0 - float(np.mean((risk - changed) ** 2)) / naive
