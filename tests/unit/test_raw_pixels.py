"""Raw frames become the RGB that another converter makes of them, and wrong sizes are refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.server.engine.decode import Limits
from riskmask.server.engine.errors import ImageTooLargeError, InvalidImageError
from riskmask.server.engine.raw_decode import decode_raw
from riskmask.server.engine.raw_image import ColorMatrix, ColorRange, PixelFormat, Plane, RawImage

Pixels = NDArray[np.uint8]
# swscale's names (libswscale/swscale.h) of the matrices; the ranges are AVColorRange
MATRICES = {ColorMatrix.BT601: 5, ColorMatrix.BT709: 1, ColorMatrix.BT2020_NCL: 9}
RANGES = {ColorRange.LIMITED: 1, ColorRange.FULL: 2}


@pytest.fixture(scope="module")
def smooth() -> tuple[Pixels, Pixels, Pixels]:
    """Y, Cb and Cr of 96x64 that stay within the colours that RGB can show."""
    rows, columns = np.mgrid[0:64, 0:96]
    luma = 60 + columns + rows // 2
    down, across = np.mgrid[0:32, 0:48]
    return (
        luma.astype(np.uint8),
        (110 + across // 2 + down // 3).astype(np.uint8),
        (145 - across // 3 - down // 2).astype(np.uint8),
    )


def packed(pixel_format: PixelFormat, planes: tuple[Pixels, ...], **options: Any) -> RawImage:
    height, width = planes[0].shape[:2]
    content = tuple(Plane(plane.tobytes()) for plane in planes)
    return RawImage(pixel_format, width, height, content, **options)


def ycbcr(
    pixel_format: PixelFormat, planes: tuple[Pixels, Pixels, Pixels], **options: Any
) -> RawImage:
    luma, cb, cr = planes
    if pixel_format is PixelFormat.NV12:
        return packed(pixel_format, (luma, np.stack([cb, cr], axis=2)), **options)
    return packed(pixel_format, (luma, cb, cr), **options)


@pytest.mark.parametrize("pixel_format", [PixelFormat.NV12, PixelFormat.I420])
@pytest.mark.parametrize("matrix", ColorMatrix)
@pytest.mark.parametrize("color_range", ColorRange)
def test_ycbcr_is_what_swscale_makes_of_it(
    pixel_format: PixelFormat,
    matrix: ColorMatrix,
    color_range: ColorRange,
    smooth: tuple[Pixels, Pixels, Pixels],
) -> None:
    raw = ycbcr(pixel_format, smooth, matrix=matrix, range=color_range)
    decoded = decode_raw(raw)
    frame = av.VideoFrame.from_ndarray(
        np.concatenate([smooth[0].ravel(), smooth[1].ravel(), smooth[2].ravel()]).reshape(96, 96),
        format="yuv420p",
    )
    expected = frame.reformat(
        format="gbrp",
        src_colorspace=MATRICES[matrix],
        dst_colorspace=MATRICES[matrix],
        src_color_range=RANGES[color_range],
        dst_color_range=RANGES[ColorRange.FULL],
        interpolation="BILINEAR",
    ).to_ndarray()
    # swscale cuts fractions off and sites chroma to the left
    difference = np.abs(decoded.pixels.astype(int) - expected.astype(int))
    assert difference.max() <= 3
    assert difference.mean() < 1.5
    assert decoded.facts.format == pixel_format.value
    assert f"YCbCr {matrix.name}, {color_range.value.lower()} range" in decoded.facts.notes[0]


def test_nv12_is_what_opencv_makes_of_it(smooth: tuple[Pixels, Pixels, Pixels]) -> None:
    flat = (smooth[0], np.full_like(smooth[1], 100), np.full_like(smooth[2], 150))
    raw = ycbcr(PixelFormat.NV12, flat, matrix=ColorMatrix.BT601, range=ColorRange.LIMITED)
    stacked = np.concatenate([flat[0], np.stack(flat[1:], axis=2).reshape(32, 96)])
    expected = cv2.cvtColor(stacked, cv2.COLOR_YUV2RGB_NV12)
    assert np.abs(decode_raw(raw).pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("color_range", "code", "grey"),
    [
        ("LIMITED", 16, 0),
        ("LIMITED", 235, 255),
        ("LIMITED", 0, 0),
        ("FULL", 0, 0),
        ("FULL", 200, 200),
    ],
)
def test_black_white_and_grey_keep_their_codes(color_range: str, code: int, grey: int) -> None:
    neutral = np.full((2, 2), 128, np.uint8)
    planes = (np.full((4, 4), code, np.uint8), neutral, neutral)
    raw = ycbcr(PixelFormat.I420, planes, range=ColorRange[color_range])
    assert (decode_raw(raw).pixels == grey).all()


@pytest.mark.parametrize(("lines", "matrix"), [(576, "BT601"), (578, "BT709")])
def test_what_is_not_said_is_assumed_by_the_lines_and_the_reply_says_so(
    lines: int, matrix: str
) -> None:
    chroma = np.full((lines // 2, 1), 90, np.uint8)
    planes = (np.full((lines, 2), 120, np.uint8), chroma, chroma)
    silent = decode_raw(ycbcr(PixelFormat.I420, planes))
    assert silent.facts.notes == (
        f"converted from YCbCr {matrix}, limited range; its matrix and range not said but assumed",
    )
    spoken = ycbcr(PixelFormat.I420, planes, matrix=ColorMatrix[matrix], range=ColorRange.LIMITED)
    np.testing.assert_array_equal(decode_raw(spoken).pixels, silent.pixels)


@pytest.mark.parametrize("pixel_format", PixelFormat)
@pytest.mark.parametrize("padding", [0, 1, 37])
def test_strides_skip_what_is_between_the_rows(pixel_format: PixelFormat, padding: int) -> None:
    random = np.random.default_rng(5)
    shapes = {
        PixelFormat.RGB8: [(6, 8, 3)],
        PixelFormat.RGBA8: [(6, 8, 4)],
        PixelFormat.GRAY8: [(6, 8)],
        PixelFormat.NV12: [(6, 8), (3, 4, 2)],
        PixelFormat.I420: [(6, 8), (3, 4), (3, 4)],
    }[pixel_format]
    samples = tuple(random.integers(0, 256, shape).astype(np.uint8) for shape in shapes)
    tight = packed(pixel_format, samples)
    planes = []
    for plane in samples:
        rows = plane.reshape(plane.shape[0], -1)
        padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
        # the last row ends at its last sample
        planes.append(Plane(padded.tobytes()[: padded.size - padding], padded.shape[1]))
    loose = replace(tight, planes=tuple(planes))
    np.testing.assert_array_equal(decode_raw(loose).pixels, decode_raw(tight).pixels)
    digest = hashlib.sha256(b"".join(plane.data for plane in planes)).hexdigest()
    assert decode_raw(loose).facts.sha256 == digest


def test_rgb_grey_and_alpha_keep_their_values() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    plain = decode_raw(packed(PixelFormat.RGB8, (rgb,)))
    np.testing.assert_array_equal(plain.pixels, rgb)
    assert plain.facts.notes == ()
    grey = decode_raw(packed(PixelFormat.GRAY8, (rgb[..., 0],)))
    np.testing.assert_array_equal(grey.pixels, np.repeat(rgb[..., :1], 3, axis=2))
    opaque = np.dstack([rgb, np.full((5, 7), 255, np.uint8)])
    assert decode_raw(packed(PixelFormat.RGBA8, (opaque,))).facts.notes == ()
    opaque[..., 3] = 0
    clear = decode_raw(packed(PixelFormat.RGBA8, (opaque,)))
    assert (clear.pixels == 255).all()
    assert clear.facts.notes == ("transparent pixels were laid over white",)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_turns_clockwise(turns: int) -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    decoded = decode_raw(packed(PixelFormat.RGB8, (rgb,), quarter_turns=turns))
    codes = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}
    np.testing.assert_array_equal(decoded.pixels, cv2.rotate(rgb, codes[turns]))
    assert decoded.facts.notes == (f"turned clockwise by {90 * turns} degrees as asked",)
    assert (decoded.facts.width, decoded.facts.height) == decoded.pixels.shape[1::-1]


def test_what_does_not_fit_together_is_refused_and_named(
    smooth: tuple[Pixels, Pixels, Pixels],
) -> None:
    good = ycbcr(PixelFormat.NV12, smooth)
    luma, chroma = good.planes
    rgb = RawImage(PixelFormat.RGB8, 4, 2, (Plane(bytes(24)),))
    wrong = [
        (replace(good, planes=(luma,)), r"2 planes \(Y, CbCr\), not 1"),
        (replace(good, planes=(Plane(luma.data[:-1]), chroma)), "plane Y has 6143 bytes"),
        (replace(good, planes=(luma, Plane(chroma.data, 97))), "plane CbCr has 3072 bytes"),
        (replace(good, planes=(Plane(luma.data, 95), chroma)), "stride of plane Y is 95 bytes"),
        (replace(good, planes=(Plane(luma.data, -96), chroma)), "stride of plane Y is -96"),
        (replace(good, width=95), "even width and height, not 95x64"),
        (replace(good, height=63), "even width and height, not 96x63"),
        (replace(good, width=0), "at least 1, not 0x64"),
        (replace(good, height=-2), "at least 1, not 96x-2"),
        (replace(good, quarter_turns=4), "0, 90, 180 or 270"),
        (replace(rgb, planes=(Plane(bytes(23)),)), "need 24"),
        (replace(rgb, planes=(Plane(bytes(24), 11),)), "a row has 12"),
        (replace(rgb, matrix=ColorMatrix.BT709), "has no colour matrix"),
        (replace(rgb, range=ColorRange.FULL), "has no colour matrix and no range"),
    ]
    for image, sentence in wrong:
        with pytest.raises(InvalidImageError, match=sentence):
            decode_raw(image)


def test_the_limits_hold_for_raw_pixels_too(smooth: tuple[Pixels, Pixels, Pixels]) -> None:
    raw = ycbcr(PixelFormat.I420, smooth)
    for limits, sentence in (
        (Limits(max_bytes=96 * 96 - 1), "has 9216 bytes"),
        (Limits(max_pixels=96 * 64 - 1), "has 6144 pixels"),
        (Limits(max_side=95), "is 96x64"),
    ):
        with pytest.raises(ImageTooLargeError, match=sentence):
            decode_raw(raw, limits)
    huge = RawImage(PixelFormat.NV12, 2**31 - 2, 2**31 - 2, (Plane(b""), Plane(b"")))
    with pytest.raises(ImageTooLargeError):
        decode_raw(huge)
