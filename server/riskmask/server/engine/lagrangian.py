"""The levels that leave the least expected damage at a number of bits.

Each block b has three curves over the level l: its bits R, the damage D that is to be expected of
it, and the codec's plain distortion F. The sum of D + mu F is made smallest for a given sum of R,
block by block, as the minimum of D + mu F + lambda R (Shoham and Gersho, Efficient Bit Allocation
for an Arbitrary Set of Quantizers, 1988); lambda is found by bisection.

F stands for all that is not meaning. A codec at one level everywhere is at the optimum of its own
distortion, where every block's last bit avoids the same amount of it, in proportion to the square
of the step: dF = -step^2 dR. So F follows from the rate curve, the uniform image is the best where
no block is at risk, and moving bits can never raise the damage. mu says what a bit is worth beside
the damage: as much as it averts on average when the rate of the whole image is raised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import step_of_level
from riskmask.model.runtime.prediction import RISK_STRIDE
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.squares import BLOCK, CELLS, per_cell, sum_of, to_blocks

LEVEL_STEP = 0.5
BISECTIONS = 40
# Bits may be missed by this share: float32 levels say no better.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class _Curves:
    """(L, R, C) levels of each block, coarsest first, with their bits, damage and distortion."""

    levels: NDArray[np.float32]
    bits: NDArray[np.float32]
    damage: NDArray[np.float32]
    distortion: NDArray[np.float32]


def block_damage(risk: NDArray[np.float32]) -> NDArray[np.float32]:
    """(R, C) expected miscompressed pixels per block, of a (h, w) weighted risk per 4x4 pixels.

    Cells at the right and lower border count as whole ones.
    """
    rows, columns = risk.shape
    pad = ((0, -rows % CELLS), (0, -columns % CELLS))
    whole = np.pad(risk, pad)
    blocks = whole.reshape(whole.shape[0] // CELLS, CELLS, whole.shape[1] // CELLS, CELLS)
    return np.asarray(blocks.sum(axis=(1, 3)) * np.float32(RISK_STRIDE**2))


def expected_damage(curves: RiskCurves, levels: NDArray[np.float32]) -> float:
    """Miscompressed pixels to be expected, weighted by the policy, under (R, C) levels."""
    cells = per_cell(levels, curves.shape)
    return float(block_damage(curves.under(cells)).sum(dtype=np.float64))


def least_damage(
    curves: RiskCurves,
    rates: RateCurves,
    level: float,
    coarsest: float,
    finest: float,
    floor: NDArray[np.float32] | None = None,
    square: int = BLOCK,
) -> NDArray[np.float32]:
    """(R, C) float32 levels that cost what the image costs at one level.

    Args:
        curves: risk, with the policy's content weights.
        rates: bits per block.
        level: of the uniform image, whose bits are kept.
        coarsest, finest: what the codec can do, in [0, 7].
        floor: (R, C) float32, levels that the blocks do not fall below, the same in a square.
        square: side in pixels, a multiple of 16, of the squares whose blocks share one level.

    Returns:
        The uniform image's levels where nothing else averts more at no more bits.
    """
    uniform = np.full(rates.shape, level, np.float32)
    # Curves bend at the anchors, so the grid holds them wherever the codec's range begins.
    steps = np.arange(np.ceil(coarsest / LEVEL_STEP) * LEVEL_STEP, finest, LEVEL_STEP)
    grid = np.unique([coarsest, *steps, level, finest])
    given = _curves(curves, rates, grid)
    start = int(np.searchsorted(grid, level))
    averted = float((given.damage[start] - given.damage[-1]).sum(dtype=np.float64))
    cost = float((given.bits[-1] - given.bits[start]).sum(dtype=np.float64))
    if averted <= 0.0 or cost <= 0.0:
        return uniform
    price = averted / cost
    worth = price / step_of_level(level) ** 2
    if floor is not None:
        given = _from_floor(given, curves, rates, grid, floor)
    value = sum_of(given.damage + np.float32(worth) * given.distortion, square)
    bits = sum_of(given.bits, square)
    budget = float(rates.bits(uniform).sum())
    cheap, dear = 0.0, price
    while _spent(bits, _choice(value, bits, dear)) > budget:
        cheap, dear = dear, dear * 4.0
        if dear > price * 4.0**20:
            return uniform
    for _ in range(BISECTIONS):
        middle = 0.5 * (cheap + dear)
        if _spent(bits, _choice(value, bits, middle)) > budget:
            cheap = middle
        else:
            dear = middle

    def levels_at(price: float) -> NDArray[np.float32]:
        choice = _choice(value, bits, price)
        return _chosen(given.levels, to_blocks(choice, square, rates.shape))

    chosen = _between(levels_at(dear), levels_at(cheap), rates, budget)
    # Between two levels a curve may bulge, and then the uniform image is the better one.
    gained = expected_damage(curves, chosen) < expected_damage(curves, uniform)
    return chosen if gained else uniform


def _curves(curves: RiskCurves, rates: RateCurves, grid: NDArray[np.float64]) -> _Curves:
    levels = np.empty((len(grid), *rates.shape), np.float32)
    levels[:] = grid[:, None, None]
    bits = np.stack([rates.bits(each).astype(np.float32) for each in levels])
    damage = np.stack([block_damage(curves.at(float(each))) for each in grid])
    steps = np.array([step_of_level(float(each)) for each in grid])
    squares = (steps[:-1] * steps[1:]).astype(np.float32)
    lost = squares[:, None, None] * np.diff(bits, axis=0)
    distortion = np.zeros_like(bits)
    distortion[:-1] = np.cumsum(lost[::-1], axis=0)[::-1]
    return _Curves(levels, bits, damage, distortion)


def _from_floor(
    given: _Curves,
    curves: RiskCurves,
    rates: RateCurves,
    grid: NDArray[np.float64],
    floor: NDArray[np.float32],
) -> _Curves:
    """The curves from each block's floor on: what lies below becomes the floor itself."""
    below = given.levels < floor
    # Distortion follows from the bits, at the step between the floor and the grid's next level.
    above = np.minimum(below.sum(axis=0), len(grid) - 1)[None]
    bits = rates.bits(floor).astype(np.float32)
    cells = per_cell(floor, curves.shape)
    squares = step_of_level(floor) * step_of_level(_chosen(given.levels, above[0]))
    lost = squares * (_chosen(given.bits, above[0]) - bits)
    distortion = _chosen(given.distortion, above[0]) + lost
    return _Curves(
        levels=np.where(below, floor, given.levels),
        bits=np.where(below, bits, given.bits),
        damage=np.where(below, block_damage(curves.under(cells)), given.damage),
        distortion=np.where(below, distortion, given.distortion).astype(np.float32),
    )


