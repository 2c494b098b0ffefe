"""Calibrate the detector's risks: of regions at 0.3, three in ten shall be changed.

Platt scaling (Platt, "Probabilistic outputs for support vector machines", 1999): one slope and one
intercept on the logit, shared by all levels, so that a finer level still never means more risk.
They become part of the exported graph, so the reference codec's profile stays the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.judged import RegionTable, region_table
from riskmask.model.evaluate.probability import brier_skill, calibration_error, logit, scaled
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.predictor import Predictor

FEWEST = 50  # changed and unchanged verdicts that a fit must rest on, each


@dataclass(frozen=True)
class Platt:
    """risk -> sigmoid(slope x logit(risk) + intercept), and what it gained.

    Attributes:
        slope: over 0.
        intercept: any.
        regions, pictures: it was fitted on.
        error, skill: calibration error and Brier skill before and after, on the same regions.
    """

    slope: float
    intercept: float
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
    risk = table.scores["riskmask"].astype(np.float64).ravel()
    changed = (table.count[:, None] > np.arange(ANCHORS)).ravel()
    if min(changed.sum(), (~changed).sum()) < FEWEST:
        raise ValueError(
            f"{int(changed.sum())} changed and {int((~changed).sum())} unchanged verdicts; "
            f"a calibration needs {FEWEST} of each, so label more pictures"
        )
    fit = LogisticRegression(C=np.inf).fit(logit(risk)[:, None], changed)
    slope, intercept = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    if slope <= 0:
        raise ValueError("the detector's risk falls where more is changed; it cannot be calibrated")
    after = scaled(risk, slope, intercept)
    return Platt(
        slope=slope,
        intercept=intercept,
        regions=len(table),
        pictures=len(np.unique(table.image)),
        error=(calibration_error(risk, changed), calibration_error(after, changed)),
        skill=(brier_skill(risk, changed), brier_skill(after, changed)),
    )
