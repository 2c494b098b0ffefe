"""Text that a detector finds, as regions whose content is known and whose wording is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.evaluate.detectors import TextDetector

MOST = 40  # regions of a picture, evenly taken
LOWEST = 6.0  # pixels of height; below that nobody reads it


class FoundText:
    """Lines of text found by RapidOCR's detector."""

    def __init__(self) -> None:
        self._detector = TextDetector()

    def __call__(self, image: NDArray[np.uint8]) -> list[KnownRegion]:
        """At most 40 lines of at least 6 pixels height in an (H, W, 3) uint8 RGB picture."""
        boxes = [box for box in self._detector.find(image) if box.height >= LOWEST]
        kept = boxes[:: max(-(-len(boxes) // MOST), 1)]
        return [KnownRegion("text", box.polygon) for box in kept]
