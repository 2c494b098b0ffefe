"""The JPEG to fall back to, its size measured by encoding it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.regions import image_safe_level
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import JpegAdvice, Policy

PROFILE = "jpeg"
FULL_COLOUR = "4:4:4"
HALVED_COLOUR = "4:2:0"
SAMPLING = {
    FULL_COLOUR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    HALVED_COLOUR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}
MEASURED_PIXELS = 4_000_000
BANDS = 16
# Macroblocks of 4:2:0 have 16 rows, so bands of 16 rows are coded as they are in the whole.
BAND_ROWS = 16
LOWEST_QUALITY, HIGHEST_QUALITY = 1, 95


def advise(
    pixels: NDArray[np.uint8],
    curves: RiskCurves,
    profile: CodecProfile,
    policy: Policy,
    *,
    at_risk: bool,
) -> JpegAdvice:
    """The coarsest JPEG that is safe, as JPEG's own profile sees it.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        curves: risk calibrated by the JPEG profile.
        profile: the JPEG profile.
        policy: of the whole image coded as JPEG.
        at_risk: whether the neural codec puts the image at risk; colour then keeps its
            resolution.

    Returns:
        Quality, subsampling and size with optimised Huffman tables; the finest quality of the
        profile, and not safe, where none is.
    """
    safe = image_safe_level(curves, policy, profile.coarsest_level, profile.finest_level)
    level = profile.finest_level if safe is None else safe
    wanted = math.ceil(profile.quality_of_level(level) - 1e-9)
    quality = min(max(wanted, LOWEST_QUALITY), HIGHEST_QUALITY)
    subsampling = FULL_COLOUR if at_risk else HALVED_COLOUR
    return JpegAdvice(
        quality=quality,
        subsampling=subsampling,
        estimated_bytes=estimate_bytes(pixels, quality, subsampling),
        safe=safe is not None and wanted <= quality,
    )


def estimate_bytes(pixels: NDArray[np.uint8], quality: int, subsampling: str) -> int:
    """Bytes of the JPEG: measured up to 4 megapixels, beyond that scaled from even bands."""
    sample = _bands(pixels)
    # Pillow gives optimised tables one byte per pixel and fails where a noisy picture needs more.
    settings = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: SAMPLING[subsampling],
        cv2.IMWRITE_JPEG_OPTIMIZE: 1,
    }
    bgr = cv2.cvtColor(sample, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [word for pair in settings.items() for word in pair])
    return round(encoded.size * pixels.shape[0] / sample.shape[0])


def _bands(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height * width <= MEASURED_PIXELS:
        return pixels
    groups = height // BAND_ROWS
    wanted = min(max(MEASURED_PIXELS // (width * BAND_ROWS), 1), groups)
    count = min(BANDS, wanted)
    tall = wanted // count
    if tall == 0 or groups <= wanted:
        return pixels
    starts = [(groups - tall) * index // max(count - 1, 1) for index in range(count)]
    return np.concatenate(
        [pixels[start * BAND_ROWS : (start + tall) * BAND_ROWS] for start in starts]
    )
