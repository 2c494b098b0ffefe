"""Whatever is not an intact stream of these weights is refused, and nothing crashes.

CompressAI's decoder reads past the end of a stream that is cut off; an empty one ended the process.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.codecs.base import BitstreamError
from riskmask.model.codecs.bitstream import Container, pack, unpack
from riskmask.model.codecs.hyperprior import Hyperprior

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def stream(codec: Hyperprior, astronaut: Pixels) -> bytes:
    return codec.compress(astronaut[:80, 200:300], 3)


def _resealed(damaged: bytes) -> bytes:
    """With the right checksum, as somebody who means harm would write it."""
    return damaged[:2] + zlib.crc32(damaged[6:]).to_bytes(4, "little") + damaged[6:]


@given(share=st.floats(0, 1, exclude_max=True))
@example(share=0.0)
def test_any_truncation_is_refused(codec: Hyperprior, stream: bytes, share: float) -> None:
    with pytest.raises(BitstreamError):
        codec.decompress(stream[: int(share * len(stream))])


@given(data=st.data())
def test_any_changed_byte_is_refused(codec: Hyperprior, stream: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(stream) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(stream)
    damaged[place] ^= change
    with pytest.raises(BitstreamError):
        codec.decompress(bytes(damaged))


@given(content=st.binary(max_size=200))
def test_foreign_bytes_are_refused(codec: Hyperprior, content: bytes) -> None:
    for foreign in (content, b"RM" + content):
        with pytest.raises(BitstreamError):
            codec.decompress(foreign)


def test_a_stream_of_other_weights_is_refused(codec: Hyperprior, stream: bytes) -> None:
    content = unpack(stream)
    other = bytes(b ^ 0xFF for b in content.weights)
    with pytest.raises(BitstreamError, match="other weights"):
        codec.decompress(pack(replace(content, weights=other)))


@pytest.mark.parametrize("part", ["hyper", "latent"])
@pytest.mark.parametrize("left", [0, 3, 4, 9])
def test_parts_too_short_for_the_decoder_are_refused(
    codec: Hyperprior, stream: bytes, part: str, left: int
) -> None:
    content = unpack(stream)
    shortened = getattr(content, part)[:left]
    with pytest.raises(BitstreamError):
        codec.decompress(pack(replace(content, **{part: shortened})))


def test_trailing_bytes_are_refused(codec: Hyperprior, stream: bytes) -> None:
    with pytest.raises(BitstreamError, match="cut off or damaged"):
        codec.decompress(stream + b"\0\0\0\0")


@given(data=st.data())
def test_a_header_that_lies_is_refused_or_read_as_it_says(data: st.DataObject) -> None:
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    whole = pack(Container(b"ab", 64, 48, levels, b"\1" * 8, b"\2" * 16))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(6, len(whole) - 25))] = data.draw(st.integers(0, 255))
    try:
        content = unpack(_resealed(bytes(damaged)))
    except BitstreamError:
        return
    assert content.width > 0
    assert content.height > 0
    assert content.levels.max() <= 7 * 32
    grid = (-(-content.height // 16), -(-content.width // 16))
    assert content.levels.shape in ((), grid)


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (8, 0, "empty picture"),  # 16 pixels wide, so its low byte is all of the width
        (12, 225, "over 7"),
        (12, 255, "level map"),
        (13, 127, "cut off"),
    ],
)
def test_each_lie_of_a_header_is_named(place: int, value: int, sentence: str) -> None:
    whole = bytearray(pack(Container(b"ab", 16, 16, np.array(9, np.uint8), b"\1" * 8, b"\2" * 8)))
    whole[place] = value
    with pytest.raises(BitstreamError, match=sentence):
        unpack(_resealed(bytes(whole)))
