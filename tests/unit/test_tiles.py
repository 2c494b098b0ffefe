"""Tiles cover every pixel, and their weights add up to one wherever they overlap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.runtime.tiles import (
    LARGEST,
    LENGTHS,
    SMALLEST,
    Span,
    TileShape,
    blend,
    cut,
    spans,
    tile_shape,
)

EXTENT = st.one_of(st.integers(1, 40_000), st.integers(1500, 4000))


@given(extent=EXTENT)
def test_tiles_of_one_length_cover_the_extent_and_share_enough(extent: int) -> None:
    tiles = spans(extent)
    (length,) = {tile.length for tile in tiles}
    assert length in LENGTHS
    assert tiles[0].start == 0
    assert tiles[-1].start < extent <= tiles[-1].start + length
    for before, after in pairwise(tiles):
        assert after.start % 32 == 0
        shared = before.start + length - after.start
        assert 672 <= shared < length


@given(extent=EXTENT)
def test_maps_fade_over_256_pixels_in_the_middle_of_what_two_tiles_share(extent: int) -> None:
    tiles = spans(extent)
    assert tiles[0].fade_in is None
    assert tiles[-1].fade_out is None
    for before, after in pairwise(tiles):
        assert before.fade_out == after.fade_in
        assert after.fade_in is not None
        left, right = after.start, before.start + before.length
        assert 2 * after.fade_in + 256 == left + right
    for tile in tiles[1:-1]:
        assert tile.fade_in is not None
        assert tile.fade_out is not None
        assert tile.fade_in + 256 <= tile.fade_out


@given(extent=EXTENT, stride=st.sampled_from([4, 16]))
def test_weights_sum_to_exactly_one(extent: int, stride: int) -> None:
    tiles = spans(extent)
    total = np.zeros((tiles[-1].start + tiles[-1].length) // stride, np.float32)
    for tile in tiles:
        start = tile.start // stride
        total[start : start + tile.length // stride] += tile.weights(stride)
    assert (total == 1.0).all()


@given(extent=EXTENT.filter(lambda extent: extent > 1536))
def test_a_fade_begins_and_ends_without_a_kink(extent: int) -> None:
    first = spans(extent)[0]
    assert first.fade_out is not None
    begin, end = first.fade_out // 4, (first.fade_out + 256) // 4
    weights = first.weights(4).astype(np.float64)[begin:end]
    middle = len(weights) // 2
    assert weights[middle - 1] + weights[middle] == pytest.approx(1.0)
    assert weights[middle - 1] - weights[middle] > 1.4 / len(weights)
    assert 1.0 - weights[0] < 0.1 / len(weights)
    assert weights[-1] < 0.1 / len(weights)


@given(extent=EXTENT)
def test_no_fewer_and_no_shorter_tiles_would_do(extent: int) -> None:
    tiles = spans(extent)
    length, fewer = tiles[0].length, len(tiles) - 1
    assert fewer * 1536 - (fewer - 1) * 672 < extent or not fewer
    if length > 256:
        shorter = LENGTHS[LENGTHS.index(length) - 1]
        assert len(tiles) * shorter - fewer * 672 < extent


@given(width=st.integers(1, 1536), height=st.integers(1, 1536))
def test_an_image_of_up_to_1536_is_one_tile_that_is_padded_little(width: int, height: int) -> None:
    assert len(spans(width)) == len(spans(height)) == 1
    shape = tile_shape(width, height)
    assert shape.width - width < 32 or shape.width == 256
    assert shape.height - height < 32 or shape.height == 256


@given(width=EXTENT, height=EXTENT)
def test_height_and_width_are_chosen_apart(width: int, height: int) -> None:
    shape, turned = tile_shape(width, height), tile_shape(height, width)
    assert (shape.width, shape.height) == (turned.height, turned.width)
    assert shape.width == tile_shape(width, 1).width


@pytest.mark.parametrize(
    ("width", "height", "shape", "count"),
    [
        (1, 1, SMALLEST, 1),
        (256, 256, SMALLEST, 1),
        (257, 3, TileShape(height=256, width=288), 1),
        (640, 427, TileShape(height=448, width=640), 1),
        (1280, 720, TileShape(height=736, width=1280), 1),
        (1536, 1536, LARGEST, 1),
        (3000, 200, TileShape(height=256, width=1472), 3),
        (200, 3000, TileShape(height=1472, width=256), 3),
        (1920, 1080, TileShape(height=1088, width=1312), 2),
        (4000, 3000, TileShape(height=1472, width=1504), 12),
        (8000, 6000, TileShape(height=1440, width=1504), 63),
    ],
)
def test_tiles_of_sizes(width: int, height: int, shape: TileShape, count: int) -> None:
    assert tile_shape(width, height) == shape
    assert len(spans(width)) * len(spans(height)) == count


def test_what_lies_beyond_the_image_repeats_its_edge() -> None:
    image = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    tile = np.empty((256, 320, 3), np.uint8)
    cut(image, Span(0, 256, None, None), Span(0, 320, None, None), tile)
    expected = np.pad(image, ((0, 253), (0, 315), (0, 0)), mode="edge")
    np.testing.assert_array_equal(tile, expected)


def _blended(whole: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """A map of stride 4, cut where the tiles are and blended again."""
    shape = tile_shape(width, height)
    margins = ((0, shape.height // 4), (0, shape.width // 4))
    padded = np.pad(whole, margins, mode="edge")
    target = np.zeros_like(whole)
    for top in spans(height):
        for left in spans(width):
            row, column = top.start // 4, left.start // 4
            part = padded[row : row + top.length // 4, column : column + left.length // 4]
            blend(target, part, top, left, 4)
    return target


@given(width=st.integers(1, 2600), height=st.integers(1, 1800))
def test_blending_a_map_of_the_tiles_gives_the_map_of_the_whole(width: int, height: int) -> None:
    generator = np.random.default_rng(width)
    whole = generator.random((-(-height // 4), -(-width // 4))).astype(np.float32)
    np.testing.assert_allclose(_blended(whole, width, height), whole, atol=1e-6)
