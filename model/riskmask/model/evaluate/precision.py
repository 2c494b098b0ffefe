"""Average precision of score maps against label maps, per level, by pixel, block and region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from riskmask.model.data.planes import STRIDE
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.model.evaluate.judged import RegionTable, Scores, at_level, region_table
from riskmask.model.evaluate.pixel_intervals import pixel_interval
from riskmask.model.levels import ANCHORS

CONTESTED = (0.2, 0.6)  # share of judged regions that changed
UNKNOWN = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Row:
    """Results at one level.

    Attributes:
        level: anchor.
        regions: judged regions.
        changed: share of them that changed.
        pixel, region: average precision by method; NaN where nothing or everything changed.
        interval: 95% bootstrap interval over images of the first method's pixel AP minus the
            best other's.
        region_interval: the same of the region AP.
        blocks: by side in pixels, the average precision by method after reduction to blocks.
    """

    level: int
    regions: int
    changed: float
    pixel: Mapping[str, float]
    region: Mapping[str, float]
    interval: Interval
    region_interval: Interval = UNKNOWN
    blocks: Mapping[int, Mapping[str, float]] | None = None

    @property
    def contested(self) -> bool:
        """Whether 20 to 60% of the judged regions changed."""
        return is_contested(self.changed)


def is_contested(changed: float) -> bool:
    """Whether a share of changed regions, in [0, 1], makes a level contested: 20 to 60%."""
    return CONTESTED[0] <= changed <= CONTESTED[1]


def evaluate_levels(
    examples: Sequence[Example],
    scores: Mapping[str, Sequence[Scores]],
    seed: int = 0,
    block_sides: Sequence[int] = (),
) -> list[Row]:
    """One row per anchor level.

    Args:
        examples: labelled pictures.
        scores: by method, for each picture a map per level or one for all; the first method is
            the one that the intervals are about.
        seed: of the bootstrap.
        block_sides: of the blocks that maps are reduced to beside, in pixels.
    """
    table = region_table(examples, scores)
    valid = [example.labels.risk_valid() for example in examples]
    count = [example.labels.risk_count() for example in examples]
    rows = []
    for level in range(ANCHORS):
        changed = [c > level for c in count]
        maps = {m: [at_level(each, level) for each in every] for m, every in scores.items()}
        flat_truth = [c[v] for c, v in zip(changed, valid, strict=True)]
        flat = {m: [p[v] for p, v in zip(ps, valid, strict=True)] for m, ps in maps.items()}
        pixel = {
            m: average_precision(np.concatenate(flat_truth), np.concatenate(values))
            for m, values in flat.items()
        }
        region = {m: region_precision(table, m, level) for m in scores}
        blocks = {
            side: {m: _block_precision(changed, valid, ps, side) for m, ps in maps.items()}
            for side in block_sides
        }
        rows.append(
            Row(
                level=level,
                regions=len(table),
                changed=float((table.count > level).mean()) if len(table) else 0.0,
                pixel=pixel,
                region=region,
                interval=_pixel_interval(flat_truth, flat, pixel, seed),
                region_interval=region_interval(table, level, seed),
                blocks=blocks,
            )
        )
    return rows


def average_precision(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> float:
    """Average precision; NaN where all or none are true."""
    if not truth.any() or truth.all():
        return float("nan")
    return float(average_precision_score(truth, scores))


def region_precision(table: RegionTable, method: str, level: int) -> float:
    """Average precision over judged regions, each scored by the 95th percentile inside."""
    return average_precision(table.count > level, table.scores[method][:, level])


def region_interval(table: RegionTable, level: int, seed: int = 0) -> Interval:
    """Bootstrap of the first method's region AP minus the best other's."""
    first, *others = table.scores
    best = best_method({m: region_precision(table, m, level) for m in others})
    if best is None:
        return UNKNOWN
    truth = table.count > level
    own, other = table.scores[first][:, level], table.scores[best][:, level]

    def difference(rows: NDArray[np.intp]) -> float:
        return average_precision(truth[rows], own[rows]) - average_precision(
            truth[rows], other[rows]
        )

    return interval(table.image, difference, seed)


def own_and_best(precision: Mapping[str, float]) -> tuple[float, str | None, float]:
    """The first method's figure, and the best other one with its figure; None and NaN for none."""
    own, *_ = precision.values()
    others = dict(list(precision.items())[1:])
    best = best_method(others)
    return own, best, float("nan") if best is None else others[best]


def best_method(precision: Mapping[str, float]) -> str | None:
    """The method with the highest figure; None where there is none."""
    known = {method: value for method, value in precision.items() if not np.isnan(value)}
    return max(known, key=lambda method: known[method]) if known else None


def _pixel_interval(
    truth: Sequence[NDArray[np.bool_]],
    flat: Mapping[str, Sequence[NDArray[np.float32]]],
    pixel: Mapping[str, float],
    seed: int,
) -> Interval:
    """Bootstrap of the first method's pixel AP minus the best other's."""
    first, *others = flat
    best = best_method({method: pixel[method] for method in others})
    return UNKNOWN if best is None else pixel_interval(truth, flat[first], flat[best], seed)


def _block_precision(
    changed: Sequence[NDArray[np.bool_]],
    valid: Sequence[NDArray[np.bool_]],
    planes: Sequence[NDArray[np.float32]],
    side: int,
) -> float:
    """Average precision over blocks, as encoders see them: the largest valid value inside."""
    truth, scores = [], []
    for true, known, plane in zip(changed, valid, planes, strict=True):
        counted = block_largest(known.astype(np.float32), side).astype(bool)
        truth.append(block_largest((true & known).astype(np.float32), side)[counted] > 0)
        scores.append(block_largest(np.where(known, plane, -np.inf), side)[counted])
    return average_precision(np.concatenate(truth), np.concatenate(scores))


def block_largest(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(h, w) at stride 4 -> the largest value of each block of ``side`` pixels."""
    cells = side // STRIDE
    height, width = plane.shape
    margins = ((0, -height % cells), (0, -width % cells))
    padded = np.pad(plane, margins, constant_values=-np.inf)
    grouped = padded.reshape(padded.shape[0] // cells, cells, padded.shape[1] // cells, cells)
    return np.asarray(grouped.max(axis=(1, 3)), dtype=np.float32)
