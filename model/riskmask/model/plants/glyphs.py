"""Digits, letters and icons drawn anew as another of their family, or dissolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from PIL import ImageFont

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.data.planes import cells_of_polygon
from riskmask.model.data.scenes import Composition, IconMark, Mark, SceneRenderer, TextMark
from riskmask.model.plants.contours import changed_pixels
from riskmask.model.plants.pairs import Pixels, Plant, cells_over

LEGIBLE_HEIGHT = 16  # pixels of a typeface
VISIBLE_SIDE = 20  # pixels of an icon
CONTRAST = 60.0  # grey values between the ink and what it is drawn on
_FAMILIES = ("0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghkmnpqrstuvwxyz")
# Told apart by context only, so a swap among them is no plant: O and 0, l and 1, S and 5 ...
_ALIKE = ("0oOQD", "1lIi", "5sS", "2zZ", "8B", "6bG", "9gq", "uvUV", "cC", "kK", "pP", "wW", "xX")
_WIDTH = 0.15  # share by which the new character may be wider or narrower
_DIFFERENT = 0.12  # mean difference of ink that two icons must have
_DISSOLVED = 0.25  # share of plants that dissolve instead of changing

Altered = tuple[Pixels, Pixels, tuple[KnownRegion, ...], Plant]


def plant_text(
    renderer: SceneRenderer, seed: int, generator: np.random.Generator, annotator: str = "text"
) -> Altered | None:
    """Change one character of a line, or dissolve the line; None where the scene has no fit one."""
    composition = renderer.compose(seed)
    fit = [
        index
        for index, mark in enumerate(composition.marks)
        if isinstance(mark, TextMark)
        and mark.height >= LEGIBLE_HEIGHT
        and _contrast(composition, mark) >= CONTRAST
        and len(mark.text) >= 2
    ]
    for index in generator.permutation(fit):
        mark = composition.marks[index]
        assert isinstance(mark, TextMark)
        if annotator == "text" and generator.random() < _DISSOLVED:
            return _dissolve(renderer, composition, index, mark.height / 2, "word dissolved")
        text = another_text(mark, generator)
        if text is not None:
            digit = next(a for a, b in zip(mark.text, text, strict=True) if a != b).isdigit()
            what = "digit swapped" if digit else "letter swapped"
            return _swap(renderer, composition, index, replace(mark, text=text), what, annotator)
    return None


def plant_icon(
    renderer: SceneRenderer,
    bank: GlyphBank,
    seed: int,
    generator: np.random.Generator,
    annotator: str = "symbol",
) -> Altered | None:
    """Draw an icon as another of its family, or dissolve it; None where there is no fit one."""
    composition = renderer.compose(seed)
    fit = [
        index
        for index, mark in enumerate(composition.marks)
        if isinstance(mark, IconMark)
        and mark.glyph.box[2] >= VISIBLE_SIDE
        and _contrast(composition, mark) >= CONTRAST
    ]
    for index in generator.permutation(fit):
        mark = composition.marks[index]
        assert isinstance(mark, IconMark)
        if annotator == "symbol" and generator.random() < _DISSOLVED:
            return _dissolve(renderer, composition, index, mark.glyph.box[2] / 3, "icon dissolved")
        other = _another_icon(mark, bank, generator)
        if other is not None:
            return _swap(renderer, composition, index, other, "icon swapped", annotator)
    return None


def another_text(mark: TextMark, generator: np.random.Generator) -> str | None:
    """The line with one character made another of its family, of about the same width."""
    font = ImageFont.truetype(str(mark.font), mark.height)
    for place in generator.permutation(len(mark.text)):
        was = mark.text[place]
        family = next((f for f in _FAMILIES if was in f), "")
        fit = [
            c
            for c in family
            if c != was
            and not any(was in group and c in group for group in _ALIKE)
            and abs(font.getlength(c) - font.getlength(was)) <= _WIDTH * font.getlength(was)
        ]
        if fit:
            return mark.text[:place] + str(generator.choice(fit)) + mark.text[place + 1 :]
    return None


def _another_icon(
    mark: IconMark, bank: GlyphBank, generator: np.random.Generator
) -> IconMark | None:
    """Another icon of the family that no eye takes for the first."""
    _, _, width, height = mark.glyph.box
    names, coverage = bank.family(mark.glyph.family, width, height)
    own = coverage[names.index(mark.glyph.name)]
    apart = np.abs(coverage - own).mean(axis=(1, 2))
    fit = [
        name
        for name, difference, ink in zip(names, apart, coverage, strict=True)
        if difference >= _DIFFERENT and ink.max() > 0.9
    ]
    if not fit:
        return None
    return replace(mark, glyph=replace(mark.glyph, name=str(generator.choice(fit))))


def _swap(
    renderer: SceneRenderer,
    composition: Composition,
    index: int,
    other: Mark,
    what: str,
    annotator: str,
) -> Altered | None:
    marks = [*composition.marks[:index], other, *composition.marks[index + 1 :]]
    original = renderer.redraw(composition, composition.marks)
    altered = renderer.redraw(composition, marks)
    if annotator == "shape":  # its place is the strokes that differ, not the whole line
        mask = cells_over(changed_pixels(original.image, altered.image), 0.1)
        what = "glyph swapped"
    else:
        mask = cells_of_polygon(original.regions[index].polygon, original.image.shape[:2])  # type: ignore[arg-type]
    if not mask.any():
        return None
    regions = _with_neighbours(original.regions, index)
    return original.image, altered.image, regions, Plant(annotator, what, "shape", mask)


def _dissolve(
    renderer: SceneRenderer, composition: Composition, index: int, width: float, what: str
) -> Altered:
    """Blur a mark until nothing of it can be told."""
    original = renderer.redraw(composition, composition.marks)
    region = original.regions[index]
    size = original.image.shape[0], original.image.shape[1]
    place = np.zeros(size, dtype=np.uint8)
    cv2.fillPoly(place, [np.round(region.polygon).astype(np.int32)], (1,))
    weight = cv2.dilate(place, np.ones((9, 9), dtype=np.uint8)).astype(np.float32)
    soft = cv2.GaussianBlur(weight, (0, 0), 2.0)[..., None]
    blurred = cv2.GaussianBlur(original.image, (0, 0), width).astype(np.float32)
    mixed = original.image + soft * (blurred - original.image)
    altered = np.clip(mixed, 0, 255).round().astype(np.uint8)
    annotator = "text" if region.content == "text" else "symbol"
    plant = Plant(annotator, what, "amplitude", cells_of_polygon(region.polygon, size))
    return original.image, altered, _with_neighbours(original.regions, index), plant


def _with_neighbours(
    regions: Sequence[KnownRegion], index: int, most: int = 4
) -> tuple[KnownRegion, ...]:
    """A region and a few others of its content, which nothing happens to."""
    content = regions[index].content
    others = [r for i, r in enumerate(regions) if i != index and r.content == content]
    return (regions[index], *others[: most - 1])


def _contrast(composition: Composition, mark: Mark) -> float:
    """Grey values between a mark's ink and the middle of what it is drawn on."""
    if isinstance(mark, TextMark):
        box, ink = mark.box, mark.ink
    else:
        x, y, width, height = mark.glyph.box
        box, ink = (x, y, x + width, y + height), mark.glyph.ink
    ground = np.asarray(composition.ground.crop(box).convert("L"), dtype=np.float32)
    grey = float(np.dot(ink, (0.299, 0.587, 0.114)))
    # The ground's spread counts against it: ink on a busy photograph stands out less.
    return abs(grey - float(ground.mean())) - float(ground.std())
