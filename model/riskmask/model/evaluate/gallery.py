"""The regions that the detector gets most wrong, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.planes import STRIDE
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.judged import (
    PERCENTILE,
    JudgedRegion,
    Scores,
    at_level,
    judged_regions,
)
from riskmask.model.pages import side_by_side, widened
from riskmask.model.runtime.safe_text_height import SafeTextHeight

RISK_COLOUR = (160, 32, 240)

Mistake = Literal["missed", "false alarm"]


@dataclass(frozen=True)
class Exhibit:
    """One region that was judged wrong.

    Attributes:
        mistake: ``missed`` (it changed), or ``false alarm`` (it did not).
        key: of its picture.
        content: of the region.
        height: of its box in pixels.
        risk: that the detector gave it, in [0, 1].
        count: how many of the coarsest levels change it.
        safe_height: of text, in pixels, from which on the codec keeps it at that level; None for
            other contents, or where the codec's profile does not know.
        picture: PNG as a data URL: the cut-out, and beside it the same with the risk as colour.
    """

    mistake: Mistake
    key: str
    content: str
    height: int
    risk: float
    count: int
    safe_height: float | None
    picture: str


def worst_mistakes(
    examples: Sequence[Example],
    maps: Sequence[Scores],
    level: int,
    mistake: Mistake,
    most: int,
    safe: SafeTextHeight | None = None,
) -> list[Exhibit]:
    """The gravest mistakes of one sort at a level, at most one from a picture.

    Args:
        examples: labelled pictures.
        maps: the risk of each, (8, h, w) float32 in [0, 1].
        level: anchor.
        mistake: changed regions with the lowest risk, or unchanged ones with the highest.
        most: how many exhibits at most.
        safe: what the codec's profile knows of text.
    """
    wrong = mistake == "missed"
    candidates: list[tuple[float, int, JudgedRegion]] = []
    for index, example in enumerate(examples):
        plane = at_level(maps[index], level).ravel()
        of_picture = [
            (float(np.percentile(plane[region.cells], PERCENTILE)), index, region)
            for region in judged_regions(example)
            if (region.count > level) == wrong
        ]
        if of_picture:
            choose = min if wrong else max
            candidates.append(choose(of_picture, key=lambda entry: entry[0]))
    candidates.sort(key=lambda entry: entry[0], reverse=not wrong)
    return [
        _exhibit(
            examples[index],
            at_level(maps[index], level),
            region,
            mistake,
            risk,
            None if safe is None or region.content != "text" else safe.at(level),
        )
        for risk, index, region in candidates[:most]
    ]


def _exhibit(
    example: Example,
    plane: NDArray[np.float32],
    region: JudgedRegion,
    mistake: Mistake,
    risk: float,
    safe_height: float | None,
) -> Exhibit:
    rows, columns = np.divmod(region.cells, plane.shape[1])
    top, bottom = int(rows.min()) * STRIDE, (int(rows.max()) + 1) * STRIDE
    left, right = int(columns.min()) * STRIDE, (int(columns.max()) + 1) * STRIDE
    height, width = example.image.shape[:2]
    window = widened(top, bottom, height), widened(left, right, width)
    cut = example.image[window]
    fine = np.kron(plane, np.ones((STRIDE, STRIDE), np.float32))[window][..., None]
    coloured = cut * (1 - 0.7 * fine) + np.array(RISK_COLOUR) * 0.7 * fine
    return Exhibit(
        mistake,
        example.key,
        region.content,
        bottom - top,
        risk,
        region.count,
        safe_height,
        side_by_side(cut, coloured.round().astype(np.uint8)),
    )
