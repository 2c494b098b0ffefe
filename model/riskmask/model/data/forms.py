"""Rendered forms: printed labels and typed entries between rules, as a scanner sees them.

Much of what archives hold is scanned in black and white. Its words are small and yet survive what
words of that size on a photograph do not, and no photograph of a sign teaches that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.data.inks import Box
from riskmask.model.data.scenes import Scene, draws_all, rotated, through_jpeg, typeface
from riskmask.model.data.wording import draw_string

FINENESS = 2  # a form is drawn so much larger than it is scanned
HEIGHTS = (9, 22)  # size of the typefaces in pixels of the scan
MARGIN = 12  # pixels at every side without text
LARGEST_SKEW = 0.8  # degrees that a sheet lies askew on the scanner
INK, PAPER = 0, 255


@dataclass(frozen=True)
class _Style:
    """How one sheet is set: sizes in pixels of the drawing."""

    label: ImageFont.FreeTypeFont
    entry: ImageFont.FreeTypeFont
    pitch: int  # from line to line
    columns: int
    ruled: bool
    boxed: bool


class FormRenderer:
    """Draws forms and scans them.

    Args:
        fonts: TrueType or OpenType files.
        size: side of a form in pixels.
    """

    def __init__(self, fonts: Sequence[Path], size: int = 640) -> None:
        if not fonts:
            raise ValueError("forms need at least one typeface")
        self._fonts = fonts
        self._size = size

    def render(self, seed: int) -> Scene:
        """The form of a seed, every word a region; the same seed gives the same form."""
        generator = np.random.default_rng(seed)
        side = self._size * FINENESS
        sheet = Image.new("L", (side, side), PAPER)
        style = self._style(generator)
        words: list[tuple[str, Box]] = []
        top = MARGIN * FINENESS
        while top + style.pitch < side - MARGIN * FINENESS:
            if generator.random() < 0.85:
                words += _set_line(generator, sheet, style, top)
            top += style.pitch
        angle = generator.uniform(-LARGEST_SKEW, LARGEST_SKEW) if generator.random() < 0.6 else 0.0
        turned = sheet.rotate(angle, Image.Resampling.BICUBIC, fillcolor=PAPER)
        middle = (side / 2, side / 2)
        polygons = [rotated(box, angle, middle) for _, box in words]
        regions = [
            KnownRegion(
                "text",
                tuple((x / FINENESS, y / FINENESS) for x, y in polygon),
                transcription=text,
            )
            for (text, _), polygon in zip(words, polygons, strict=True)
        ]
        inside = [
            region
            for region in regions
            if all(0 <= v <= self._size for point in region.polygon for v in point)
        ]
        return Scene(_scan(generator, turned), tuple(inside))

    def _style(self, generator: np.random.Generator) -> _Style:
        low, high = (float(v) for v in np.log(HEIGHTS))
        heights = np.exp(generator.uniform(low, high, size=2))
        label, entry = (
            typeface(self._fonts[generator.integers(len(self._fonts))], round(FINENESS * height))
            for height in heights
        )
        pitch = FINENESS * float(heights.max()) * generator.uniform(1.25, 2.5)
        return _Style(
            label,
            entry,
            round(pitch),
            columns=int(generator.integers(1, 4)),
            ruled=generator.random() < 0.5,
            boxed=generator.random() < 0.3,
        )


def _set_line(
    generator: np.random.Generator, sheet: Image.Image, style: _Style, top: int
) -> list[tuple[str, Box]]:
    """Set the fields of one line; returns its words and their boxes in the drawing."""
    pen = ImageDraw.Draw(sheet)
    width = (sheet.width - 2 * MARGIN * FINENESS) // style.columns
    bottom = top + style.pitch
    weight = int(generator.integers(1, 2 * FINENESS))
    found: list[tuple[str, Box]] = []
    for column in range(style.columns):
        left = MARGIN * FINENESS + column * width
        right = left + width - MARGIN * FINENESS
        if style.boxed:
            pen.rectangle((left - 6, top, right, bottom), outline=INK, width=weight)
        place = left
        for font in (style.label, style.entry):
            start = place
            for word in draw_string(generator).split():
                if not draws_all(font, word):
                    continue
                box = pen.textbbox((place, bottom - style.pitch // 4), word, font, anchor="ls")
                if box[2] > right or box[1] < top - style.pitch // 2:
                    break
                pen.text((place, bottom - style.pitch // 4), word, INK, font, anchor="ls")
                x0, y0, x1, y1 = (round(v) for v in box)
                found.append((word, (x0, y0, x1, y1)))
                place = round(box[2] + font.size * 0.35)
            if style.ruled and font is style.entry:
                rule = bottom - style.pitch // 4 + 4 * FINENESS
                pen.line((start, rule, right, rule), INK, weight)
            place += round(generator.uniform(0, 0.3) * width)
    return found


def _scan(generator: np.random.Generator, sheet: Image.Image) -> NDArray[np.uint8]:
    """What a scanner does: blur, noise, black and white or greys, and at times a JPEG.

    Args:
        generator: of its settings.
        sheet: in greys, :data:`FINENESS` times as large as the scan.

    Returns:
        (H, W, 3) uint8.
    """
    blurred = sheet.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 1.3)))
    grey = np.asarray(blurred, dtype=np.float32)
    grey = grey + generator.normal(0, generator.uniform(0, 30), size=grey.shape)
    if generator.random() < 0.7:
        threshold = generator.uniform(100, 190)
        grey = np.where(grey < threshold, np.float32(INK), np.float32(PAPER))
    size = (sheet.width // FINENESS, sheet.height // FINENESS)
    scanned = np.asarray(
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BOX),
        dtype=np.float32,
    )
    if generator.random() < 0.4:
        scanned = np.where(scanned < generator.uniform(90, 200), INK, PAPER).astype(np.float32)
    darkest, lightest = generator.uniform(0, 70), generator.uniform(220, 255)
    if generator.random() < 0.4:
        scanned = darkest + scanned * (lightest - darkest) / PAPER
    image = Image.fromarray(scanned.round().astype(np.uint8)).convert("RGB")
    if generator.random() < 0.4:
        image = through_jpeg(image, int(generator.integers(60, 96)), subsampling=2)
    return np.array(image)
