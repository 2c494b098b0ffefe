"""Bytes to an upright 8-bit RGB image, with every limit checked on the header first."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from riskmask.server.engine.containers import (
    avif_canvas,
    png_data_intact,
    too_many_parts,
    webp_canvas,
)
from riskmask.server.engine.errors import (
    CorruptImageError,
    EmptyImageError,
    ImageTooLargeError,
    UnsupportedFormatError,
)
from riskmask.server.engine.pixels import upright_rgb
from riskmask.server.engine.values import ImageFacts

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# Importing a plug-in registers its format; Image.init() would register forty.
FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        AvifImagePlugin.AvifImageFile,
        TiffImagePlugin.TiffImageFile,
        GifImagePlugin.GifImageFile,
    )
    if plugin.format is not None
)
HEIF = "HEIF"
LONGEST_SIDE = 65_500  # libjpeg's JPEG_MAX_DIMENSION: every image may have to become a JPEG
SNIFFED = 32


@dataclass(frozen=True)
class Limits:
    """The largest image accepted.

    Attributes:
        max_bytes: of the encoded image.
        max_pixels: width x height.
        max_side: the longer of the two, in pixels.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_side: int = 32_768

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_side"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.max_side > LONGEST_SIDE:
            raise ValueError(f"max_side must be at most {LONGEST_SIDE}, not {self.max_side}")

    def check_bytes(self, count: int) -> None:
        """Raise ImageTooLargeError when an encoded image has more bytes than accepted."""
        if count > self.max_bytes:
            raise ImageTooLargeError(
                f"the image has {count} bytes, at most {self.max_bytes} are accepted; "
                "send a smaller one"
            )

    def check_size(self, width: int, height: int) -> None:
        """Raise ImageTooLargeError when an image has more pixels or a longer side."""
        if max(width, height) > self.max_side:
            raise ImageTooLargeError(
                f"the image is {width}x{height}, at most {self.max_side} pixels a side are "
                "accepted; send it in parts"
            )
        if width * height > self.max_pixels:
            raise ImageTooLargeError(
                f"the image has {width * height} pixels, at most {self.max_pixels} are "
                "accepted; send it smaller or in parts"
            )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class DecodedImage:
    """Pixels, (H, W, 3) uint8 RGB and upright, and what is known about them."""

    pixels: NDArray[np.uint8]
    facts: ImageFacts


@cache
def accepted_formats() -> tuple[str, ...]:
    """Names of the containers that are read; HEIF among them where its plug-in is installed."""
    if importlib.util.find_spec("pillow_heif") is None:
        return FORMATS
    importlib.import_module("pillow_heif").register_heif_opener()
    return (*FORMATS, HEIF)


def decode(content: bytes, limits: Limits = DEFAULT_LIMITS) -> DecodedImage:
    """Decode an image by what it is, whatever it is called.

    Args:
        content: the encoded image: JPEG, PNG, WebP, AVIF, TIFF, GIF or HEIF.
        limits: checked on the header, before any pixel is allocated.

    Raises:
        EmptyImageError: no bytes.
        ImageTooLargeError: beyond a limit, or cut into a vast number of parts.
        UnsupportedFormatError: no accepted container, or samples that are not converted.
        CorruptImageError: truncated or damaged.
    """
    if not content:
        raise EmptyImageError("the image has no bytes; send an encoded image")
    limits.check_bytes(len(content))
    if canvas := webp_canvas(content) or avif_canvas(content):
        # Pillow's WebP plug-in allocates the canvas when it opens the file, and its AVIF plug-in
        # calls a file damaged that is too large for it.
        limits.check_size(*canvas)
    if too_many_parts(content):
        raise ImageTooLargeError(
            "the image is cut into more parts than any picture needs; write the file again"
        )
    if not png_data_intact(content):
        # Pillow's PNG plug-in would show whatever the damaged stream decompresses to.
        raise CorruptImageError("the image's checksum is wrong; send the file again")
    image = _open(content)
    try:
        limits.check_size(*image.size)
        pixels, notes = upright_rgb(image)
    finally:
        image.close()
    height, width = pixels.shape[:2]
    facts = ImageFacts(
        width=width,
        height=height,
        sha256=hashlib.sha256(content).hexdigest(),
        # A multi-picture JPEG is a JPEG with more behind it.
        format="JPEG" if image.format == "MPO" else image.format or "",
        notes=notes,
    )
    return DecodedImage(pixels=pixels, facts=facts)


def _open(content: bytes) -> ImageFile:
    """Read the header. Image.open would do, but for its process-wide pixel limit and warnings."""
    prefix = content[:SNIFFED]
    recognised = unread = False
    for name in accepted_formats():
        factory, accept = Image.OPEN[name]
        if accept is None or accept(prefix) is not True:
            continue
        recognised = True
        try:
            return factory(io.BytesIO(content), "")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise ImageTooLargeError("the image has too many pixels; send a smaller one") from None
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - hostile bytes raise anything; another may fit
            # Pillow's words for sound TIFFs too, such as of 16 bits, big-endian, whose white is 0.
            unread = unread or str(error) == "unknown pixel mode"
    if unread:
        raise UnsupportedFormatError(
            "the TIFF's samples are stored in a way that is not read; send the image as a PNG"
        )
    if recognised:
        raise CorruptImageError("the image's header is damaged or cut off; send the whole file")
    raise UnsupportedFormatError(
        f"not an image in an accepted format; send one of {', '.join(accepted_formats())}"
    )
