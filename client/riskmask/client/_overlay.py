"""The picture that a person looks at: where the risk is, how large, and what would be safe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from riskmask.client._types import Analysis, Decision, Region

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# risk, colour, opacity: nothing to see under 0.05, then yellow, orange, red, purple
RAMP: Final = (
    (0.00, (255, 214, 64), 0.00),
    (0.05, (255, 214, 64), 0.00),
    (0.20, (255, 200, 48), 0.38),
    (0.45, (255, 128, 24), 0.52),
    (0.70, (232, 36, 48), 0.60),
    (1.00, (168, 0, 120), 0.68),
)
INK: Final = (18, 20, 24)
PAPER: Final = (250, 250, 248)
DECISION_COLOURS: Final = {
    Decision.ENCODE: (96, 208, 136),
    Decision.ENCODE_WITH_HINTS: (104, 176, 255),
    Decision.RAISE_RATE: (255, 186, 72),
    Decision.FALLBACK_JPEG: (255, 104, 96),
}
SHORTEST_CANVAS: Final = 960
NARROWEST_CANVAS: Final = 560
LABELS_OVER_REGIONS: Final = 12


def draw_overlay(
    picture: Image.Image, risk: Image.Image, analysis: Analysis, threshold: float
) -> Image.Image:
    """Risk as colour, regions outlined and labelled, the decision and a legend under it.

    Args:
        picture: the upright image as RGB, at any scale.
        risk: 8-bit grey of the same size, 255 x risk.
        analysis: of the image; its regions are drawn.
        threshold: marked in the legend, in (0, 1).

    Returns:
        RGB; the longer side of its picture is at least 960 pixels, so that labels can be read on
        small images too.
    """
    longest = max(picture.size)
    if longest < SHORTEST_CANVAS:
        grown = [max(1, round(side * SHORTEST_CANVAS / longest)) for side in picture.size]
        size = (grown[0], grown[1])
        picture = picture.resize(size, Image.Resampling.BICUBIC)
        risk = risk.resize(size, Image.Resampling.BILINEAR)
    text_size = max(15.0, max(picture.size) / 75)
    font = ImageFont.load_default(text_size)
    tinted = tint(picture, np.asarray(risk))
    draw_regions(tinted, analysis, font)
    return _with_legend(tinted, analysis, threshold, text_size)


def tint(picture: Image.Image, risk: NDArray[np.uint8]) -> Image.Image:
    """The picture, paler, with (H, W) uint8 risk over it as translucent colour."""
    knots = [level for level, _, _ in RAMP]
    levels = np.arange(256) / 255
    table = np.stack(
        [
            np.interp(levels, knots, [colour[channel] for _, colour, _ in RAMP])
            for channel in range(3)
        ]
        + [255 * np.interp(levels, knots, [opacity for _, _, opacity in RAMP])],
        axis=-1,
    )
    colour = Image.fromarray(np.round(table).astype(np.uint8)[risk], "RGBA")
    base = ImageEnhance.Color(picture).enhance(0.55).convert("RGBA")
    return Image.alpha_composite(base, colour).convert("RGB")


def draw_regions(canvas: Image.Image, analysis: Analysis, font: Font) -> None:
    """Outlines every region and labels as many as find room, those of highest risk first."""
    draw = ImageDraw.Draw(canvas)
    scale = (canvas.width / analysis.image.width, canvas.height / analysis.image.height)
    line = max(2, round(max(canvas.size) / 640))
    for region in analysis.regions:
        corners = [(x * scale[0], y * scale[1]) for x, y in region.polygon]
        closed = [*corners, corners[0]]
        draw.line(closed, fill=INK, width=line + 2, joint="curve")
        draw.line(closed, fill=PAPER, width=line, joint="curve")
    boxes = [_scaled(region.box, scale) for region in analysis.regions]
    labels: list[Box] = []
    for region, box in sorted(
        zip(analysis.regions, boxes, strict=True), key=lambda at: -at[0].risk
    ):
        others = [other for other in boxes if other != box]
        # the first few may hide a part of another region, so that a crowded page has labels too
        obstacles = labels if len(labels) < LABELS_OVER_REGIONS else labels + others
        place = _draw_label(draw, region, box, font, (labels + others, obstacles))
        if place is not None:
            labels.append(place)


def _scaled(box: tuple[int, int, int, int], scale: tuple[float, float]) -> Box:
    x, y, width, height = box
    return x * scale[0], y * scale[1], (x + width) * scale[0], (y + height) * scale[1]


def _draw_label(
    draw: ImageDraw.ImageDraw,
    region: Region,
    box: Box,
    font: Font,
    obstacles: tuple[list[Box], list[Box]],
) -> Box | None:
    """Draws the label clear of the first obstacles, or else of the second; where, or None."""
    text = label(region)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = 0.25 * (bottom - top)
    size = (right - left + 2 * pad, bottom - top + 2 * pad)
    places = list(_places(box, size, draw.im.size))
    for taken in obstacles:
        for place in places:
            if not any(_overlap(place, other) for other in taken):
                outline = colour_of(region.risk)
                draw.rounded_rectangle(place, radius=pad, fill=INK, outline=outline)
                corner = (place[0] + pad - left, place[1] + pad - top)
                draw.text(corner, text, font=font, fill=PAPER)
                return place
    return None


def _places(box: Box, size: tuple[float, float], canvas: tuple[int, int]) -> Iterator[Box]:
    """Where a label of this size fits on the canvas, the best place first."""
    left, top, right, bottom = box
    width, height = size
    gap = 3
    for x, y in (
        (left, top - height - gap),
        (left, bottom + gap),
        (right - width, top - height - gap),
        (right + gap, top),
        (left - width - gap, top),
        (left + gap, top + gap),
    ):
        shifted = min(max(x, 0), canvas[0] - width)
        if shifted >= 0 and y >= 0 and y + height <= canvas[1]:
            yield shifted, y, shifted + width, y + height


def label(region: Region) -> str:
    """Content, risk and what would be safe: ``text 0.87, safe at 0.42 bpp``."""
    contents = vars(region.content)
    strongest = max(contents, key=lambda name: contents[name])
    name = strongest if contents[strongest] >= 0.5 else "detail"
    safe = "no safe rate" if region.safe_bpp is None else f"safe at {region.safe_bpp:.2f} bpp"
    return f"{name} {region.risk:.2f}, {safe}"


def colour_of(risk: float) -> Colour:
    """The ramp's colour, opaque."""
    knots = [level for level, _, _ in RAMP]
    red, green, blue = (
        round(float(np.interp(risk, knots, [colour[channel] for _, colour, _ in RAMP])))
        for channel in range(3)
    )
    return red, green, blue


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _with_legend(
    picture: Image.Image, analysis: Analysis, threshold: float, text_size: float
) -> Image.Image:
    width = max(picture.width, NARROWEST_CANVAS)
    size = min(text_size, width / 44)
    font, bold = ImageFont.load_default(size), ImageFont.load_default(size * 1.35)
    pad = round(size)
    line = round(size * 1.5)
    height = pad * 2 + line * 4
    canvas = Image.new("RGB", (width, picture.height + height), INK)
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    x, y = pad, picture.height + pad
    headline = str(analysis.decision)
    if analysis.decision is Decision.FALLBACK_JPEG and analysis.jpeg.safe is False:
        headline += ", at risk too"
    draw.text((x, y), headline, font=bold, fill=DECISION_COLOURS[analysis.decision])
    y += round(line * 1.3)
    target, count = analysis.target, len(analysis.regions)
    area = f"{analysis.risk_area_fraction:.1%} of the area"
    draw.text(
        (x, y),
        f"{target.codec} at {target.bpp:.3f} bpp, level {target.level:.2f}",
        font=font,
        fill=PAPER,
    )
    y += line
    counted = (
        f"{count} region{'' if count == 1 else 's'} at risk, {area}"
        if count
        else "no region at risk"
    )
    draw.text((x, y), counted, font=font, fill=PAPER)
    _draw_ramp(draw, (width * 0.56, picture.height + pad, width - pad, 0), threshold, font, size)
    return canvas


