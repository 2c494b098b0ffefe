"""Where a face is, and that part of a picture at a common size: small faces are enlarged."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, top, right, bottom

# The square that dlib's detector, and so its landmark predictor, draws around a face, against the
# five landmarks: its middle is theirs, its side this many times the root of the squared distances
# of the eyes and from the eyes to the mouth. Medians of 123 faces that dlib and YuNet both find.
_SIDE_TO_FEATURES = 1.63
# The same square against a box from the forehead to the chin.
_BOX_TO_SIDE, _LOWER = 1.095, 0.057


@dataclass(frozen=True)
class FaceCrop:
    """A face with its surroundings, enlarged or reduced.

    Attributes:
        pixels: (h, w, 3) uint8 RGB.
        corner: (2,) float64, its left top in the picture, in pixels.
        scale: of its pixels to the picture's.
    """

    pixels: NDArray[np.uint8]
    corner: NDArray[np.float64]
    scale: float

    def into(self, box: Box) -> Box:
        """A box of the picture in the crop."""
        left, top, right, bottom = ((np.reshape(box, (2, 2)) - self.corner) * self.scale).ravel()
        return float(left), float(top), float(right), float(bottom)

    def out(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 2) of the crop in the picture."""
        return np.asarray(points / self.scale + self.corner)


def cut_face(image: NDArray[np.uint8], box: Box, side: int, margin: float) -> FaceCrop:
    """Bring a box to a common size.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: in pixels; may reach out of the image, the crop does not.
        side: pixels that the longer side of the box is brought to.
        margin: seen around the box, as a share of its sides.
    """
    left, top, right, bottom = box
    across, down = margin * (right - left), margin * (bottom - top)
    low_x, low_y = max(round(left - across), 0), max(round(top - down), 0)
    high_x, high_y = max(round(right + across), low_x + 1), max(round(bottom + down), low_y + 1)
    crop = image[low_y:high_y, low_x:high_x]
    scale = side / max(right - left, bottom - top, 1.0)
    size = max(round(crop.shape[1] * scale), 32), max(round(crop.shape[0] * scale), 32)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(crop, size, interpolation=how), dtype=np.uint8)
    return FaceCrop(resized, np.array([low_x, low_y], dtype=np.float64), scale)


def square_of_features(points: NDArray[np.float64]) -> Box:
    """The square around a face from (5, 2) eyes, nose and corners of the mouth (x, y)."""
    eyes = float(np.linalg.norm(points[1] - points[0]))
    down = float(np.linalg.norm(points[3:].mean(axis=0) - points[:2].mean(axis=0)))
    return _square(points.mean(axis=0), _SIDE_TO_FEATURES * float(np.hypot(eyes, down)))


def square_of_box(box: Box) -> Box:
    """The square around a face of which just a box is known."""
    left, top, right, bottom = box
    side = float(np.sqrt(max(right - left, 1.0) * max(bottom - top, 1.0))) / _BOX_TO_SIDE
    middle = np.array([(left + right) / 2, (top + bottom) / 2 + _LOWER * side])
    return _square(middle, side)


def moved_box(box: Box, across: float, down: float, scale: float) -> Box:
    """A box shifted by shares of its sides, and scaled about its middle."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    middle_x = (left + right) / 2 + across * width
    middle_y = (top + bottom) / 2 + down * height
    half_x, half_y = width * scale / 2, height * scale / 2
    return middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - common
    return common / union if union > 0 else 0.0


def _square(middle: NDArray[np.float64], side: float) -> Box:
    x, y = float(middle[0]), float(middle[1])
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2
