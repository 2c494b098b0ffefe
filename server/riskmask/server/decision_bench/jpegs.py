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
    """Search downwards from where anything changes to the first error, then between two qualities.

    An error counts when the next coarser quality of :data:`LADDER` changes the region too, or,
    between two of them, the coarser one that has an error already. What is
    wrong at one quality counts as wrong at every coarser one, as in the labels: text that has
    become illegible there is not safe because it says nothing wrong any more.

    Args:
        look: writes and judges at a quality of libjpeg; may be asked twice for one.
    """
    safe: tuple[int, Written] | None = None
    unsafe: tuple[int, Written] | None = None
    for rung in range(_unchanged(look), len(LADDER)):
        now = look(LADDER[rung])
        coarser = look(LADDER[rung + 1]) if rung + 1 < len(LADDER) else None
        if now.grave and (coarser is None or now.grave & coarser.changed):
            unsafe = LADDER[rung], now
            break
        safe = LADDER[rung], now
    if safe is None:
        return SmallestSafe(None, None)
    while unsafe is not None and safe[0] - unsafe[0] > 1:
        middle = (unsafe[0] + safe[0]) // 2
        between = look(middle)
        if between.grave & unsafe[1].changed:
            unsafe = middle, between
        else:
            safe = middle, between
    return SmallestSafe(safe[0], safe[1].size_bytes)


def _unchanged(look: Callable[[int], Written]) -> int:
    """Index of a rung near the coarsest that leaves all as it is, by bisection; else the first."""
    unchanged, changed = 0, len(LADDER)
    while changed - unchanged > 1:
        middle = (unchanged + changed) // 2
        if look(LADDER[middle]).changed:
            changed = middle
        else:
            unchanged = middle
    return unchanged
