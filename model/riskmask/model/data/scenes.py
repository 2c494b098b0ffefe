"""Rendered scenes: text and icons of known identity, on photographs and on plain panels.

Every size, typeface, colour, contrast and background that a codec may meet, with exact truth.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.annotators.base import Glyph, KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.data.inks import (
    Box,
    Colour,
    Ink,
    any_colour,
    contrasting,
    isoluminant,
    stands_out,
)
from riskmask.model.data.wording import draw_string

LINES = (8, 64)  # size of their typeface in pixels
# Half of a page's lines are large: thin strokes on an exactly flat ground survive what the same
# strokes on a photograph do not, and too few of them are learnt by heart instead.
HEADLINES = (28, 96)


@dataclass(frozen=True)
class Style:
    """What a sort of scenes looks like.

    Attributes:
        lines, icons: so many are tried on a scene, from and to below.
        ink: of its lines; icons always contrast.
        plain: a page: one exactly flat colour behind everything, and no camera.
    """

    lines: tuple[int, int]
    icons: tuple[int, int]
    ink: Ink = contrasting
    plain: bool = False


SCENES = Style(lines=(3, 15), icons=(1, 8))
PAGES = Style(lines=(10, 28), icons=(1, 8), plain=True)
SYMBOLS = Style(lines=(0, 5), icons=(16, 41))  # many icons and little text
ISOLUMINANT = Style(lines=(8, 22), icons=(0, 3), ink=isoluminant)


@dataclass(frozen=True)
class Scene:
    """A rendered picture, (H, W, 3) uint8 RGB, and everything drawn on it."""

    image: NDArray[np.uint8]
    regions: tuple[KnownRegion, ...]


@dataclass(frozen=True)
class TextMark:
    """A line of text on a scene.

    Attributes:
        text: the string.
        font: the typeface's file.
        height: size of the typeface in pixels.
        ink: colour.
        box: of the line before it is turned.
        bearing: x, y in pixels from the pen's start to the box, so that another string drawn
            in its place starts there too.
        angle: in degrees, anticlockwise.
    """

    text: str
    font: Path
    height: int
    ink: Colour
    box: Box
    bearing: tuple[int, int]
    angle: float

    @property
    def region(self) -> KnownRegion:
        """What an annotator may know of it."""
        return KnownRegion("text", rotated(self.box, self.angle), transcription=self.text)


@dataclass(frozen=True)
class IconMark:
    """An icon on a scene."""

    glyph: Glyph

    @property
    def region(self) -> KnownRegion:
        """What an annotator may know of it."""
        x, y, width, height = self.glyph.box
        polygon = rotated((x, y, x + width, y + height), 0.0)
        return KnownRegion("symbol", polygon, glyph=self.glyph)


Mark = TextMark | IconMark


@dataclass(frozen=True)
class Composition:
    """A scene before its picture is taken.

    Attributes:
        ground: the background with its panels, nothing drawn on it.
        canvas: the same with all marks.
        marks: what is drawn on it, in order.
        camera: a generator in the state in which the picture is taken.
    """

    ground: Image.Image
    canvas: Image.Image
    marks: tuple[Mark, ...]
    camera: np.random.Generator


class SceneRenderer:
    """Draws scenes from backgrounds, typefaces and icon families.

    Args:
        backgrounds: photographs; crops of them are drawn upon.
        fonts: TrueType or OpenType files.
        bank: icons by family; scenes hold none where it is empty.
        size: side of a scene in pixels.
        style: of the scenes.
    """

    def __init__(
        self,
        backgrounds: Sequence[Path],
        fonts: Sequence[Path],
        bank: GlyphBank,
        size: int = 512,
        style: Style = SCENES,
    ) -> None:
        if not backgrounds or not fonts:
            raise ValueError("scenes need at least one background and one typeface")
        self._backgrounds = backgrounds
        self._fonts = fonts
        self._bank = bank
        self._size = size
        self._style = style

    def render(self, seed: int) -> Scene:
        """The scene of a seed; the same seed gives the same scene."""
        composition = self.compose(seed)
        return self._develop(composition.canvas, composition.marks, composition.camera)

    def compose(self, seed: int) -> Composition:
        """What the scene of a seed is made of."""
        generator = np.random.default_rng(seed)
        canvas = self._background(generator)
        if generator.random() < 0.75:
            _draw_panels(generator, canvas)
        ground = canvas.copy()
        taken: list[Box] = []
        marks: list[Mark] = []
        for _ in range(generator.integers(*self._style.lines)):
            mark: Mark | None = self._draw_text(generator, canvas, taken)
            marks += [mark] if mark else []
        for _ in range(generator.integers(*self._style.icons)):
            mark = self._draw_icon(generator, canvas, taken)
            marks += [mark] if mark else []
        return Composition(ground, canvas, tuple(marks), generator)

    def redraw(self, composition: Composition, marks: Sequence[Mark]) -> Scene:
        """The same scene, through the same camera, with other marks in place of its own."""
        canvas = composition.ground.copy()
        for mark in marks:
            if isinstance(mark, TextMark):
                _stamp_text(canvas, mark)
            else:
                self._stamp_icon(canvas, mark)
        return self._develop(canvas, marks, composition.camera)

    def _develop(
        self, canvas: Image.Image, marks: Sequence[Mark], camera: np.random.Generator
    ) -> Scene:
        image = np.array(canvas) if self._style.plain else _capture(deepcopy(camera), canvas)
        return Scene(image, tuple(mark.region for mark in marks))

    def _background(self, generator: np.random.Generator) -> Image.Image:
        size = self._size
        if self._style.plain:
            white = generator.random() < 0.5
            return Image.new(
                "RGB", (size, size), (255, 255, 255) if white else any_colour(generator)
            )
        if generator.random() < 0.2:
            return _gradient(generator, size)
        path = self._backgrounds[generator.integers(len(self._backgrounds))]
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        shortest = min(picture.size)
        if shortest < size:
            scale = size / shortest
            picture = picture.resize(
                (max(round(picture.width * scale), size), max(round(picture.height * scale), size)),
                Image.Resampling.BICUBIC,
            )
        left = int(generator.integers(0, picture.width - size + 1))
        top = int(generator.integers(0, picture.height - size + 1))
        return picture.crop((left, top, left + size, top + size))

    def _draw_text(
        self, generator: np.random.Generator, canvas: Image.Image, taken: list[Box]
    ) -> TextMark | None:
        text = draw_string(generator)
        heights = HEADLINES if self._style.plain and generator.random() < 0.5 else LINES
        height = round(float(np.exp(generator.uniform(*np.log(heights)))))
        path = self._fonts[generator.integers(len(self._fonts))]
        font = typeface(path, height)
        if not draws_all(font, text):
            return None
        left, top, right, bottom = (round(v) for v in font.getbbox(text))
        width, tall = right - left, bottom - top
        box = _place(generator, canvas.size, (width, tall), taken)
        if box is None or min(width, tall) < 3:
            return None
        ink = self._style.ink(generator, canvas, box)
        if not stands_out(canvas, box, ink):
            return None
        angle = float(generator.normal(0, 3)) if generator.random() < 0.35 else 0.0
        mark = TextMark(text, path, height, ink, box, (left, top), angle)
        _stamp_text(canvas, mark)
        taken.append(box)
        return mark

    def _draw_icon(
        self, generator: np.random.Generator, canvas: Image.Image, taken: list[Box]
    ) -> IconMark | None:
        families = sorted(self._bank.families)
        if not families:
            return None
        family = families[generator.integers(len(families))]
        names = sorted(self._bank.families[family])
        name = names[generator.integers(len(names))]
        side = round(float(np.exp(generator.uniform(np.log(10), np.log(80)))))
        box = _place(generator, canvas.size, (side, side), taken)
        if box is None:
            return None
        ink = contrasting(generator, canvas, box)
        mark = IconMark(Glyph(family, name, (box[0], box[1], side, side), ink))
        if not self._stamp_icon(canvas, mark):
            return None
        taken.append(box)
        return mark

    def _stamp_icon(self, canvas: Image.Image, mark: IconMark) -> bool:
        """Draw an icon; False, and nothing drawn, where its lines are too thin for its size."""
        glyph = mark.glyph
        x, y, width, height = glyph.box
        share = self._bank.coverage(glyph.family, glyph.name, width, height)
        coverage = (share * 255).round().astype(np.uint8)
        if coverage.max() < 128:
            return False
        paint = Image.new("RGB", (width, height), glyph.ink)
        canvas.paste(paint, (x, y), Image.fromarray(coverage))
        return True


def _stamp_text(canvas: Image.Image, mark: TextMark) -> None:
    left, top, right, bottom = mark.box
    pad = max(mark.height // 4, 2)
    layer = Image.new("L", (right - left + 2 * pad, bottom - top + 2 * pad), 0)
    ImageDraw.Draw(layer).text(
        (pad - mark.bearing[0], pad - mark.bearing[1]),
        mark.text,
        font=typeface(mark.font, mark.height),
        fill=255,
    )
    turned = layer.rotate(mark.angle, Image.Resampling.BICUBIC)
    canvas.paste(Image.new("RGB", turned.size, mark.ink), (left - pad, top - pad), turned)


@lru_cache(maxsize=512)
def typeface(path: Path, height: int) -> ImageFont.FreeTypeFont:
    """A typeface of a file at a size in pixels."""
    return ImageFont.truetype(str(path), height)


def draws_all(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Whether the typeface has every character: a missing one is drawn like U+FFFF."""
    missing = bytes(font.getmask("\uffff"))
    return all(bytes(font.getmask(c)) != missing for c in set(text) - {" "})


