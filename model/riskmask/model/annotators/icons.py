"""Icons of a folder, and one of them at a known place of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Glyph
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.corpus import Icon

_FULL = 0.9  # coverage from which on a pixel shows the ink alone


def icons_of(folder: Path) -> list[Icon]:
    """The files ``FAMILY__NAME.svg`` of a folder, sorted."""
    files = sorted(path for path in folder.glob("*.svg") if "__" in path.stem)
    return [Icon(path, path.stem.split("__")[0], folder.name) for path in files]


def glyph_at(
    image: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    family: str,
    name: str,
    bank: GlyphBank,
) -> Glyph:
    """An icon that fills a box, with the ink that is seen there.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x, y, width, height in pixels, inside the image.
        family: in the bank.
        name: in the family.
        bank: of icons.
    """
    x, y, width, height = box
    coverage = bank.coverage(family, name, width, height)
    full = coverage >= min(_FULL, float(coverage.max()))
    red, green, blue = image[y : y + height, x : x + width][full].mean(axis=0)
    return Glyph(family, name, box, (round(red), round(green), round(blue)))
