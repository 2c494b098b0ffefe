"""What the callers send: drawn pictures of many sizes in all the ways an image can arrive."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.server.engine.hints import HINT_FORMATS
from riskmask.v1 import riskmask_pb2 as pb

MASKS = (
    pb.MASK_TYPE_RISK,
    pb.MASK_TYPE_TEXT,
    pb.MASK_TYPE_FACE,
    pb.MASK_TYPE_SYMBOL,
    pb.MASK_TYPE_HIGH_IMPACT,
)


@dataclass(frozen=True)
class Question:
    """One request and what may come of it.

    Attributes:
        name: for the eye.
        request: to send.
        expected: status of the answer.
    """

    name: str
    request: pb.AnalyzeRequest
    expected: grpc.StatusCode = grpc.StatusCode.OK


def scene(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB: slopes of colour, a little noise, lines of digits."""
    rows, columns = np.mgrid[0:height, 0:width]
    slopes = np.stack([columns * 200 / width, rows * 200 / height, (rows + columns) % 256], axis=2)
    noise = np.random.default_rng(seed).integers(0, 24, (height, width, 1))
    canvas = Image.fromarray(np.clip(slopes + noise, 0, 255).astype(np.uint8))
    draw, size = ImageDraw.Draw(canvas), max(10, height // 24)
    for line in range(0, height, 3 * size):
        draw.text((size, line), f"SPEED {line % 97} km", "white", ImageFont.load_default(size))
    return np.array(canvas)


def jpeg(width: int, height: int) -> bytes:
    """A scene as a JPEG of quality 90."""
    return _encoded(Image.fromarray(scene(width, height)), "JPEG", quality=90)


def question(image: bytes) -> pb.AnalyzeRequest:
    """An analysis of this file, with default options."""
    return pb.AnalyzeRequest(image=pb.Image(encoded=image))


def with_everything(image: bytes) -> pb.AnalyzeRequest:
    """The same with every mask and every hint: the largest answer."""
    asked = question(image)
    asked.masks.extend(MASKS)
    asked.hint_formats.extend(HINT_FORMATS)
    return asked


def mixture() -> tuple[Question, ...]:
    """Files of all kinds and sizes, a raw frame, and two that no server can read."""
    photo = Image.fromarray(scene(512, 384))
    large = jpeg(2400, 1600)
    files = {
        "JPEG 512": _encoded(photo, "JPEG"),
        "JPEG CMYK": _encoded(photo.convert("CMYK"), "JPEG"),
        "JPEG 1 megapixel": jpeg(1152, 864),
        "JPEG 4 megapixels": large,
        "PNG thin": _encoded(Image.fromarray(scene(1800, 60)), "PNG"),
        "PNG one pixel": _encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
        "PNG grey": _encoded(photo.convert("L").resize((200, 150)), "PNG"),
        "PNG alpha": _encoded(photo.convert("RGBA"), "PNG"),
        "PNG 16 bit": _encoded(Image.new("I;16", (300, 200), 40_000), "PNG"),
        "WebP": _encoded(photo, "WEBP"),
        "AVIF": _encoded(photo.resize((256, 192)), "AVIF"),
        "TIFF": _encoded(photo, "TIFF"),
        "GIF": _encoded(photo.convert("P"), "GIF"),
    }
    asked = [Question(name, question(file)) for name, file in files.items()]
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    return (
        *asked,
        Question("with masks and hints", with_everything(files["JPEG 512"])),
        Question("raw frame", _raw(scene(640, 480))),
        Question("half a JPEG", question(large[: len(large) // 2]), invalid),
        Question("no image", question(b"no image"), invalid),
    )


def _raw(pixels: NDArray[np.uint8]) -> pb.AnalyzeRequest:
    height, width = pixels.shape[:2]
    plane = pb.Plane(data=pixels.tobytes(), stride=3 * width)
    raw = pb.RawImage(pixel_format=pb.PIXEL_FORMAT_RGB8, width=width, height=height, planes=[plane])
    return pb.AnalyzeRequest(image=pb.Image(raw=raw))


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
