"""A map of offsets as a list of rectangles, for encoders that take lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.squares import BLOCK


class TooManyRectanglesError(HintError):
    """A list would be longer than what reads it takes; one of larger squares is shorter."""


@dataclass(frozen=True)
class Rectangle:
    """Pixels from ``top`` up to, not including, ``bottom``; likewise to the right; one offset."""

    top: int
    bottom: int
    left: int
    right: int
    offset: int


def cover(offsets: NDArray[np.int64], width: int, height: int, most: int) -> tuple[Rectangle, ...]:
    """Rectangles that paint a map: those with the most bits first, the first one wins.

    The commonest offset becomes one rectangle over everything, at the end.

    Args:
        offsets: (R, C) QP offsets per 16x16, negative for more bits.
        width, height: of the image.
        most: rectangles that the list may have.

    Raises:
        TooManyRectanglesError: it would have more.
    """
    listed = _rectangles(offsets, width, height)
    if len(listed) > most:
        raise TooManyRectanglesError(
            f"a list of {len(listed)} rectangles is longer than the {most} that are read; "
            "make the map of larger squares"
        )
    return listed


def paint(rectangles: Iterable[Rectangle], like: CanonicalMap, name: str) -> NDArray[np.float64]:
    """(R, C) the offsets of a list; blocks in no rectangle have 0.

    Raises:
        HintError: a rectangle leaves the image or has no area.
    """
    offsets = np.zeros(like.levels.shape)
    for area in reversed(tuple(rectangles)):
        inside = 0 <= area.top < area.bottom <= like.height
        if not (inside and 0 <= area.left < area.right <= like.width):
            raise HintError(
                f"a rectangle of this {name} hint does not lie in an image of "
                f"{like.width}x{like.height} pixels"
            )
        rows = slice(area.top // BLOCK, -(-area.bottom // BLOCK))
        columns = slice(area.left // BLOCK, -(-area.right // BLOCK))
        offsets[rows, columns] = area.offset
    return offsets


def _rectangles(offsets: NDArray[np.int64], width: int, height: int) -> tuple[Rectangle, ...]:
    values, counts = np.unique(offsets, return_counts=True)
    common = int(values[counts.argmax()])
    found: list[Rectangle] = []
    open_runs: dict[tuple[int, int, int], int] = {}
    rows = offsets.shape[0]
    for row in range(rows + 1):
        runs = _runs(offsets[row], common) if row < rows else set()
        for run in [run for run in open_runs if run not in runs]:
            left, right, offset = run
            found.append(
                Rectangle(
                    top=open_runs.pop(run) * BLOCK,
                    bottom=min(row * BLOCK, height),
                    left=left * BLOCK,
                    right=min(right * BLOCK, width),
                    offset=offset,
                )
            )
        for run in runs:
            open_runs.setdefault(run, row)
    found.sort(key=lambda area: (area.offset, area.top, area.left))
    everything = (Rectangle(0, height, 0, width, common),) if common else ()
    return (*found, *everything)


def _runs(row: NDArray[np.int64], common: int) -> set[tuple[int, int, int]]:
    """(first column, column behind the last, offset) of each run that is not the common offset."""
    starts = np.flatnonzero(np.diff(row, prepend=row[0] + 1))
    ends = np.append(starts[1:], row.size)
    return {
        (int(start), int(end), int(row[start]))
        for start, end in zip(starts, ends, strict=True)
        if row[start] != common
    }
