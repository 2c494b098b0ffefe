"""16 bits, CMYK, alpha, palettes and colour profiles become 8-bit sRGB, and the reply says so."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from riskmask.server.engine.decode import decode
from riskmask.server.engine.errors import UnsupportedFormatError

SIXTEEN = "16 bits per sample were scaled to 8"
WHITE = "transparent pixels were laid over white"


@pytest.mark.parametrize("container", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_rounded(container: str, encode: Callable[..., bytes]) -> None:
    samples = np.array([[0, 128, 129, 257, 32767, 65279, 65406, 65407, 65535]], np.uint16)
    decoded = decode(encode(Image.fromarray(samples), container))
    expected = np.rint(samples / 257.0).astype(np.uint8)
    np.testing.assert_array_equal(decoded.pixels, np.stack([expected] * 3, axis=2))
    assert decoded.facts.notes == (SIXTEEN,)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bit_colour_is_scaled(extension: str) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    written, buffer = cv2.imencode(extension, samples[:, :, ::-1])
    assert written
    decoded = decode(buffer.tobytes())
    assert np.abs(decoded.pixels - samples / 257.0).max() <= 1.0
    assert decoded.facts.notes == (SIXTEEN,)


def test_32_bit_samples_are_refused(encode: Callable[..., bytes]) -> None:
    content = encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(UnsupportedFormatError, match="8 or 16 bits"):
        decode(content)


@pytest.mark.parametrize("container", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(container: str, encode: Callable[..., bytes]) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    decoded = decode(encode(red, container))
    assert np.abs(decoded.pixels.astype(int) - (255, 0, 0)).max() <= 3
    assert decoded.facts.notes == ("CMYK was converted to RGB",)


@pytest.mark.parametrize("container", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_over_white(container: str, encode: Callable[..., bytes]) -> None:
    image = Image.new("RGBA", (12, 8), (255, 0, 0, 255))
    image.paste((10, 20, 30, 0), (0, 0, 4, 8))
    image.paste((0, 0, 0, 102), (4, 0, 8, 8))
    options = {"lossless": True, "exact": True} if container == "WEBP" else {}
    decoded = decode(encode(image, container, **options))
    assert (decoded.pixels[:, :4] == 255).all()
    assert (decoded.pixels[:, 4:8] == 153).all()
    assert (decoded.pixels[:, 8:] == (255, 0, 0)).all()
    assert decoded.facts.notes == (WHITE,)


def test_an_opaque_alpha_channel_goes_unmentioned(encode: Callable[..., bytes]) -> None:
    decoded = decode(encode(Image.new("RGBA", (5, 5), (1, 2, 3, 255)), "PNG"))
    assert (decoded.pixels == (1, 2, 3)).all()
    assert decoded.facts.notes == ()


def test_grey_with_alpha_and_transparent_palettes(encode: Callable[..., bytes]) -> None:
    grey = Image.new("LA", (4, 4), (40, 0))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, 200, 0, 0])
    for content in (encode(grey, "PNG"), encode(palette, "PNG", transparency=1)):
        decoded = decode(content)
        assert (decoded.pixels == 255).all()
        assert decoded.facts.notes == (WHITE,)


def test_a_palette_may_be_translucent(encode: Callable[..., bytes]) -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([9, 9, 9, 200, 0, 0])
    decoded = decode(encode(palette, "PNG", transparency=bytes([255, 102])))
    assert (decoded.pixels == (233, 153, 153)).all()
    assert decoded.facts.notes == (WHITE,)


def _keyed_png(depth: int, colour_type: int, row: bytes, key: bytes, width: int) -> bytes:
    """One row of a PNG with a transparent colour (PNG, third edition, section 11.3.1.1)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, 1, depth, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tRNS", key), (b"IDAT", zlib.compress(b"\0" + row)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in (*chunks, (b"IEND", b"")))


def test_a_transparent_grey_of_16_bits_is_laid_over_white_and_its_neighbour_is_not() -> None:
    content = _keyed_png(16, 0, struct.pack(">HHH", 1000, 1001, 60000), b"\x03\xe8", 3)
    decoded = decode(content)
    assert decoded.pixels[0, :, 0].tolist() == [255, 4, 233]
    assert decoded.facts.notes == (SIXTEEN, WHITE)


@pytest.mark.parametrize(
    ("depth", "row", "key", "expected"),
    [
        (8, b"\x55\x56", 0x55, [255, 0x56]),
        (4, b"\x56", 5, [255, 0x66]),
        (2, b"\x60", 1, [255, 170]),
        (1, b"\x40", 0, [255, 255]),
    ],
)
def test_a_transparent_grey_of_few_bits_is_laid_over_white(
    depth: int, row: bytes, key: int, expected: list[int]
) -> None:
    decoded = decode(_keyed_png(depth, 0, row, struct.pack(">H", key), 2))
    assert decoded.pixels[0, :, 0].tolist() == expected
    assert decoded.facts.notes == (WHITE,)


