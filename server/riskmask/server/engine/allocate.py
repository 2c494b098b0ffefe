"""Moves bits to where the risk is: the canonical map, a wanted level per 16x16 block.

First every block that an area at risk touches is raised to the level from which on its part of
the area is safe, and all other blocks are lowered to one and the same level until the predicted
bits equal those of the uniform image. Where that leaves no such area, the image is safe with hints.
Where the bits do not suffice for that, they are put where they avert most
(:mod:`~riskmask.server.engine.lagrangian`), which may be enough too. So they are in every map that
an encoder is given, which falls below no level that safety needs.

Where an encoder tells larger squares apart only, all blocks of a square have one level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.components import Components
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.lagrangian import TOLERANCE, expected_damage, least_damage
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.regions import cell_safe_levels, has_region
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.squares import BLOCK, CELLS, highest_of, per_cell, to_blocks
from riskmask.server.engine.values import Policy, ResolvedTarget

BISECTIONS = 24  # a level to within 1e-6


@dataclass(frozen=True)
class Allocation:
    """A level for each block.

    Attributes:
        levels: (R, C) float32 in [0, 7], raster, a block covers 16x16 pixels.
        background_level: of the blocks that no area at risk touches, or of the coarsest block where
            bits are put where they avert most.
        predicted_bpp: of the image coded so.
        feasible: it costs no more than the target and no area at risk is left.
        floor: (R, C) float32, the level that a block is raised to for that, the codec's coarsest
            where it is raised to none; None where bits are put where they avert most already.
        uniform_damage, damage: miscompressed pixels to be expected, weighted by the policy, of the
            image at one level and of the image coded so.
        square: side in pixels of the squares whose blocks share one level.
    """

    levels: NDArray[np.float32]
    background_level: float
    predicted_bpp: float
    feasible: bool
    floor: NDArray[np.float32] | None
    uniform_damage: float
    damage: float
    square: int


def allocate(
    at_risk: Components,
    curves: RiskCurves,
    rates: RateCurves,
    profile: CodecProfile,
    target: ResolvedTarget,
    policy: Policy,
    square: int = BLOCK,
) -> Allocation:
    """The levels that follow from an image's areas at risk at equal bits; uniform without any.

    Args:
        at_risk: connected areas that reach the policy's threshold at the target's level.
        curves, rates: of the image.
        profile: of the codec.
        target: of the uniform image.
        policy: of the whole image, see :func:`~riskmask.server.engine.policy.image_policies`.
        square: side in pixels, a multiple of 16, of the squares that the encoder tells apart.
    """
    uniform = np.full(rates.shape, target.level, np.float32)
    floor: NDArray[np.float32] | None = np.full(rates.shape, profile.coarsest_level, np.float32)
    if at_risk.count == 0:
        damage = expected_damage(curves, uniform)
        return Allocation(
            uniform,
            target.level,
            target.bpp,
            feasible=True,
            floor=floor,
            uniform_damage=damage,
            damage=damage,
            square=square,
        )
    wanted = _per_square(
        _wanted_levels(at_risk, curves, rates.shape, target.level, profile.finest_level, policy),
        square,
    )
    raised = wanted > -np.inf
    floor = np.maximum(np.float32(profile.coarsest_level), wanted)
    levels = np.where(raised, np.maximum(wanted, np.float32(target.level)), uniform)
    budget = float(rates.bits(uniform).sum())
    background = _background_level(
        levels, raised, rates, budget, profile.coarsest_level, target.level
    )
    levels[~raised] = background
    bits = float(rates.bits(levels).sum())
    affordable = bits <= budget * (1.0 + 1e-6)
    feasible = affordable and not has_region(
        curves.under(per_cell(levels, curves.shape)), curves, policy
    )
    if not feasible:
        levels = least_damage(
            curves, rates, target.level, profile.coarsest_level, profile.finest_level, square=square
        )
        bits = float(rates.bits(levels).sum())
        background = float(levels.min())
        # Weighing block against block may find what raising all that is at risk did not.
        feasible = bits <= budget * (1.0 + TOLERANCE) and not has_region(
            curves.under(per_cell(levels, curves.shape)), curves, policy
        )
        floor = None
    return Allocation(
        levels=levels,
        background_level=background,
        # Relative to the uniform image, whose bpp the target states.
        predicted_bpp=target.bpp * bits / budget,
        feasible=feasible,
        floor=floor,
        uniform_damage=expected_damage(curves, uniform),
        damage=expected_damage(curves, levels),
        square=square,
    )


def map_of_least_damage(
    allocation: Allocation,
    curves: RiskCurves,
    rates: RateCurves,
    profile: CodecProfile,
    target: ResolvedTarget,
    policy: Policy,
    square: int = BLOCK,
) -> NDArray[np.float32]:
    """(R, C) float32 levels for an encoder: the least damage to be expected at the same bits.

    Risk under the threshold is still risk. Where the image can be made safe, it stays so, as far as
    squares of this size allow it.

    Args:
        allocation: of the image, from the arguments that follow.
        curves, rates, profile, target, policy: see :func:`allocate`.
        square: side in pixels, a multiple of 16, of the squares that the encoder tells apart.
    """
    alike = square == allocation.square
    if allocation.floor is None and alike:
        return allocation.levels

    def weighed(floor: NDArray[np.float32] | None) -> NDArray[np.float32]:
        return least_damage(
            curves, rates, target.level, profile.coarsest_level, profile.finest_level, floor, square
        )

    def is_better(levels: NDArray[np.float32]) -> bool:
        if alike and expected_damage(curves, levels) >= allocation.damage:
            return False
        return not has_region(curves.under(per_cell(levels, curves.shape)), curves, policy)

    # What weighing does freely may be safe by itself; else no block falls below what safety needs.
    free = weighed(None)
    if allocation.floor is None or is_better(free):
        return free
    safe = weighed(_per_square(allocation.floor, square))
    if is_better(safe):
        return safe
    # One level everywhere is a map of any squares.
    uniform = bool((allocation.levels == allocation.levels[0, 0]).all())
    return allocation.levels if alike or uniform else free


def _per_square(levels: NDArray[np.float32], square: int) -> NDArray[np.float32]:
    """(R, C) levels of which each block has the highest of its square of ``square`` pixels."""
    return to_blocks(highest_of(levels, square), square, levels.shape)


def _wanted_levels(
    at_risk: Components,
    curves: RiskCurves,
    shape: tuple[int, ...],
    level: float,
    finest: float,
    policy: Policy,
) -> NDArray[np.float32]:
    """(R, C) the highest safe level of the cells at risk in a block, -inf where there is none.

    Cell by cell, because a region's own safe level leaves out the riskiest 5% of it.
    """
    labels = at_risk.labels
    rows, columns = shape
    wanted = np.full((rows * CELLS, columns * CELLS), -np.inf, np.float32)
    inside = wanted[: labels.shape[0], : labels.shape[1]]
    cells = np.flatnonzero(labels >= 0)
    safe = cell_safe_levels(curves, cells, level, finest, policy)
    inside[labels >= 0] = np.nan_to_num(safe, nan=finest)
    return np.asarray(wanted.reshape(rows, CELLS, columns, CELLS).max(axis=(1, 3)))


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