def _draw_ramp(
    draw: ImageDraw.ImageDraw, place: Box, threshold: float, font: Font, size: float
) -> None:
    """The colours over a grey ground from risk 0 to 1, the threshold marked."""
    left, top, right, _ = place
    bar_top, bar_bottom = top + size * 1.6, top + size * 2.9
    draw.text((left, top), "risk of a miscompression", font=font, fill=PAPER)
    span = max(1, round(right - left))
    strip = np.tile(np.linspace(0, 255, span).round().astype(np.uint8), (1, 1))
    shades = np.asarray(tint(Image.new("RGB", (span, 1), (150, 150, 150)), strip))[0]
    for offset, shade in enumerate(shades):
        draw.line(
            [(left + offset, bar_top), (left + offset, bar_bottom)],
            fill=(int(shade[0]), int(shade[1]), int(shade[2])),
        )
    at = left + threshold * span
    draw.line([(at, bar_top - 3), (at, bar_bottom + 3)], fill=PAPER, width=max(2, round(size / 9)))
    labels = [(left, "0", "la"), (right, "1", "ra"), (at, f"threshold {threshold:g}", "ma")]
    for position, text, anchor in labels:
        draw.text((position, bar_bottom + size * 0.35), text, font=font, fill=PAPER, anchor=anchor)
