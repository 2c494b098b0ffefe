"""From an annotator's finding to what is answered: whole pixels inside the image, small masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from riskmask.server.engine.masks import grey_png
from riskmask.server.verification.parts import STRIDE
from riskmask.server.verification.values import Box, Corners, MeasuredFinding

if TYPE_CHECKING:
    from riskmask.model.annotators import Finding


def measured(
    annotator: str, finding: Finding, region: int | None, width: int, height: int
) -> MeasuredFinding:
    """One finding.

    Args:
        annotator: whose it is.
        finding: as the annotator made it.
        region: index into the examined regions.
        width, height: of the image in pixels.
    """
    box = box_around(finding.polygon, width, height)
    return MeasuredFinding(
        annotator=annotator,
        region=region,
        content=finding.content,
        kind=finding.kind,
        high_impact=finding.high_impact,
        severity=min(max(float(finding.severity), 0.0), 1.0),
        evidence=finding.evidence,
        box=box,
        polygon=corners(finding.polygon, width, height),
        mask_png=_mask(finding, box),
    )


def moved(finding: MeasuredFinding, across: int, down: int) -> MeasuredFinding:
    """The same finding in a larger picture, of which its own begins there."""
    x, y, width, height = finding.box
    return replace(
        finding,
        box=(x + across, y + down, width, height),
        polygon=tuple((at[0] + across, at[1] + down) for at in finding.polygon),
    )


def box_around(polygon: Sequence[tuple[float, float]], width: int, height: int) -> Box:
    """The smallest box of whole pixels around a polygon, inside the image, at least one pixel."""
    xs, ys = zip(*polygon, strict=True)
    left, right = _span(min(xs), max(xs), width)
    top, bottom = _span(min(ys), max(ys), height)
    return left, top, right - left, bottom - top


def corners(polygon: Sequence[tuple[float, float]], width: int, height: int) -> Corners:
    """A polygon's corners in whole pixels, inside the image."""
    return tuple((min(max(round(x), 0), width), min(max(round(y), 0), height)) for x, y in polygon)


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    start = min(max(math.floor(low), 0), size - 1)
    return start, min(max(math.ceil(high), start + 1), size)


def _mask(finding: Finding, box: Box) -> bytes:
    if finding.mask is None:
        return b""
    x, y, width, height = box
    rows = slice(y // STRIDE, -(-(y + height) // STRIDE))
    columns = slice(x // STRIDE, -(-(x + width) // STRIDE))
    return grey_png(finding.mask[rows, columns] * np.uint8(255))
