"""How much is found when no more is flagged than twice what is truly there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.planes import STRIDE
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.judged import RegionTable, Scores, at_level

DILATION = 8  # pixels, by which what is true is widened before its area counts
ALLOWANCE = 2.0  # flagged area over true area


@dataclass(frozen=True)
class Found:
    """What one method finds at one level.

    Attributes:
        threshold: the lowest score that keeps the flagged area within its allowance.
        found: (R,) bool, for the changed regions of the table, whether they are found.
        rows: (R,) int, which rows of the table those are.
    """

    threshold: float
    found: NDArray[np.bool_]
    rows: NDArray[np.intp]


def find_within_area(
    examples: Sequence[Example], maps: Sequence[Scores], table: RegionTable, method: str, level: int
) -> Found:
    """Flag as much as twice the changed area, over all pictures, and see which regions are in it.

    Area counts where the verdict is known. A region is found when its score reaches the threshold.

    Args:
        examples: labelled pictures.
        maps: the method's, one entry for each picture.
        table: of the same pictures.
        method: whose scores in the table to hold against the threshold.
        level: anchor.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * DILATION // STRIDE + 1,) * 2)
    allowed = 0.0
    values = []
    for example, scores in zip(examples, maps, strict=True):
        valid = example.labels.risk_valid()
        true = (example.labels.risk_count() > level).astype(np.uint8)
        allowed += ALLOWANCE * float((cv2.dilate(true, kernel).astype(bool) & valid).sum())
        values.append(at_level(scores, level)[valid])
    threshold = _lowest_threshold(np.concatenate(values), allowed)
    rows = np.flatnonzero(table.count > level)
    return Found(threshold, table.scores[method][rows, level] >= threshold, rows)


def _lowest_threshold(values: NDArray[np.float32], allowed: float) -> float:
    """The lowest value that at most ``allowed`` values reach; over all where none does."""
    ordered = np.sort(values)[::-1]
    most = min(int(allowed), len(ordered))
    if most == len(ordered):
        return float(ordered[-1]) if len(ordered) else 0.0
    # Values tied with the first one that is too many are too many as well.
    fitting = ordered[:most][ordered[:most] > ordered[most]]
    return (
        float(fitting[-1]) if len(fitting) else float(np.nextafter(ordered[0], np.float32(np.inf)))
    )