def _chosen(values: NDArray[np.float32], choice: NDArray[np.intp]) -> NDArray[np.float32]:
    """(R, C) what (L, R, C) values say at each block's index."""
    return np.asarray(np.take_along_axis(values, choice[None], axis=0)[0])


def _choice(
    value: NDArray[np.float32], bits: NDArray[np.float32], price: float
) -> NDArray[np.intp]:
    """(r, c) index of each square's best level when a bit costs ``price``, of (L, r, c) values."""
    return np.asarray((value + np.float32(price) * bits).argmin(axis=0))


def _spent(bits: NDArray[np.float32], choice: NDArray[np.intp]) -> float:
    return float(_chosen(bits, choice).sum(dtype=np.float64))


def _between(
    affordable: NDArray[np.float32],
    dearer: NDArray[np.float32],
    rates: RateCurves,
    budget: float,
) -> NDArray[np.float32]:
    """From the last levels within the budget as far towards the next ones as it allows.

    Blocks that are alike jump together from one level of the grid to the next.
    """

    def moved(share: float) -> NDArray[np.float32]:
        return (affordable + share * (dearer - affordable)).astype(np.float32)

    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if float(rates.bits(moved(middle)).sum()) > budget * (1.0 + TOLERANCE):
            high = middle
        else:
            low = middle
    return moved(low)
