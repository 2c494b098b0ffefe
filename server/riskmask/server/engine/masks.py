"""Maps as small grey pictures: 8-bit PNG, one pixel per 4x4 pixels of the image."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.runtime.half import to_single
from riskmask.model.runtime.prediction import RISK_STRIDE, Prediction
from riskmask.server.engine.values import Mask, MaskPayload

CONTENT_CHANNEL = {Mask.TEXT: 0, Mask.FACE: 1, Mask.SYMBOL: 2}


def render(mask: Mask, prediction: Prediction, risk: NDArray[np.float32]) -> MaskPayload:
    """One mask of an image.

    Args:
        mask: which.
        prediction: of the whole image.
        risk: (h, w) float32 in [0, 1] at the target's level.
    """
    if mask is Mask.RISK:
        values: NDArray[np.float32] | NDArray[np.float16] = risk
    elif mask is Mask.HIGH_IMPACT:
        values = prediction.high_impact
    else:
        values = prediction.content[CONTENT_CHANNEL[mask]]
    grey = np.rint(to_single(values) * np.float32(255)).astype(np.uint8)
    return MaskPayload(mask=mask, png=grey_png(grey), stride=RISK_STRIDE)


def grey_png(grey: NDArray[np.uint8]) -> bytes:
    """An (H, W) uint8 map as an 8-bit grey PNG."""
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()
