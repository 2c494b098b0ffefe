"""A profile from a measurement: levels by equal mean log-bpp, risks and errors by a line each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.evaluate.probability import brier_skill, calibration_error, scaled
from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.profiling.fit_errors import ErrorFit, fit_errors
from riskmask.model.profiling.lines import (
    FEWEST,
    IDENTITY,
    Line,
    most_likely,
    without_own_picture,
)
from riskmask.model.profiling.measure import Measurement

LOWEST_BPP = 1e-4


class FitError(ValueError):
    """The measurement does not carry a profile; the message says what to change."""


@dataclass(frozen=True)
class Fit:
    """A codec on the common scale.

    Attributes:
        anchors: (level, quality) pairs, levels increasing.
        slope, intercept: of the risk's logit; 1 and 0 where it could not be calibrated.
        uncalibrated: why not; None where it was.
        rate_error: median relative error of the bpp that the profile predicts for a picture that
            its levels were not fitted on; NaN under two pictures.
        verdicts, changed: how many verdicts there are at qualities within the model's range, and
            how many of them are changes.
        error, skill: calibration error and Brier skill before and after, each verdict taken by a
            line that was fitted without its picture; NaN without a calibration.
        errors: how likely one is somewhere in a picture.
    """

    anchors: tuple[tuple[float, float], ...]
    slope: float
    intercept: float
    uncalibrated: str | None
    rate_error: float
    verdicts: int
    changed: int
    error: tuple[float, float]
    skill: tuple[float, float]
    errors: ErrorFit


def fit(measured: Measurement) -> Fit:
    """Fit levels, risks and errors.

    Raises:
        FitError: the rates do not rise or fall with the quality, or lie off the model's range.
    """
    levels, anchors = _levels(measured)
    # What lies beyond the model's range has no level, and its verdicts belong to none.
    within = ~np.isnan(levels)[measured.quality]
    risk = _risk_at(measured, levels, IDENTITY)[within]
    changed, picture = measured.changed[within], measured.picture[within]
    line, reason = IDENTITY, None
    if min(changed.sum(), (~changed).sum()) < FEWEST:
        reason = f"{FEWEST} of each sort are needed; take more pictures with small text"
    else:
        line = most_likely(risk, changed)
        if line[0] <= 0:
            line, reason = IDENTITY, "they do not rise with the model's risk"
    error = skill = (float("nan"), float("nan"))
    if reason is None:
        unseen = without_own_picture(
            risk, changed, picture, lambda line: _risk_at(measured, levels, line)[within]
        )
        error = calibration_error(risk, changed), calibration_error(unseen, changed)
        skill = brier_skill(risk, changed), brier_skill(unseen, changed)
    return Fit(
        anchors=anchors,
        slope=line[0],
        intercept=line[1],
        uncalibrated=reason,
        rate_error=_rate_error(measured),
        verdicts=len(changed),
        changed=int(changed.sum()),
        error=error,
        skill=skill,
        errors=fit_errors(measured, levels, line),
    )


def _levels(
    measured: Measurement,
) -> tuple[NDArray[np.float64], tuple[tuple[float, float], ...]]:
    """(Q,) level of each quality, NaN beyond the model's range, and the profile's pairs."""
    order = np.argsort(measured.qualities)
    qualities = measured.qualities[order]
    own = np.log(measured.bpp).mean(axis=0)[order]
    reference = _reference(measured.predicted)
    if len(qualities) < 2 or not (np.all(np.diff(own) > 0) or np.all(np.diff(own) < 0)):
        table = ", ".join(f"{q:g}: {np.exp(v):.3f}" for q, v in zip(qualities, own, strict=True))
        raise FitError(
            "the mean bpp must rise or fall with every step of the quality; name qualities that "
            f"lie further apart (mean bpp by quality: {table})"
        )
    if own[0] > own[-1]:
        order, qualities, own = order[::-1], qualities[::-1], own[::-1]
    levels = np.interp(own, reference, np.arange(ANCHORS), left=np.nan, right=np.nan)
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
    as_measured = np.empty_like(levels)
    as_measured[order] = levels
    return as_measured, tuple(pairs)


def _reference(predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(8,) mean log-bpp of the reference codec."""
    return np.asarray(np.log(np.maximum(predicted, LOWEST_BPP)).mean(axis=0))


def _risk_at(measured: Measurement, levels: NDArray[np.float64], line: Line) -> NDArray[np.float64]:
    """(V,) risk of each verdict's region at its level, as the service tells it.

    The line calibrates the anchors; between them it is linear.
    """
    level = np.nan_to_num(levels[measured.quality])
    below = np.clip(level.astype(np.intp), 0, ANCHORS - 2)
    rows = np.arange(len(level))
    coarse, fine = measured.risk[rows, below], measured.risk[rows, below + 1]
    if line != IDENTITY:
        coarse, fine = scaled(coarse, *line), scaled(fine, *line)
    return np.asarray(coarse + (level - below) * (fine - coarse))


def _rate_error(measured: Measurement) -> float:
    """Median over pictures and qualities, each picture by levels that the others give.

    The prediction is log-linear between the anchors.
    """
    errors: list[float] = []
    pictures = np.arange(len(measured.bpp))
    for picture in pictures if len(pictures) > 1 else []:
        others = pictures != picture
        own = np.log(measured.bpp[others]).mean(axis=0)
        reference = _reference(measured.predicted[others])
        levels = np.interp(own, reference, np.arange(ANCHORS), left=np.nan, right=np.nan)
        curve = np.log(np.maximum(measured.predicted[picture], LOWEST_BPP))
        for level, real in zip(levels, measured.bpp[picture], strict=True):
            if not np.isnan(level):
                told = np.exp(np.interp(level, np.arange(ANCHORS), curve))
                errors.append(abs(float(told) / float(real) - 1))
    return float(np.median(errors)) if errors else float("nan")
