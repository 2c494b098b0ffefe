"""Whether there is a region is told without drawing it, and as if it had been drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.runtime.components import find_components, has_component
from riskmask.model.runtime.prediction import RISK_STRIDE


@given(
    width=st.integers(1, 41),
    height=st.integers(1, 41),
    smallest=st.integers(0, 200),
    density=st.floats(0.0, 1.0),
    seed=st.integers(0, 1 << 32),
)
def test_has_component_agrees_with_find_components(
    width: int, height: int, smallest: int, density: float, seed: int
) -> None:
    cells = (-(-height // RISK_STRIDE), -(-width // RISK_STRIDE))
    risk = np.random.default_rng(seed).random(cells, np.float32)
    threshold = 1.0 - density
    found = find_components(risk, threshold, smallest, width, height)
    assert has_component(risk, threshold, smallest, width, height) == (found.count > 0)


@pytest.mark.parametrize(("row", "column", "pixels"), [(1, 2, 2), (0, 2, 4), (1, 1, 8), (0, 1, 16)])
def test_an_area_at_the_border_counts_the_pixels_that_it_has(
    row: int, column: int, pixels: int
) -> None:
    """Of an image of 9 x 6 the last column of cells is 1 pixel wide, the last row 2 high."""
    risk = np.zeros((2, 3), np.float32)
    risk[row, column] = 1.0
    assert has_component(risk, 0.5, pixels, width=9, height=6)
    assert not has_component(risk, 0.5, pixels + 1, width=9, height=6)


def test_a_small_area_at_the_border_does_not_hide_a_large_one_inside() -> None:
    risk = np.zeros((4, 4), np.float32)
    risk[3, 3] = 1.0
    risk[0, :2] = 1.0
    assert has_component(risk, 0.5, 32, width=13, height=13)
    assert not has_component(risk, 0.5, 33, width=13, height=13)
