"""The profile of a codec that has labels: how its risks differ from the reference codec's.

Codecs of the registry take the level itself as their quality, at which their mean log-bpp is the
reference codec's by definition. What is left to fit is the risk: one slope on its logit, and an
intercept for each level (:mod:`riskmask.model.train.calibration`); and the factors on the rate map,
since of the pictures at hand a codec may take more or less than of those that the levels are
defined by.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.evaluate.probability import brier_skill, calibration_error, scaled
from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.runtime.error_calibration import FIELD
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import (
    SCHEMA,
    CodecProfile,
    amend_profile_file,
    write_profile_file,
)
from riskmask.model.train.calibration import Platt, fit_platt

FOLDS = 5


@dataclass(frozen=True)
class RiskFit:
    """A codec's risks in terms of the model's.

    Attributes:
        platt: fitted on all regions.
        error, skill: calibration error and Brier skill before and after, each region by a fit
            without its picture.
    """

    platt: Platt
    error: tuple[float, float]
    skill: tuple[float, float]


def of_contents(table: RegionTable, contents: Collection[str]) -> RegionTable:
    """The regions of some contents alone."""
    return table.take(np.isin(table.content, list(contents)))


def fit_risk(table: RegionTable) -> RiskFit:
    """Fit a codec's risks to the verdicts on it.

    Args:
        table: its judged regions with the model's risk of each, ``riskmask``.

    Raises:
        ValueError: too few verdicts of one sort, in all or without a fifth of the pictures.
    """
    risk = table.scores["riskmask"].astype(np.float64)
    changed = table.count[:, None] > np.arange(ANCHORS)
    unseen = np.empty_like(risk)
    # In turns, so that each fifth has pictures of every sort.
    fold = np.unique(table.image, return_inverse=True)[1] % FOLDS
    for number in range(FOLDS):
        own = fold == number
        platt = fit_platt(table.take(~own))
        unseen[own] = scaled(risk[own], platt.slope, platt.intercept)
    pairs = [(values.ravel(), changed.ravel()) for values in (risk, unseen)]
    return RiskFit(
        platt=fit_platt(table),
        error=(calibration_error(*pairs[0]), calibration_error(*pairs[1])),
        skill=(brier_skill(*pairs[0]), brier_skill(*pairs[1])),
    )


@dataclass(frozen=True)
class RateFit:
    """Factors on the predicted rate of whole pictures, and what they gain.

    Attributes:
        factor: of the eight anchors, the median over pictures of real over predicted bpp.
        error: median relative error over pictures and anchors, before and after.
    """

    factor: tuple[float, ...]
    error: tuple[float, float]


def fit_rates(predicted: NDArray[np.float64], real: NDArray[np.float64]) -> RateFit:
    """Fit the factors.

    Args:
        predicted, real: (N, 8) bits per pixel of whole pictures, over 0.
    """
    factor = np.median(real / predicted, axis=0)
    before, after = (
        float(np.median(abs(p - real) / real)) for p in (predicted, predicted * factor)
    )
    return RateFit(tuple(factor.tolist()), (before, after))


def write_risk(
    path: Path,
    codec: str,
    description: str,
    platt: Platt,
    told: str,
    rate_factor: Sequence[float] | None = None,
) -> CodecProfile:
    """Put the calibration into a profile; where there is none yet, levels are its quality.

    Args:
        path: of the profile.
        codec: its name.
        description: which encoder, in words; for a new profile.
        platt: fitted.
        told: on what and by which command, without a full stop.
        rate_factor: of the eight anchors; None leaves them as they are.

    Raises:
        ProfileError: the profile that is there breaks its schema, or is another codec's.
    """
    fitted: dict[str, Any] = {
        "risk_calibration": {
            "slope": [round(platt.slope, 4)] * ANCHORS,
            "intercept": [round(value, 4) for value in platt.intercept],
        }
    }
    if rate_factor is not None:
        fitted["rate_factor"] = [round(value, 4) for value in rate_factor]
    if path.exists():
        before = CodecProfile.load(path)
        if before.name != codec:
            raise ProfileError(f"{path.name} is the profile of {before.name}, not of {codec}")
        # What the levels were fitted on stays true; only the last part was about the risk.
        levels = before.fitted_on.partition("; ")[0]
        fitted["fitted_on"] = f"{levels}; risks: {told}"
        if (before.risk_slope, before.risk_intercept) != (
            tuple(fitted["risk_calibration"]["slope"]),
            tuple(fitted["risk_calibration"]["intercept"]),
        ):
            fitted[FIELD] = None  # how likely an error is rests on the risks that it was fitted to
        return amend_profile_file(path, fitted)
    return write_profile_file(
        path,
        {
            "schema": SCHEMA,
            "name": codec,
            "version": "1",
            "codec": description,
            "quality": {
                "minimum": 0,
                "maximum": FINEST,
                "integer": False,
                "meaning": "the level itself, from 0, the coarsest, to 7, the finest",
            },
            "quality_of_level": [[0, 0], [FINEST, FINEST]],
            "rate_factor": [1] * ANCHORS,
            **fitted,
            "fitted_on": (
                f"levels: by definition, where its mean log-bpp is the reference's; risks: {told}"
            ),
        },
    )
