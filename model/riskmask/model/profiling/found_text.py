"""Text that a detector finds, as regions whose content is known and whose wording is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.search import TextSearch

MOST = 40  # regions of a picture, evenly taken
LOWEST = 6.0  # pixels of height; below that nobody reads it


class FoundText:
    """Lines of text found by RapidOCR's detector."""

    def __init__(self) -> None:
        self._search = TextSearch()

    def __call__(self, image: NDArray[np.uint8]) -> list[KnownRegion]:
        """At most 40 lines of at least 6 pixels height in an (H, W, 3) uint8 RGB picture."""
        lines = [line for line in self._search.find(image) if _height(line) >= LOWEST]
        return lines[:: max(-(-len(lines) // MOST), 1)]


def _height(line: KnownRegion) -> float:
    """Of a line whose corners go clockwise from its top left, in pixels."""
    top_left, top_right, _, bottom_left = np.asarray(line.polygon)
    return float(min(np.hypot(*(top_right - top_left)), np.hypot(*(bottom_left - top_left))))
