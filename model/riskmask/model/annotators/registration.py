"""Dense registration of two pictures of the same size: what went where, and what that explains."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SMOOTH = 1.0  # pixels: noise is taken out before the registration
_PATCH = 32  # pixels: the registration's own patches need some room


@dataclass(frozen=True)
class Registration:
    """One picture registered onto another.

    Attributes:
        flow: (H, W, 2) float32, (x, y) in pixels from each place to where it lies in the other.
        miss: (H, W) float32, pixels by which the way there and back misses its start.
        before: (H, W) float32, difference of both pictures in grey values.
        after: (H, W) float32, what is left of it once the movement is undone.
    """

    flow: NDArray[np.float32]
    miss: NDArray[np.float32]
    before: NDArray[np.float32]
    after: NDArray[np.float32]


def smooth_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey values with the noise taken out; (H, W, 3) uint8 RGB to (H, W) uint8."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), _SMOOTH), dtype=np.uint8)


def register(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Registration:
    """Register two grey pictures, (H, W) uint8.

    Dense inverse search (Kroeger et al., ECCV 2016) in both directions. Pictures of less than
    32 pixels a side count as unmoved.
    """
    difference = np.abs(one.astype(np.float32) - other.astype(np.float32))
    if min(one.shape) < _PATCH:
        still = np.zeros((*one.shape, 2), dtype=np.float32)
        return Registration(still, still[..., 0], difference, difference)
    flow, back = _search(one, other), _search(other, one)
    rows, columns = np.mgrid[: one.shape[0], : one.shape[1]].astype(np.float32)
    at = columns + flow[..., 0], rows + flow[..., 1]
    round_trip = flow + cv2.remap(back, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    undone = cv2.remap(other, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Registration(
        flow=flow,
        miss=np.asarray(np.hypot(round_trip[..., 0], round_trip[..., 1]), dtype=np.float32),
        before=difference,
        after=np.abs(one.astype(np.float32) - undone.astype(np.float32)),
    )


def _search(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    start = np.zeros((*one.shape, 2), dtype=np.float32)
    return np.asarray(search.calc(one, other, start), dtype=np.float32)
