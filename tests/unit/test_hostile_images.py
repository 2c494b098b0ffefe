"""Bytes that are no good image get a clear error that leaks nothing, and quickly."""

from __future__ import annotations

import resource
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from riskmask.server.engine.containers import too_many_parts
from riskmask.server.engine.decode import Limits, decode
from riskmask.server.engine.errors import (
    CorruptImageError,
    EmptyImageError,
    EngineError,
    ImageTooLargeError,
    InvalidImageError,
    UnsupportedFormatError,
)

Pixels = NDArray[np.uint8]
REPEATS = b"\x21\xff\x0bNETSCAPE2.0"
CONTAINERS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 64)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data)


def _patched_jpeg(content: bytes, width: int, height: int) -> bytes:
    start = content.index(b"\xff\xc0") + 5
    return content[:start] + struct.pack(">HH", height, width) + content[start + 4 :]


def _webp_header(width: int, height: int) -> bytes:
    flags = b"\0\0\0\0"
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + flags + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body + b"VP8 "


def _gif_header(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0" + b"," + b"\0" * 20


def test_no_bytes() -> None:
    with pytest.raises(EmptyImageError, match="no bytes"):
        decode(b"")


@pytest.mark.parametrize(
    "content",
    [b"hello", b"\0" * 1000, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7\n", b"P"],
)
def test_not_an_image(content: bytes) -> None:
    with pytest.raises(UnsupportedFormatError, match="JPEG, PNG, WEBP"):
        decode(content)


@pytest.mark.parametrize("container", ["BMP", "PPM", "ICO", "TGA", "JPEG2000", "EPS"])
def test_containers_off_the_list_are_refused(
    container: str, photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(UnsupportedFormatError):
        decode(encode(photograph, container))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_truncated_images_are_called_corrupt(
    container: str, kept: float, photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    content = encode(photograph, container)
    with pytest.raises(InvalidImageError) as caught:
        decode(content[: max(int(len(content) * kept), 16)])
    assert isinstance(caught.value, CorruptImageError)
    assert "send the whole file" in str(caught.value)


@pytest.mark.parametrize("kept", [4, 20, 60])
def test_a_jpeg_that_stops_after_its_first_markers(
    kept: int, photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(CorruptImageError):
        decode(encode(photograph, "JPEG")[:kept])


def test_flipped_bits_in_a_png_are_corrupt(
    photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    content = bytearray(encode(photograph, "PNG"))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(CorruptImageError):
        decode(bytes(content))


@pytest.mark.parametrize("transparency", [b"", _chunk(b"tRNS", b"\0\x80")], ids=["", "see-through"])
def test_an_image_that_lost_its_palette_is_corrupt(transparency: bytes) -> None:
    """Pillow loads it, and fails on an assertion of its own when it is asked for transparency.

    Of the fuzzer's seed 11, number 9422: the chunks of a PNG in another order, its palette before
    the header.
    """
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 4, 8, 3, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress((b"\0" + bytes(8)) * 4)) + _chunk(b"IEND", b"")
    with pytest.raises(CorruptImageError, match="lost its palette"):
        decode(b"\x89PNG\r\n\x1a\n" + header + transparency + data)


@contextmanager
def little_memory() -> Iterator[None]:
    """No more than 64 MiB can be allocated in here: a seventh of a bit for each pixel claimed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (64 << 20), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _claims(encode: Callable[..., bytes]) -> dict[str, bytes]:
    jpeg = encode(Image.new("RGB", (16, 16)), "JPEG")
    tiff = encode(Image.new("L", (16, 16)), "TIFF")
    avif = encode(Image.new("RGB", (16, 16)), "AVIF")
    extents = avif.index(b"ispe") + 8
    # Tags 256 and 257, width and height, as the writer stores them: one 16-bit value.
    for tag in (256, 257):
        start = tiff.index(struct.pack("<H", tag), 8)
        kind = struct.unpack("<H", tiff[start + 2 : start + 4])[0]
        value = struct.pack("<I", 65535) if kind == 4 else struct.pack("<HH", 65535, 0)
        tiff = tiff[: start + 8] + value + tiff[start + 12 :]
    return {
        "PNG": _png_header(65535, 65535),
        "JPEG": _patched_jpeg(jpeg, 65535, 65535),
        "WEBP": _webp_header(65535, 65535),
        "GIF": _gif_header(65535, 65535),
        "TIFF": tiff,
        "AVIF": avif[:extents] + struct.pack(">II", 65535, 65535) + avif[extents + 8 :],
    }


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_header_that_claims_65535_squared_is_refused_at_once(
    container: str, encode: Callable[..., bytes]
) -> None:
    content = _claims(encode)[container]
    took = []
    for _ in range(5):
        start = time.perf_counter()
        with little_memory(), pytest.raises(ImageTooLargeError, match="65535x65535"):
            decode(content)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.010


def _crowded(encode: Callable[..., bytes]) -> dict[str, bytes]:
    """Small pictures with a million empty parts before their pixels."""
    png = encode(Image.new("RGB", (8, 8)), "PNG")
    jpeg = encode(Image.new("RGB", (8, 8)), "JPEG")
    gif = encode(Image.new("P", (8, 8)), "GIF")
    idat, screen = png.index(b"IDAT") - 4, 13 + 3 * 256
    table = 13 + (3 << ((gif[10] & 7) + 1))
    assert table <= screen
    million = 1_000_000
    return {
        "PNG chunks": png[:idat] + _chunk(b"prVt", b"") * million + png[idat:],
        "PNG data chunks": png[:idat] + _chunk(b"IDAT", b"") * million + png[idat:],
        "JPEG segments": jpeg[:2] + b"\xff\xfe\0\2" * million + jpeg[2:],
        "JPEG padding": jpeg[:2] + b"\xff" * million + jpeg[2:],
        "GIF extensions": gif[:table] + b"\x21\xfe\0" * million + gif[table:],
        "GIF sub-blocks": gif[:table] + b"\x21\xfe" + b"\1a" * million + b"\0" + gif[table:],
        "GIF padding": gif[:table] + b"\0" * million + gif[table:],
        # Pillow reads on behind these two, and takes the trailer for a sub-block of 59 bytes
        "GIF past a trailer": gif[:table] + b"\x21\xf9\0;" + bytes(59) + b"\1a" * million,
        "GIF past a repeat": gif[:table] + REPEATS + b"\0;" + bytes(59) + b"\1a" * million,
    }


def _of_scans(encode: Callable[..., bytes], count: int) -> bytes:
    """A grey progressive JPEG whose last scan, of some 30 bytes, is there again and again."""
    content = encode(Image.new("L", (64, 64), 77), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    have = content.count(b"\xff\xda")
    return content[:-2] + content[last:-2] * (count - have) + content[-2:]


def test_a_jpeg_that_goes_over_its_pixels_again_and_again_is_refused(
    encode: Callable[..., bytes],
) -> None:
    assert decode(_of_scans(encode, 100)).facts.width == 64
    for content in (
        _of_scans(encode, 101),
        # an end of image that stands in a comment ends nothing
        _of_scans(encode, 101).replace(b"\xff\xda", b"\xff\xfe\0\4\xff\xd9\xff\xda", 1),
        # nor does one before the first scan
        b"\xff\xd8\xff\xd9" + _of_scans(encode, 101),
    ):
        with pytest.raises(ImageTooLargeError, match="more parts"):
            decode(content)


def test_a_flipped_bit_in_coded_data_does_not_make_a_jpeg_one_of_too_many_parts(
    encode: Callable[..., bytes],
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    content = encode(Image.fromarray(noise), "JPEG", quality=95)
    data = content.index(b"\xff\xda") + 2000
    # it looks like the marker of a segment, whose length leads into the midst of coded data
    damaged = content[:data] + b"\xff\x35" + content[data + 2 :]
    assert len(damaged) > 100_000
    assert not too_many_parts(damaged)


def test_scans_of_a_second_picture_do_not_count(encode: Callable[..., bytes]) -> None:
    picture = _of_scans(encode, 60)
    assert decode(picture + picture).facts.width == 64


@pytest.mark.parametrize(
    "kind",
    [
        "PNG chunks",
        "PNG data chunks",
        "JPEG segments",
        "JPEG padding",
        "GIF extensions",
        "GIF sub-blocks",
        "GIF padding",
        "GIF past a trailer",
        "GIF past a repeat",
    ],
)
def test_a_picture_in_a_million_parts_is_refused_before_it_is_opened(
    kind: str, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = _crowded(encode)[kind]
    monkeypatch.setattr(Image, "OPEN", {})  # whoever opens it fails with another error
    with pytest.raises(ImageTooLargeError, match="more parts"):
        decode(content)


def test_the_parts_of_a_large_honest_picture_are_not_too_many(
    encode: Callable[..., bytes],
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3)).astype(np.uint8)
    png = encode(noise, "PNG")
    assert png.count(b"IDAT") > 40  # Pillow writes 64 KiB a chunk
    assert decode(png).facts.width == 1024
    gif = encode(Image.fromarray(noise).quantize(), "GIF")
    assert len(gif) > 255 * 4000
    assert decode(gif).facts.width == 1024


@pytest.mark.parametrize("container", ["PNG", "GIF", "JPEG"])
@pytest.mark.parametrize("behind", [b"\0", b"\1a"], ids=["zeros", "parts"])
def test_what_stands_behind_a_picture_does_not_count(
    container: str, behind: bytes, photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    content = encode(photograph, container)
    expected = decode(content)
    decoded = decode(content + behind * 300_000)
    np.testing.assert_array_equal(decoded.pixels, expected.pixels)
    assert decoded.facts.notes == expected.facts.notes


@pytest.mark.parametrize("container", ["PNG", "GIF"])
def test_neither_does_it_behind_an_animation(
    container: str, photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    first, second = Image.fromarray(photograph), Image.fromarray(photograph[::-1])
    content = encode(first, container, save_all=True, append_images=[second], loop=0)
    expected = decode(content)
    assert expected.facts.notes == ("only the first picture was analysed",)
    decoded = decode(content + bytes(300_000))
    np.testing.assert_array_equal(decoded.pixels, expected.pixels)
    assert decoded.facts.notes == expected.facts.notes


def test_an_end_before_the_pixels_is_the_end(encode: Callable[..., bytes]) -> None:
    png = encode(Image.new("RGB", (8, 8)), "PNG")
    idat, behind = png.index(b"IDAT") - 4, _chunk(b"prVt", b"") * 20_000
    with pytest.raises(CorruptImageError):
        decode(png[:idat] + _chunk(b"IEND", b"") + behind + png[idat:])
    gif = encode(Image.new("P", (8, 8)), "GIF")
    table = 13 + (3 << ((gif[10] & 7) + 1))
    with pytest.raises(CorruptImageError):
        decode(gif[:table] + b";" + bytes(300_000) + gif[table:])


def test_larger_files_may_have_more_parts_of_the_usual_size(encode: Callable[..., bytes]) -> None:
    picture = encode(Image.new("RGB", (8, 8)), "PNG")
    idat = picture.index(b"IDAT") - 4
    usual = _chunk(b"IDAT", bytes(8192))  # as libpng cuts them
    png = picture[:idat] + usual * 17_000 + picture[idat:]
    assert len(png) > 134_000_000
    assert not too_many_parts(png)
    gif = encode(Image.new("P", (8, 8)), "GIF")
    table = 13 + (3 << ((gif[10] & 7) + 1))
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 280_000 + b"\0"
    assert not too_many_parts(gif[:table] + comment + gif[table:])


def test_a_large_part_lets_no_file_have_countless_tiny_ones(encode: Callable[..., bytes]) -> None:
    picture = encode(Image.new("RGB", (8, 8)), "PNG")
    idat = picture.index(b"IDAT") - 4
    large = _chunk(b"prVt", bytes(96 << 20))
    tiny = _chunk(b"IDAT", b"")
    assert not too_many_parts(picture[:idat] + large + tiny * 20_000 + picture[idat:])
    assert too_many_parts(picture[:idat] + large + tiny * 30_000 + picture[idat:])


def test_each_limit_has_its_own_sentence(photograph: Pixels, encode: Callable[..., bytes]) -> None:
    content = encode(photograph, "PNG")
    for limits, sentence in (
        (Limits(max_bytes=len(content) - 1), f"has {len(content)} bytes"),
        (Limits(max_pixels=96 * 64 - 1), "has 6144 pixels"),
        (Limits(max_side=95), "is 96x64"),
    ):
        with pytest.raises(ImageTooLargeError, match=sentence):
            decode(content, limits)
    exact = Limits(max_bytes=len(content), max_pixels=96 * 64, max_side=96)
    assert decode(content, exact).facts.width == 96


def test_our_limit_holds_instead_of_pillows(
    photograph: Pixels, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(encode(photograph, "PNG")).facts.width == 96


def test_a_lack_of_memory_is_not_blamed_on_the_image(
    photograph: Pixels, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setitem(Image.OPEN, "PNG", (exhausted, lambda prefix: True))
    with pytest.raises(MemoryError):
        decode(encode(photograph, "PNG"))


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "max_side"])
def test_limits_of_nothing_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


@pytest.mark.parametrize("container", CONTAINERS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damage_anywhere_is_answered_or_refused_but_never_a_crash(
    container: str, encode: Callable[..., bytes], photograph: Pixels, data: st.DataObject
) -> None:
    content = bytearray(encode(photograph[:24, :32], container))
    edits = data.draw(
        st.lists(
            st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)),
            min_size=1,
            max_size=12,
        )
    )
    for place, value in edits:
        content[place] = value
    keep = data.draw(st.integers(0, len(content)))
    try:
        decoded = decode(bytes(content[:keep]), Limits(max_pixels=4_000_000))
    except EngineError as error:
        refusal = error
    else:
        assert decoded.pixels.shape == (decoded.facts.height, decoded.facts.width, 3)
        return
    assert refusal.reason.isupper()
    assert "/" not in str(refusal)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
@pytest.mark.filterwarnings("ignore")
def test_noise_is_never_a_crash(content: bytes) -> None:
    with pytest.raises(InvalidImageError):
        decode(content)
