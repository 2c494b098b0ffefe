"""Shape: contours that vanished, appeared or moved.

Edges are taken where the gradient of the smoothed picture is strongest across the edge. One that
is strong in one picture must have a counterpart in the other, within a tolerance and in the same
direction, and a far weaker one will do: so a threshold that is barely missed is no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.areas import (
    STRIDE,
    Area,
    cell_means,
    connected_areas,
)
from riskmask.model.annotators.base import Finding, KnownRegion, check_same_size

STRONG = 6.0  # grey values a pixel, of the smoothed picture: an edge that nobody overlooks
WEAK = 0.45  # share of an edge's strength that its counterpart needs
TOLERANCE = 3  # pixels by which an edge may move
LENGTH = 10  # pixels of contour that a finding needs
LENGTH_TOP = 120  # the length of severity 1
_SCALE = 1.5  # pixels: noise and fine texture are smoothed away
_DIRECTIONS = 8  # an edge's counterpart lies in the same eighth of the circle or the next


@dataclass(frozen=True)
class Contours:
    """Edges of a picture.

    Attributes:
        strength: (H, W) float32, gradient in grey values a pixel.
        direction: (H, W) uint8, which eighth of the circle it points to.
        edge: (H, W) bool, strong, and the strongest across the edge.
    """

    strength: NDArray[np.float32]
    direction: NDArray[np.uint8]
    edge: NDArray[np.bool_]


class ShapeAnnotator:
    """Matches the contours of both pictures; needs no known regions."""

    name = "shape"

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> ShapeExamination:
        """Find the contours of the original."""
        return ShapeExamination(original)


class ShapeExamination:
    """An original whose contours are known."""

    def __init__(self, original: NDArray[np.uint8]) -> None:
        self._original = original
        self._contours = trace(original)

    def find(self, reconstruction: NDArray[np.uint8]) -> Sequence[Finding]:
        """Stretches of contour without a counterpart in the other picture."""
        check_same_size(self._original, reconstruction)
        before, after = self._contours, trace(reconstruction)
        lost, new = unmatched(before, after), unmatched(after, before)
        size = self._original.shape[0], self._original.shape[1]
        lengths = [
            np.round(cell_means(edges.astype(np.float32)) * STRIDE**2) for edges in (lost, new)
        ]
        cells = (lengths[0] + lengths[1]) > 0
        findings = []
        for area in connected_areas(cells, 2, size, bridge=2):
            gone, come = (float(length[area.mask].sum()) for length in lengths)
            if max(gone, come) >= LENGTH:
                findings.append(_finding(area, gone, come))
        return findings


def trace(image: NDArray[np.uint8]) -> Contours:
    """Contours of a picture, (H, W, 3) uint8 RGB."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), _SCALE)
    across = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    strength, angle = cv2.cartToPolar(across, down)
    direction = np.round(angle / (2 * np.pi / _DIRECTIONS)).astype(np.uint8) % _DIRECTIONS
    thin = cv2.Canny(
        np.round(across * 16).astype(np.int16),
        np.round(down * 16).astype(np.int16),
        STRONG * 16,
        STRONG * 16,
        L2gradient=True,
    )
    return Contours(
        strength=np.asarray(strength, dtype=np.float32),
        direction=direction,
        edge=np.asarray(thin > 0),
    )


def unmatched(one: Contours, other: Contours) -> NDArray[np.bool_]:
    """Edges of one picture that the other has nothing like nearby, (H, W) bool."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * TOLERANCE + 1, 2 * TOLERANCE + 1))
    nearby = []
    for direction in range(_DIRECTIONS):
        apart = (other.direction.astype(np.int16) - direction) % _DIRECTIONS
        alike = (apart <= 1) | (apart == _DIRECTIONS - 1)
        nearby.append(cv2.dilate(np.where(alike, other.strength, 0), kernel))
    best = np.choose(one.direction, nearby)
    return np.asarray(one.edge & (best < WEAK * one.strength))


def _finding(area: Area, gone: float, come: float) -> Finding:
    if min(gone, come) >= 0.4 * max(gone, come):
        what = f"contours changed: {gone:.0f} pixels of them gone, {come:.0f} new"
    elif gone > come:
        what = f"{gone:.0f} pixels of contour vanished"
    else:
        what = f"{come:.0f} pixels of contour appeared"
    return Finding(
        region=None,
        content=None,
        kind="shape",
        high_impact=False,
        severity=min(max(gone, come) / LENGTH_TOP, 1.0),
        evidence=what,
        polygon=area.polygon,
        mask=area.mask,
    )
