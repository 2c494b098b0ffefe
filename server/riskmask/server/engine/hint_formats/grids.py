"""From blocks of 16x16 pixels to an encoder's own squares and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.squares import highest_of, to_blocks


def snapped(offsets: NDArray[np.float64], square: int, *, finer: int) -> NDArray[np.float64]:
    """Offsets per square of 16, 32, 64 … pixels; a square gets the finest that a block of it wants.

    Args:
        offsets: (R, C) per block of 16x16.
        square: side in pixels, a multiple of 16.
        finer: +1 where a larger offset means more bits, -1 where a smaller one does.
    """
    return highest_of(offsets * finer, square) * finer


def spread(squares: NDArray[np.float64], square: int, like: CanonicalMap) -> NDArray[np.float64]:
    """Offsets per block of 16x16 from squares of 16, 32, 64 … pixels."""
    return to_blocks(squares, square, like.levels.shape)


def quantised(offsets: NDArray[np.float64], lowest: int, highest: int) -> NDArray[np.int64]:
    """The nearest whole numbers in a range."""
    return np.asarray(np.clip(np.round(offsets), lowest, highest).astype(np.int64))


def at_most(values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The same with at most so many distinct values: evenly spaced ones, where there are more.

    Smallest and largest are kept, so doing it twice changes nothing.
    """
    if np.unique(values).size <= count:
        return values
    allowed = np.unique(np.round(np.linspace(values.min(), values.max(), count))).astype(np.int64)
    nearest = np.abs(values[..., None] - allowed).argmin(axis=-1)
    return np.asarray(allowed[nearest])


def grid_shape(like: CanonicalMap, square: int) -> tuple[int, int]:
    """Rows and columns of squares of an image."""
    return -(-like.height // square), -(-like.width // square)


def raster(
    data: bytes, dtype: DTypeLike, shape: tuple[int, int], like: CanonicalMap, name: str
) -> NDArray[np.float64]:
    """A raster of numbers, row after row.

    Raises:
        HintError: it is another image's.
    """
    kind = np.dtype(dtype)
    expected = shape[0] * shape[1] * kind.itemsize
    if len(data) != expected:
        raise HintError(
            f"this {name} hint has {len(data)} bytes; an image of {like.width}x{like.height} "
            f"pixels needs {expected}"
        )
    with np.errstate(invalid="ignore"):  # a signalling NaN warns, and becomes one that is refused
        return np.frombuffer(data, kind).reshape(shape).astype(np.float64)
