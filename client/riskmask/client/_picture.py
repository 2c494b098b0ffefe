"""A picture to draw on: what a viewer shows, at a size that a screen can hold."""

from __future__ import annotations

import importlib
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


class PictureError(OSError):
    """An image cannot be shown; nothing but what is drawn over it is lost."""


def load_for_display(path: Path, longest: int) -> Image.Image:
    """The upright image as RGB, its longer side at most ``longest`` pixels.

    Raises:
        PictureError: it cannot be read.
    """
    _register_heif()
    try:
        with warnings.catch_warnings():
            # the engine has accepted its size by now
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                opened.draft("RGB", (longest, longest))  # JPEG alone: decodes at a reduced scale
                opened.load()
                upright = _upright(opened)
    except UnidentifiedImageError:
        raise PictureError(
            f"{path} cannot be shown: Pillow does not recognise it; HEIC wants pillow-heif"
        ) from None
    except Exception as error:  # Pillow's plug-ins raise anything
        raise PictureError(f"{path} cannot be shown: {error}") from error
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright) // 257).astype(np.uint8))
    if upright.has_transparency_data:
        upright = Image.alpha_composite(
            Image.new("RGBA", upright.size, "white"), upright.convert("RGBA")
        )
    picture = upright.convert("RGB")
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return picture


@cache
def _register_heif() -> None:
    """Has Pillow read HEIF where its plug-in is installed, as the engine does."""
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - a damaged EXIF block must not cost the picture
        return picture
