"""How high the text of a region is, from its pixels alone.

Text height is the height of the rows that the letters of a line cross: that of its capitals, with
the descenders where there are several. So it lies up to a third under the height of a line's
outline where only a letter or two reach below the others. What it is worth is measured by
``python -m riskmask.model.evaluate.text_height``.

Rows that letters cross change quickly along the row, the rows between two lines do not. So the
profile of horizontal luma differences over the rows of a line stands out, whatever the colours of
ink and paper, and horizontal edges (rules, borders of panels) do not count. It is taken in strips
a few letters wide, since a line that is turned smears the profile of its whole width.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import RISK_STRIDE

FAINTEST = 6  # luma difference of neighbours, 8-bit units, under which it is noise
PEAK = 90  # percentile of the profile where it is not 0
OF_PEAK = 0.2  # share of that from which on a row belongs to a line
SHORTEST = 3  # rows of a line
STRIP = 4.0  # width of a strip, in heights of the line
NARROWEST = 24  # pixels of a strip
PASSES = 3
# In some strips no letter ascends or descends, so their middle one would be too low.
QUANTILE = 0.7
REACH = 2  # cells above and below a region that belong to it where they are text
LARGEST = 1024  # side of what is looked at: of larger regions the middle

Box = tuple[int, int, int, int]  # x, y, width, height


def region_text_height(
    image: NDArray[np.uint8],
    text: NDArray[np.float16],
    components: NDArray[np.int32],
    number: int,
    box: Box,
) -> float | None:
    """Height of the lines of text in a region, the typical one if there are several.

    Args:
        image: (H, W, 3) uint8 RGB.
        text: (ceil(H / 4), ceil(W / 4)) float16 in [0, 1], where text is.
        components: (ceil(H / 4), ceil(W / 4)) int32, which region each cell belongs to.
        number: of the region.
        box: of the region, in cells.

    Returns:
        Pixels; None where nothing in the region looks like a line.
    """
    x, y, width, height = _middle(box)
    margin = REACH + 1
    rows = slice(max(y - margin, 0), y + height + margin)
    columns = slice(max(x - 1, 0), x + width + 1)
    cells = (components[rows, columns] == number).astype(np.uint8)
    # A part of a letter may be at risk alone; its height is that of the line.
    letters = (text[rows, columns] >= 0.5).astype(np.uint8)
    for _ in range(REACH):
        cells |= cv2.dilate(cells, np.ones((3, 1), np.uint8)).astype(np.uint8) & letters
    # Ascenders and descenders reach out of the cells where text is sure.
    cells = cv2.dilate(cells, np.ones((3, 3), np.uint8)).astype(np.uint8)
    inside = cells.astype(bool).repeat(RISK_STRIDE, axis=0).repeat(RISK_STRIDE, axis=1)
    crop = image[rows.start * RISK_STRIDE :, columns.start * RISK_STRIDE :]
    crop = crop[: inside.shape[0], : inside.shape[1]]
    return text_height(crop, inside[: crop.shape[0], : crop.shape[1]])


def text_height(image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> float | None:
    """Height of the lines of text in a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        inside: (H, W) bool, which pixels count.

    Returns:
        Pixels; None where nothing looks like a line.
    """
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.int16)
    change = np.abs(np.diff(luma, axis=1, prepend=luma[:, :1]))
    change[~inside | (change < FAINTEST)] = 0
    found: float | None = None
    width = float(change.shape[1])
    for _ in range(PASSES):
        lines = _lines(change, width)
        if not lines:
            break
        found = _quantile(lines, QUANTILE)
        narrower = max(STRIP * found, NARROWEST)
        if narrower >= width:
            break
        width = narrower
    return found


def _middle(box: Box) -> Box:
    """At most as many cells as :data:`LARGEST` pixels in each direction."""
    x, y, width, height = box
    most = LARGEST // RISK_STRIDE
    left, top = max(width - most, 0) // 2, max(height - most, 0) // 2
    return x + left, y + top, min(width, most), min(height, most)


def _lines(change: NDArray[np.int16], width: float) -> list[tuple[int, float]]:
    """Heights of the lines in strips of a width, each with the sum of its profile."""
    strips = np.array_split(change, max(round(change.shape[1] / width), 1), axis=1)
    return [line for strip in strips for line in _runs(strip.sum(axis=1, dtype=np.float64))]


def _runs(profile: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Runs of rows that stand out."""
    crossed = profile[profile > 0]
    if not crossed.size:
        return []
    peak = float(np.percentile(crossed, PEAK))
    rows = np.concatenate([[False], profile >= OF_PEAK * peak, [False]])
    edges = np.flatnonzero(rows[1:] != rows[:-1])
    return [
        (int(end - start), float(profile[start:end].sum()))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end - start >= SHORTEST
    ]


def _quantile(lines: list[tuple[int, float]], share: float) -> float:
    """Of the heights, each weighed by its line's profile."""
    ordered = sorted(lines)
    weight = np.cumsum([each for _, each in ordered])
    return float(ordered[int(np.searchsorted(weight, share * weight[-1]))][0])
