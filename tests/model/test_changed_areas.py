"""Of very many changed areas the largest are told, each with its own cells."""

from __future__ import annotations

import numpy as np

from riskmask.model.annotators.areas import MOST, STRIDE, connected_areas


def test_the_largest_areas_are_told_in_the_order_of_their_places() -> None:
    rows = MOST + 20
    cells = np.zeros((2 * rows, rows), bool)
    lengths = np.random.default_rng(0).permutation(rows) + 1
    for row, length in enumerate(lengths):
        cells[2 * row, :length] = True
    areas = list(connected_areas(cells, 1, (2 * rows * STRIDE, rows * STRIDE)))
    kept = [int(length) for length in lengths if length > 20]
    assert [int(area.mask.sum()) for area in areas] == kept


def test_areas_of_too_few_cells_are_left_out() -> None:
    cells = np.zeros((3, 9), bool)
    cells[0, :2] = cells[0, 4:7] = cells[2, :] = True
    areas = list(connected_areas(cells, 3, (12, 36)))
    assert [int(area.mask.sum()) for area in areas] == [3, 9]
    assert areas[0].polygon == ((16.0, 0.0), (28.0, 0.0), (28.0, 4.0), (16.0, 4.0))
