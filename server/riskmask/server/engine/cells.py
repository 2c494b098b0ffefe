"""Blocks of 16x16 pixels taken together: the larger squares that some encoders' maps are made of.

Squares at the right and lower border hold the blocks that are there.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

BLOCK = 16  # pixels, the side of a block

Real = TypeVar("Real", np.float32, np.float64)
Number = TypeVar("Number", np.float32, np.float64, np.intp)


def highest_of(blocks: NDArray[Real], cell: int) -> NDArray[Real]:
    """(r, c) the highest value of the blocks of each cell.

    Args:
        blocks: (R, C) float.
        cell: side in pixels, a multiple of 16.
    """
    return np.asarray(_squares(blocks, cell, -np.inf).max(axis=(-3, -1)))


def sum_of(blocks: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """(…, r, c) the sum of the blocks of each cell.

    Args:
        blocks: (…, R, C) float32.
        cell: side in pixels, a multiple of 16.
    """
    return np.asarray(_squares(blocks, cell, 0.0).sum(axis=(-3, -1)))


def to_blocks(cells: NDArray[Number], cell: int, shape: tuple[int, ...]) -> NDArray[Number]:
    """(R, C) of (r, c): each block has its cell's value.

    Args:
        cells: a value per cell.
        cell: side in pixels, a multiple of 16.
        shape: R and C.
    """
    side, (rows, columns) = cell // BLOCK, shape
    return np.asarray(cells.repeat(side, axis=0).repeat(side, axis=1)[:rows, :columns])


def _squares(blocks: NDArray[Real], cell: int, beyond: float) -> NDArray[Real]:
    """(…, r, side, c, side), with a value for blocks beyond the border."""
    side = cell // BLOCK
    *others, rows, columns = blocks.shape
    pad = [(0, 0)] * len(others) + [(0, -rows % side), (0, -columns % side)]
    whole = np.pad(blocks, pad, constant_values=beyond)
    return whole.reshape(*others, -(-rows // side), side, -(-columns // side), side)
