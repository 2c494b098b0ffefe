"""A container gives back what was put into it, and refuses what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmask.model.codecs.bitstream import Container, pack, unpack

# rANS streams are whole words of four bytes, two at least.
CODED = st.binary(min_size=2, max_size=80).map(lambda words: words * 4)


@st.composite
def containers(draw: st.DrawFn) -> Container:
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    levels = np.array(draw(st.integers(0, 224)), np.uint8)
    if draw(st.booleans()):
        generator = np.random.default_rng(draw(st.integers(0, 99)))
        grid = (-(-height // 16), -(-width // 16))
        levels = generator.integers(0, 225, grid, dtype=np.uint8)
    weights = draw(st.binary(min_size=2, max_size=2))
    hyper = draw(st.one_of(st.just(b""), CODED))
    return Container(weights, width, height, levels, hyper, draw(CODED))


@given(content=containers())
def test_what_goes_in_comes_out(content: Container) -> None:
    read = unpack(pack(content))
    np.testing.assert_array_equal(read.levels, content.levels)
    assert (read.weights, read.width, read.height) == (
        content.weights,
        content.width,
        content.height,
    )
    assert (read.hyper, read.latent) == (content.hyper, content.latent)


def test_the_header_of_one_level_takes_fourteen_bytes() -> None:
    content = Container(b"ab", 640, 480, np.array(100, np.uint8), b"\1" * 8, b"\2" * 8)
    assert len(pack(content)) == 14 + 8 + 8


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (65536, 5), (5, 65536)])
def test_sides_that_the_header_cannot_say_are_refused(width: int, height: int) -> None:
    content = Container(b"ab", width, height, np.array(0, np.uint8), b"", b"\0" * 8)
    with pytest.raises(ValueError, match="1 to 65535"):
        pack(content)


def test_a_level_map_that_does_not_compress_is_refused() -> None:
    levels = np.random.default_rng(0).integers(0, 225, (400, 400), dtype=np.uint8)
    with pytest.raises(ValueError, match="too detailed"):
        pack(Container(b"ab", 6400, 6400, levels, b"", b"\0" * 8))
