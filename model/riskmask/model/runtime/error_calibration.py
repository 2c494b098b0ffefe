"""How likely an image has an error when a codec codes it: an optional field of its profile.

An error is a letter, a digit or another symbol that became another one, or a face that changed,
anywhere in the image. Its probability follows from the peak of the risk map, the highest threshold
at which it holds a region, by Platt scaling: sigmoid(slope x logit(peak) + intercept).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.peak import STEPS
from riskmask.model.runtime.profile_fields import number, text_field, versioned_field

FIELD = "error_calibration"
SCHEMA = 1
LEAST = 0.5 / STEPS  # a peak nearer to 0 or to 1 cannot be told from them


@dataclass(frozen=True)
class ErrorCalibration:
    """Fitted on labels; ``slope`` is over 0, ``fitted_on`` says on which.

    Attributes:
        slope, intercept: on the logit of the peak.
        fitted_on: which pictures, how many, by which command.
    """

    slope: float
    intercept: float
    fitted_on: str

    def probability(self, peak: float) -> float:
        """Of an error in an image whose risk map has this peak, both in [0, 1]; rises with it."""
        return _sigmoid(self.slope * _logit(min(max(peak, LEAST), 1 - LEAST)) + self.intercept)

    def peak_of(self, probability: float) -> float:
        """The lowest peak, a multiple of 1/4096, at which an error is so probable.

        Args:
            probability: in (0, 1].

        Returns:
            In [0, 1 + 1/4096]; over 1 where no peak makes an error so probable.
        """
        steps = range(STEPS + 1)
        found = bisect_left(steps, probability, key=lambda step: self.probability(step / STEPS))
        return found / STEPS

    def to_json(self) -> dict[str, Any]:
        """The field's value in a profile."""
        return {
            "schema": SCHEMA,
            "slope": self.slope,
            "intercept": self.intercept,
            "fitted_on": self.fitted_on,
        }


def parse_error_calibration(content: dict[str, Any], file: str) -> ErrorCalibration | None:
    """The field of a profile; None where the profile has none.

    Raises:
        ProfileError: it breaks its schema; the message names the field.
    """
    field = versioned_field(content, FIELD, SCHEMA, file)
    if field is None:
        return None
    slope = number(field.get("slope"), f"{FIELD}.slope", file)
    if slope <= 0:
        raise ProfileError(f"{file}: {FIELD}.slope must be over 0")
    return ErrorCalibration(
        slope=slope,
        intercept=number(field.get("intercept"), f"{FIELD}.intercept", file),
        fitted_on=text_field(field, "fitted_on", file),
    )


def _logit(value: float) -> float:
    return math.log(value / (1 - value))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
