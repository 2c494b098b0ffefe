"""Coordinates refer to the upright image, whatever the camera's EXIF orientation says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from riskmask.server.engine.decode import decode

ORIENTATION = 0x0112
NOTE = "turned upright as its EXIF orientation says"


def _with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("container", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_every_orientation_is_turned_upright(
    container: str,
    orientation: int,
    photograph: NDArray[np.uint8],
    encode: Callable[..., bytes],
) -> None:
    options = {"lossless": True, "exact": True} if container == "WEBP" else {}
    plain = decode(encode(photograph, container, **options))
    turned = decode(encode(photograph, container, exif=_with_orientation(orientation), **options))
    stored = Image.fromarray(plain.pixels)
    stored.getexif()[ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(turned.pixels, expected)
    assert (turned.facts.height, turned.facts.width) == expected.shape[:2]
    assert turned.facts.notes == (NOTE,)


@pytest.mark.parametrize("orientation", [0, 1, 9, 4711])
def test_no_orientation_and_nonsense_leave_the_image_alone(
    orientation: int, photograph: NDArray[np.uint8], encode: Callable[..., bytes]
) -> None:
    decoded = decode(encode(photograph, "PNG", exif=_with_orientation(orientation)))
    np.testing.assert_array_equal(decoded.pixels, photograph)
    assert decoded.facts.notes == ()


def test_a_damaged_exif_block_does_not_cost_the_picture(
    photograph: NDArray[np.uint8], encode: Callable[..., bytes]
) -> None:
    decoded = decode(encode(photograph, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    np.testing.assert_array_equal(decoded.pixels, photograph)
