"""Label maps: what changed at which level, and where nobody can tell, on a grid of stride 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import draw

from riskmask.model.annotators.areas import STRIDE as STRIDE
from riskmask.model.annotators.base import Finding, KnownRegion
from riskmask.model.levels import ANCHORS

CONTENTS = ("text", "face", "symbol")
KINDS = ("amplitude", "geometry", "shape")


@dataclass(frozen=True)
class LabelMap:
    """Planes of one image; h = ceil(H/4), w = ceil(W/4).

    Attributes:
        changed: (3, h, w) uint8, per content how many of the coarsest levels change the meaning
            there, 0..8 (a change at a finer level is carried to every coarser one).
        valid: (3, h, w) bool, where that can be told.
        present: (3, h, w) bool, what is there.
        present_valid: (3, h, w) bool, where that is known.
        high_impact: (h, w) uint8, 255 where another symbol stands at the finest changed level.
        kind: (3, h, w) uint8, 255 for the kind of the change there.
        rate: (8, ceil(H/16), ceil(W/16)) float16, bits per pixel at each level.
    """

    changed: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    present: NDArray[np.bool_]
    present_valid: NDArray[np.bool_]
    high_impact: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    rate: NDArray[np.float16]

    def changed_at(self, level: int) -> NDArray[np.bool_]:
        """(3, h, w) bool, changed at an anchor level."""
        return np.asarray(self.changed > level)

    def risk_count(self) -> NDArray[np.uint8]:
        """(h, w) uint8, how many of the coarsest levels change any content."""
        return np.asarray((self.changed * self.valid).max(axis=0), dtype=np.uint8)

    def risk_valid(self) -> NDArray[np.bool_]:
        """(h, w) bool, where every content can be told."""
        return np.asarray(self.valid.all(axis=0))


@dataclass(frozen=True)
class Verdict:
    """What the annotators say of one region over all levels.

    Attributes:
        judged: False where nobody can tell.
        findings: by anchor level; levels without an entry are unchanged or implied by finer ones.
        count: how many of the coarsest levels are changed, 0..8.
    """

    judged: bool
    findings: Mapping[int, Finding]
    count: int


def draw_labels(
    size: tuple[int, int],
    regions: Sequence[KnownRegion],
    verdicts: Sequence[Verdict],
    complete: frozenset[str],
    rate: NDArray[np.float16],
) -> LabelMap:
    """Draw verdicts on regions into planes.

    Outside all regions nothing is changed. A ring of one cell around a region is left out, since
    a region's border is a matter of taste.

    Args:
        size: height, width of the image in pixels.
        regions: known regions, of judged and of unjudged content alike.
        verdicts: one for each region.
        complete: contents whose regions are all known; of the others nobody can tell what is
            present outside their regions.
        rate: (8, ceil(H/16), ceil(W/16)) float16.
    """
    height, width = -(-size[0] // STRIDE), -(-size[1] // STRIDE)
    changed = np.zeros((3, height, width), dtype=np.uint8)
    valid = np.ones((3, height, width), dtype=bool)
    present = np.zeros((3, height, width), dtype=bool)
    present_valid = np.ones((3, height, width), dtype=bool)
    high_impact = np.zeros((height, width), dtype=np.uint8)
    kind = np.zeros((3, height, width), dtype=np.uint8)
    for channel, content in enumerate(CONTENTS):
        if content not in complete:
            present_valid[channel] = False
    kernel = np.ones((3, 3), dtype=np.uint8)
    drawn = [rasterise(region.polygon, (height, width)) for region in regions]
    # All rings before any region, so that a tight neighbour's ring takes nothing from a region.
    for region, inside in zip(regions, drawn, strict=True):
        channel = CONTENTS.index(region.content)
        ring = cv2.dilate(inside, kernel).astype(bool)
        valid[channel][ring] = False
        present_valid[channel][ring] = False
    # Unjudged regions first, so that a judged one drawn over them keeps its verdict.
    for index in sorted(range(len(regions)), key=lambda i: verdicts[i].judged):
        region, verdict, cells = regions[index], verdicts[index], drawn[index].astype(bool)
        channel = CONTENTS.index(region.content)
        valid[channel][cells] = verdict.judged
        present_valid[channel][cells] = True
        present[channel][cells] = True
        changed[channel][cells] = verdict.count
        if verdict.judged and verdict.findings:
            found = list(verdict.findings.values())
            high_impact[cells] = round(255 * sum(f.high_impact for f in found) / len(found))
            for row, name in enumerate(KINDS):
                kind[row][cells] = round(255 * sum(f.kind == name for f in found) / len(found))
    return LabelMap(changed, valid, present, present_valid, high_impact, kind, rate)


def rasterise(polygon: Sequence[tuple[float, float]], grid: tuple[int, int]) -> NDArray[np.uint8]:
    """Cells of the stride-4 grid whose middle lies in a polygon, (h, w) uint8 of 0 and 1.

    A polygon too thin to hold the middle of any cell has those that its outline passes, and the
    nearest one where it lies outside the grid: at least one in any case.
    """
    corners = np.asarray(polygon, dtype=np.float64) / STRIDE - 0.5
    plane = np.zeros(grid, dtype=np.uint8)
    plane[draw.polygon(corners[:, 1], corners[:, 0], grid)] = 1  # type: ignore[no-untyped-call]
    if not plane.any():
        cv2.fillPoly(plane, [np.round(corners * 16).astype(np.int32)], (1,), shift=4)
    if not plane.any():
        middle = corners.mean(axis=0)
        column = int(np.clip(round(middle[0]), 0, grid[1] - 1))
        row = int(np.clip(round(middle[1]), 0, grid[0] - 1))
        plane[row, column] = 1
    return plane


def cells_of(finding: Finding, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The cells of the stride-4 grid that a finding is about, (ceil(H/4), ceil(W/4)) bool.

    Args:
        finding: with a mask of its own, or about its polygon.
        size: height, width of the image in pixels.
    """
    return cells_of_polygon(finding.polygon, size) if finding.mask is None else finding.mask


def cells_of_polygon(
    polygon: Sequence[tuple[float, float]], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """The cells of the stride-4 grid of an image of a height and width that a polygon covers."""
    return rasterise(polygon, (-(-size[0] // STRIDE), -(-size[1] // STRIDE))).astype(bool)


def verdict_of(findings: Mapping[int, Finding], judged: bool) -> Verdict:
    """Carry the finest changed level to every coarser one."""
    return Verdict(judged, findings, max(findings) + 1 if findings else 0)


assert ANCHORS == 8  # counts are stored up to 8
