"""Average precision of score maps against label maps, per pixel and per region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from riskmask.model.data.planes import rasterise
from riskmask.model.data.training_set import Example
from riskmask.model.levels import ANCHORS

CONTESTED = (0.2, 0.6)  # share of judged regions that changed
RESAMPLES = 200

# One map per level, or one for all: (8, h, w) or (1, h, w) float32.
Scores = NDArray[np.float32]


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
    """

    level: int
    regions: int
    changed: float
    pixel: Mapping[str, float]
    region: Mapping[str, float]
    interval: tuple[float, float]

    @property
    def contested(self) -> bool:
        """Whether 20 to 60% of the judged regions changed."""
        return CONTESTED[0] <= self.changed <= CONTESTED[1]


@dataclass(frozen=True)
class _Judged:
    """One judged region: its cells' flat indices and how many levels change it."""

    cells: NDArray[np.intp]
    count: int


def evaluate_levels(
    examples: Sequence[Example], scores: Mapping[str, Sequence[Scores]], seed: int = 0
) -> list[Row]:
    """One row per anchor level.

    Args:
        examples: labelled pictures.
        scores: by method, for each picture a map per level or one for all; the first method is
            the one that the interval is about.
        seed: of the bootstrap.
    """
    judged = [_judged_regions(example) for example in examples]
    counts = np.array([r.count for regions in judged for r in regions])
    valid = [example.labels.risk_valid().ravel() for example in examples]
    truth = [
        example.labels.risk_count().ravel()[v] for example, v in zip(examples, valid, strict=True)
    ]
    rows = []
    for level in range(ANCHORS):
        flat = {
            method: [_at(maps, level)[v] for maps, v in zip(every, valid, strict=True)]
            for method, every in scores.items()
        }
        changed = [t > level for t in truth]
        pixel = {method: _precision(changed, values) for method, values in flat.items()}
        region = {
            method: _region_precision(judged, every, level) for method, every in scores.items()
        }
        share = float((counts > level).mean()) if len(counts) else 0.0
        rows.append(
            Row(level, len(counts), share, pixel, region, _interval(changed, flat, pixel, seed))
        )
    return rows


def _at(maps: Scores, level: int) -> NDArray[np.float32]:
    return np.asarray(maps[min(level, len(maps) - 1)].ravel(), dtype=np.float32)


def _precision(
    changed: Sequence[NDArray[np.bool_]], values: Sequence[NDArray[np.float32]]
) -> float:
    truth = np.concatenate(list(changed))
    if not truth.any() or truth.all():
        return float("nan")
    return float(average_precision_score(truth, np.concatenate(list(values))))


def _judged_regions(example: Example) -> list[_Judged]:
    """Judged regions of a picture, those that another one does not cover."""
    labels = example.labels
    grid = labels.changed.shape[1], labels.changed.shape[2]
    found = []
    for content, polygon in example.regions:
        cells = np.flatnonzero(rasterise(polygon, grid))
        channel = ("text", "face", "symbol").index(content)
        valid = labels.valid[channel].ravel()[cells]
        if valid.all() and len(cells):
            count = int(np.median(labels.changed[channel].ravel()[cells]))
            found.append(_Judged(cells, count))
    return found


def _region_precision(
    judged: Sequence[Sequence[_Judged]], maps: Sequence[Scores], level: int
) -> float:
    """Average precision over judged regions, each scored by the 95th percentile inside."""
    truth, values = [], []
    for regions, scores in zip(judged, maps, strict=True):
        plane = _at(scores, level)
        for region in regions:
            truth.append(region.count > level)
            values.append(float(np.percentile(plane[region.cells], 95)))
    if not any(truth) or all(truth):
        return float("nan")
    return float(average_precision_score(truth, values))


def _interval(
    changed: Sequence[NDArray[np.bool_]],
    flat: Mapping[str, Sequence[NDArray[np.float32]]],
    pixel: Mapping[str, float],
    seed: int,
    most: int = 4_000,
) -> tuple[float, float]:
    """Bootstrap over images of the difference between the first method and the best other."""
    first, *others = flat
    if not others or np.isnan(pixel[first]):
        return float("nan"), float("nan")
    best = max(others, key=lambda method: pixel[method])
    generator = np.random.default_rng(seed)
    # A fixed share of every image's pixels keeps a resample quick.
    picks = [generator.choice(len(t), size=min(len(t), most), replace=False) for t in changed]
    thinned = [
        (t[p], a[p], b[p])
        for t, a, b, p in zip(changed, flat[first], flat[best], picks, strict=True)
    ]
    differences = []
    for _ in range(RESAMPLES):
        chosen = generator.integers(0, len(thinned), size=len(thinned))
        truth = [thinned[i][0] for i in chosen]
        if not any(t.any() for t in truth):
            continue
        own = _precision(truth, [thinned[i][1] for i in chosen])
        other = _precision(truth, [thinned[i][2] for i in chosen])
        differences.append(own - other)
    if not differences:
        return float("nan"), float("nan")
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)
