"""Cutting an image into rectangular tiles, and fading their maps into one another.

A tile's height and its width are chosen one by one from the same list of lengths, so that little is
padded. Neighbouring tiles overlap by 672 pixels or more; their maps are cross-faded over the 256
pixels in the middle of the overlap and the rest of it, where a tile sees least of its
neighbourhood, is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.half import to_half, to_single

LENGTHS = tuple(range(256, 1537, 32))  # of a tile along either axis, in pixels
OVERLAP = 672  # over 99.9% of the risk of tiles is then that of the whole picture
FADE = 256
ALIGNMENT = 32  # of tile positions: the network's own stride, so that every tile has its phase


@dataclass(frozen=True)
class TileShape:
    """Height and width of a tile in pixels, each one of ``LENGTHS``."""

    height: int
    width: int


SMALLEST = TileShape(LENGTHS[0], LENGTHS[0])
LARGEST = TileShape(LENGTHS[-1], LENGTHS[-1])


@dataclass(frozen=True)
class Span:
    """A tile's extent along one axis, in pixels.

    Attributes:
        start: first pixel, a multiple of 32.
        length: of the tile.
        fade_in, fade_out: where the 256 pixels of cross-fade with a neighbour begin, or None at
            the image's border.
    """

    start: int
    length: int
    fade_in: int | None
    fade_out: int | None

    @property
    def is_alone(self) -> bool:
        """Whether it has no neighbour along its axis."""
        return self.fade_in is None and self.fade_out is None

    def weights(self, stride: int) -> NDArray[np.float32]:
        """(length / stride,) float32 in [0, 1]; over all spans they sum to exactly 1 anywhere."""
        centres = self.start + stride * (np.arange(self.length // stride) + 0.5)
        weights = np.ones(len(centres))
        if self.fade_in is not None:
            weights *= _risen(centres - self.fade_in)
        if self.fade_out is not None:
            weights *= 1.0 - _risen(centres - self.fade_out)
        return weights.astype(np.float32)


def _risen(into: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the tile that fades in, by the pixels into the cross-fade.

    A cubic without slope at either end, so that a fade does not show where it begins; at the
    centres of cells it is exact in float32.
    """
    part = np.clip(into / FADE, 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


def tile_shape(width: int, height: int) -> TileShape:
    """Of all tiles of an image of this size."""
    return TileShape(height=spans(height)[0].length, width=spans(width)[0].length)


def spans(extent: int) -> tuple[Span, ...]:
    """The fewest tiles that cover ``extent`` pixels along an axis, and as short as they can be.

    They are spread evenly, and neighbours overlap by 672 pixels at least.
    """
    padded = -(-extent // ALIGNMENT) * ALIGNMENT
    longest = LENGTHS[-1]
    count = 1 if padded <= longest else -(-(padded - OVERLAP) // (longest - OVERLAP))
    tiled = padded + (count - 1) * OVERLAP
    length = next(length for length in LENGTHS if count * length >= tiled)
    if count == 1:
        return (Span(0, length, None, None),)
    room = (padded - length) // ALIGNMENT
    starts = [room * index // (count - 1) * ALIGNMENT for index in range(count)]
    fades = [(before + length + after) // 2 - FADE // 2 for before, after in pairwise(starts)]
    return tuple(
        Span(start, length, fade_in, fade_out)
        for start, fade_in, fade_out in zip(starts, [None, *fades], [*fades, None], strict=True)
    )


def cut(image: NDArray[np.uint8], top: Span, left: Span, tile: NDArray[np.uint8]) -> None:
    """Copy one tile out of an image, repeating the image's edge beyond it.

    Args:
        image: (H, W, 3) uint8.
        top, left: the tile's place.
        tile: (top.length, left.length, 3) uint8, overwritten.
    """
    part = image[top.start : top.start + top.length, left.start : left.start + left.length]
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
        target: (..., ceil(H / stride), ceil(W / stride)), 0 where no tile was, changed in place.
        source: (..., top.length / stride, left.length / stride) float32.
    """
    row, column = top.start // stride, left.start // stride
    place = target[..., row : row + source.shape[-2], column : column + source.shape[-1]]
    rows, columns = place.shape[-2:]
    total = source[..., :rows, :columns]
    if not (top.is_alone and left.is_alone):  # else its weights are 1 and nothing is there yet
        weights = top.weights(stride)[:, None] * left.weights(stride)
        total = total * weights[:rows, :columns] + to_single(place)
    place[...] = to_half(total) if target.dtype == np.float16 else total
