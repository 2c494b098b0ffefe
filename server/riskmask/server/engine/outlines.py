"""Outlines of components as polygons in pixels of the image."""

from __future__ import annotations

import cv2
import numpy as np

from riskmask.model.runtime.components import Components
from riskmask.model.runtime.prediction import RISK_STRIDE

Polygon = tuple[tuple[int, int], ...]

# A polygon may leave its cells' staircase by this many pixels: one cell.
TOLERANCE = float(RISK_STRIDE)


def outlines(components: Components, width: int, height: int) -> list[Polygon]:
    """The outer outline of each component, at least three (x, y) corners, inside the image.

    Every cell is drawn as 2x2: a contour then touches each outer cell in the quarter that lies
    at its border, and an even coordinate means the cell's left or upper edge, an odd one its
    right or lower. So a region one cell wide has an area, and the edges are exact.
    """
    doubled = (components.labels >= 0).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    polygons: list[Polygon] = [() for _ in range(components.count)]
    if not contours:
        return polygons
    outer = np.flatnonzero(hierarchy[0][:, 3] < 0)
    for index in outer:
        points = np.asarray(contours[index], np.int32)[:, 0, :]
        label = int(components.labels[points[0, 1] // 2, points[0, 0] // 2])
        edges = (points // 2 + points % 2) * RISK_STRIDE
        reduced = np.asarray(cv2.approxPolyDP(edges, TOLERANCE, closed=True))[:, 0, :]
        corners = [(min(int(x), width), min(int(y), height)) for x, y in reduced]
        polygons[label] = _without_repeats(corners)
    return [
        polygon if len(polygon) >= 3 else _box(components, label, width, height)
        for label, polygon in enumerate(polygons)
    ]


def pixel_box(
    components: Components, label: int, width: int, height: int
) -> tuple[int, int, int, int]:
    """x, y, width, height in pixels of one component, clipped to the image."""
    left, top, columns, rows = (int(value) * RISK_STRIDE for value in components.boxes[label])
    return left, top, min(columns, width - left), min(rows, height - top)


def _box(components: Components, label: int, width: int, height: int) -> Polygon:
    x, y, w, h = pixel_box(components, label, width, height)
    return ((x, y), (x, y + h), (x + w, y + h), (x + w, y))


def _without_repeats(corners: list[tuple[int, int]]) -> Polygon:
    """Clipping can put neighbouring corners on one point."""
    kept = [corner for index, corner in enumerate(corners) if corner != corners[index - 1]]
    return tuple(kept)
