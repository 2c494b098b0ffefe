"""Moving pixels smoothly: a displacement field that ends in nothing, so that no seam tells."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.plants.pairs import Pixels

# (H, W, 2) float32: (x, y) in pixels by which what is at a place has moved.
Displacement = NDArray[np.float32]


def warp(image: Pixels, displacement: Displacement) -> Pixels:
    """Move the content of a picture.

    The picture is read where each pixel comes from: the inverse field, by fixed-point iteration,
    which settles since no field here changes faster than its place.
    """
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    source = displacement
    for _ in range(8):
        at = columns - source[..., 0], rows - source[..., 1]
        source = np.asarray(
            cv2.remap(displacement, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
    at = columns - source[..., 0], rows - source[..., 1]
    moved = cv2.remap(image, *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    still = np.abs(source).max(axis=-1, keepdims=True) < 1e-3
    return np.where(still, image, moved).astype(np.uint8)


def plateau(
    size: tuple[int, int], middle: tuple[float, float], radius: float, flat: float = 0.55
) -> NDArray[np.float32]:
    """A round weight: 1 up to a share of the radius, then down to 0 at the radius.

    Args:
        size: height, width in pixels.
        middle: x, y in pixels.
        radius: in pixels.
        flat: share of the radius.
    """
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    away = np.hypot(columns - middle[0], rows - middle[1]) / radius
    slope = np.clip((away - flat) / (1 - flat), 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * slope), dtype=np.float32)


def shift(weight: NDArray[np.float32], by: tuple[float, float]) -> Displacement:
    """Move by (x, y) pixels where the weight is 1."""
    return np.asarray(np.stack([weight * by[0], weight * by[1]], axis=-1), dtype=np.float32)


def turn_and_scale(
    weight: NDArray[np.float32], middle: tuple[float, float], degrees: float, scale: float
) -> Displacement:
    """Turn and scale about a point where the weight is 1."""
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]].astype(np.float32)
    x, y = columns - middle[0], rows - middle[1]
    cosine, sine = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    across, down = cosine * x - sine * y - x, sine * x + cosine * y - y
    return np.asarray(np.stack([weight * across, weight * down], axis=-1), dtype=np.float32)
