"""How likely an image has an error, as labels say of pictures kept out of training.

Each picture that has a judged region counts once at every level: the peak of its risk map there,
and whether it has an error when it is really coded so. What is wrong at a finer level counts as
wrong at every coarser one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.labelled import Labelled
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.probability import brier_skill, calibration_error
from riskmask.model.evaluate.subject import Detector, profiled
from riskmask.model.levels import ANCHORS
from riskmask.model.profiling.lines import most_likely, without_own_picture
from riskmask.model.runtime.error_calibration import LEAST
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.peak import SMALLEST_REGION, peak_risk
from riskmask.model.runtime.profiles import CodecProfile

FEWEST = 50  # verdicts with and without an error, each


@dataclass(frozen=True)
class Peaks:
    """N pictures of one codec.

    Attributes:
        peak: (N, 8) float64 in [0, 1], of the risk map at each level.
        error: (N, 8) bool, whether the picture coded so has an error.
    """

    peak: NDArray[np.float64]
    error: NDArray[np.bool_]


@dataclass(frozen=True)
class ErrorFit:
    """sigmoid(slope x logit(peak) + intercept), and what it is worth.

    Attributes:
        slope, intercept: fitted on all pictures.
        pictures, errors: how many pictures, and how many of the verdicts on them are errors.
        error, skill: calibration error and Brier skill, each picture by a fit without it.
    """

    slope: float
    intercept: float
    pictures: int
    errors: int
    error: float
    skill: float


def peaks_of(
    detector: Detector, profile: CodecProfile, pictures: Iterable[Example], said: Iterable[Labelled]
) -> Peaks:
    """The peaks of pictures by one codec, and what the labels say of them.

    Args:
        detector: predicts.
        profile: of the codec, whose calibrated risk counts.
        pictures: to look at; those without labels, or without a judged region, are left out.
        said: the labels, by the same codec.
    """
    labels = {row.key: row for row in said if row.judged}
    peak, error = [], []
    for picture in pictures:
        row = labels.get(picture.key)
        if row is None:
            continue
        height, width = picture.image.shape[:2]
        risk = profiled(detector.predict(picture.image).risk, profile)
        # A finer level never means more risk, calibrated one by one or not.
        falling = np.minimum.accumulate(risk, axis=0)
        peak.append([peak_risk(plane, SMALLEST_REGION, width, height) for plane in falling])
        error.append([row.has_error(level) for level in range(ANCHORS)])
    return Peaks(
        np.array(peak, np.float64).reshape(-1, ANCHORS),
        np.array(error, np.bool_).reshape(-1, ANCHORS),
    )


def fit_errors(peaks: Peaks) -> ErrorFit:
    """Fit on pictures at all levels.

    Raises:
        ProfileError: too few verdicts of one sort, or errors that do not rise with the peak.
    """
    fewest = min(peaks.error.sum(), (~peaks.error).sum())
    if fewest < FEWEST:
        raise ProfileError(
            f"{int(peaks.error.sum())} verdicts with an error and {int((~peaks.error).sum())} "
            f"without; a calibration needs {FEWEST} of each, so label more pictures"
        )
    bounded, error = np.clip(peaks.peak, LEAST, 1 - LEAST).ravel(), peaks.error.ravel()
    slope, intercept = most_likely(bounded, error)
    if slope <= 0:
        raise ProfileError("errors grow rarer where the peak rises; they cannot be calibrated")
    unseen = without_own_picture(bounded, error, np.arange(len(error)) // ANCHORS)
    return ErrorFit(
        slope=slope,
        intercept=intercept,
        pictures=len(peaks.peak),
        errors=int(peaks.error.sum()),
        error=calibration_error(unseen, error),
        skill=brier_skill(unseen, error),
    )
