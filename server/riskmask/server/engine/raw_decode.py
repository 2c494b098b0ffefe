"""Raw pixels to an upright 8-bit RGB image, every size checked before anything is read."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from riskmask.server.engine.decode import DEFAULT_LIMITS, DecodedImage, Limits
from riskmask.server.engine.errors import InvalidImageError
from riskmask.server.engine.pixels import BAND_PIXELS, over_white
from riskmask.server.engine.raw_image import ColorMatrix, ColorRange, PixelFormat, Plane, RawImage
from riskmask.server.engine.values import ImageFacts

Samples = NDArray[np.uint8]

LAST_SD_LINE = 576


class Shape(NamedTuple):
    """Of one plane: its name, its rows, samples in a row, bytes of a sample."""

    name: str
    rows: int
    columns: int
    depth: int


def decode_raw(image: RawImage, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """The upright picture.

    Args:
        image: any of the pixel formats.
        limits: on the pixels, and on the bytes of all planes together.

    Raises:
        InvalidImageError: sizes, planes and strides do not fit together; names which.
        ImageTooLargeError: beyond a limit.
    """
    _check_header(image)
    limits.check_bytes(sum(len(plane.data) for plane in image.planes))
    limits.check_size(image.width, image.height)
    shapes = _shapes(image)
    if len(image.planes) != len(shapes):
        raise InvalidImageError(
            f"{image.pixel_format.value} has {len(shapes)} planes "
            f"({', '.join(shape.name for shape in shapes)}), not {len(image.planes)}"
        )
    planes = [_samples(plane, shape) for plane, shape in zip(image.planes, shapes, strict=True)]
    notes: list[str] = []
    pixels = _to_rgb(image, planes, notes)
    if image.quarter_turns:
        pixels = np.ascontiguousarray(np.rot90(pixels, -image.quarter_turns))
        notes.append(f"turned clockwise by {90 * image.quarter_turns} degrees as asked")
    digest = hashlib.sha256()
    for plane in image.planes:
        digest.update(plane.data)
    height, width = pixels.shape[:2]
    facts = ImageFacts(
        width=width,
        height=height,
        sha256=digest.hexdigest(),
        format=image.pixel_format.value,
        notes=tuple(notes),
    )
    return DecodedImage(pixels=pixels, facts=facts)


def _check_header(image: RawImage) -> None:
    name = image.pixel_format.value
    if image.width < 1 or image.height < 1:
        raise InvalidImageError(
            f"width and height must be at least 1, not {image.width}x{image.height}"
        )
    if image.quarter_turns not in range(4):
        raise InvalidImageError("rotation must be 0, 90, 180 or 270 degrees")
    if image.pixel_format.is_ycbcr:
        if image.width % 2 or image.height % 2:
            raise InvalidImageError(
                f"{name} needs an even width and height, not {image.width}x{image.height}; "
                "crop or pad by a pixel"
            )
    elif image.matrix is not None or image.range is not None:
        raise InvalidImageError(
            f"{name} has no colour matrix and no range; leave them unset, or send NV12 or I420"
        )


def _shapes(image: RawImage) -> tuple[Shape, ...]:
    width, height = image.width, image.height
    half = (height // 2, width // 2)
    match image.pixel_format:
        case PixelFormat.RGB8:
            return (Shape("RGB", height, width, 3),)
        case PixelFormat.RGBA8:
            return (Shape("RGBA", height, width, 4),)
        case PixelFormat.GRAY8:
            return (Shape("grey", height, width, 1),)
        case PixelFormat.NV12:
            return Shape("Y", height, width, 1), Shape("CbCr", *half, 2)
        case PixelFormat.I420:
            return Shape("Y", height, width, 1), Shape("Cb", *half, 1), Shape("Cr", *half, 1)


def _samples(plane: Plane, shape: Shape) -> Samples:
    """(rows, columns, depth) uint8, a view into the plane's bytes."""
    row = shape.columns * shape.depth
    stride = plane.stride or row
    if stride < row:
        raise InvalidImageError(
            f"the stride of plane {shape.name} is {plane.stride} bytes, a row has {row}"
        )
    needed = stride * (shape.rows - 1) + row
    if len(plane.data) < needed:
        raise InvalidImageError(
            f"plane {shape.name} has {len(plane.data)} bytes, {shape.rows} rows of {row} bytes "
            f"at a stride of {stride} need {needed}"
        )
    return np.lib.stride_tricks.as_strided(
        np.frombuffer(plane.data, np.uint8),
        (shape.rows, shape.columns, shape.depth),
        (stride, shape.depth, 1),
        writeable=False,
    )


def _to_rgb(image: RawImage, planes: list[Samples], notes: list[str]) -> Samples:
    match image.pixel_format:
        case PixelFormat.RGB8:
            return np.ascontiguousarray(planes[0])
        case PixelFormat.GRAY8:
            return np.repeat(planes[0], 3, axis=2)
        case PixelFormat.RGBA8:
            return _over_white(planes[0], notes)
        case PixelFormat.NV12:
            return _from_ycbcr(image, planes[0], planes[1][..., 0], planes[1][..., 1], notes)
        case PixelFormat.I420:
            return _from_ycbcr(image, planes[0], planes[1][..., 0], planes[2][..., 0], notes)


def _over_white(rgba: Samples, notes: list[str]) -> Samples:
    height, width = rgba.shape[:2]
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(BAND_PIXELS // width, 1)
    transparent = False
    for top in range(0, height, rows):
        band = rgba[top : top + rows]
        transparent = transparent or bool((band[..., 3] < 255).any())
        pixels[top : top + rows] = over_white(band[..., :3], band[..., 3])
    if transparent:
        notes.append("transparent pixels were laid over white")
    return pixels


def _from_ycbcr(
    image: RawImage, luma: Samples, cb: Samples, cr: Samples, notes: list[str]
) -> Samples:
    """RGB by ITU-T H.273, equations 20 to 22 inverted; chroma bilinear between its sites, which lie
    in the middle of four pixels."""
    matrix, unset = image.matrix, []
    if matrix is None:
        matrix = ColorMatrix.BT601 if image.height <= LAST_SD_LINE else ColorMatrix.BT709
        unset.append("matrix")
    limited = image.range is not ColorRange.FULL
    if image.range is None:
        unset.append("range")
    assumed = f"; its {' and '.join(unset)} not said but assumed" if unset else ""
    notes.append(
        f"converted from YCbCr {matrix.name}, {'limited' if limited else 'full'} range{assumed}"
    )
    black, luma_span, chroma_span = (16, 219, 224) if limited else (0, 255, 255)
    red = 2 * (1 - matrix.kr) * 255 / chroma_span
    blue = 2 * (1 - matrix.kb) * 255 / chroma_span
    green = 1 - matrix.kr - matrix.kb
    size = (image.width, image.height)
    wide = [
        cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_LINEAR)
        for plane in (cb, cr)
    ]
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(BAND_PIXELS // image.width, 1)
    for top in range(0, image.height, rows):
        band = slice(top, top + rows)
        y = (luma[band, :, 0].astype(np.float32) - black) * np.float32(255 / luma_span)
        b, r = (plane[band].astype(np.float32) - 128 for plane in wide)
        channels = (
            y + np.float32(red) * r,
            y - np.float32(red * matrix.kr / green) * r - np.float32(blue * matrix.kb / green) * b,
            y + np.float32(blue) * b,
        )
        for index, channel in enumerate(channels):
            pixels[band, :, index] = np.clip(np.rint(channel), 0, 255).astype(np.uint8)
    return pixels
