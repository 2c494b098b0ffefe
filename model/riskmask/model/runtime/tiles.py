"""Cutting an image into squares of a few fixed sizes, and fading their maps into one another.

Fixed sizes keep ONNX Runtime's memory bounded. Neighbouring tiles overlap by 384 pixels or
more, small ones by half of their side; their maps are cross-faded over the 64 pixels in the
overlap's middle and the rest of it, where a tile sees least of its neighbourhood, is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIDES = (256, 512, 768, 1024)
STRIP_SIDES = (256, 512)  # wider strips take no more time in the largest, and see further
OVERLAP = 384  # of tiles of 1024 pixels the risk is then that of the whole picture
FADE = 64
ALIGNMENT = 32  # of tile positions: the network's own stride, so that every tile has its phase


@dataclass(frozen=True)
class Span:
    """A tile's extent along one axis, in pixels.

    Attributes:
        start: first pixel, a multiple of 32.
        side: of the square tile.
        fade_in, fade_out: where the 64 pixels of cross-fade with a neighbour begin, or None at
            the image's border.
    """

    start: int
    side: int
    fade_in: int | None
    fade_out: int | None

    def weights(self, stride: int) -> NDArray[np.float32]:
        """(side / stride,) float32 in [0, 1]; over all spans they sum to exactly 1 anywhere."""
        centres = self.start + stride * (np.arange(self.side // stride) + 0.5)
        weights = np.ones(len(centres))
        if self.fade_in is not None:
            weights *= np.clip((centres - self.fade_in) / FADE, 0.0, 1.0)
        if self.fade_out is not None:
            weights *= 1.0 - np.clip((centres - self.fade_out) / FADE, 0.0, 1.0)
        return weights.astype(np.float32)


def tile_side(width: int, height: int) -> int:
    """The smallest tile that holds the whole image; where none does, one that fits its shape."""
    longest = max(width, height)
    if longest <= SIDES[-1]:
        return next(side for side in SIDES if side >= longest)
    # A long thin picture is cut into squares of its short side, not padded to 1024.
    return next((side for side in STRIP_SIDES if side >= min(width, height)), SIDES[-1])


def overlap(side: int) -> int:
    """Pixels that neighbouring tiles of a side share at least.

    At most half of the side: then the fades of one tile never meet.
    """
    return min(OVERLAP, side // 2)


def spans(length: int, side: int) -> tuple[Span, ...]:
    """Tiles that cover ``length`` pixels, evenly spread, neighbours overlapping enough."""
    if length <= side:
        return (Span(0, side, None, None),)
    padded = -(-length // ALIGNMENT) * ALIGNMENT
    shared = overlap(side)
    count = -(-(padded - shared) // (side - shared))
    room = (padded - side) // ALIGNMENT
    starts = [room * index // (count - 1) * ALIGNMENT for index in range(count)]
    fades = [(before + side + after) // 2 - FADE // 2 for before, after in pairwise(starts)]
    return tuple(
        Span(start, side, fade_in, fade_out)
        for start, fade_in, fade_out in zip(starts, [None, *fades], [*fades, None], strict=True)
    )


def cut(image: NDArray[np.uint8], top: Span, left: Span, tile: NDArray[np.uint8]) -> None:
    """Copy one tile out of an image, repeating the image's edge beyond it.

    Args:
        image: (H, W, 3) uint8.
        top, left: the tile's place.
        tile: (side, side, 3) uint8, overwritten.
    """
    part = image[top.start : top.start + top.side, left.start : left.start + left.side]
    rows, columns = part.shape[:2]
    tile[:rows, :columns] = part
    tile[:rows, columns:] = part[:, -1:]
    tile[rows:] = tile[rows - 1]


def blend(
    target: NDArray[np.float16] | NDArray[np.float32],
    source: NDArray[np.float32],
    top: Span,
    left: Span,
    stride: int,
) -> None:
    """Add a tile's map, weighted, to the whole image's.

    Args:
        target: (..., ceil(H / stride), ceil(W / stride)), changed in place.
        source: (..., side / stride, side / stride) float32.
    """
    row, column = top.start // stride, left.start // stride
    place = target[..., row : row + source.shape[-2], column : column + source.shape[-1]]
    weights = top.weights(stride)[:, None] * left.weights(stride)
    rows, columns = place.shape[-2:]
    weighted = source[..., :rows, :columns] * weights[:rows, :columns]
    np.add(place, weighted, out=place, casting="same_kind")
