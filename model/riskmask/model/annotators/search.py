"""What is there, where nobody said: text lines, faces and barcodes of an original.

Large pictures are searched for text and faces at a reduced scale, their longer side at 2000 pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from rapidocr import RapidOCR

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.face_reader import FaceReader

LONGEST = 2000  # pixels of the longer side that are searched
_SHORTEST = 736  # pixels; the detector finds small text better in a picture that is not smaller
_LINE = 16  # pixels at the searched scale; a picture lower than that holds no line of text
_FACE = 24  # pixels at the searched scale; the same for faces


class Search(Protocol):
    """Finds one content."""

    def find(self, image: NDArray[np.uint8]) -> list[KnownRegion]:
        """Regions of an (H, W, 3) uint8 RGB picture; their corners may lie outside of it."""
        ...


class TextSearch:
    """RapidOCR's detector (DBNet); finds lines and does not read them."""

    def __init__(self, threads: int = 1) -> None:
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.max_side_len": LONGEST,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # its default enlarges without an end where a picture is long and thin
                "Det.limit_type": "max",
                "Det.limit_side_len": LONGEST,
            }
        )

    def find(self, image: NDArray[np.uint8]) -> list[KnownRegion]:
        """Text lines, corners clockwise from the text's top left."""
        short, long = sorted(image.shape[:2])
        scale = min(max(1.0, _SHORTEST / short), LONGEST / long)
        if short * min(scale, 1.0) < _LINE:
            return []
        found = self._engine(
            np.ascontiguousarray(_scaled(image, scale)[:, :, ::-1]),
            use_det=True,
            use_cls=False,
            use_rec=False,
        )
        if found.boxes is None:
            return []
        return [_region("text", corners / scale) for corners in np.asarray(found.boxes)]


class FaceSearch:
    """YuNet.

    Args:
        yunet: its ONNX file.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(self, yunet: Path) -> None:
        self._reader = FaceReader(yunet)

    def find(self, image: NDArray[np.uint8]) -> list[KnownRegion]:
        """Boxes around faces."""
        short, long = sorted(image.shape[:2])
        scale = min(1.0, LONGEST / long)
        if short * scale < _FACE:
            return []
        boxes = self._reader.search(_scaled(image, scale))
        return [
            _region("face", np.array([(l, t), (r, t), (r, b), (l, b)]) / scale)
            for l, t, r, b in boxes  # noqa: E741
        ]


class BarcodeSearch:
    """ZXing; finds the barcodes that it can decode."""

    def find(self, image: NDArray[np.uint8]) -> list[KnownRegion]:
        """Barcodes with their payload."""
        regions = []
        for code in zxingcpp.read_barcodes(np.ascontiguousarray(image)):
            at = code.position
            corners = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
            polygon = tuple((float(corner.x), float(corner.y)) for corner in corners)
            regions.append(KnownRegion("symbol", polygon, code.text, barcode=True))
        return regions


def _region(content: Any, corners: Iterable[Any]) -> KnownRegion:
    return KnownRegion(content, tuple((float(x), float(y)) for x, y in corners))


def _scaled(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1.0:
        return image
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.uint8)
