"""From which height on a codec keeps text, at each level, as labels say.

The height of a line is the shorter side of its outline. At a level the share of changed lines is
taken as a function of the height that never rises (isotonic regression; Barlow et al., "Statistical
Inference under Order Restrictions", 1972); safe are the heights from which on it is at most a given
share. A change at a finer level counts at every coarser one, so safe heights never rise with the
level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression  # type: ignore[import-untyped]

from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.outlines import outline_height
from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.errors import ProfileError

FEWEST = 30  # lines below and above a safe height, each


@dataclass(frozen=True)
class TextLines:
    """Judged lines of text, N of them.

    Attributes:
        height: (N,) float64, pixels.
        count: (N,) int, how many of the coarsest levels change it, 0..8.
        picture: (N,) int, which picture it stands in.
    """

    height: NDArray[np.float64]
    count: NDArray[np.intp]
    picture: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.height)


@dataclass(frozen=True)
class LevelHeight:
    """What was found at one level.

    Attributes:
        pixels: the safe height; None where no height that was measured is.
        interval: 95%, bootstrap over pictures; NaN likewise.
        changed: share of all lines that are changed.
    """

    pixels: float | None
    interval: Interval
    changed: float


def text_lines(rows: Iterable[LabelRow], codec: str) -> TextLines:
    """The judged lines of text of a codec's rows; those that are errors are left out."""
    height: list[float] = []
    count: list[int] = []
    picture: list[int] = []
    for number, row in enumerate(rows):
        if row.error is not None or row.codec != codec:
            continue
        finest = {f.region: f.level for f in reversed(row.findings) if f.region is not None}
        for index, place in enumerate(row.places):
            if place.content == "text" and place.judged:
                height.append(outline_height(place.polygon))
                count.append(finest.get(index, -1) + 1)
                picture.append(number)
    return TextLines(np.array(height), np.array(count, np.intp), np.array(picture, np.intp))


def fit_heights(lines: TextLines, changed_share: float, seed: int = 0) -> list[LevelHeight]:
    """The safe height of each anchor level, with its interval.

    Args:
        lines: of one codec.
        changed_share: of lines that may change, in (0, 1).
        seed: of the resamples.

    Raises:
        ProfileError: there are fewer than 60 lines.
    """
    if len(lines) < 2 * FEWEST:
        raise ProfileError(
            f"there are {len(lines)} judged lines of text; {2 * FEWEST} are the least to fit safe "
            "text heights to: label more pictures"
        )

    # To a tenth of a pixel, upwards.
    heights, which = np.unique(np.ceil(10 * lines.height) / 10, return_inverse=True)

    def at(rows: NDArray[np.intp], level: int) -> float:
        total = np.bincount(which[rows], minlength=len(heights))
        changed = np.bincount(which[rows[lines.count[rows] > level]], minlength=len(heights))
        there = total > 0
        return _safe_height(heights[there], total[there], changed[there], changed_share)

    every = np.arange(len(lines))
    found = []
    for level in range(ANCHORS):
        pixels = at(every, level)
        known = not math.isnan(pixels)
        resampled = interval(lines.picture, partial(at, level=level), seed)
        found.append(
            LevelHeight(
                pixels=pixels if known else None,
                interval=resampled if known else (math.nan, math.nan),
                changed=float((lines.count > level).mean()),
            )
        )
    return found


def _safe_height(
    heights: NDArray[np.float64],
    total: NDArray[np.intp],
    changed: NDArray[np.intp],
    changed_share: float,
) -> float:
    """Smallest height from which on the fitted share is at most the one given; NaN without one.

    Args:
        heights: (M,) rising.
        total, changed: (M,) lines of each height, and how many of them are changed.
        changed_share: in (0, 1).
    """
    share = isotonic_regression(changed / total, weights=total, increasing=False).x
    safe = np.flatnonzero(share <= changed_share)
    if not safe.size or total[safe[0] :].sum() < FEWEST:
        return math.nan
    # A few tiny lines that survived do not say that every tiny line does.
    enough = int(np.searchsorted(np.cumsum(total), FEWEST))
    return float(heights[max(int(safe[0]), enough)])
