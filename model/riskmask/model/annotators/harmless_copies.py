"""Copies that change no meaning: what they change in a reading is the reading's own noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_JPEG = 90  # quality of the first copy
_NOISE = 2.0  # grey values in the second


def harmless_copies(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A JPEG of quality 90, and light noise that is the same each time.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    written, stream = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    if not written:
        raise ValueError("OpenCV cannot write a JPEG of this picture")
    coded = np.ascontiguousarray(cv2.imdecode(stream, cv2.IMREAD_COLOR)[:, :, ::-1])
    noise = np.random.default_rng(0).normal(0, _NOISE, image.shape)
    noisy = np.clip(image + noise, 0, 255).round().astype(np.uint8)
    return [coded.astype(np.uint8), noisy]