def test_a_transparent_colour_of_16_bits_is_ignored_and_said_so() -> None:
    row, key = struct.pack(">6H", 771, 771, 771, 772, 771, 771), struct.pack(">3H", 3, 3, 3)
    decoded = decode(_keyed_png(16, 2, row, key, 2))
    assert decoded.pixels[0].tolist() == [[3, 3, 3], [3, 3, 3]]
    assert decoded.facts.notes == (
        SIXTEEN,
        "its transparent colour of 16 bits per sample was ignored",
    )


def test_one_bit_grey_and_palette(encode: Callable[..., bytes]) -> None:
    board = np.indices((8, 8)).sum(0) % 2 * 255
    expected = np.stack([board] * 3, axis=2)
    for mode in ("1", "L", "P"):
        image = Image.fromarray(board.astype(np.uint8)).convert(mode)
        np.testing.assert_array_equal(decode(encode(image, "PNG")).pixels, expected)


def _profile(name: str) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(name))  # type: ignore[arg-type]
    return profile.tobytes()


def test_an_srgb_profile_changes_nothing(encode: Callable[..., bytes]) -> None:
    pixels = np.full((4, 4, 3), (200, 30, 60), np.uint8)
    decoded = decode(encode(pixels, "PNG", icc_profile=_profile("sRGB")))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert decoded.facts.notes == ()


def _swapped_primaries() -> bytes:
    """sRGB with the red and blue primaries exchanged: red samples mean blue."""
    content = bytearray(_profile("sRGB"))
    count = int.from_bytes(content[128:132], "big")
    entries = {bytes(content[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    content[red + 4 : red + 12], content[blue + 4 : blue + 12] = (
        content[blue + 4 : blue + 12],
        content[red + 4 : red + 12],
    )
    start = content.find("sRGB".encode("utf-16-be"))
    content[start : start + 8] = "swap".encode("utf-16-be")
    return bytes(content)


def test_another_profile_is_converted_to_srgb(encode: Callable[..., bytes]) -> None:
    pixels = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    decoded = decode(encode(pixels, "PNG", icc_profile=_swapped_primaries()))
    assert np.abs(decoded.pixels.astype(int) - (0, 0, 255)).max() <= 3
    assert decoded.facts.notes == ("its colour profile was converted to sRGB",)


def _linear_grey() -> bytes:
    """A grey profile without a tone curve (ICC.1:2004-10, sections 7.2, 7.3, 10.5, 10.22)."""
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50 in 16.16 fixed point
    described = struct.pack(">4sII", b"desc", 0, 5) + b"grey\0" + bytes(80)
    tags = {
        b"desc": described + bytes(-len(described) % 4),
        b"cprt": struct.pack(">4sI", b"text", 0) + b"none\0\0\0\0",
        b"wtpt": struct.pack(">4sI", b"XYZ ", 0) + white,
        b"kTRC": struct.pack(">4sIIHH", b"curv", 0, 1, 0x0100, 0),
    }
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data
    size = 128 + len(table) + len(body)
    head = struct.pack(">II4s", size, 0, b"\2\x40\0\0") + b"mntrGRAYXYZ " + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + white.ljust(60, b"\0") + table + body


@pytest.mark.parametrize("container", ["PNG", "TIFF"])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_grey_profile_fits_grey_of_any_depth(
    container: str, depth: int, encode: Callable[..., bytes]
) -> None:
    grey = np.full((4, 4), 128) * (257 if depth == 16 else 1)
    image = Image.fromarray(grey.astype(np.uint16 if depth == 16 else np.uint8))
    decoded = decode(encode(image, container, icc_profile=_linear_grey()))
    # Half of the light is the grey 188 of sRGB (IEC 61966-2-1).
    assert np.abs(decoded.pixels.astype(int) - 188).max() <= 1
    assert decoded.facts.notes[-1] == "its colour profile was converted to sRGB"


@pytest.mark.parametrize("damage", [b"not a profile", b"\0" * 200])
def test_a_broken_profile_is_ignored(damage: bytes, encode: Callable[..., bytes]) -> None:
    pixels = np.full((4, 4, 3), (200, 30, 60), np.uint8)
    decoded = decode(encode(pixels, "PNG", icc_profile=damage))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert decoded.facts.notes == ("its colour profile does not fit and was ignored",)


def test_a_profile_of_another_colour_space_is_ignored(encode: Callable[..., bytes]) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    buffer = io.BytesIO(encode(image, "TIFF", icc_profile=_profile("sRGB")))
    assert "its colour profile does not fit and was ignored" in decode(buffer.read()).facts.notes


def test_lab_becomes_rgb(encode: Callable[..., bytes]) -> None:
    decoded = decode(encode(Image.new("LAB", (8, 8), (137, 128, 128)), "TIFF"))
    # L* 53.7 without chroma is the grey 128 of sRGB (CIE 1976).
    assert np.abs(decoded.pixels.astype(int) - 128).max() <= 3
