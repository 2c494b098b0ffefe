"""Reads given text boxes with RapidOCR's recogniser (PP-OCR, its model ships in the wheel)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

# OpenCV warps no picture whose side reaches 32,767 pixels, neither to one.
LONGEST_WARP = 32_766
REACH = 4  # pixels around what is warped that interpolation may look at
# Shapes that a reader tells apart by context only; a swap among them is not held against a codec.
_ALIKE = str.maketrans({"o": "0", "l": "1", "i": "1", "|": "1", "!": "1", "\u0131": "1"})


@dataclass(frozen=True)
class Reading:
    """A recognised string and its confidence in [0, 1]."""

    text: str
    confidence: float


class Recogniser:
    """Text recognition on quadrilaterals of an image; one thread, so that processes scale."""

    def __init__(self, threads: int = 1) -> None:
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Rec.rec_batch_num": 4,
            }
        )

    def read(
        self,
        image: NDArray[np.uint8],
        polygons: Sequence[Sequence[tuple[float, float]]],
        margin: float = 0.12,
    ) -> list[Reading]:
        """Read each polygon.

        Args:
            image: (H, W, 3) uint8 RGB.
            polygons: corners (x, y) in pixels, clockwise from the text's top left.
            margin: added around each, as a share of the text's height.
        """
        crops = [crop_polygon(image, polygon, margin)[:, :, ::-1] for polygon in polygons]
        if not crops:
            return []
        result = self._engine.recognize_txt([np.ascontiguousarray(crop) for crop in crops])
        return [
            Reading(text or "", float(score))
            for text, score in zip(result.txts, result.scores, strict=True)
        ]


def crop_polygon(
    image: NDArray[np.uint8], polygon: Sequence[tuple[float, float]], margin: float
) -> NDArray[np.uint8]:
    """Cut a text line upright: perspective for four corners, the bounding box otherwise.

    Lines taller than 1.5 times their width are turned by a quarter, as PP-OCR expects.
    """
    corners = np.asarray(polygon, dtype=np.float32)
    if len(corners) != 4:
        low, high = corners.min(axis=0), corners.max(axis=0)
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])], dtype=np.float32)
    across = corners[1] - corners[0]
    down = corners[3] - corners[0]
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    if min(width, height) < 1:
        return np.full((8, 8, 3), 255, dtype=np.uint8)
    pad = margin * min(width, height)
    unit_x, unit_y = across / width * pad, down / height * pad
    source = np.array(
        [
            corners[0] - unit_x - unit_y,
            corners[1] + unit_x - unit_y,
            corners[2] + unit_x + unit_y,
            corners[3] - unit_x + unit_y,
        ],
        dtype=np.float32,
    )
    out_width, out_height = (
        min(max(round(side + 2 * pad), 4), LONGEST_WARP) for side in (width, height)
    )
    image, source = _near(image, source)
    target = np.array(
        [(0, 0), (out_width, 0), (out_width, out_height), (0, out_height)], dtype=np.float32
    )
    crop = cv2.warpPerspective(
        image,
        cv2.getPerspectiveTransform(source, target),
        (out_width, out_height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if out_height > 1.5 * out_width:
        crop = np.rot90(crop)
    return np.ascontiguousarray(crop, dtype=np.uint8)


def _near(
    image: NDArray[np.uint8], corners: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The part of an image that is too long to be warped around corners, and the corners in it."""
    if max(image.shape[:2]) <= LONGEST_WARP:
        return image, corners
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(corners.min(axis=0)) - REACH, 0, (width - 1, height - 1))
    right, bottom = np.ceil(corners.max(axis=0)) + REACH
    left, top = int(left), int(top)
    right = min(max(int(right), left + 1), left + LONGEST_WARP)
    bottom = min(max(int(bottom), top + 1), top + LONGEST_WARP)
    return image[top:bottom, left:right], corners - np.array((left, top), np.float32)


def comparable(text: str) -> str:
    """What of a string counts: letters and digits, case folded, look-alikes made one.

    ``!`` and ``|`` are among these, since both are read in the place of a 1 or an l.

    Recognisers flip case and drop punctuation on pictures that nobody touched.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded.translate(_ALIKE) if c.isalnum())
