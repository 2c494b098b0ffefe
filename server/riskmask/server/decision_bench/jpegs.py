"""JPEG files as advised, and the smallest one that would have been safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.pillow_formats import read, write

# From fine to coarse, in steps of about a seventh of the size.
LADDER = (95, 90, 82, 72, 60, 48, 36, 26, 18, 12, 8, 5, 3, 1)


@dataclass(frozen=True)
class Written:
    """A JPEG and what is wrong with it.

    Attributes:
        size_bytes: of the file.
        changed: regions that changed.
        grave: those whose change is of high impact, or a face's.
    """

    size_bytes: int
    changed: frozenset[int]
    grave: frozenset[int]


@dataclass(frozen=True)
class SmallestSafe:
    """The outcome of a search; both None where not even the finest quality is safe."""

    quality: int | None
    size_bytes: int | None


def write_jpeg(image: NDArray[np.uint8], quality: int, subsampling: str) -> bytes:
    """(H, W, 3) uint8 RGB by Pillow, with optimised Huffman tables."""
    return write(image, "JPEG", quality=quality, optimize=True, subsampling=subsampling)


def read_jpeg(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB."""
    return read(data, "JPEG")


def smallest_safe(look: Callable[[int], Written]) -> SmallestSafe:
    """Search from the finest quality down to the first error, then between the two qualities.

    An error counts when the next coarser quality of :data:`LADDER` changes the region too. What is
    wrong at one quality counts as wrong at every coarser one, as in the labels: text that has
    become illegible there is not safe because it says nothing wrong any more.

    Args:
        look: writes and judges at a quality of libjpeg.
    """
    safe: tuple[int, Written] | None = None
    now = look(LADDER[0])
    unsafe: int | None = None
    for rung, quality in enumerate(LADDER):
        coarser = look(LADDER[rung + 1]) if rung + 1 < len(LADDER) else None
        if now.grave and (coarser is None or now.grave & coarser.changed):
            unsafe = quality
            break
        safe = quality, now
        if coarser is not None:
            now = coarser
    if safe is None:
        return SmallestSafe(None, None)
    low = 0 if unsafe is None else unsafe
    while unsafe is not None and safe[0] - low > 1:
        middle = (low + safe[0]) // 2
        between = look(middle)
        if between.grave:
            low = middle
        else:
            safe = middle, between
    return SmallestSafe(safe[0], safe[1].size_bytes)
