"""Which faces of the corpus are known regions: large enough, and confirmed by a second detector.

The corpus's own boxes come from a detector (libfacedetection) that also marks wheels, lions and
drawings. YuNet is a later network of the same authors; dlib's frontal detector, which stands in
without YuNet's file, shares nothing with it and misses turned faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.face import FOUND, box_of, side_of
from riskmask.model.annotators.face_reader import FaceReader

SMALLEST = 32  # pixels of a face's shorter side, in the picture that is judged


class SecondDetector:
    """Says whether a face region is a known face of a picture.

    Args:
        reader: with YuNet, or without it.
    """

    def __init__(self, reader: FaceReader) -> None:
        self._reader = reader

    def __call__(self, image: NDArray[np.uint8], region: KnownRegion) -> bool:
        """Whether the region is at least 32 pixels a side, and a face to the second detector.

        Args:
            image: (H, W, 3) uint8 RGB, the picture that the region lies in.
            region: of content ``face``.
        """
        box = box_of(region, image)
        return side_of(box) >= SMALLEST and self._reader.detect(image, box).sureness >= FOUND
