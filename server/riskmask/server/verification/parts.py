"""A picture in parts, so that memory is bounded and a verification can stop between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

SIDE: Final = 1536  # pixels; an annotator needs some 230 bytes for each pixel of a part
MARGIN: Final = 64  # pixels around a part that are looked at too
STRIDE: Final = 4  # the annotators' grid, which parts keep to


@dataclass(frozen=True)
class Part:
    """What is looked at, and the core that findings must have their middle in.

    A finding in the margin of two parts is seen whole by both, and lies in the core of one.

    Attributes:
        seen: left, top, right, bottom in pixels.
        core: the same; the cores of all parts are the picture.
    """

    seen: tuple[int, int, int, int]
    core: tuple[int, int, int, int]

    def owns(self, box: tuple[int, int, int, int]) -> bool:
        """Whether a box, x, y, width, height in the picture, has its middle in the core."""
        across, down = box[0] + box[2] / 2, box[1] + box[3] / 2
        left, top, right, bottom = self.core
        return left <= across < right and top <= down < bottom


def parts(width: int, height: int) -> Iterator[Part]:
    """The parts of a picture, row by row; of a small one itself."""
    for (top, bottom), (left, right) in product(_spans(height), _spans(width)):
        seen = (
            max(left - MARGIN, 0),
            max(top - MARGIN, 0),
            min(right + MARGIN, width),
            min(bottom + MARGIN, height),
        )
        yield Part(seen, (left, top, right, bottom))


def _spans(size: int) -> list[tuple[int, int]]:
    """Spans of about the same length."""
    count = -(-size // SIDE)
    step = -(-size // (count * STRIDE)) * STRIDE
    return [(start, min(start + step, size)) for start in range(0, size, step)]