def _gradient(generator: np.random.Generator, size: int) -> Image.Image:
    corners = generator.integers(0, 256, size=(2, 2, 3)).astype(np.uint8)
    if generator.random() < 0.5:
        corners[:] = corners[:1, :1]
    return Image.fromarray(corners).resize((size, size), Image.Resampling.BICUBIC)


def _draw_panels(generator: np.random.Generator, canvas: Image.Image) -> None:
    """Signs, labels and sheets: plain rectangles that text may land on."""
    draw = ImageDraw.Draw(canvas)
    for _ in range(generator.integers(1, 5)):
        width, height = generator.integers(canvas.width // 8, canvas.width * 3 // 4, size=2)
        left = int(generator.integers(-width // 4, canvas.width - width // 2))
        top = int(generator.integers(-height // 4, canvas.height - height // 2))
        plain = generator.random()
        fill = (
            (255, 255, 255)
            if plain < 0.3
            else (20, 20, 20)
            if plain < 0.4
            else any_colour(generator)
        )
        outline = any_colour(generator) if generator.random() < 0.4 else None
        draw.rounded_rectangle(
            (left, top, left + int(width), top + int(height)),
            radius=int(generator.integers(0, 24)),
            fill=fill,
            outline=outline,
            width=int(generator.integers(1, 6)),
        )


def _place(
    generator: np.random.Generator,
    canvas: tuple[int, int],
    size: tuple[int, int],
    taken: Sequence[Box],
) -> Box | None:
    """A free place for a rectangle with a few pixels of air, or None after some tries."""
    width, height = size
    air = 6
    if width + 2 * air >= canvas[0] or height + 2 * air >= canvas[1]:
        return None
    for _ in range(12):
        left = int(generator.integers(air, canvas[0] - width - air))
        top = int(generator.integers(air, canvas[1] - height - air))
        right, bottom = left + width, top + height
        if all(
            right + air < other[0]
            or left - air > other[2]
            or bottom + air < other[1]
            or top - air > other[3]
            for other in taken
        ):
            return left, top, right, bottom
    return None


def rotated(
    box: Box, angle: float, about: tuple[float, float] | None = None
) -> tuple[tuple[float, float], ...]:
    """Corners of a box turned about a point, clockwise from the top left.

    Args:
        box: to turn.
        angle: in degrees, anticlockwise.
        about: x, y; None for the box's middle.
    """
    left, top, right, bottom = box
    middle = np.array(about or ((left + right) / 2, (top + bottom) / 2))
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - middle
    turn = np.deg2rad(-angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned = corners @ matrix.T + middle
    return tuple((float(x), float(y)) for x, y in turned)


def _capture(generator: np.random.Generator, canvas: Image.Image) -> NDArray[np.uint8]:
    """What a camera does: some noise, and in half of all cases a JPEG of good quality."""
    pixels = np.asarray(canvas, dtype=np.float32)
    if generator.random() < 0.5:
        pixels = pixels + generator.normal(0, generator.uniform(0.5, 4.0), size=pixels.shape)
    image = Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))
    if generator.random() < 0.5:
        image = through_jpeg(image, int(generator.integers(80, 96)), subsampling=0)
    return np.array(image)


def through_jpeg(image: Image.Image, quality: int, subsampling: int) -> Image.Image:
    """A picture as a JPEG shows it, in RGB; subsampling 0 for 4:4:4, 2 for 4:2:0."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(buffer).convert("RGB")
