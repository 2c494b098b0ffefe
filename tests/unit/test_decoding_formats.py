"""Every accepted container is told by its content and decodes to the picture that went in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.server.engine.decode import FORMATS, decode

Pixels = NDArray[np.uint8]


@pytest.mark.parametrize(
    ("container", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True, "exact": True}),
    ],
)
def test_lossless_containers_return_the_exact_pixels(
    container: str, options: dict[str, object], photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    decoded = decode(encode(photograph, container, **options))
    np.testing.assert_array_equal(decoded.pixels, photograph)
    assert decoded.facts.format == container
    assert decoded.facts.notes == ()


@pytest.mark.parametrize(
    ("container", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("AVIF", {"quality": 95}),
        ("WEBP", {"quality": 98}),
    ],
)
def test_lossy_containers_return_nearly_the_pixels(
    container: str, options: dict[str, object], photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    decoded = decode(encode(photograph, container, **options))
    difference = np.abs(decoded.pixels.astype(int) - photograph.astype(int))
    assert decoded.facts.format == container
    assert difference.mean() < 4


def test_gif_palette_is_expanded(encode: Callable[..., bytes]) -> None:
    stripes = np.zeros((20, 30, 3), np.uint8)
    stripes[:, 10:20] = (255, 0, 0)
    stripes[:, 20:] = (12, 200, 99)
    decoded = decode(encode(stripes, "GIF"))
    np.testing.assert_array_equal(decoded.pixels, stripes)
    assert decoded.facts.format == "GIF"


@pytest.mark.parametrize("container", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_pictures_the_first_is_analysed_and_said_so(
    container: str, encode: Callable[..., bytes]
) -> None:
    first = Image.new("RGB", (24, 16), (0, 128, 0))
    second = Image.new("RGB", (24, 16), (200, 0, 0))
    options = {"lossless": True} if container == "WEBP" else {}
    content = encode(first, container, save_all=True, append_images=[second], **options)
    decoded = decode(content)
    assert (decoded.pixels == (0, 128, 0)).all()
    assert decoded.facts.notes == ("only the first picture was analysed",)


def test_a_multi_picture_jpeg_is_a_jpeg(encode: Callable[..., bytes]) -> None:
    first = Image.new("RGB", (24, 16), (0, 128, 0))
    content = encode(first, "MPO", save_all=True, append_images=[first.rotate(180)])
    facts = decode(content).facts
    assert facts.format == "JPEG"
    assert facts.notes == ("only the first picture was analysed",)


def test_facts_describe_the_bytes_received(
    photograph: Pixels, encode: Callable[..., bytes]
) -> None:
    content = encode(photograph, "PNG")
    facts = decode(content).facts
    assert (facts.width, facts.height) == (96, 64)
    assert facts.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20_000), (20_000, 1), (3, 5)])
def test_extreme_shapes_decode(width: int, height: int, encode: Callable[..., bytes]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    decoded = decode(encode(pixels, "PNG"))
    np.testing.assert_array_equal(decoded.pixels, pixels)


def test_pictures_of_many_bands_have_no_seams(encode: Callable[..., bytes]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (1500, 1600, 3)).astype(np.uint8)
    decoded = decode(encode(pixels, "PNG", compress_level=0))
    np.testing.assert_array_equal(decoded.pixels, pixels)


def test_the_result_is_contiguous_rgb(photograph: Pixels, encode: Callable[..., bytes]) -> None:
    pixels = decode(encode(photograph, "PNG")).pixels
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


def test_six_containers_are_accepted_without_plug_ins() -> None:
    assert set(FORMATS) == {"JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF"}
