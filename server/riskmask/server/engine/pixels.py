"""An opened image to upright 8-bit RGB, a band of rows at a time.

Working in bands keeps one decoded copy and one result in memory, however many conversions a
band goes through: 16 bits to 8, colour profile to sRGB, palette, CMYK, alpha over white.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin

from riskmask.server.engine.errors import (
    CorruptImageError,
    EmptyImageError,
    ImageTooLargeError,
    UnsupportedFormatError,
)

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

BAND_PIXELS = 1 << 20
ORIENTATION = 0x0112  # EXIF and TIFF tag
WIDE_MODES = frozenset({"I", "F"})
PALETTE_MODES = frozenset({"P", "PA"})
SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
TWELVE_BITS = "I;12"  # Pillow's name for them in the file; it loads them as 16
# TIFF 6.0, sections 8 and 19.
WHITE_IS_ZERO = 0  # of PhotometricInterpretation, and what Pillow assumes where that is missing
SIGNED = 2  # of SampleFormat
SEPARATE = 2  # of PlanarConfiguration
# PNG grey of fewer bits: what one step is in 8 bits.
GREY_STEPS = {"L;2": 85, "L;4": 17}
# Descriptions that cameras, browsers and services give to profiles which are sRGB already.
SRGB_NAMES = ("srgb", "c2", "urgb", "gimp built-in srgb", "artifex srgb")

# Stored pixels seen through the upright array: EXIF 2.32, section 4.6.4, tag Orientation.
Pixels = NDArray[np.uint8]
STORED_VIEW: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}

Converter = Callable[[Image.Image], Image.Image]


def upright_rgb(image: ImageFile) -> tuple[Pixels, tuple[str, ...]]:
    """Decode an opened file's first picture.

    Args:
        image: opened and not yet loaded; its pixels are freed.

    Returns:
        (H, W, 3) uint8 RGB and what was done to get there, in words.

    Raises:
        CorruptImageError: truncated or damaged.
        EmptyImageError: no pixels.
        ImageTooLargeError: a part of it claims more pixels than can be decoded.
        UnsupportedFormatError: samples of 32 bits or with a sign, or a colour space that is not
            converted.
    """
    if 0 in image.size:
        raise EmptyImageError("the image has no pixels")
    if _signed(image):
        raise UnsupportedFormatError(
            "samples with a sign have no defined black; send them without, of 8 or 16 bits"
        )
    if _wide_planes(image):
        raise UnsupportedFormatError(
            "uncompressed colour planes of 16 bits are not read; send the image as a PNG"
        )
    if image.mode in WIDE_MODES:
        raise UnsupportedFormatError(
            "samples of 32 bits have no defined white; send 8 or 16 bits per sample"
        )
    notes: list[str] = []
    stored_as = _stored_as(image)
    sixteen = image.mode in SIXTEEN_BIT_MODES or ";16" in stored_as
    ends = _grey_ends(image, stored_as)
    unkeyed = _fit_transparent_key(image, stored_as)
    turned = _orientation(image) != 1
    pictures = _more_pictures(image)
    try:
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLargeError("the image has too many pixels; send a smaller one") from None
    except MemoryError:
        raise
    except Exception as error:  # a decoder fed hostile bytes raises anything
        raise CorruptImageError(
            "the image's pixels are damaged or cut off; send the whole file"
        ) from error
    if image.mode in PALETTE_MODES and image.palette is None:
        raise CorruptImageError("the image has lost its palette; send the whole file")
    if pictures:
        notes.append("only the first picture was analysed")
    if sixteen:
        bits = 12 if stored_as == TWELVE_BITS else 16
        notes.append(f"{bits} bits per sample were scaled to 8")
    if unkeyed:
        notes.append("its transparent colour of 16 bits per sample was ignored")
    # Pillow itself turns TIFFs upright while loading and then says 1.
    view = STORED_VIEW[_orientation(image)]
    if turned:
        notes.append("turned upright as its EXIF orientation says")
    pixels, more = _converted(image, view, ends)
    return pixels, (*notes, *more)


def _converted(
    image: Image.Image, view: Callable[[Pixels], Pixels], ends: tuple[int, int]
) -> tuple[Pixels, list[str]]:
    notes: list[str] = []
    convert, note = _colour_converter(image)
    if note:
        notes.append(note)
    width, height = image.size
    probe = view(np.empty((1, 2, 0), np.uint8)).shape
    swapped = probe[:2] == (2, 1)
    pixels = np.empty((width, height, 3) if swapped else (height, width, 3), np.uint8)
    stored = view(pixels)
    transparent = image.has_transparency_data and image.mode not in SIXTEEN_BIT_MODES
    key = image.info.get("transparency") if image.mode in SIXTEEN_BIT_MODES else None
    seen_through = False
    rows = max(BAND_PIXELS // width, 1)
    try:
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            band = image.crop((0, top, width, bottom))
            alpha = _alpha(band) if transparent else None
            if image.mode in SIXTEEN_BIT_MODES:
                samples = np.asarray(band)
                if isinstance(key, int):
                    alpha = np.where(samples == key, 0, 255).astype(np.uint8)
                band = Image.fromarray(_eight_bits(samples, *ends))
            rgb = np.asarray(convert(band))
            if alpha is not None and alpha.min() < 255:
                seen_through = True
                rgb = over_white(rgb, alpha)
            stored[top:bottom] = rgb
    except (ValueError, OSError, ImageCms.PyCMSError) as error:
        raise UnsupportedFormatError(
            f"colour mode {image.mode} cannot be converted; send RGB, grey or CMYK"
        ) from error
    if seen_through:
        notes.append("transparent pixels were laid over white")
    if image.mode == "CMYK":
        notes.append("CMYK was converted to RGB")
    return pixels, notes


def _colour_converter(image: Image.Image) -> tuple[Converter, str | None]:
    """Conversion of one band to RGB, by the embedded profile where that is sound."""
    mode = image.mode.upper().rstrip("A") if image.mode in ("LA", "La", "RGBA", "RGBa") else None
    mode = mode or ("L" if image.mode in SIXTEEN_BIT_MODES else image.mode)
    plain: Converter = _to_rgb
    content = image.info.get("icc_profile")
    if not content or not isinstance(content, bytes):
        return plain, None
    ignored = "its colour profile does not fit and was ignored"
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(content))
        description = ImageCms.getProfileDescription(profile).strip().lower()
        space = profile.profile.xcolor_space.strip()
        source = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space)
        fits = {"RGB": mode != "CMYK", "L": mode in ("L", "1"), "CMYK": mode == "CMYK"}
        if source is None or not fits[source]:
            return plain, ignored
        if description.startswith(SRGB_NAMES):
            return plain, None
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), source, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return plain, ignored

    def by_profile(band: Image.Image) -> Image.Image:
        base = _to_rgb(band) if source == "RGB" else band.convert(source)
        converted = ImageCms.applyTransform(base, transform)
        return base if converted is None else converted

    return by_profile, "its colour profile was converted to sRGB"


def _to_rgb(band: Image.Image) -> Image.Image:
    if band.mode in ("RGBa", "La"):
        band = band.convert(band.mode[:-1] + "A")
    if band.mode in ("RGBA", "LA", "PA", "P"):
        # Dropping alpha keeps the colour under it; laying it over white comes after the profile.
        return band.convert("RGBA").convert("RGB")
    return band if band.mode == "RGB" else band.convert("RGB")


def _alpha(band: Image.Image) -> NDArray[np.uint8]:
    if band.mode in ("RGBa", "La"):
        return np.asarray(band.getchannel(band.mode[-1]))
    return np.asarray(band.convert("RGBA").getchannel("A"))


def over_white(rgb: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    """(H, W, 3) uint8 colours of (H, W) uint8 opacity, 255 opaque, laid over white."""
    opacity = alpha[..., None].astype(np.uint32)
    return ((rgb * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def _eight_bits(samples: NDArray[np.uint16], black: int, white: int) -> NDArray[np.uint8]:
    """Black becomes 0 and white 255, rounded; a shift by 8 would darken by up to one step."""
    light = samples.astype(np.uint32)
    if black:
        light = np.uint32(black) - light
    span = abs(white - black)
    return ((light * 255 + span // 2) // span).astype(np.uint8)


def _grey_ends(image: ImageFile, stored_as: str) -> tuple[int, int]:
    """Black and white among the samples of a grey picture that Pillow loads as 16 bits.

    Pillow inverts a TIFF whose white is 0 up to 8 bits, and leaves 16 as they are.
    """
    white = 4095 if stored_as == TWELVE_BITS else 65535
    tags, shown = _tiff_tags(image), TiffImagePlugin.PHOTOMETRIC_INTERPRETATION
    negative = bool(tags) and tags.get(shown, WHITE_IS_ZERO) == WHITE_IS_ZERO
    return (white, 0) if negative else (0, white)


def _signed(image: ImageFile) -> bool:
    """Whether a TIFF's samples have a sign, which Pillow takes for a bit of 8."""
    return SIGNED in _tiff_tags(image).get(TiffImagePlugin.SAMPLEFORMAT, ())


