"""Between float16 and float32, by OpenCV.

It uses the processor's own instructions and gives the numbers that NumPy gives, which converts
element by element and takes some twenty times as long. The maps of a picture are float16.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ONE = np.float16(1).view(np.int16)


def to_half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """A float16 copy, of any shape, rounded to the nearest and half way to even."""
    row = np.ascontiguousarray(values).reshape(1, -1)
    if not row.size:
        return np.zeros(values.shape, np.float16)
    return cv2.convertFp16(row).view(np.float16).reshape(values.shape)


def to_single(values: NDArray[np.float16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """As float32, of any shape: a copy of float16, and what is float32 already itself."""
    if values.dtype == np.float32:
        return np.asarray(values, np.float32)
    row = np.ascontiguousarray(values).reshape(1, -1)
    if not row.size:
        return np.zeros(values.shape, np.float32)
    return np.asarray(cv2.convertFp16(row.view(np.int16)), np.float32).reshape(values.shape)


def as_integers(values: NDArray[np.float16]) -> NDArray[np.int16]:
    """The same memory, in which numbers from 0 on keep their order and compare much faster."""
    return values.view(np.int16)
