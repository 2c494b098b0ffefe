"""The detectors that riskmask is measured against: text boxes and face boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from riskmask.model.annotators.base import ContentName


@dataclass(frozen=True)
class Box:
    """One detection.

    Attributes:
        content: what was detected.
        polygon: corners (x, y) in pixels.
        confidence: in [0, 1].
        height: of the text line or the face in pixels.
    """

    content: ContentName
    polygon: tuple[tuple[float, float], ...]
    confidence: float
    height: float


class TextDetector:
    """RapidOCR's DBNet; the boxes of the last picture are kept, since several baselines ask."""

    def __init__(self) -> None:
        self._engine: Any = RapidOCR(params={"Global.log_level": "error"})
        self._last: tuple[NDArray[np.uint8], Sequence[Box]] | None = None

    def find(self, image: NDArray[np.uint8]) -> Sequence[Box]:
        """Text boxes of an (H, W, 3) uint8 RGB picture."""
        if self._last is None or self._last[0] is not image:
            self._last = (image, self._detect(image))
        return self._last[1]

    def _detect(self, image: NDArray[np.uint8]) -> Sequence[Box]:
        found = self._engine(image[:, :, ::-1], use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        boxes = []
        for corners, score in zip(found.boxes, found.scores, strict=True):
            polygon = tuple((float(x), float(y)) for x, y in corners)
            across = np.subtract(polygon[1], polygon[0])
            down = np.subtract(polygon[3], polygon[0])
            height = float(min(np.hypot(*across), np.hypot(*down)))
            boxes.append(Box("text", polygon, float(score), height))
        return boxes


class FaceDetector:
    """YuNet through OpenCV.

    Args:
        model: YuNet's ONNX file, from OpenCV's model zoo.

    Raises:
        FileNotFoundError: there is no such file.
    """

    CONFIDENCE = 0.5

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            raise FileNotFoundError(f"no YuNet model at {model}; OpenCV's model zoo has it")
        self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), self.CONFIDENCE)

    def find(self, image: NDArray[np.uint8]) -> Sequence[Box]:
        """Face boxes of an (H, W, 3) uint8 RGB picture."""
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        _, faces = self._detector.detect(np.ascontiguousarray(image[:, :, ::-1]))
        boxes = []
        for x, y, width, height, *_, score in faces if faces is not None else ():
            right, bottom = x + width, y + height
            polygon = tuple(
                (float(px), float(py))
                for px, py in ((x, y), (right, y), (right, bottom), (x, bottom))
            )
            boxes.append(Box("face", polygon, float(score), float(height)))
        return boxes
