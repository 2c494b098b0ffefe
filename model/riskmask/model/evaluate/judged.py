"""Judged regions as one table: what happened to each, and what every method says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.planes import CONTENTS, rasterise
from riskmask.model.data.training_set import Example
from riskmask.model.levels import ANCHORS

# One map per level, or one for all: (8, h, w) or (1, h, w) float32.
Scores = NDArray[np.float32]

PERCENTILE = 95  # of a region's cells: its score


@dataclass(frozen=True)
class JudgedRegion:
    """One region whose fate an annotator knows.

    Attributes:
        content: ``text``, ``face`` or ``symbol``.
        cells: flat indices on the stride-4 grid.
        count: how many of the coarsest levels change it, 0..8.
        share: of the picture's area, in [0, 1].
    """

    content: str
    cells: NDArray[np.intp]
    count: int
    share: float


@dataclass(frozen=True)
class RegionTable:
    """All judged regions of a group of pictures, R rows.

    Attributes:
        image: (R,) int, which picture.
        content: (R,) str.
        count: (R,) int, how many of the coarsest levels change it.
        share: (R,) float, of its picture's area.
        scores: by method, (R, 8) float32, the 95th percentile inside at each level.
    """

    image: NDArray[np.intp]
    content: NDArray[np.str_]
    count: NDArray[np.intp]
    share: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> RegionTable:
        """The same table with some of the rows."""
        scores = {method: values[rows] for method, values in self.scores.items()}
        return RegionTable(
            self.image[rows], self.content[rows], self.count[rows], self.share[rows], scores
        )


def judged_regions(example: Example) -> list[JudgedRegion]:
    """Judged regions of a picture, those that another one does not cover."""
    labels = example.labels
    grid = labels.changed.shape[1], labels.changed.shape[2]
    found = []
    for content, polygon in example.regions:
        cells = np.flatnonzero(rasterise(polygon, grid))
        channel = CONTENTS.index(content)
        valid = labels.valid[channel].ravel()[cells]
        if valid.all() and len(cells):
            count = int(np.median(labels.changed[channel].ravel()[cells]))
            found.append(JudgedRegion(content, cells, count, len(cells) / (grid[0] * grid[1])))
    return found


def region_table(
    examples: Sequence[Example], scores: Mapping[str, Sequence[Scores]]
) -> RegionTable:
    """Gather the judged regions of pictures and each method's score of them.

    Args:
        examples: labelled pictures.
        scores: by method, for each picture a map per level or one for all.
    """
    regions = [(i, region) for i, e in enumerate(examples) for region in judged_regions(e)]
    gathered = {
        method: np.array(
            [
                [np.percentile(plane.ravel()[region.cells], PERCENTILE) for plane in maps[i]]
                * (ANCHORS // len(maps[i]))
                for i, region in regions
            ],
            dtype=np.float32,
        ).reshape(len(regions), ANCHORS)
        for method, maps in scores.items()
    }
    return RegionTable(
        image=np.array([i for i, _ in regions], dtype=np.intp),
        content=np.array([region.content for _, region in regions], dtype=np.str_),
        count=np.array([region.count for _, region in regions], dtype=np.intp),
        share=np.array([region.share for _, region in regions], dtype=np.float64),
        scores=gathered,
    )


def at_level(maps: Scores, level: int) -> NDArray[np.float32]:
    """(h, w) map of an anchor level."""
    return np.asarray(maps[min(level, len(maps) - 1)], dtype=np.float32)
