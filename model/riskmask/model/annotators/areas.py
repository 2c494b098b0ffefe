"""From cells that changed to areas worth a finding, on a grid with one cell for 4x4 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STRIDE = 4
MOST = 100  # a picture with more areas than that has changed everywhere


@dataclass(frozen=True)
class Area:
    """A connected area.

    Attributes:
        mask: (h, w) bool, its cells.
        polygon: the box around it, corners (x, y) in pixels, clockwise from the top left.
    """

    mask: NDArray[np.bool_]
    polygon: tuple[tuple[float, float], ...]

    @property
    def pixels(self) -> int:
        """Its size in pixels of the picture."""
        return int(self.mask.sum()) * STRIDE**2


def cell_means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of every 4x4 block; the picture's last row and column are repeated to fill a block.

    Args:
        plane: (H, W) or (H, W, C) float32.

    Returns:
        (ceil(H/4), ceil(W/4)) or with C.
    """
    height, width = plane.shape[:2]
    down, across = -height % STRIDE, -width % STRIDE
    filled = cv2.copyMakeBorder(plane, 0, down, 0, across, cv2.BORDER_REPLICATE)
    size = filled.shape[1] // STRIDE, filled.shape[0] // STRIDE
    return np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def connected_areas(
    cells: NDArray[np.bool_],
    least: int,
    size: tuple[int, int],
    bridge: int = 0,
) -> Iterator[Area]:
    """Connected areas of at least so many cells, diagonal neighbours included; the 100 largest.

    Args:
        cells: (h, w) bool.
        least: cells that an area needs.
        size: height, width of the picture in pixels, which polygons do not leave.
        bridge: areas no further apart than this many cells are one.
    """
    joined = cells.astype(np.uint8)
    if bridge:
        side = 2 * ((bridge + 1) // 2) + 1
        kernel = np.ones((side, side), dtype=np.uint8)
        joined = np.asarray(cv2.dilate(joined, kernel), dtype=np.uint8)
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    sizes = np.bincount(numbers[cells], minlength=count)
    wanted = np.flatnonzero(sizes >= max(least, 1))
    wanted = wanted[wanted > 0]  # number 0 is the ground
    if len(wanted) > MOST:
        wanted = np.sort(wanted[np.argsort(-sizes[wanted], kind="stable")[:MOST]])
    for number in wanted:
        x, y, width, height, _ = boxes[number]
        at = slice(y, y + height), slice(x, x + width)
        mask = np.zeros_like(cells)
        mask[at] = (numbers[at] == number) & cells[at]
        rows, columns = np.nonzero(mask[at])
        left, top = float((x + columns.min()) * STRIDE), float((y + rows.min()) * STRIDE)
        right = float(min((x + columns.max() + 1) * STRIDE, size[1]))
        bottom = float(min((y + rows.max() + 1) * STRIDE, size[0]))
        yield Area(mask, ((left, top), (right, top), (right, bottom), (left, bottom)))
