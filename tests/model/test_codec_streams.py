"""A stream of the reference codec decodes to exactly what the codec said it would."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.codecs.hyperprior import Hyperprior

Pixels = NDArray[np.uint8]


def _levels(height: int, width: int) -> NDArray[np.float32]:
    """A level map with all levels in it, from the left to the right."""
    row = np.linspace(0, 7, -(-width // 16), dtype=np.float32)
    return np.tile(row, (-(-height // 16), 1))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 50), (200, 130), (16, 64)])
@pytest.mark.parametrize("level", [0, 3.4, 7])
def test_decoding_gives_exactly_the_reconstruction(
    codec: Hyperprior, astronaut: Pixels, height: int, width: int, level: float
) -> None:
    picture = astronaut[100 : 100 + height, 60 : 60 + width]
    decoded = codec.decompress(codec.compress(picture, level))
    np.testing.assert_array_equal(decoded, codec.reconstruct(picture, level).image)
    assert decoded.shape == picture.shape
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("level", range(8))
def test_at_every_anchor_level(codec: Hyperprior, astronaut: Pixels, level: int) -> None:
    picture = astronaut[40:140, 180:320]
    decoded = codec.decompress(codec.compress(picture, level))
    np.testing.assert_array_equal(decoded, codec.reconstruct(picture, level).image)


@pytest.mark.parametrize(("height", "width"), [(33, 50), (200, 130)])
def test_with_a_level_map(codec: Hyperprior, astronaut: Pixels, height: int, width: int) -> None:
    picture, levels = astronaut[:height, :width], _levels(height, width)
    decoded = codec.decompress(codec.compress(picture, levels))
    np.testing.assert_array_equal(decoded, codec.reconstruct(picture, levels).image)


def test_a_map_of_one_level_is_that_level(codec: Hyperprior, astronaut: Pixels) -> None:
    picture = astronaut[:96, :128]
    level = np.full((6, 8), 4.0, np.float32)
    uniform = codec.reconstruct(picture, 4.0)
    mapped = codec.reconstruct(picture, level)
    np.testing.assert_array_equal(mapped.image, uniform.image)
    assert mapped.bpp == pytest.approx(uniform.bpp)


def test_levels_between_thirty_seconds_are_rounded_alike_on_both_sides(
    codec: Hyperprior, astronaut: Pixels
) -> None:
    picture = astronaut[:64, :64]
    stream = codec.compress(picture, 2.01)
    assert stream == codec.compress(picture, 2.0)
    np.testing.assert_array_equal(codec.decompress(stream), codec.reconstruct(picture, 2.01).image)


@pytest.mark.parametrize("level", [-0.1, 7.1, float("nan")])
def test_a_level_outside_the_scale_is_refused(codec: Hyperprior, level: float) -> None:
    with pytest.raises(ValueError, match=r"levels must lie in \[0, 7\]"):
        codec.compress(np.zeros((16, 16, 3), np.uint8), level)


def test_a_level_map_of_another_size_is_refused(codec: Hyperprior) -> None:
    with pytest.raises(ValueError, match=r"this picture needs \(2, 3\)"):
        codec.reconstruct(np.zeros((17, 33, 3), np.uint8), np.zeros((3, 2), np.float32))
