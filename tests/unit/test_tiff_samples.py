"""TIFFs of every depth become what they show, whichever end of grey is white, or are refused."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import tifffile

from riskmask.server.engine.decode import decode
from riskmask.server.engine.errors import UnsupportedFormatError

WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
NONE, DEFLATE = 1, 8
ENDS = [(BLACK_IS_ZERO, [0, 128, 255]), (WHITE_IS_ZERO, [255, 127, 0])]
# Black, just above the middle, white where black is zero; by bits per sample.
FEW_BITS = {8: b"\x00\x80\xff", 4: b"\x08\xf0", 2: b"\x2c", 1: b"\x60"}
FEW_SHOWN = {8: [0, 128, 255], 4: [0, 136, 255], 2: [0, 170, 255], 1: [0, 255, 255]}


def _tiff(
    bits: int,
    photometric: int | None,
    data: bytes,
    *,
    order: str = "<",
    format: int = UNSIGNED,
    compression: int = NONE,
    size: tuple[int, int] = (3, 1),
) -> bytes:
    """One strip of grey (TIFF 6.0, sections 2, 4 and 19); a photometric value may be missing."""
    if compression == DEFLATE:
        data = zlib.compress(data)
    values = {256: size[0], 257: size[1], 258: bits, 259: compression, 262: photometric}
    values |= {273: 0, 277: 1, 278: size[1], 279: len(data), 339: format}
    tags = {tag: value for tag, value in values.items() if value is not None}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return head + struct.pack(order + "H", len(tags)) + entries + bytes(4) + data


def _packed(samples: list[int]) -> bytes:
    """A row of 12 bits a sample, the highest first, filled up to whole bytes."""
    bits = "".join(f"{sample:012b}" for sample in samples)
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


@pytest.mark.parametrize("compression", [NONE, DEFLATE])
def test_12_bits_are_scaled_by_their_own_white_and_rounded(compression: int) -> None:
    rows = np.array([[0, 8, 9, 2047, 2048], [4095, 4087, 4086, 16, 1000]])
    data = b"".join(_packed(row) for row in rows.tolist())
    content = _tiff(12, BLACK_IS_ZERO, data, compression=compression, size=(5, 2))
    decoded = decode(content)
    expected = np.rint(rows * 255 / 4095).astype(np.uint8)
    np.testing.assert_array_equal(decoded.pixels, np.stack([expected] * 3, axis=2))
    assert decoded.facts.notes == ("12 bits per sample were scaled to 8",)


@pytest.mark.parametrize("compression", [NONE, DEFLATE])
@pytest.mark.parametrize(("photometric", "shown"), ENDS)
def test_16_bits_are_black_and_white_as_the_photometric_value_says(
    compression: int, photometric: int, shown: list[int]
) -> None:
    data = struct.pack("<3H", 0, 0x8000, 0xFFFF)
    decoded = decode(_tiff(16, photometric, data, compression=compression))
    assert decoded.pixels[0].tolist() == [[grey] * 3 for grey in shown]
    assert decoded.facts.notes == ("16 bits per sample were scaled to 8",)


def test_16_bits_of_big_endian_files_are_no_negative() -> None:
    data = struct.pack(">3H", 0, 0x8000, 0xFFFF)
    decoded = decode(_tiff(16, BLACK_IS_ZERO, data, order=">"))
    assert decoded.pixels[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("bits", FEW_BITS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, WHITE_IS_ZERO])
def test_8_bits_and_fewer_are_too(photometric: int, order: str, bits: int) -> None:
    decoded = decode(_tiff(bits, photometric, FEW_BITS[bits], order=order))
    black_is_zero = np.array(FEW_SHOWN[bits])
    shown = black_is_zero if photometric == BLACK_IS_ZERO else 255 - black_is_zero
    assert decoded.pixels[0, :, 0].tolist() == shown.tolist()
    assert decoded.facts.notes == ()


def test_without_a_photometric_value_all_depths_are_read_alike() -> None:
    few = decode(_tiff(8, None, b"\x00\x80\xff")).pixels
    many = decode(_tiff(16, None, struct.pack("<3H", 0, 0x8080, 0xFFFF))).pixels
    np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, WHITE_IS_ZERO])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("bits", "format", "kind"),
    [
        (8, SIGNED, "b"),
        (16, SIGNED, "h"),
        (16, FLOAT, "e"),
        (32, UNSIGNED, "I"),
        (32, SIGNED, "i"),
        (32, FLOAT, "f"),
    ],
)
def test_samples_without_a_defined_black_and_white_are_refused(
    bits: int, format: int, kind: str, order: str, photometric: int
) -> None:
    data = struct.pack(f"{order}3{kind}", 0, 1, 100)
    with pytest.raises(UnsupportedFormatError, match="; send "):
        decode(_tiff(bits, photometric, data, order=order, format=format))


@pytest.mark.parametrize(
    ("bits", "order", "photometric"),
    [(12, "<", WHITE_IS_ZERO), (12, ">", BLACK_IS_ZERO), (16, ">", WHITE_IS_ZERO)],
)
def test_what_pillow_does_not_read_is_refused_and_not_called_damaged(
    bits: int, order: str, photometric: int
) -> None:
    with pytest.raises(UnsupportedFormatError, match="send the image as a PNG"):
        decode(_tiff(bits, photometric, bytes(6), order=order))


@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_of_16_bits_are_right_or_refused(order: str) -> None:
    """Pillow reads those that are not compressed as planes of 8 bits."""
    planes = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5) * 1000
    raw, packed = BytesIO(), BytesIO()
    options = {"photometric": "rgb", "planarconfig": "separate", "byteorder": order}
    tifffile.imwrite(raw, planes, **options)
    tifffile.imwrite(packed, planes, **options, compression="zlib")
    with pytest.raises(UnsupportedFormatError, match="planes of 16 bits"):
        decode(raw.getvalue())
    shown = decode(packed.getvalue()).pixels.astype(int)
    assert abs(shown - planes.transpose(1, 2, 0) / 257).max() <= 1


def test_planes_of_8_bits_are_read() -> None:
    planes = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    content = BytesIO()
    tifffile.imwrite(content, planes, photometric="rgb", planarconfig="separate")
    decoded = decode(content.getvalue())
    np.testing.assert_array_equal(decoded.pixels, planes.transpose(1, 2, 0))
