"""The picture that a person looks at: where the risk is, how large, and what would be safe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from riskmask.client._labels import (
    INK,
    PAPER,
    Box,
    Colour,
    Font,
    draw_labels,
    draw_outline,
    enlarged,
    scaled,
    wrapped,
)
from riskmask.client._report import by_risk, named, printable
from riskmask.client._types import Analysis, Decision, Region

# risk, colour, opacity: nothing to see under 0.05, then yellow, orange, red, purple
RAMP: Final = (
    (0.00, (255, 214, 64), 0.00),
    (0.05, (255, 214, 64), 0.00),
    (0.20, (255, 200, 48), 0.38),
    (0.45, (255, 128, 24), 0.52),
    (0.70, (232, 36, 48), 0.60),
    (1.00, (168, 0, 120), 0.68),
)
DECISION_COLOURS: Final = {
    Decision.ENCODE: (96, 208, 136),
    Decision.ENCODE_WITH_HINTS: (104, 176, 255),
    Decision.RAISE_RATE: (255, 186, 72),
    Decision.FALLBACK_JPEG: (255, 104, 96),
}
NARROWEST_CANVAS: Final = 560
SENTENCES: Final = 6  # of regions, under the legend


def draw_overlay(picture: Image.Image, risk: Image.Image, analysis: Analysis) -> Image.Image:
    """Risk as colour, regions outlined and labelled; under it decision, legend, and why.

    Args:
        picture: the upright image as RGB, at any scale.
        risk: 8-bit grey of the same size, 255 x risk.
        analysis: of the image; its regions are drawn, and its policy's threshold marked in the
            legend.

    Returns:
        RGB; the longer side of its picture is at least 960 pixels, so that labels can be read on
        small images too.
    """
    size = enlarged(picture.size)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
        risk = risk.resize(size, Image.Resampling.BILINEAR)
    text_size = max(15.0, max(picture.size) / 75)
    font = ImageFont.load_default(text_size)
    tinted = tint(picture, np.asarray(risk))
    numbers = draw_regions(tinted, analysis, font)
    return _with_legend(tinted, analysis, text_size, numbers)


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


def draw_regions(canvas: Image.Image, analysis: Analysis, font: Font) -> list[int]:
    """Outlines every region and labels as many as find room, those of highest risk first.

    Returns:
        the numbers of those with a label, from 1 on by their risk.
    """
    scale = (canvas.width / analysis.image.width, canvas.height / analysis.image.height)
    for region in analysis.regions:
        draw_outline(canvas, [(x * scale[0], y * scale[1]) for x, y in region.polygon], PAPER)
    labels = [
        (f"{number}: {label(region)}", colour_of(region.risk), scaled(region.box, scale))
        for number, region in enumerate(by_risk(analysis.regions), start=1)
    ]
    return [index + 1 for index in draw_labels(canvas, labels, font)]


def why_lines(analysis: Analysis, numbers: Sequence[int], font: Font, width: float) -> list[str]:
    """Why the first few regions of these numbers are flagged, wrapped to a width in pixels."""
    ordered = by_risk(analysis.regions)
    lines = []
    for number in numbers[:SENTENCES]:
        if why := analysis.why(ordered[number - 1]):
            lines += wrapped(f"{number}: {printable(why)}", font, width)
    return lines


def label(region: Region) -> str:
    """Content, risk and what would be safe: ``text 0.87, safe at 0.42 bpp``."""
    name, _ = named(region.content)
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


def _with_legend(
    picture: Image.Image,
    analysis: Analysis,
    text_size: float,
    numbers: Sequence[int],
) -> Image.Image:
    width = max(picture.width, NARROWEST_CANVAS)
    size = min(text_size, width / 44)
    font, bold = ImageFont.load_default(size), ImageFont.load_default(size * 1.35)
    pad = round(size)
    line = round(size * 1.5)
    why = why_lines(analysis, numbers, font, width - 2 * pad)
    height = pad * 2 + line * 5 + (pad + line * len(why) if why else 0)
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
        else "no region reaches the threshold"
    )
    draw.text((x, y), counted, font=font, fill=PAPER)
    y += line
    if analysis.damage is not None and analysis.damage.uniform.error_probability is not None:
        error = f"an error is {analysis.damage.uniform.error_probability:.0%} likely"
        draw.text((x, y), error, font=font, fill=PAPER)
    y += line + pad
    for sentence in why:
        draw.text((x, y), sentence, font=font, fill=PAPER)
        y += line
    threshold = None if analysis.policy is None else analysis.policy.threshold
    _draw_ramp(draw, (width * 0.56, picture.height + pad, width - pad, 0), threshold, font, size)
    return canvas


def _draw_ramp(
    draw: ImageDraw.ImageDraw, place: Box, threshold: float | None, font: Font, size: float
) -> None:
    """The colours over a grey ground from risk 0 to 1, the threshold marked where it is known."""
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
    labels = [(left, "0", "la"), (right, "1", "ra")]
    if threshold is not None:
        at, reach = left + threshold * span, 3
        ends = [(at, bar_top - reach), (at, bar_bottom + reach)]
        draw.line(ends, fill=PAPER, width=max(2, round(size / 9)))
        labels.append((at, f"threshold {threshold:g}", "ma"))
    for position, text, anchor in labels:
        draw.text((position, bar_bottom + size * 0.35), text, font=font, fill=PAPER, anchor=anchor)
