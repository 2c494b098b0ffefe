"""What a caller says to be in the original: checked, and in the annotators' terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from riskmask.server.engine.errors import InvalidRegionError
from riskmask.server.verification.availability import AnnotatorFiles, check_icons
from riskmask.server.verification.findings import box_around
from riskmask.server.verification.values import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from riskmask.model.annotators import GlyphBank, KnownRegion

MOST: Final = 1000
CORNERS: Final = range(3, 257)
# Pixels of an icon's side: smaller ones look alike, and the whole family is drawn at its size.
ICON_SIDES: Final = range(4, 257)


def check_number(regions: int) -> None:
    """Raises InvalidRegionError where there are too many."""
    if regions > MOST:
        raise InvalidRegionError(
            f"known_regions: {regions} are given, at most {MOST} are taken; name those that matter"
        )


def check_box(index: int, width: int, height: int) -> None:
    """Raises InvalidRegionError where the box of a region of this index has no area."""
    if width < 1 or height < 1:
        raise _wrong(index, "has no area")


def check_corners(index: int, corners: int) -> None:
    """Raises InvalidRegionError where a region of this index has too few or too many."""
    if corners not in CORNERS:
        raise _wrong(index, f"has {corners} corners, from {CORNERS[0]} to {CORNERS[-1]} do")


def check_regions(regions: tuple[Region, ...], files: AnnotatorFiles) -> None:
    """What can be told before the image is opened.

    Raises:
        InvalidRegionError: too many regions, or one contradicts itself; names its index.
        AnnotatorMissingError: one names an icon, and icons cannot be compared here.
    """
    check_number(len(regions))
    for index, region in enumerate(regions):
        check_corners(index, len(region.polygon))
        if region.icon is not None:
            if region.content != "symbol":
                raise _wrong(index, f"names an icon and is {region.content}; an icon is a symbol")
            check_icons(files)


def place_regions(
    regions: tuple[Region, ...], image: NDArray[np.uint8], bank: GlyphBank
) -> list[KnownRegion]:
    """The regions as the annotators take them.

    Args:
        regions: checked by :func:`check_regions`.
        image: the original, (H, W, 3) uint8 RGB.
        bank: of icons.

    Raises:
        InvalidRegionError: a region reaches out of the image, has no area, or names an icon that
            is not there; names its index.
    """
    return [_place(index, region, image, bank) for index, region in enumerate(regions)]


def _place(index: int, region: Region, image: NDArray[np.uint8], bank: GlyphBank) -> KnownRegion:
    from riskmask.model.annotators import KnownRegion
    from riskmask.model.annotators.icons import glyph_at

    height, width = image.shape[:2]
    if not all(0 <= x <= width and 0 <= y <= height for x, y in region.polygon):
        raise _wrong(index, f"reaches out of the image, which is {width}x{height}")
    across, down = (max(values) - min(values) for values in zip(*region.polygon, strict=True))
    if across < 1 or down < 1:
        raise _wrong(index, "has no area")
    glyph = None
    if region.icon is not None:
        family, name = region.icon
        if name not in bank.families.get(family, {}):
            raise _wrong(index, "names an icon that the folder of icons does not hold")
        if across not in ICON_SIDES or down not in ICON_SIDES:
            raise _wrong(
                index,
                f"is an icon of {across}x{down} pixels; sides from {ICON_SIDES[0]} to "
                f"{ICON_SIDES[-1]} do",
            )
        glyph = glyph_at(image, box_around(region.polygon, width, height), family, name, bank)
    return KnownRegion(
        content=region.content,
        polygon=tuple((float(x), float(y)) for x, y in region.polygon),
        transcription=region.transcription,
        glyph=glyph,
        barcode=region.content == "symbol" and glyph is None,
    )


def _wrong(index: int, what: str) -> InvalidRegionError:
    return InvalidRegionError(f"known_regions[{index}]: {what}")
