"""Moves bits to where the risk is: the canonical map, a wanted level per 16x16 block.

Two steps, both plain: every block that a region touches is raised to the region's safe level,
and all other blocks are lowered by one and the same level until the predicted bits equal those
of the uniform image. A proper trade of bits against risk, block by block, is a Lagrangian over
the same two curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import RATE_STRIDE, RISK_STRIDE
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import RegionSet, has_region
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Policy, ResolvedTarget

CELLS = RATE_STRIDE // RISK_STRIDE
BISECTIONS = 24  # a level to within 1e-6


@dataclass(frozen=True)
class Allocation:
    """A level for each block.

    Attributes:
        levels: (R, C) float32 in [0, 7], raster, a block covers 16x16 pixels.
        background_level: of the blocks that no region touches.
        predicted_bpp: of the image coded so.
        feasible: it costs no more than the target, every region reaches its safe level, and
            the lowered background holds no region.
    """

    levels: NDArray[np.float32]
    background_level: float
    predicted_bpp: float
    feasible: bool


def allocate(
    regions: RegionSet,
    curves: RiskCurves,
    rates: RateCurves,
    profile: CodecProfile,
    target: ResolvedTarget,
    policy: Policy,
) -> Allocation:
    """The levels that follow from an image's regions at equal bits; uniform without any."""
    uniform = np.full(rates.shape, target.level, np.float32)
    if regions.count == 0:
        return Allocation(uniform, target.level, target.bpp, feasible=True)
    wanted = _wanted_levels(regions, rates.shape, profile.finest_level)
    raised = wanted > -np.inf
    levels = np.where(raised, np.maximum(wanted, np.float32(target.level)), uniform)
    budget = float(rates.bits(uniform).sum())
    background = _background_level(
        levels, raised, rates, budget, profile.coarsest_level, target.level
    )
    levels[~raised] = background
    bits = float(rates.bits(levels).sum())
    affordable = bits <= budget * (1.0 + 1e-6)
    feasible = (
        affordable
        and not bool(np.isnan(regions.safe_levels).any())
        and not _background_at_risk(background, raised, curves, policy)
    )
    return Allocation(
        levels=levels,
        background_level=background,
        # Relative to the uniform image, whose bpp the target states.
        predicted_bpp=target.bpp * bits / budget,
        feasible=feasible,
    )


def _wanted_levels(
    regions: RegionSet, shape: tuple[int, ...], finest: float
) -> NDArray[np.float32]:
    """(R, C) the highest safe level of the regions that touch a block, -inf where none does."""
    safe = np.nan_to_num(regions.safe_levels, nan=finest).astype(np.float32)
    labels = regions.components.labels
    # Label -1, outside every region, picks the last entry.
    per_cell = np.append(safe, np.float32(-np.inf))[labels]
    rows, columns = shape
    padding = ((0, rows * CELLS - labels.shape[0]), (0, columns * CELLS - labels.shape[1]))
    padded = np.pad(per_cell, padding, constant_values=-np.inf)
    blocks = padded.reshape(rows, CELLS, columns, CELLS)
    return np.asarray(blocks.max(axis=(1, 3)))


def _background_level(
    levels: NDArray[np.float32],
    raised: NDArray[np.bool_],
    rates: RateCurves,
    budget: float,
    coarsest: float,
    level: float,
) -> float:
    """The finest background level that keeps the budget; the coarsest where none does."""
    trial = levels.copy()

    def bits(background: float) -> float:
        trial[~raised] = background
        return float(rates.bits(trial).sum())

    low, high = coarsest, level
    if bool(raised.all()) or bits(low) > budget:
        return low
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if bits(middle) > budget:
            high = middle
        else:
            low = middle
    # Stored as float32, which must not round up past the budget.
    return float(np.nextafter(np.float32(low), np.float32(coarsest)))


def _background_at_risk(
    level: float, raised: NDArray[np.bool_], curves: RiskCurves, policy: Policy
) -> bool:
    risk = curves.at(level)
    cells = raised.repeat(CELLS, axis=0).repeat(CELLS, axis=1)
    risk[cells[: risk.shape[0], : risk.shape[1]]] = 0.0
    return has_region(risk, curves, policy)
