"""Why each region is flagged: what it holds, what happens to it, how small its text is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime import safe_text_height
from riskmask.model.runtime.prediction import RISK_STRIDE
from riskmask.model.runtime.text_height import region_text_height
from riskmask.server.engine.regions import RegionSet
from riskmask.server.engine.values import Explanation, Region, SafeTextHeight

LIKELY = 0.5
# Boxes of regions may overlap without end; heights are measured while they add up to no more.
MOST_AREA = 4.0  # times the image's
MOST_MEASURED = 2_000


def explained(
    regions: RegionSet,
    pixels: NDArray[np.uint8],
    content: NDArray[np.float16],
    safe: safe_text_height.SafeTextHeight | None,
    level: float,
    proceed: Callable[[], None] = lambda: None,
) -> tuple[Region, ...]:
    """The listed regions, each with its explanation.

    Text height is measured in the order of the list until the work reaches a bound that hardly any
    image reaches; regions behind it have none.

    Args:
        regions: of the image.
        pixels: (H, W, 3) uint8 RGB.
        content: (3, ceil(H / 4), ceil(W / 4)) float16 in [0, 1]: text, face, symbol.
        safe: what the codec's profile knows of text.
        level: that was analysed, in [0, 7].
        proceed: called before each measurement; what it raises ends the work.
    """
    limit = None if safe is None else SafeTextHeight(safe.at(level), safe.changed_share)
    found = regions.components
    area, measured = MOST_AREA * pixels.shape[0] * pixels.shape[1], 0
    result = []
    for region, number in zip(regions.listed, regions.numbers, strict=True):
        explanation = _of_maps(region)
        if explanation.content == "text":
            x, y, columns, rows = (int(value) for value in found.boxes[number])
            area -= columns * rows * RISK_STRIDE**2
            height = None
            if area >= 0 and measured < MOST_MEASURED:
                measured += 1
                proceed()
                box = x, y, columns, rows
                height = region_text_height(pixels, content[0], found.labels, number, box)
            explanation = replace(explanation, text_height=height, safe_text_height=limit)
        result.append(replace(region, explanation=explanation))
    return tuple(result)


def _of_maps(region: Region) -> Explanation:
    content, probability = max(vars(region.content).items(), key=lambda item: item[1])
    kind, kind_probability = max(vars(region.kind).items(), key=lambda item: item[1])
    return Explanation(
        content=content if probability >= LIKELY else None,
        content_probability=probability,
        kind=kind,
        kind_probability=kind_probability,
        text_height=None,
        safe_text_height=None,
    )
