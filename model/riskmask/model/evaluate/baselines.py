"""What a user could take instead of a trained risk map; each gives one score map per image."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from riskmask.model.data.planes import STRIDE, rasterise


class Baseline(Protocol):
    """A score map: the same whatever the level."""

    name: str

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) uint8 RGB -> (ceil(H/4), ceil(W/4)) float32, higher is riskier."""
        ...


class EdgeEnergy:
    """Gradient magnitude of the luminance, blurred over about a letter's width."""

    name = "edge energy"

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; in grey values per pixel."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3) / 8
        down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3) / 8
        blurred = cv2.GaussianBlur(np.hypot(across, down), (0, 0), sigmaX=4)
        return _to_stride(np.asarray(blurred, dtype=np.float32))


class TextDetector:
    """Boxes of RapidOCR's DBNet, filled with their confidence."""

    name = "text detector"

    def __init__(self) -> None:
        self._engine: Any = RapidOCR(params={"Global.log_level": "error"})

    def score(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`Baseline`; in [0, 1]."""
        found = self._engine(image[:, :, ::-1], use_det=True, use_cls=False, use_rec=False)
        grid = (-(-image.shape[0] // STRIDE), -(-image.shape[1] // STRIDE))
        plane = np.zeros(grid, dtype=np.float32)
        if found.boxes is None:
            return plane
        for box, score in zip(found.boxes, found.scores, strict=True):
            cells = rasterise([(float(x), float(y)) for x, y in box], grid).astype(bool)
            plane[cells] = np.maximum(plane[cells], float(score))
        return plane


def _to_stride(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % STRIDE), (0, -width % STRIDE)), mode="edge")
    cells = padded.reshape(padded.shape[0] // STRIDE, STRIDE, padded.shape[1] // STRIDE, STRIDE)
    return np.asarray(cells.mean(axis=(1, 3)), dtype=np.float32)
