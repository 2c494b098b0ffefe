"""Everything measured on one group of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.area import find_within_area
from riskmask.model.evaluate.bootstrap import interval
from riskmask.model.evaluate.judged import RegionTable, Scores, region_table
from riskmask.model.evaluate.precision import (
    Row,
    evaluate_levels,
    region_interval,
    region_precision,
)
from riskmask.model.evaluate.safety import Figure, Safety, measure_safety

BLOCK_SIDES = (16, 64)
SMALL = 0.004  # share of the picture under which a region is small
FEWEST = 200  # judged regions that a figure needs to be held against a bar


@dataclass(frozen=True)
class Part:
    """Regions of one content or size at one level.

    Attributes:
        name: ``text``, ``symbol``, ``face``, ``small`` or ``all``.
        level: anchor.
        regions, changed: how many there are, and how many of them changed.
        precision: region AP by method.
        interval: of the first method's minus the best other's.
        recall: by method, share of the changed ones found within twice the true area.
    """

    name: str
    level: int
    regions: int
    changed: int
    precision: Mapping[str, float]
    interval: tuple[float, float]
    recall: Mapping[str, Figure]


@dataclass(frozen=True)
class Group:
    """Figures of one group of pictures.

    Attributes:
        name: what they are.
        pictures: how many.
        rows: per anchor level.
        parts: by content and size, at the contested levels.
        safety: of the first method.
    """

    name: str
    pictures: int
    rows: Sequence[Row]
    parts: Sequence[Part]
    safety: Safety


def measure_group(
    name: str, examples: Sequence[Example], scores: Mapping[str, Sequence[Scores]]
) -> Group:
    """Measure every method on a group of pictures; the first method is the one in question."""
    table = region_table(examples, scores)
    rows = evaluate_levels(examples, scores, block_sides=BLOCK_SIDES)
    parts: list[Part] = []
    for row in rows:
        if row.contested:
            parts += _parts(examples, scores, table, row.level)
    return Group(name, len(examples), rows, parts, measure_safety(table, next(iter(scores))))


def _parts(
    examples: Sequence[Example],
    scores: Mapping[str, Sequence[Scores]],
    table: RegionTable,
    level: int,
) -> list[Part]:
    found = {m: find_within_area(examples, maps, table, m, level) for m, maps in scores.items()}
    chosen = {"all": np.ones(len(table), dtype=bool), "small": table.share < SMALL}
    for content in ("text", "symbol", "face"):
        chosen[content] = table.content == content
    parts = []
    for name, mask in chosen.items():
        part = table.take(mask)
        changed = int((part.count > level).sum())
        if not changed:
            continue
        recall = {
            m: _recall(f.found[mask[f.rows]], table.image[f.rows][mask[f.rows]])
            for m, f in found.items()
        }
        precision = {m: region_precision(part, m, level) for m in scores}
        parts.append(
            Part(name, level, len(part), changed, precision, region_interval(part, level), recall)
        )
    return parts


def _recall(found: NDArray[np.bool_], images: NDArray[np.intp]) -> Figure:
    return Figure(float(found.mean()), interval(images, lambda rows: float(found[rows].mean())))
