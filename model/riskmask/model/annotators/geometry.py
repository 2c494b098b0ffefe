"""Geometry: what is still there, in another place. Dense registration between both pictures.

Optical flow always answers; it is believed where both pictures have texture in both directions,
where the way there and the way back agree, and where undoing the movement explains most of the
difference. Blur and noise are not undone by any movement, so they are not called one.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.areas import Area, cell_means, connected_areas
from riskmask.model.annotators.base import Finding, KnownRegion, check_same_size
from riskmask.model.annotators.registration import register, smooth_grey

MOVED = 1.0  # pixels
MOVED_TOP = 8.0  # the movement of severity 1, in pixels
ROUND_TRIP = 0.8  # pixels by which the way there and back may miss
CORNERS = 2.5  # grey values: contrast across the weaker direction that a place needs
KEPT = 0.75  # share of that contrast which must still be there, or the place is blurred
EXPLAINED = 0.55  # share of the difference that may be left once the movement is undone
DIFFERENT = 3.0  # grey values by which the pictures must differ before that
_REACH = 1.5  # cells: the neighbourhood's Gaussian
_LEAST = 10  # cells that a finding needs, 160 pixels


class GeometryAnnotator:
    """Registers both pictures; needs no known regions."""

    name = "geometry"

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> GeometryExamination:
        """Find the texture of the original."""
        return GeometryExamination(original)


class GeometryExamination:
    """An original whose texture is known."""

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self._original = original
        self._grey = smooth_grey(original)
        self._contrast = _weaker_contrast(self._grey)

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """Areas that moved by more than a pixel."""
        check_same_size(self._original, reconstruction)
        there = smooth_grey(reconstruction)
        found = register(self._grey, there)
        movement = np.stack([_around(found.flow[..., 0]), _around(found.flow[..., 1])], axis=-1)
        distance = np.asarray(np.hypot(movement[..., 0], movement[..., 1]), dtype=np.float32)
        was, left = _around(found.before), _around(found.after)
        trusted = (
            (self._contrast >= CORNERS)
            & (_weaker_contrast(there) >= KEPT * self._contrast)
            & (_around(found.miss) <= ROUND_TRIP)
            & (was >= DIFFERENT)
            & (left <= EXPLAINED * was)
        )
        size = self._original.shape[0], self._original.shape[1]
        return [
            _finding(area, movement, distance)
            for area in connected_areas(trusted & (distance >= MOVED), _LEAST, size)
        ]


def _weaker_contrast(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Root of the structure tensor's smaller eigenvalue per cell, in grey values a pixel.

    Along a straight edge nobody can tell a movement; there it is near zero.
    """
    across = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 32)
    xx, yy, xy = (_around(p) for p in (across * across, down * down, across * down))
    smaller = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return np.asarray(np.sqrt(np.maximum(smaller, 0)), dtype=np.float32)


def _around(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the neighbourhood of each cell."""
    blurred = cv2.GaussianBlur(cell_means(plane), (0, 0), _REACH, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


def _finding(area: Area, movement: NDArray[np.float32], distance: NDArray[np.float32]) -> Finding:
    across, down = (float(v) for v in np.median(movement[area.mask], axis=0))
    inside = distance[area.mask]
    evidence = (
        f"moved by {np.median(inside):.1f} pixels (at most {inside.max():.1f}; "
        f"{across:+.1f} to the right, {down:+.1f} down), over {area.pixels} pixels"
    )
    return Finding(
        region=None,
        content=None,
        kind="geometry",
        high_impact=False,
        severity=min(float(inside.max()) / MOVED_TOP, 1.0),
        evidence=evidence,
        polygon=area.polygon,
        mask=area.mask,
    )
