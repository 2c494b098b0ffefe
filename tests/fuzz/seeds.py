"""Small pictures in every format that the server accepts, made on the spot."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def encoded(picture: Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, container, **options)
    return file.getvalue()


def seeds() -> dict[str, bytes]:
    """Files by name; their pictures come from examples/."""
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        rgb = opened.convert("RGB").resize((96, 72))
    with Image.open(EXAMPLES / "notice.png") as opened:
        notice = opened.convert("RGB").resize((80, 60))
    alpha = rgb.copy()
    alpha.putalpha(rgb.convert("L"))
    deep = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    frames = {"save_all": True, "append_images": [notice.resize(rgb.size), rgb.rotate(90)]}
    return {
        "plain.jpg": encoded(rgb, "JPEG", quality=80, icc_profile=srgb),
        "progressive.jpg": encoded(notice, "JPEG", progressive=True, exif=turned),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "restarts.jpg": encoded(rgb.convert("L"), "JPEG", restart_marker_blocks=3),
        "rgb.png": encoded(rgb, "PNG", icc_profile=lab),
        "alpha.png": encoded(alpha, "PNG", exif=turned),
        "palette.png": encoded(notice.quantize(13), "PNG", transparency=2),
        "deep.png": encoded(deep, "PNG"),
        "bits.png": encoded(notice.convert("1"), "PNG"),
        "lossy.webp": encoded(rgb, "WEBP", quality=60, exif=turned),
        "lossless.webp": encoded(alpha, "WEBP", lossless=True),
        "moving.webp": encoded(rgb, "WEBP", **frames),
        "plain.avif": encoded(rgb, "AVIF", speed=9),
        "alpha.avif": encoded(alpha, "AVIF", speed=9, subsampling="4:4:4", exif=turned),
        "moving.avif": encoded(rgb, "AVIF", speed=9, **frames),
        "raw.tif": encoded(rgb, "TIFF", exif=turned),
        "lzw.tif": encoded(alpha, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encoded(deep, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": encoded(rgb, "TIFF", compression="jpeg"),
        "fax.tif": encoded(notice.convert("1"), "TIFF", compression="group4"),
        "plain.gif": encoded(rgb.quantize(32), "GIF"),
        "moving.gif": encoded(rgb.quantize(32), "GIF", **frames),
        "notice.gif": encoded(notice.convert("P"), "GIF", interlace=0, transparency=3),
    }
