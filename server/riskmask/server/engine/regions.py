"""Regions: where, what, how bad, and from which level on it is safe."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.runtime.components import Components, find_components, has_component
from riskmask.model.runtime.prediction import Prediction
from riskmask.server.engine.outlines import outlines, pixel_box
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Content, Kind, Policy, Region

PERCENTILE = 0.95
# Levels are answered on this grid, rounded towards the finer.
LEVEL_STEP = 0.01
# Beyond this many the smallest are left out of the list, though not of the decision's figures.
MOST_LISTED = 10_000


@dataclass(frozen=True)
class RegionSet:
    """All regions of an image at one level.

    Attributes:
        listed: by risk x area descending, then from the top left; at most ``MOST_LISTED``.
        numbers: of the components listed, in that order.
        count: of all regions.
        area: of all regions, in pixels.
        highest_risk: over all regions, 0 without any.
        components: their cells.
    """

    listed: tuple[Region, ...]
    numbers: tuple[int, ...]
    count: int
    area: float
    highest_risk: float
    components: Components


def find_regions(
    prediction: Prediction,
    curves: RiskCurves,
    rates: RateCurves,
    level: float,
    policy: Policy,
    finest: float = FINEST,
) -> RegionSet:
    """Regions of an image coded at one level.

    A region's risk is the 95th percentile inside; its safe level the coarsest at which that
    percentile falls under the threshold, linear between the anchors.

    Args:
        level: in [0, 7].
        policy: threshold and smallest region.
        finest: level beyond which the codec cannot go.
    """
    risk = curves.at(level)
    found = find_components(
        risk, policy.threshold, policy.smallest_region, curves.width, curves.height
    )
    cells = np.flatnonzero(found.labels >= 0)
    owner = found.labels.ravel()[cells].astype(np.intp)
    inside = risk.ravel()[cells]
    high = _percentiles(inside, owner, found.count)
    safe = _safe_levels(curves, cells, owner, high, level, finest, policy.threshold)
    content = _weighted_means(prediction.content, cells, owner, inside, found.count)
    kind = _weighted_means(prediction.kind, cells, owner, inside, found.count)
    impact = _weighted_means(prediction.high_impact[None], cells, owner, inside, found.count)[0]
    order = np.lexsort((found.boxes[:, 0], found.boxes[:, 1], -high * found.area))
    listed = order[:MOST_LISTED]
    polygons = outlines(found, curves.width, curves.height)
    regions = tuple(
        Region(
            box=pixel_box(found, label, curves.width, curves.height),
            polygon=polygons[label],
            content=Content(*(float(value) for value in content[:, label])),
            risk=float(high[label]),
            kind=Kind(*(float(value) for value in kind[:, label])),
            high_impact=float(impact[label]),
            safe_level=None if math.isnan(safe[label]) else float(safe[label]),
            safe_bpp=None if math.isnan(safe[label]) else rates.bpp(float(safe[label])),
        )
        for label in listed.tolist()
    )
    return RegionSet(
        listed=regions,
        numbers=tuple(listed.tolist()),
        count=found.count,
        area=float(found.area.sum()),
        highest_risk=float(high.max(initial=0.0)),
        components=found,
    )


def has_region(risk: NDArray[np.float32], curves: RiskCurves, policy: Policy) -> bool:
    """Whether a (h, w) risk map holds a connected area that counts as a region."""
    if risk.max() < np.float32(policy.threshold):
        return False
    return has_component(
        risk, policy.threshold, policy.smallest_region, curves.width, curves.height
    )


def image_safe_level(
    curves: RiskCurves, policy: Policy, coarsest: float, finest: float
) -> float | None:
    """The coarsest level in a range, in steps of 0.01, at which the image has no region.

    Asking again at this level answers ENCODE. It can be finer than every region's safe level,
    which speaks of 95% of the region.
    """
    if has_region(curves.at(finest), curves, policy):
        return None
    unsafe, safe = math.floor(coarsest / LEVEL_STEP) - 1, math.ceil(finest / LEVEL_STEP)

    def level(index: int) -> float:
        return min(max(round(index * LEVEL_STEP, 2), coarsest), finest)

    while safe - unsafe > 1:
        middle = (unsafe + safe) // 2
        if has_region(curves.at(level(middle)), curves, policy):
            unsafe = middle
        else:
            safe = middle
    return level(safe)


def cell_safe_levels(
    curves: RiskCurves, cells: NDArray[np.intp], level: float, finest: float, policy: Policy
) -> NDArray[np.float64]:
    """(n,) coarsest level of each cell, given by its raster index, NaN where none is safe."""
    each = np.arange(cells.size)
    risk = curves.inside(cells, level).astype(np.float64)
    return _safe_levels(curves, cells, each, risk, level, finest, policy.threshold)


def _percentiles(
    values: NDArray[np.float32], owner: NDArray[np.intp], count: int
) -> NDArray[np.float64]:
    """The 95th percentile (linear) of each owner's values, all in one sort."""
    if count == 0:
        return np.zeros(0)
    # Values lie in [0, 1], so a key of 2 x owner + value sorts by owner, then by value.
    keys = np.sort(2.0 * owner + values)
    sizes = np.bincount(owner, minlength=count)
    starts = np.cumsum(sizes) - sizes
    position = starts + PERCENTILE * (sizes - 1)
    lower = np.floor(position).astype(np.intp)
    upper = np.ceil(position).astype(np.intp)
    base = 2.0 * np.arange(count)
    low, high = keys[lower] - base, keys[upper] - base
    return np.asarray(low + (position - lower) * (high - low))


def _safe_levels(
    curves: RiskCurves,
    cells: NDArray[np.intp],
    owner: NDArray[np.intp],
    at_level: NDArray[np.float64],
    level: float,
    finest: float,
    threshold: float,
) -> NDArray[np.float64]:
    """(count,) the level where each region's percentile crosses the threshold, NaN for never."""
    count = len(at_level)
    safe = np.full(count, np.nan)
    if count == 0:
        return safe
    nodes = [float(anchor) for anchor in range(ANCHORS) if level < anchor < finest]
    coarser, before = level, at_level
    for finer in (*nodes, finest) if finest > level else ():
        after = _percentiles(curves.inside(cells, finer), owner, count)
        crossing = np.isnan(safe) & (after < threshold)
        drop = np.maximum(before - after, np.finfo(np.float64).tiny)
        share = np.clip((before - threshold) / drop, 0.0, 1.0)
        exact = coarser + share * (finer - coarser)
        rounded = np.floor(exact / LEVEL_STEP + 1.0) * LEVEL_STEP
        safe[crossing] = np.minimum(np.round(rounded, 2), finer)[crossing]
        coarser, before = finer, after
    return safe


def _weighted_means(
    maps: NDArray[np.float16],
    cells: NDArray[np.intp],
    owner: NDArray[np.intp],
    weight: NDArray[np.float32],
    count: int,
) -> NDArray[np.float64]:
    """(channels, count) means of each map inside each region, weighted by risk."""
    total = np.bincount(owner, weights=weight, minlength=count)
    sums = [
        np.bincount(owner, weights=weight * channel.ravel()[cells], minlength=count)
        for channel in maps
    ]
    means = np.stack(sums) / np.maximum(total, np.finfo(np.float64).tiny)
    return np.asarray(np.clip(means, 0.0, 1.0))
