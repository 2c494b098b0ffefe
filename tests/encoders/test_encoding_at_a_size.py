"""Files as large as asked for, or an error that says what is possible."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.encoders import ENCODERS, find_encoder
from riskmask.model.encoders.base import finest_within
from riskmask.model.encoders.errors import (
    EncoderHintError,
    UnknownEncoderError,
    UnreachableSizeError,
)
from riskmask.model.encoders.kvazaar import Kvazaar
from riskmask.server.engine.hint_formats.canonical import CanonicalMap
from riskmask.server.engine.hints import HINT_FORMATS
from riskmask.server.engine.values import JpegAdvice

Pixels = NDArray[np.uint8]
FAST = ["jpeg", pytest.param("kvazaar", marks=pytest.mark.slow), "x264", "x265"]


@pytest.mark.parametrize("name", FAST)
def test_a_size_that_no_setting_reaches_is_an_error_with_the_smallest(
    name: str, portrait: Pixels
) -> None:
    encoder = find_encoder(name)
    with pytest.raises(UnreachableSizeError, match=r"at least \d+ bytes") as caught:
        encoder.encode(portrait, 200, None, encoder.suffixes[0])
    assert 200 < caught.value.smallest < 4000
    again = encoder.encode(portrait, caught.value.smallest, None, encoder.suffixes[0])
    assert len(again.data) == caught.value.smallest


@pytest.mark.parametrize("name", FAST)
def test_odd_sizes_come_out_as_they_are_or_say_what_was_padded(
    name: str, portrait: Pixels, decode: Callable[[bytes], Pixels]
) -> None:
    odd = np.ascontiguousarray(portrait[60:161, 60:177])
    encoder = find_encoder(name)
    encoded = encoder.encode(odd, 5000, None, encoder.suffixes[0])
    decoded = decode(encoded.data)
    if name == "jpeg":
        assert (decoded.shape, encoded.notes) == ((101, 117, 3), ())
    else:
        assert decoded.shape == (102, 118, 3)
        assert "117x101 was coded as 118x102" in encoded.notes[0]
    error = odd.astype(np.float64) - decoded[:101, :117]
    assert np.mean(error**2) < 60


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("suffix", [1, 2])
def test_every_suffix_gives_a_file_that_opens(
    name: str, suffix: int, portrait: Pixels, decode: Callable[[bytes], Pixels]
) -> None:
    encoder = find_encoder(name)
    chosen = encoder.suffixes[min(suffix, len(encoder.suffixes) - 1)]
    encoded = encoder.encode(portrait[:64, :64], 3000, None, chosen)
    assert decode(encoded.data).shape == (64, 64, 3)


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - {"hyperprior"}))
def test_a_hint_of_another_image_is_refused(
    name: str, portrait: Pixels, wanted: CanonicalMap
) -> None:
    encoder = find_encoder(name)
    hint = HINT_FORMATS[encoder.hint_format].export(wanted).data
    with pytest.raises(EncoderHintError):
        encoder.encode(portrait[:40, :40], 5000, hint, encoder.suffixes[0])
    with pytest.raises(EncoderHintError):
        encoder.encode(portrait, 5000, hint[:-1], encoder.suffixes[0])


@pytest.mark.slow
@pytest.mark.parametrize(("side", "size_bytes"), [(64, 3000), (128, 2000)])
def test_kvazaar_tells_the_mean_of_the_units_it_has(side: int, size_bytes: int) -> None:
    """A sixteenth of one or of four units is a whole one."""
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    encoder = find_encoder("kvazaar")
    encoded = encoder.encode(noise, size_bytes, None, ".hevc")
    units = (side // 64) ** 2
    assert encoded.setting is not None
    assert (encoded.setting * units).is_integer()
    assert encoded.quality == f"mean qp {encoded.setting:g}"
    if units == 1:
        assert isinstance(encoder, Kvazaar)
        assert len(encoder.at(noise, int(encoded.setting), ".hevc")) == pytest.approx(
            len(encoded.data), abs=8
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "height"), [(2176, 1024), (1492, 1492), (2304, 1024), (4216, 64), (4222, 64)]
)
def test_x265_takes_a_hint_on_either_side_of_level_4(
    width: int, height: int, decode: Callable[[bytes], Pixels]
) -> None:
    """From there on HEVC forbids the units that follow a map best, and x265 refuses them."""
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    image = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (height, width, 3)))
    levels = np.full((-(-height // 16), -(-width // 16)), 1.0, np.float32)
    levels[1] = 3.0
    canonical = CanonicalMap(levels, width, height, 1.0, JpegAdvice(80, "4:4:4", 1000, safe=True))
    hint = HINT_FORMATS["ffmpeg-roi"].export(canonical).data
    data = find_encoder("x265").encode(image, 20_000, hint, ".mp4").data
    assert decode(data).shape == image.shape


def test_a_hint_makes_no_size_unreachable_for_x265(portrait: Pixels) -> None:
    """Its small units cost more at the coarsest quality than its own: those are taken then."""
    encoder = find_encoder("x265")
    with pytest.raises(UnreachableSizeError) as caught:
        encoder.encode(portrait, 200, None, ".mp4")
    smallest = caught.value.smallest
    assert len(encoder.encode(portrait, smallest, b"", ".mp4").data) <= smallest


@pytest.mark.parametrize("name", ["x264", "x265"])
def test_more_bytes_than_a_picture_needs_give_a_common_profile(name: str, portrait: Pixels) -> None:
    """At CRF 0 x264 codes without loss, in a profile that few decoders read."""
    encoded = find_encoder(name).encode(portrait, 10_000_000, None, ".mp4")
    with av.open(BytesIO(encoded.data)) as opened:
        assert opened.streams.video[0].profile == {"x264": "High", "x265": "Main"}[name]


def test_an_unknown_encoder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownEncoderError, match="hyperprior, jpeg, kvazaar, x264, x265"):
        find_encoder("h264")


@pytest.mark.parametrize("size", [99, 100, 500, 731, 5000])
def test_the_search_finds_the_finest_file_that_fits(size: int) -> None:
    sizes = [100 + 10 * setting + 13 * (setting % 3) for setting in range(80)]
    if size < min(sizes):
        with pytest.raises(UnreachableSizeError):
            finest_within(lambda setting: bytes(sizes[setting]), 80, size, "a test")
        return
    setting, data = finest_within(lambda setting: bytes(sizes[setting]), 80, size, "a test")
    assert len(data) == sizes[setting] <= size
    assert len(data) >= max(value for value in sizes if value <= size) - 13
