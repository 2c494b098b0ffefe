"""Every format says what was wanted as nearly as it can, and can be read back."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.levels import FINEST, step_of_level
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles
from riskmask.server.engine.errors import UnknownHintFormatError
from riskmask.server.engine.hint_formats.canonical import OCTAVES_PER_LEVEL, CanonicalMap, HintError
from riskmask.server.engine.hint_formats.ffmpeg_roi import MOST_REGIONS
from riskmask.server.engine.hint_formats.quality_advice import webp_level, webp_quality
from riskmask.server.engine.hint_formats.rectangles import TooManyRectanglesError
from riskmask.server.engine.hints import HINT_FORMATS, check_hint_formats, export_hints
from riskmask.server.engine.values import JpegAdvice

# Half a step of the encoder's parameter, in levels, and the side of a cell in blocks.
QP = 0.5 / 6 / OCTAVES_PER_LEVEL
QINDEX = 0.5 / 38.3 / OCTAVES_PER_LEVEL
PRECISION = {
    "riskmask-levels": (0.0, 1),
    "neural-quality": (1e-5, 1),
    "ffmpeg-roi": (QP, 1),
    "ffmpeg-addroi": (QP, 1),
    "x264": (1e-5, 1),
    "x265": (1e-5, 1),
    "kvazaar": (QP, 4),
    "svt-av1": (QINDEX, 4),
    "libaom": (4 * QINDEX, 1),
    "libvpx": (4 * QINDEX, 1),
    "nvenc-h264": (QP, 1),
    "nvenc-hevc": (QP, 2),
    "nvenc-av1": (QINDEX, 4),
    "android-qp-map": (QP, 1),
    "android-qp-rects": (QP, 1),
    "jpeg-ai": (0.5 / 4 / OCTAVES_PER_LEVEL, 1),
}
ADVICE = {"jpeg", "webp", "jpeg-xl"}
# What a format cannot say beyond, as levels from the base.
REACH = {"jpeg-ai": 8 / 4 / OCTAVES_PER_LEVEL, "nvenc-av1": 127 / 38.3 / OCTAVES_PER_LEVEL}
MAPS = sorted(PRECISION)


@st.composite
def canonical_maps(draw: st.DrawFn, distinct: int = 7) -> CanonicalMap:
    """Maps of images of any size, with at most so many distinct levels."""
    width, height = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    palette = draw(st.lists(st.floats(0, 7, width=32), min_size=1, max_size=distinct))
    chosen = np.random.default_rng(draw(st.integers(0, 1000)))
    blocks = (-(-height // 16), -(-width // 16))
    levels = chosen.choice(np.array(palette, np.float32), blocks)
    base = draw(st.floats(0, 7))
    return CanonicalMap(levels, width, height, base, JpegAdvice(80, "4:2:0", 1000, safe=True))


def with_levels(canonical: CanonicalMap, levels: NDArray[np.float32]) -> CanonicalMap:
    """The map of the same image with other levels."""
    return replace(canonical, levels=np.clip(levels, 0.0, FINEST).astype(np.float32))


def wanted(canonical: CanonicalMap, cell: int) -> NDArray[np.float32]:
    """The levels where a cell of so many blocks gets the finest that it holds."""
    levels = canonical.levels.copy()
    for row in range(0, levels.shape[0], cell):
        for column in range(0, levels.shape[1], cell):
            block = np.s_[row : row + cell, column : column + cell]
            levels[block] = levels[block].max()
    return levels


def test_every_format_is_covered_here() -> None:
    assert set(HINT_FORMATS) == set(MAPS) | ADVICE


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=30, deadline=None)
@given(canonical=canonical_maps())
def test_what_is_read_back_is_what_was_wanted(name: str, canonical: CanonicalMap) -> None:
    hint = HINT_FORMATS[name]
    half_step, cell = PRECISION[name]
    read = hint.parse(hint.export(canonical).data, canonical)
    reach = REACH.get(name, 7.0)
    base = canonical.base_level
    expected = np.clip(wanted(canonical, cell), base - reach, base + reach)
    np.testing.assert_allclose(read, expected, atol=half_step + 1e-5)


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=30, deadline=None)
@given(canonical=canonical_maps(distinct=20))
def test_a_hint_that_was_read_is_written_as_it_was(name: str, canonical: CanonicalMap) -> None:
    hint = HINT_FORMATS[name]
    first = hint.export(canonical)
    again = hint.export(with_levels(canonical, hint.parse(first.data, canonical)))
    # Where the levels end (0 and 7), a rounded offset may lie half a step beyond them.
    once_more = hint.export(with_levels(canonical, hint.parse(again.data, canonical)))
    assert again.data == once_more.data
    edge = np.isin(hint.parse(first.data, canonical), (0.0, 7.0)).any()
    if not edge:
        assert again.data == first.data


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=20, deadline=None)
@given(canonical=canonical_maps())
def test_a_hint_for_another_size_is_refused(name: str, canonical: CanonicalMap) -> None:
    hint = HINT_FORMATS[name]
    larger = CanonicalMap(
        np.zeros((12, 12), np.float32), 190, 190, canonical.base_level, canonical.jpeg
    )
    smaller = replace(
        larger, levels=np.full((1, 1), larger.base_level, np.float32), width=1, height=1
    )
    data = hint.export(replace(larger, levels=np.eye(12, dtype=np.float32) * 7)).data
    with pytest.raises(HintError, match=r"1x1|does not lie"):
        hint.parse(data, smaller)


@pytest.mark.parametrize("name", ["riskmask-levels", "neural-quality"])
def test_a_signalling_nan_is_refused_like_any_other(name: str) -> None:
    # 0x7f810000 warned when it was made a float64; NaNs that do not signal never did.
    like = CanonicalMap(
        np.zeros((2, 2), np.float32), 20, 30, 3.0, JpegAdvice(80, "4:2:0", 1, safe=True)
    )
    for nan in (b"\x00\x00\x81\x7f", b"\x00\x00\xc0\x7f"):
        with pytest.raises(HintError, match="must lie in"):
            HINT_FORMATS[name].parse(nan + bytes(12), like)


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=64))
def test_foreign_bytes_are_an_error_or_levels(name: str, data: bytes) -> None:
    like = CanonicalMap(
        np.zeros((2, 2), np.float32), 20, 30, 3.0, JpegAdvice(80, "4:2:0", 1, safe=True)
    )
    try:
        levels = HINT_FORMATS[name].parse(data, like)
    except HintError:
        return
    assert levels.shape == (2, 2)
    assert ((levels >= 0) & (levels <= 7)).all()


@pytest.mark.parametrize("name", sorted(HINT_FORMATS))
def test_every_format_is_registered_under_its_own_name(
    name: str, profiles: dict[str, CodecProfile]
) -> None:
    canonical = CanonicalMap(
        np.zeros((2, 3), np.float32),
        40,
        30,
        2.0,
        JpegAdvice(80, "4:2:0", 1000, safe=True),
        profiles,
    )
    payload = HINT_FORMATS[name].export(canonical)
    assert payload.format == HINT_FORMATS[name].name == name
    assert payload.effectiveness == HINT_FORMATS[name].effectiveness
    assert payload.effectiveness in {"EFFECTIVE", "NOT_EFFECTIVE_ON_STILLS", "UNPROVEN"}
    if payload.block:
        assert payload.columns == -(-40 // payload.block)
        assert payload.rows == -(-30 // payload.block)


@pytest.fixture
def half_fine() -> CanonicalMap:
    """40x24 pixels at base level 3, the first block a level finer, the others at the base."""
    levels = np.full((2, 3), 3.0, np.float32)
    levels[0, 0] = 4.0
    return CanonicalMap(levels, 40, 24, 3.0, JpegAdvice(85, "4:4:4", 1234, safe=True))


EXPECTED: dict[str, Callable[[bytes], Any]] = {
    "kvazaar": lambda data: data == struct.pack("<2ib", 1, 1, -4),
    "svt-av1": lambda data: data == b"0 -26\n",
    "nvenc-hevc": lambda data: data == struct.pack("2b", -4, 0),
    "android-qp-map": lambda data: data == struct.pack("6b", -4, 0, 0, 0, 0, 0),
    "android-qp-rects": lambda data: data == b"0,0-16,16=-4;",
    "jpeg-ai": lambda data: data == struct.pack("6b", 3, 0, 0, 0, 0, 0),
    "ffmpeg-roi": lambda data: data == struct.pack("<I6i", 28, 0, 16, 0, 16, -4, 51),
    "ffmpeg-addroi": lambda data: data == b"addroi=x=0:y=0:w=16:h=16:qoffset=-4/51",
    "libvpx": lambda data: (
        data
        == struct.pack("<8i", 0, -6, *[0] * 6)
        + bytes([1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    ),
    "x265": lambda data: np.allclose(np.frombuffer(data, "<f4"), [-4.0408, 0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_these_are_the_bytes_for_one_block_a_level_finer(
    name: str, half_fine: CanonicalMap
) -> None:
    data = HINT_FORMATS[name].export(half_fine).data
    assert EXPECTED[name](data), data


@settings(max_examples=30, deadline=None)
@given(canonical=canonical_maps(distinct=40))
def test_av1_never_gets_more_than_eight_values(canonical: CanonicalMap) -> None:
    numbers = HINT_FORMATS["svt-av1"].export(canonical).data.decode().split()[1:]
    assert len(set(numbers)) <= 8
    assert all(-255 <= int(number) <= 255 for number in numbers)
    assert len(numbers) == -(-canonical.width // 64) * -(-canonical.height // 64)


@settings(max_examples=30, deadline=None)
@given(canonical=canonical_maps())
def test_regions_with_most_bits_are_listed_first(canonical: CanonicalMap) -> None:
    data = HINT_FORMATS["ffmpeg-roi"].export(canonical).data
    regions = list(struct.iter_unpack("<I6i", data))
    whole = (0, canonical.height, 0, canonical.width)
    listed = regions[:-1] if regions and regions[-1][1:5] == whole else regions
    assert [region[5] for region in listed] == sorted(region[5] for region in listed)
    assert all(-51 <= region[5] <= 51 and region[6] == 51 for region in regions)


def _chessboard(square: int) -> CanonicalMap:
    """Levels 3 and 5 in turn, on 1024x1024 pixels, in squares of so many pixels."""
    fields = np.indices((64, 64)).astype(np.intp) * 16 // square
    levels = np.where(fields.sum(axis=0) % 2, 5.0, 3.0).astype(np.float32)
    return CanonicalMap(levels, 1024, 1024, 3.0, JpegAdvice(80, "4:2:0", 1000, safe=True))


def test_side_data_lists_a_scattered_map_block_by_block() -> None:
    scattered = _chessboard(16)
    hint = HINT_FORMATS["ffmpeg-roi"]
    data = hint.export(scattered).data
    assert len(data) == 28 * 2049 < 28 * MOST_REGIONS
    np.testing.assert_allclose(hint.parse(data, scattered), scattered.levels, atol=QP)


@pytest.mark.parametrize("name", ["ffmpeg-addroi", "android-qp-rects"])
def test_a_list_that_would_be_too_long_is_made_of_a_map_of_larger_squares(name: str) -> None:
    with pytest.raises(TooManyRectanglesError, match="2049 rectangles is longer than the 400"):
        HINT_FORMATS[name].export(_chessboard(16))
    asked: list[int] = []

    def map_of(square: int) -> CanonicalMap:
        asked.append(square)
        return _chessboard(square)

    [hint] = export_hints([name], {name: 16}, map_of, _chessboard(1024))
    assert (asked, hint.square) == ([16, 32, 64], 64)
    assert hint.levels is not None
    np.testing.assert_array_equal(hint.levels, _chessboard(64).levels)
    read = HINT_FORMATS[name].parse(hint.payload.data, _chessboard(64))
    np.testing.assert_allclose(read, hint.levels, atol=QP)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("kvazaar", struct.pack("<2ib", 1, 1, -52)),
        ("nvenc-h264", bytes([204, 0, 0, 0])),
        ("nvenc-hevc", bytes([52])),
        ("nvenc-av1", bytes([128])),
    ],
)
def test_deltas_that_no_exporter_writes_are_refused(name: str, data: bytes) -> None:
    like = CanonicalMap(
        np.zeros((2, 2), np.float32), 20, 30, 3.0, JpegAdvice(80, "4:2:0", 1, safe=True)
    )
    with pytest.raises(HintError, match=r"must lie in \[-(51|127), (51|127)\]"):
        HINT_FORMATS[name].parse(data, like)


@pytest.mark.parametrize("name", ["ffmpeg-roi", "ffmpeg-addroi"])
def test_regions_are_offset_by_the_profile_of_the_encoder_that_was_asked_for(name: str) -> None:
    packaged = packaged_profiles()
    jpeg = JpegAdvice(80, "4:2:0", 1, safe=True)
    levels = np.array([[7.0, 3.0]], np.float32)
    for codec, profile in (("x264", "x264"), ("x265", "x265"), ("hyperprior", "x264")):
        wanted = CanonicalMap(levels, 32, 16, 3.0, jpeg, packaged, codec)
        read = HINT_FORMATS[name].parse(HINT_FORMATS[name].export(wanted).data, wanted)
        np.testing.assert_allclose(read, levels, atol=QP)
        asked = packaged[profile].quality_of_level(7.0) - packaged[profile].quality_of_level(3.0)
        assert wanted.offsets(profile, -6.0)[0, 0] == pytest.approx(asked)
        text = HINT_FORMATS["ffmpeg-addroi"].export(wanted).data.decode("ascii")
        assert f"qoffset={round(asked)}/51" in text


def test_a_profile_takes_the_place_of_the_definition(half_fine: CanonicalMap) -> None:
    profile = CodecProfile(
        name="x264",
        version="test",
        codec="of a test",
        quality_minimum=0,
        quality_maximum=51,
        quality_integer=False,
        quality_meaning="crf, lower is finer",
        anchors=((0.0, 51.0), (3.0, 40.0), (5.0, 20.0)),
        rate_factor=(1.0,) * 8,
        risk_slope=(1.0,) * 8,
        risk_intercept=(0.0,) * 8,
        fitted_on="nothing",
    )
    canonical = replace(half_fine, profiles={"x264": profile})
    hint = HINT_FORMATS["x264"]
    data = hint.export(canonical).data
    np.testing.assert_allclose(np.frombuffer(data, "<f4"), [-10, 0, 0, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(hint.parse(data, canonical), canonical.levels, atol=1e-5)


@pytest.mark.parametrize("name", sorted(ADVICE))
def test_advice_is_the_quality_of_the_advised_jpeg(
    name: str, half_fine: CanonicalMap, profiles: dict[str, CodecProfile]
) -> None:
    hint = HINT_FORMATS[name]
    said = []
    for quality in (20, 60, 85):
        canonical = replace(
            half_fine, jpeg=JpegAdvice(quality, "4:4:4", 1234, safe=True), profiles=profiles
        )
        data = hint.export(canonical).data
        said.append(json.loads(data))
        level = profiles["jpeg"].level_of_quality(quality)
        read = hint.parse(data, canonical)
        # WebP has no steps as coarse as those of the coarsest levels.
        assert np.ptp(read) == 0
        assert read[0, 0] == pytest.approx(max(level, 2.3 if name == "webp" else 0.0), abs=0.1)
    qualities = [advice["quality"] for advice in said]
    assert qualities == sorted(qualities)
    if name == "jpeg":
        assert said[2] == {
            "encoder": "jpeg",
            "quality": 85,
            "subsampling": "4:4:4",
            "estimated_bytes": 1234,
        }
    if name == "jpeg-xl":
        assert said[2]["distance"] == pytest.approx(0.1 + 15 * 0.09)


@given(quality=st.floats(5, 100))
def test_webp_quality_and_level_agree(quality: float) -> None:
    level = webp_level(quality)
    if 0.0 < level < 7.0:
        assert webp_quality(level) == pytest.approx(quality, abs=0.06)
        assert step_of_level(level) >= 2.0


@pytest.mark.parametrize(
    ("levels", "base", "said"),
    [
        (np.zeros((2, 2), np.float32), 3.0, "2x2 blocks; an image of 40x24 pixels has 3x2"),
        (np.full((2, 3), 7.5, np.float32), 3.0, r"lie in \[0, 7\]"),
        (np.full((2, 3), np.nan, np.float32), 3.0, "finite"),
        (np.zeros((2, 3), np.float32), 8.0, r"lie in \[0, 7\]"),
    ],
)
def test_a_map_that_fits_no_such_image_is_refused(
    levels: NDArray[np.float32], base: float, said: str
) -> None:
    with pytest.raises(HintError, match=said):
        CanonicalMap(levels, 40, 24, base, JpegAdvice(80, "4:2:0", 1000, safe=True))


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    check_hint_formats(HINT_FORMATS)
    with pytest.raises(UnknownHintFormatError, match=r"kvazaar.*neural-quality.*x265"):
        check_hint_formats(["riskmask-levels", "qp-map"])
