"""A profile from a measurement: levels by equal mean log-bpp, risks by one Platt line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from riskmask.model.evaluate.probability import brier_skill, calibration_error, logit, scaled
from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.profiling.measure import Measurement

FEWEST = 30  # changed and unchanged verdicts that a calibration must rest on, each
FOLDS = 5
LOWEST_BPP = 1e-4

Line = tuple[float, float]  # slope and intercept on the logit
IDENTITY: Line = (1.0, 0.0)


class FitError(ValueError):
    """The measurement does not carry a profile; the message says what to change."""


@dataclass(frozen=True)
class Fit:
    """A codec on the common scale.

    Attributes:
        anchors: (level, quality) pairs, levels increasing.
        slope, intercept: of the risk's logit; 1 and 0 where it could not be calibrated.
        calibrated: whether it was.
        rate_error: median relative error of the bpp that the profile predicts for one picture.
        verdicts, changed: how many verdicts there are, and how many of them are changes.
        error, skill: calibration error and Brier skill before and after, each verdict taken by a
            line that was fitted without its picture; NaN without a calibration.
    """

    anchors: tuple[tuple[float, float], ...]
    slope: float
    intercept: float
    calibrated: bool
    rate_error: float
    verdicts: int
    changed: int
    error: tuple[float, float]
    skill: tuple[float, float]


def fit(measured: Measurement) -> Fit:
    """Fit levels and risks.

    Raises:
        FitError: the rates do not rise or fall with the quality, or lie off the model's range.
    """
    levels, anchors = _levels(measured)
    risk = _risk_at(measured, levels)
    changed = measured.changed
    numbers = len(changed), int(changed.sum())
    error = _rate_error(measured, levels)
    if min(changed.sum(), (~changed).sum()) < FEWEST:
        nothing = (float("nan"), float("nan"))
        return Fit(anchors, *IDENTITY, False, error, *numbers, nothing, nothing)
    slope, intercept = _platt(risk, changed)
    unseen = _without_own_picture(risk, changed, measured.picture)
    return Fit(
        anchors,
        slope,
        intercept,
        True,
        error,
        *numbers,
        (calibration_error(risk, changed), calibration_error(unseen, changed)),
        (brier_skill(risk, changed), brier_skill(unseen, changed)),
    )


def _levels(
    measured: Measurement,
) -> tuple[NDArray[np.float64], tuple[tuple[float, float], ...]]:
    """(Q,) level of each quality, clipped to [0, 7], and the profile's pairs."""
    order = np.argsort(measured.qualities)
    qualities = measured.qualities[order]
    own = np.log(measured.bpp).mean(axis=0)[order]
    reference = np.log(np.maximum(measured.predicted, LOWEST_BPP)).mean(axis=0)
    if len(qualities) < 2 or not (np.all(np.diff(own) > 0) or np.all(np.diff(own) < 0)):
        table = ", ".join(f"{q:g}: {np.exp(v):.3f}" for q, v in zip(qualities, own, strict=True))
        raise FitError(
            "the mean bpp must rise or fall with every step of the quality; name qualities that "
            f"lie further apart (mean bpp by quality: {table})"
        )
    if own[0] > own[-1]:
        qualities, own = qualities[::-1], own[::-1]
    levels = np.interp(own, reference, np.arange(ANCHORS))
    inside = (own > reference[0]) & (own < reference[-1])
    pairs = [(float(v), float(q)) for v, q in zip(levels[inside], qualities[inside], strict=True)]
    if own[0] <= reference[0] <= own[-1]:
        pairs.insert(0, (0.0, float(np.interp(reference[0], own, qualities))))
    if own[0] <= reference[-1] <= own[-1]:
        pairs.append((FINEST, float(np.interp(reference[-1], own, qualities))))
    if len(pairs) < 2:
        low, high = np.exp(reference[[0, -1]])
        raise FitError(
            f"these qualities give {np.exp(own[0]):.3f} to {np.exp(own[-1]):.3f} bpp on these "
            f"pictures; the model covers {low:.3f} to {high:.3f}, so name qualities in between"
        )
    by_quality = dict(zip(qualities.tolist(), levels.tolist(), strict=True))
    return np.array([by_quality[q] for q in measured.qualities.tolist()]), tuple(pairs)


def _risk_at(measured: Measurement, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V,) risk of each verdict's region at its level, linear between the anchors."""
    level = levels[measured.quality]
    below = np.clip(level.astype(np.intp), 0, ANCHORS - 2)
    rows = np.arange(len(level))
    coarse, fine = measured.risk[rows, below], measured.risk[rows, below + 1]
    return np.asarray(coarse + (level - below) * (fine - coarse))


def _rate_error(measured: Measurement, levels: NDArray[np.float64]) -> float:
    """Median over pictures and qualities; the prediction is log-linear between the anchors."""
    errors = [
        abs(
            np.exp(np.interp(level, np.arange(ANCHORS), np.log(np.maximum(predicted, LOWEST_BPP))))
            / real
            - 1
        )
        for predicted, reals in zip(measured.predicted, measured.bpp, strict=True)
        for level, real in zip(levels, reals, strict=True)
        if 0 < level < FINEST
    ]
    return float(np.median(errors)) if errors else float("nan")


def _platt(risk: NDArray[np.float64], changed: NDArray[np.bool_]) -> Line:
    model = LogisticRegression(C=np.inf).fit(logit(risk)[:, None], changed)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        raise FitError(
            "the model's risk does not rise with what this codec changes in these pictures; take "
            "more pictures with small text in them"
        )
    return slope, intercept


def _without_own_picture(
    risk: NDArray[np.float64], changed: NDArray[np.bool_], picture: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Calibrated risk of each verdict, by a line fitted on other pictures."""
    result = np.empty_like(risk)
    fold = picture % FOLDS
    for number in np.unique(fold):
        own = fold == number
        others = changed[~own]
        line = _platt(risk[~own], others) if 0 < others.sum() < len(others) else IDENTITY
        result[own] = scaled(risk[own], *line)
    return result
