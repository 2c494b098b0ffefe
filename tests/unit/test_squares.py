"""Blocks gathered into larger squares, also where the border cuts one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from riskmask.server.engine.squares import BLOCK, highest_of, sum_of, to_blocks


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    side=st.sampled_from([1, 2, 3, 4]),
    seed=st.integers(0, 99),
)
def test_each_square_has_the_sum_and_the_highest_of_its_blocks(
    rows: int, columns: int, side: int, seed: int
) -> None:
    blocks = np.random.default_rng(seed).uniform(-2, 2, (3, rows, columns)).astype(np.float32)
    sums, highest = sum_of(blocks, side * BLOCK), highest_of(blocks[0], side * BLOCK)
    assert sums.shape[1:] == highest.shape == (-(-rows // side), -(-columns // side))
    for row, column in np.ndindex(highest.shape):
        inside = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
        expected = blocks[(slice(None), *inside)].sum(axis=(1, 2))
        np.testing.assert_allclose(sums[:, row, column], expected, atol=1e-5)
        assert highest[row, column] == blocks[0][inside].max()
        back = to_blocks(highest, side * BLOCK, (rows, columns))
        assert (back[inside] == highest[row, column]).all()
