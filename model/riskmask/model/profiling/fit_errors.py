"""How likely an error is somewhere in a picture, from a measurement.

A picture counts once at every quality: by the peak of its risk map there, and whether any of its
text became another one. What is wrong at a finer level counts as wrong at every coarser one, as in
labels that know the finest level at which text becomes another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.evaluate.probability import brier_skill, calibration_error, scaled
from riskmask.model.levels import ANCHORS
from riskmask.model.profiling.lines import FEWEST, Line, most_likely, without_own_picture
from riskmask.model.profiling.measure import Measurement
from riskmask.model.runtime.error_calibration import LEAST


@dataclass(frozen=True)
class ErrorFit:
    """sigmoid(slope x logit(peak) + intercept), and what it is worth.

    Attributes:
        line: slope and intercept; None where they could not be fitted.
        reason: why not; None where they were.
        verdicts, errors: pictures with judged text, times qualities within the model's range, and
            how many of these have an error.
        error, skill: calibration error and Brier skill, each picture by a line that was fitted
            without it; NaN without a line.
    """

    line: Line | None
    reason: str | None
    verdicts: int
    errors: int
    error: float = float("nan")
    skill: float = float("nan")


def fit_errors(measured: Measurement, levels: NDArray[np.float64], risks: Line) -> ErrorFit:
    """Fit on all pictures that have judged text.

    Args:
        measured: what the codec did.
        levels: (Q,) of its qualities, NaN beyond the model's range.
        risks: the calibration of the codec's risks, which the peaks go through.
    """
    judged = np.unique(measured.picture)
    columns = np.flatnonzero(~np.isnan(levels))
    columns = columns[np.argsort(levels[columns])]
    wrong = np.zeros((len(measured.peak), len(measured.qualities)), bool)
    np.logical_or.at(wrong, (measured.picture, measured.quality), measured.grave)
    # From the finest level to the coarsest.
    carried = np.logical_or.accumulate(wrong[:, columns[::-1]], axis=1)[:, ::-1]
    error = carried[judged].ravel()
    # As the service does it: the line calibrates the anchors, and between them it is linear.
    peak = _peaks_at(scaled(measured.peak[judged], *risks), levels[columns]).ravel()
    bounded = np.clip(peak, LEAST, 1 - LEAST)
    counted = len(error), int(error.sum())
    if min(error.sum(), (~error).sum()) < FEWEST:
        reason = f"{FEWEST} of each sort are needed; take more pictures with small text"
        return ErrorFit(None, reason, *counted)
    line = most_likely(bounded, error)
    if line[0] <= 0:
        return ErrorFit(None, "they do not rise with the peak of the risk", *counted)
    picture = np.repeat(np.arange(len(judged)), len(columns))
    unseen = without_own_picture(bounded, error, picture)
    return ErrorFit(
        line, None, *counted, calibration_error(unseen, error), brier_skill(unseen, error)
    )


def _peaks_at(peaks: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, L) peaks at levels, of (P, 8) at the anchors, linear between them."""
    below = np.clip(levels.astype(np.intp), 0, ANCHORS - 2)
    coarse, fine = peaks[:, below], peaks[:, below + 1]
    return np.asarray(coarse + (levels - below) * (fine - coarse))
