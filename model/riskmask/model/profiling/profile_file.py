"""A fitted profile as a file, and in words what fitting it gained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riskmask.model.levels import ANCHORS
from riskmask.model.profiling.fit import Fit
from riskmask.model.profiling.fit_errors import ErrorFit
from riskmask.model.runtime.error_calibration import FIELD, ErrorCalibration
from riskmask.model.runtime.profiles import SCHEMA, CodecProfile, write_profile_file


@dataclass(frozen=True)
class Identity:
    """What a profile says of its codec beside the figures.

    Attributes:
        name: lower case letters, digits and hyphens.
        codec: which encoder and settings, in words.
        meaning: of its quality, in words.
        minimum, maximum: of the quality.
        integer: whether it takes whole numbers only.
        fitted_on: which pictures, how many, by which command.
    """

    name: str
    codec: str
    meaning: str
    minimum: float
    maximum: float
    integer: bool
    fitted_on: str


def write_profile(fitted: Fit, identity: Identity, out: Path) -> CodecProfile:
    """Write the profile, whole or not at all, and read it back.

    Raises:
        ProfileError: it breaks the schema, by its name for example; nothing is written then.
    """
    content: dict[str, object] = {
        "schema": SCHEMA,
        "name": identity.name,
        "version": "1",
        "codec": identity.codec,
        "quality": {
            "minimum": identity.minimum,
            "maximum": identity.maximum,
            "integer": identity.integer,
            "meaning": identity.meaning,
        },
        "quality_of_level": [[round(v, 6), q] for v, q in fitted.anchors],
        "rate_factor": [1] * ANCHORS,
        "risk_calibration": {
            "slope": [round(fitted.slope, 5)] * ANCHORS,
            "intercept": [round(fitted.intercept, 5)] * ANCHORS,
        },
        "fitted_on": identity.fitted_on,
    }
    if fitted.errors.line is not None:
        slope, intercept = (round(value, 5) for value in fitted.errors.line)
        content[FIELD] = ErrorCalibration(
            slope,
            intercept,
            f"{fitted.errors.verdicts} verdicts on whole pictures' text; {identity.fitted_on}",
        ).to_json()
    return write_profile_file(out, content)


def report(fitted: Fit, pictures: int) -> list[str]:
    """What was fitted and what it gained, a line each."""
    first, last = fitted.anchors[0], fitted.anchors[-1]
    rates = (
        f"rates: quality {first[1]:g} is level {first[0]:.2f}, quality {last[1]:g} is level "
        f"{last[0]:.2f}; {_rate_error(fitted)}"
    )
    counted = f"{fitted.verdicts} verdicts on text in {pictures} pictures, {fitted.changed} changed"
    if fitted.uncalibrated is not None:
        return [
            rates,
            f"risks: not calibrated, taken as the reference codec's: {counted}; "
            f"{fitted.uncalibrated}",
            *_errors(fitted.errors),
        ]
    return [
        rates,
        f"risks: calibrated on {counted}",
        f"  calibration error {fitted.error[0]:.3f} before, {fitted.error[1]:.3f} after",
        f"  Brier skill       {fitted.skill[0]:+.3f} before, {fitted.skill[1]:+.3f} after",
        "  (after: each picture's risks by a line fitted without it)",
        *_errors(fitted.errors),
    ]


def _errors(errors: ErrorFit) -> list[str]:
    counted = f"{errors.verdicts} verdicts on whole pictures, {errors.errors} with an error"
    if errors.line is None:
        return [f"errors: how likely one is is not known: {counted}; {errors.reason}"]
    return [
        f"errors: calibrated on {counted}",
        f"  calibration error {errors.error:.3f}, Brier skill {errors.skill:+.3f}, likewise",
    ]


def _rate_error(fitted: Fit) -> str:
    if np.isnan(fitted.rate_error):
        return "how well they predict a single picture takes more pictures to say"
    return (
        "the bpp of a picture they were not fitted on is predicted with a median error of "
        f"{fitted.rate_error:.1%}"
    )
