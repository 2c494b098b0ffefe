"""Blocks of 16x16 pixels taken together: the larger squares that some encoders' maps are made of.

Squares at the right and lower border hold the blocks that are there.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.prediction import RATE_STRIDE, RISK_STRIDE

BLOCK = 16  # pixels, the side of a block
CELLS = RATE_STRIDE // RISK_STRIDE  # of a map of risks, a side of a block

Real = TypeVar("Real", np.float32, np.float64)
Number = TypeVar("Number", np.float32, np.float64, np.intp)


def highest_of(blocks: NDArray[Real], square: int) -> NDArray[Real]:
    """(r, c) the highest value of the blocks of each square.

    Args:
        blocks: (R, C) float.
        square: side in pixels, a multiple of 16.
    """
    return np.asarray(_squares(blocks, square, -np.inf).max(axis=(-3, -1)))


def sum_of(blocks: NDArray[np.float32], square: int) -> NDArray[np.float32]:
    """(…, r, c) the sum of the blocks of each square.

    Args:
        blocks: (…, R, C) float32.
        square: side in pixels, a multiple of 16.
    """
    return np.asarray(_squares(blocks, square, 0.0).sum(axis=(-3, -1)))


def to_blocks(squares: NDArray[Number], square: int, shape: tuple[int, ...]) -> NDArray[Number]:
    """(R, C) of (r, c): each block has its square's value.

    Args:
        squares: a value per square.
        square: side in pixels, a multiple of 16.
        shape: R and C.
    """
    side, (rows, columns) = square // BLOCK, shape
    return np.asarray(squares.repeat(side, axis=0).repeat(side, axis=1)[:rows, :columns])


def per_cell(blocks: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(h, w) value of each cell of 4x4 pixels, of (R, C) values per block."""
    return blocks.repeat(CELLS, axis=0).repeat(CELLS, axis=1)[: shape[0], : shape[1]]


def _squares(blocks: NDArray[Real], square: int, beyond: float) -> NDArray[Real]:
    """(…, r, side, c, side), with a value for blocks beyond the border."""
    side = square // BLOCK
    *others, rows, columns = blocks.shape
    pad = [(0, 0)] * len(others) + [(0, -rows % side), (0, -columns % side)]
    whole = np.pad(blocks, pad, constant_values=beyond)
    return whole.reshape(*others, -(-rows // side), side, -(-columns // side), side)