def _wide_planes(image: ImageFile) -> bool:
    """Whether a TIFF holds uncompressed planes of over 8 bits, which Pillow takes for 8."""
    tags, raw = _tiff_tags(image), any(tile[0] == "raw" for tile in image.tile)
    separate = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == SEPARATE
    return raw and separate and max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8


def _tiff_tags(image: ImageFile) -> Mapping[int, Any]:
    """Of a TIFF, which has some; of other files none."""
    return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}


def _stored_as(image: ImageFile) -> str:
    """Pillow's name for the samples in the file, such as ``L;4`` or ``RGB;16B``, else nothing."""
    for tile in image.tile:
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if arguments and isinstance(arguments[0], str) and ";" in arguments[0]:
            return arguments[0]
    return ""


def _fit_transparent_key(image: ImageFile, stored_as: str) -> bool:
    """Scales a PNG's transparent colour as Pillow scales its samples, which Pillow itself does not.

    Returns:
        Whether the colour had to be dropped: of 16-bit colours Pillow keeps one byte alone, which
        would make their neighbours transparent too.
    """
    key = image.info.get("transparency")
    if isinstance(key, tuple) and ";16" in stored_as:
        del image.info["transparency"]
        return True
    if isinstance(key, int) and stored_as in GREY_STEPS:
        image.info["transparency"] = key * GREY_STEPS[stored_as]
    return False


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - a damaged EXIF block must not cost the picture
        return 1
    return value if value in STORED_VIEW else 1


def _more_pictures(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001 - damage behind the first picture does not concern it
        return False
