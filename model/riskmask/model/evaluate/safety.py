"""Predicted against true safe levels, and how far a risk can be taken at its word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.evaluate.probability import brier_skill, calibration_error
from riskmask.model.levels import ANCHORS

THRESHOLD = 0.3


@dataclass(frozen=True)
class Figure:
    """One number and its 95% bootstrap interval over images."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Safety:
    """What the risk of regions is worth, over all levels.

    Attributes:
        regions: how many.
        rank: Spearman's correlation of predicted and true safe level.
        calibration: expected calibration error, bins of equal mass.
        skill: Brier skill against the overall share of changed regions: 1 is perfect, 0 as good
            as that share.
        level_skill: against the share at each level, so that knowing the level gains nothing.
    """

    regions: int
    rank: Figure
    calibration: Figure
    skill: Figure
    level_skill: Figure


def measure_safety(table: RegionTable, method: str, seed: int = 0) -> Safety:
    """The figures of one method whose scores are probabilities."""
    risk = table.scores[method].astype(np.float64)
    changed = table.count[:, None] > np.arange(ANCHORS)
    predicted = safe_levels(risk)

    def rank(rows: NDArray[np.intp]) -> float:
        if np.ptp(predicted[rows]) == 0 or np.ptp(table.count[rows]) == 0:
            return float("nan")
        return float(spearmanr(predicted[rows], table.count[rows]).statistic)

    def calibration(rows: NDArray[np.intp]) -> float:
        return calibration_error(risk[rows].ravel(), changed[rows].ravel())

    def skill(rows: NDArray[np.intp]) -> float:
        return brier_skill(risk[rows].ravel(), changed[rows].ravel())

    def level_skill(rows: NDArray[np.intp]) -> float:
        return brier_skill(risk[rows], changed[rows])

    every = np.arange(len(table))

    def figure(statistic: Callable[[NDArray[np.intp]], float]) -> Figure:
        value = statistic(every) if len(table) else float("nan")
        return Figure(value, interval(table.image, statistic, seed))

    return Safety(len(table), figure(rank), figure(calibration), figure(skill), figure(level_skill))


def safe_levels(risk: NDArray[np.float64], threshold: float = THRESHOLD) -> NDArray[np.float64]:
    """(R, 8) risk at the anchors -> (R,) level at which it falls under the threshold.

    Linear between the anchors; 0 where the coarsest is safe, 8 where none is.
    """
    over = risk >= threshold
    last = np.where(over.any(axis=1), ANCHORS - 1 - np.argmax(over[:, ::-1], axis=1), -1)
    result = np.zeros(len(risk))
    for row, level in enumerate(last):
        if level == ANCHORS - 1:
            result[row] = ANCHORS
        elif level >= 0:
            above, below = risk[row, level], risk[row, level + 1]
            result[row] = level + (above - threshold) / max(above - below, 1e-12)
    return result
