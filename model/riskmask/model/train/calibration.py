"""Calibrate the detector's risks: of regions at 0.3, three in ten shall be changed.

Platt scaling (Platt, "Probabilistic outputs for support vector machines", 1999): one slope on the
logit, and for each level an intercept that never rises towards the finer ones, so that a finer
level still never means more risk. They become part of the exported graph, so the profile of the
reference codec stays the identity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]
from tqdm import tqdm

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.judged import RegionTable, region_table
from riskmask.model.evaluate.probability import brier_skill, calibration_error, logit, scaled
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.predictor import Predictor

FLAT = 1e-6  # a slope at its bound
FEWEST = 50  # changed and unchanged verdicts that a fit must rest on, each


@dataclass(frozen=True)
class Platt:
    """risk -> sigmoid(slope x logit(risk) + intercept of the level), and what it gained.

    Attributes:
        slope: over 0.
        intercept: of the eight anchors, never rising.
        regions, pictures: it was fitted on.
        error, skill: calibration error and Brier skill before and after, on the same regions.
    """

    slope: float
    intercept: tuple[float, ...]
    regions: int
    pictures: int
    error: tuple[float, float]
    skill: tuple[float, float]


def judged_table(predictor: Predictor, examples: Sequence[Example]) -> RegionTable:
    """The judged regions of pictures with the detector's risk of each."""
    maps = [
        predictor.predict(example.image).risk.astype(np.float32)
        for example in tqdm(examples, desc="predicting", unit="image")
    ]
    return region_table(examples, {"riskmask": maps})


def fit_platt(table: RegionTable) -> Platt:
    """Fit on regions at all levels, each a verdict of its own.

    Raises:
        ValueError: too few verdicts of one sort to fit on.
    """
    risk = table.scores["riskmask"].astype(np.float64)
    changed = table.count[:, None] > np.arange(ANCHORS)
    if min(changed.sum(), (~changed).sum()) < FEWEST:
        raise ValueError(
            f"{int(changed.sum())} changed and {int((~changed).sum())} unchanged verdicts; "
            f"a calibration needs {FEWEST} of each, so label more pictures"
        )
    slope, intercept = _most_likely(logit(risk), changed)
    if slope <= FLAT:
        raise ValueError("the detector's risk falls where more is changed; it cannot be calibrated")
    after = scaled(risk, slope, intercept.tolist())
    return Platt(
        slope=slope,
        intercept=tuple(intercept.tolist()),
        regions=len(table),
        pictures=len(np.unique(table.image)),
        error=_of_both(calibration_error, risk, after, changed),
        skill=_of_both(brier_skill, risk, after, changed),
    )


def _most_likely(
    risk: NDArray[np.float64], changed: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Slope, and (8,) intercepts, of the largest likelihood.

    Args:
        risk: (R, 8) logits.
        changed: (R, 8).
    """

    def split(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return float(values[0]), values[1] - np.concatenate([[0.0], np.cumsum(values[2:])])

    def loss(values: NDArray[np.float64]) -> float:
        slope, intercept = split(values)
        raised = slope * risk + intercept
        return float(np.logaddexp(0, np.where(changed, -raised, raised)).mean())

    start = np.array([1.0, 0.0, *[0.1] * (ANCHORS - 1)])
    bounds = [(0, None), (None, None), *[(0, None)] * (ANCHORS - 1)]
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    return split(found.x)


def _of_both(
    figure: Callable[[NDArray[np.float64], NDArray[np.bool_]], float],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    changed: NDArray[np.bool_],
) -> tuple[float, float]:
    return figure(before.ravel(), changed.ravel()), figure(after.ravel(), changed.ravel())
