"""Connected areas at or over the threshold, on the grid of 4x4-pixel cells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import RISK_STRIDE


@dataclass(frozen=True)
class Components:
    """Connected components, numbered from 0.

    Attributes:
        count: how many.
        labels: (h, w) int32, the component's number, -1 outside.
        area: (count,) float64, pixels of the image.
        boxes: (count, 4) int64, x, y, width, height in cells.
    """

    count: int
    labels: NDArray[np.int32]
    area: NDArray[np.float64]
    boxes: NDArray[np.int64]


def find_components(
    risk: NDArray[np.float32], threshold: float, smallest: int, width: int, height: int
) -> Components:
    """8-connected components of the cells with risk >= threshold.

    Args:
        risk: (h, w) float32.
        threshold: in [0, 1]; at 0 every cell belongs to one.
        smallest: area in pixels under which a component is dropped.
        width, height: of the image in pixels.
    """
    mask = (risk >= np.float32(threshold)).astype(np.uint8)
    number, labelled, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    found = np.asarray(labelled, np.int32)
    area = _pixel_area(found, number, width, height)
    kept = area >= smallest
    kept[0] = False
    renumbered = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    return Components(
        count=int(kept.sum()),
        labels=renumbered[found],
        area=area[kept],
        boxes=np.asarray(stats[kept, :4], np.int64),
    )


def has_component(
    risk: NDArray[np.float32], threshold: float, smallest: int, width: int, height: int
) -> bool:
    """Whether :func:`find_components` would find any, for a fraction of its time."""
    mask = (risk >= np.float32(threshold)).astype(np.uint8)
    number, labelled, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8, ltype=cv2.CV_32S
    )
    if number == 1:
        return False
    # Cells at the right and lower border may have fewer pixels, and none has more.
    large = RISK_STRIDE**2 * stats[1:, cv2.CC_STAT_AREA] >= smallest
    if not large.any():
        return False
    rows, columns = risk.shape
    right = stats[1:, cv2.CC_STAT_LEFT] + stats[1:, cv2.CC_STAT_WIDTH]
    lower = stats[1:, cv2.CC_STAT_TOP] + stats[1:, cv2.CC_STAT_HEIGHT]
    if (large & (right < columns) & (lower < rows)).any():
        return True
    area = _pixel_area(np.asarray(labelled, np.int32), number, width, height)
    return bool((area[1:] >= smallest).any())


def _pixel_area(
    found: NDArray[np.int32], number: int, width: int, height: int
) -> NDArray[np.float64]:
    """Pixels of each component: 16 a cell, fewer in the last row and column."""
    area = np.bincount(found.ravel(), minlength=number) * float(RISK_STRIDE**2)
    short_column = RISK_STRIDE * found.shape[1] - width
    short_row = RISK_STRIDE * found.shape[0] - height
    area -= short_column * RISK_STRIDE * np.bincount(found[:, -1], minlength=number)
    area -= short_row * RISK_STRIDE * np.bincount(found[-1], minlength=number)
    area[found[-1, -1]] += short_column * short_row
    return area
