"""Tiles cover every pixel, and their weights add up to one wherever they overlap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.runtime.tiles import SIDES, Span, blend, cut, overlap, spans, tile_side

SIDE = st.sampled_from(SIDES)


@given(length=st.integers(1, 9000), side=SIDE)
def test_tiles_cover_the_length_and_share_enough(length: int, side: int) -> None:
    tiles = spans(length, side)
    assert tiles[0].start == 0
    assert tiles[-1].start + side >= length
    for before, after in pairwise(tiles):
        assert after.start % 32 == 0
        assert before.start < after.start <= before.start + side - overlap(side)


def test_small_tiles_share_half_of_themselves_and_large_ones_384_pixels() -> None:
    assert [overlap(side) for side in SIDES] == [128, 256, 384, 384]


@given(length=st.integers(1, 9000), side=SIDE, stride=st.sampled_from([4, 16]))
def test_weights_sum_to_exactly_one(length: int, side: int, stride: int) -> None:
    tiles = spans(length, side)
    total = np.zeros((tiles[-1].start + side) // stride, np.float32)
    for tile in tiles:
        start = tile.start // stride
        total[start : start + side // stride] += tile.weights(stride)
    assert (total == 1.0).all()


@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_an_image_of_up_to_1024_is_one_tile(width: int, height: int) -> None:
    side = tile_side(width, height)
    assert side in SIDES
    if max(width, height) <= 1024:
        assert len(spans(width, side)) == len(spans(height, side)) == 1
        assert side == 256 or side < 2 * max(width, height)


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [
        (1, 1, 256),
        (256, 256, 256),
        (257, 3, 512),
        (1024, 700, 1024),
        (8000, 6000, 1024),
        (700, 600, 768),
        (2000, 600, 1024),
        (2000, 400, 512),
    ],
)
def test_tile_sides(width: int, height: int, side: int) -> None:
    assert tile_side(width, height) == side


def test_a_strip_is_not_padded_to_the_largest_tile() -> None:
    assert tile_side(20_000, 1) == 256


def test_what_lies_beyond_the_image_repeats_its_edge() -> None:
    image = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    tile = np.empty((256, 256, 3), np.uint8)
    whole = Span(0, 256, None, None)
    cut(image, whole, whole, tile)
    expected = np.pad(image, ((0, 253), (0, 251), (0, 0)), mode="edge")
    np.testing.assert_array_equal(tile, expected)


@given(width=st.integers(1, 600), height=st.integers(1, 600))
def test_blending_a_map_of_the_tiles_gives_the_map_of_the_whole(width: int, height: int) -> None:
    rows, columns = -(-height // 4), -(-width // 4)
    whole = np.random.default_rng(width).random((rows, columns)).astype(np.float32)
    padded = np.pad(whole, ((0, 256), (0, 256)), mode="edge")
    target = np.zeros((rows, columns), np.float32)
    for top in spans(height, 256):
        for left in spans(width, 256):
            row, column = top.start // 4, left.start // 4
            blend(target, padded[row : row + 64, column : column + 64], top, left, 4)
    np.testing.assert_allclose(target, whole, atol=1e-6)
