"""How a face differs from itself: what moved in it, and which of the three kinds explains it.

Landmarks that are found twice move by the detector's own noise. So what is still there is followed
by registration besides: it sees a movement of a hundredth of the distance between the eyes where
the way there and back agree and where undoing the movement explains the difference, which no blur
and no codec's noise is explained by.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KindName
from riskmask.model.annotators.face_crops import Box, cut_face
from riskmask.model.annotators.registration import register, smooth_grey

MOVED_BACK = 0.3  # share of the difference (squared) that may be left once a movement is undone
BLURRED = 0.35  # share that may be left where the first face, blurred, is laid over the second
FLAT = 0.4  # share of the features' contrast under which the face faded
ROUND_TRIP = 0.05  # of the distance between the eyes, by which there and back may miss
DIFFERENT = 1.0  # grey values by which the pictures must differ before anything moved
_SIDE = 160  # pixels that the square around a face is brought to
_BETWEEN_EYES = _SIDE / 2.35  # in such a square
_AROUND = 0.15  # of the distance between the eyes: a landmark's surroundings
_INSIDE = 0.12  # of the square's side, left out all around: hair and ground
_BLURS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # of the distance between the eyes

_Grey = NDArray[np.float32]


def followed_movement(
    original: NDArray[np.uint8],
    reconstruction: NDArray[np.uint8],
    square: Box,
    landmarks: NDArray[np.float64],
) -> float:
    """The furthest that the surroundings of a landmark moved, over the distance between the eyes.

    Landmarks whose surroundings cannot be followed count as unmoved.

    Args:
        original, reconstruction: (H, W, 3) uint8 RGB.
        square: around the face, in pixels.
        landmarks: (N, 2) (x, y) in the original, in pixels.
    """
    crop = cut_face(original, square, _SIDE, 0.1)
    other = cut_face(reconstruction, square, _SIDE, 0.1)
    found = register(smooth_grey(crop.pixels), smooth_grey(other.pixels))
    rows, columns = np.mgrid[: found.miss.shape[0], : found.miss.shape[1]]
    furthest = 0.0
    for x, y in (landmarks - crop.corner) * crop.scale:
        reach = 2 * (_AROUND * _BETWEEN_EYES) ** 2
        weight = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / reach)
        weight /= max(float(weight.sum()), 1e-6)
        was, left = float((weight * found.before).sum()), float((weight * found.after).sum())
        miss = float((weight * found.miss).sum()) / _BETWEEN_EYES
        if was >= DIFFERENT and left <= MOVED_BACK * was and miss <= ROUND_TRIP:
            step = (weight[..., None] * found.flow).sum(axis=(0, 1))
            furthest = max(furthest, float(np.hypot(*step)) / _BETWEEN_EYES)
    return furthest


def kind_of_change(
    original: NDArray[np.uint8], reconstruction: NDArray[np.uint8], square: Box
) -> KindName:
    """What happened to a face of which it is known that something did.

    Geometry where undoing a movement gives back the first face. Amplitude where a blur of the first
    face gives the second, or where the contrast of its features is gone. Otherwise its contours
    are others.
    """
    crops = (cut_face(image, square, _SIDE, 0.1).pixels for image in (original, reconstruction))
    one, other = (smooth_grey(crop) for crop in crops)
    found = register(one, other)
    first, second = _inside(one.astype(np.float32)), _inside(other.astype(np.float32))
    difference = _energy(first - second)
    if _energy(_inside(found.after)) <= MOVED_BACK * difference:
        return "geometry"
    blurs = (_inside(_blurred(one.astype(np.float32), width)) for width in _BLURS)
    if min(_energy(blur - second) for blur in blurs) <= BLURRED * difference:
        return "amplitude"
    if _features(other) <= FLAT * _features(one):
        return "amplitude"
    return "shape"


def _features(grey: NDArray[np.uint8]) -> float:
    """Contrast of what has the size of eyes, nose and mouth, in grey values."""
    plane = grey.astype(np.float32)
    return float(np.sqrt(_energy(_inside(_blurred(plane, 0.04) - _blurred(plane, 0.4)))))


def _blurred(plane: _Grey, width: float) -> _Grey:
    blurred = cv2.GaussianBlur(plane, (0, 0), width * _BETWEEN_EYES)
    return np.asarray(blurred, dtype=np.float32)


def _inside(plane: _Grey) -> _Grey:
    """The middle of a crop of which the outer tenths are surroundings."""
    rows, columns = (round((0.1 + _INSIDE) / 1.2 * size) for size in plane.shape[:2])
    return plane[rows : plane.shape[0] - rows, columns : plane.shape[1] - columns]


def _energy(plane: _Grey) -> float:
    return float((plane**2).mean())
