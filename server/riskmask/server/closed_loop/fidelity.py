"""PSNR and SSIM of a part of a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from riskmask.model.runtime.prediction import RISK_STRIDE

PEAK = 255.0
BEST = 100.0  # dB, of parts that are the same


def fidelity(
    original: NDArray[np.uint8],
    decoded: NDArray[np.uint8],
    parts: Mapping[str, NDArray[np.bool_]],
) -> dict[str, tuple[float, float]]:
    """PSNR in dB over RGB, at most 100, and SSIM of the luma, by part; empty parts are left out.

    SSIM with the Gaussian window of 1.5 pixels (Wang et al., Image quality assessment: from error
    visibility to structural similarity, 2004, section III.B), averaged over the part's pixels.

    Args:
        original, decoded: (H, W, 3) uint8 RGB.
        parts: (ceil(H/4), ceil(W/4)) bool each, cells of 4x4 pixels.
    """
    height, width = original.shape[:2]
    squares = ((original.astype(np.float64) - decoded) ** 2).mean(axis=2)
    similarity = _similarity(original, decoded)
    found = {}
    for name, cells in parts.items():
        inside = cells.repeat(RISK_STRIDE, 0).repeat(RISK_STRIDE, 1)[:height, :width]
        if inside.any():
            error = float(squares[inside].mean())
            psnr = min(10 * np.log10(PEAK**2 / error), BEST) if error else BEST
            found[name] = float(psnr), float(similarity[inside].mean())
    return found


def _similarity(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> NDArray[np.float64]:
    _, each = structural_similarity(  # type: ignore[no-untyped-call]
        rgb2gray(original) * PEAK,
        rgb2gray(decoded) * PEAK,
        data_range=PEAK,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return np.asarray(each, dtype=np.float64)
