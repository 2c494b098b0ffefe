"""What a region looks like before it is coded: size, stroke, contrast, place, surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu
from skimage.morphology import skeletonize

from riskmask.model.data.outlines import outline_height

RING = 12  # pixels around a region that are its surroundings
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RegionFeatures:
    """What may decide a region's fate.

    Attributes:
        height: shorter side of the region in pixels.
        stroke: width of its strokes in pixels; NaN where there is no ink to be told from paper.
        contrast: distance of ink and paper in luma, in [0, 1]; NaN likewise.
        eccentricity: distance of its middle from the picture's, 1 in the corners.
        texture: mean luma gradient of its surroundings per pixel, in 8-bit units.
    """

    height: float
    stroke: float
    contrast: float
    eccentricity: float
    texture: float


def measure_regions(image: NDArray[np.uint8], polygons: list[Polygon]) -> list[RegionFeatures]:
    """Features of regions of one picture.

    Ink and paper are told apart by Otsu's threshold inside the region; ink is the smaller part.
    The width of strokes is twice the distance from their middle lines to the paper, less one.

    Args:
        image: (H, W, 3) uint8 RGB.
        polygons: corners (x, y) in pixels.
    """
    luma = image.astype(np.float32) @ _LUMA
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=1 / 8)
    gradient = np.hypot(across, down)
    return [_measure(luma, gradient, polygon) for polygon in polygons]


def _measure(
    luma: NDArray[np.float32], gradient: NDArray[np.float32], polygon: Polygon
) -> RegionFeatures:
    corners = np.asarray(polygon, dtype=np.float32)
    size = np.array(luma.shape[::-1], dtype=np.float32)
    middle = (corners.mean(axis=0) - size / 2) / (size / 2)
    inside = np.zeros(luma.shape, dtype=np.uint8)
    cv2.fillPoly(inside, [np.round(corners).astype(np.int32)], (1,))
    wide = cv2.dilate(inside, np.ones((2 * RING + 1, 2 * RING + 1), np.uint8))
    ring = (wide > 0) & (inside == 0)
    stroke, contrast = _ink(luma, inside.astype(bool))
    return RegionFeatures(
        height=outline_height(polygon),
        stroke=stroke,
        contrast=contrast,
        eccentricity=float(np.hypot(*middle) / np.sqrt(2)),
        texture=float(gradient[ring].mean()) if ring.any() else float("nan"),
    )


def _ink(luma: NDArray[np.float32], inside: NDArray[np.bool_]) -> tuple[float, float]:
    values = luma[inside]
    if values.size < 2 or np.ptp(values) < 1:
        return float("nan"), float("nan")
    bright = luma > float(threshold_otsu(values))  # type: ignore[no-untyped-call]
    ink = inside & (bright if (bright & inside).sum() * 2 <= inside.sum() else ~bright)
    paper = inside & ~ink
    if not ink.any() or not paper.any():
        return float("nan"), float("nan")
    distance = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    middle_lines = skeletonize(ink)  # type: ignore[no-untyped-call]
    stroke = 2 * float(np.median(distance[middle_lines])) - 1
    return stroke, abs(float(luma[ink].mean() - luma[paper].mean())) / 255
