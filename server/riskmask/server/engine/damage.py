"""What an image is expected to lose in each of the ways that a decision chooses from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.peak import peak_risk
from riskmask.model.runtime.prediction import RISK_STRIDE
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Damage, Policy


def predicted_damage(
    risk: NDArray[np.float32], curves: RiskCurves, profile: CodecProfile, policy: Policy
) -> Damage:
    """The damage of an image coded so that this is its risk.

    Args:
        risk: (ceil(height / 4), ceil(width / 4)) float32 in [0, 1], with the policy's weights.
        curves: of the image, for its size.
        profile: of the codec, whose calibration tells how likely an error is.
        policy: below which area no region counts.
    """
    probability = None
    if profile.error_calibration is not None:
        peak = peak_risk(risk, policy.smallest_region, curves.width, curves.height)
        probability = profile.error_calibration.probability(peak)
    rows, columns = (
        np.minimum(RISK_STRIDE, side - RISK_STRIDE * np.arange(cells, dtype=np.float64))
        for side, cells in zip((curves.height, curves.width), risk.shape, strict=True)
    )
    return Damage(error_probability=probability, pixels=float(rows @ risk @ columns))
