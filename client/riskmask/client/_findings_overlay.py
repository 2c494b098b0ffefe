"""The picture of a verification: the reconstruction, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from riskmask.client._labels import (
    INK,
    PAPER,
    Colour,
    Font,
    draw_labels,
    draw_outline,
    enlarged,
    scaled,
)
from riskmask.client._miscompression import ChangeKind
from riskmask.client._report import printable
from riskmask.client._verification import Finding, Verification

COLOURS: Final[dict[ChangeKind, Colour]] = {
    ChangeKind.AMPLITUDE: (255, 176, 56),
    ChangeKind.GEOMETRY: (84, 176, 255),
    ChangeKind.SHAPE: (255, 84, 108),
}
OPACITY: Final = 0.45
ARROW: Final = "\N{RIGHTWARDS ARROW}"
LONGEST_LABEL: Final = 60


def draw_findings(picture: Image.Image, verification: Verification) -> Image.Image:
    """Findings as colour by their kind, outlined and labelled with their evidence.

    Args:
        picture: the upright reconstruction as RGB, at any scale.
        verification: of it.

    Returns:
        RGB; a legend below, and at least 960 pixels on the longer side of its picture.
    """
    canvas = picture.resize(enlarged(picture.size), Image.Resampling.BICUBIC)
    canvas = ImageEnhance.Color(canvas).enhance(0.55)
    facts = verification.reconstruction
    scale = (canvas.width / facts.width, canvas.height / facts.height)
    for finding in verification.findings:
        _tint(canvas, finding, scale)
    for finding in reversed(verification.findings):
        corners = [(x * scale[0], y * scale[1]) for x, y in finding.polygon]
        draw_outline(canvas, corners, COLOURS[finding.kind])
    size = max(15.0, max(canvas.size) / 75)
    labels = [  # what matters most finds room first
        (label(each), COLOURS[each.kind], scaled(each.box, scale))
        for each in by_importance(verification.findings)
    ]
    draw_labels(canvas, labels, ImageFont.load_default(size))
    return _with_legend(canvas, verification, size)


def label(finding: Finding) -> str:
    """The evidence, cut to where the difference is."""
    # Pillow's own font has no arrow
    text = printable(finding.evidence).replace(f" {ARROW} ", " -> ")
    before, arrow, after = text.partition(" -> ")
    if arrow and len(text) > LONGEST_LABEL:
        pairs = enumerate(zip(before, after, strict=False))
        same = next((place for place, (one, other) in pairs if one != other), 0)
        text = _around(before, same) + arrow + _around(after, same)
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 3]}..."


def _around(text: str, place: int) -> str:
    start = max(0, place - 8)
    end = start + LONGEST_LABEL // 2 - 10
    return ("..." if start else "") + text[start:end] + ("..." if end < len(text) else "")


def _tint(canvas: Image.Image, finding: Finding, scale: tuple[float, float]) -> None:
    """Lays the finding's colour over the cells that changed; whole boxes are outlined alone."""
    if finding.mask is None:
        return
    x, y, _, _ = finding.box
    cells = finding.mask.to_array()
    stride = finding.mask.stride
    corner = round(x * scale[0]), round(y * scale[1])
    size = (
        max(1, round(cells.shape[1] * stride * scale[0])),
        max(1, round(cells.shape[0] * stride * scale[1])),
    )
    opacity = Image.fromarray(np.where(cells, np.uint8(255 * OPACITY), np.uint8(0)))
    shape = opacity.resize(size, Image.Resampling.NEAREST)
    canvas.paste(Image.new("RGB", size, COLOURS[finding.kind]), corner, shape)


def _with_legend(picture: Image.Image, verification: Verification, size: float) -> Image.Image:
    font: Font = ImageFont.load_default(min(size, picture.width / 30))
    pad, line = round(size), round(size * 1.5)
    canvas = Image.new("RGB", (picture.width, picture.height + 2 * pad + 2 * line), INK)
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    y = picture.height + pad
    draw.text((pad, y), summary(verification), font=font, fill=PAPER)
    x = float(pad)
    for kind, colour in COLOURS.items():
        draw.rectangle((x, y + line * 1.2, x + size, y + line * 1.2 + size), fill=colour)
        draw.text((x + 1.5 * size, y + line * 1.15), kind.lower(), font=font, fill=PAPER)
        x += draw.textlength(kind.lower(), font=font) + 3.5 * size
    return canvas


def by_importance(findings: Iterable[Finding]) -> list[Finding]:
    """Those of high impact first, then by severity."""
    return sorted(findings, key=lambda each: (not each.high_impact, -each.severity))


def summary(verification: Verification) -> str:
    """How much was found, and how much of what is there was judged."""
    count = len(verification.findings)
    found = "nothing changed" if not count else f"{count} finding{'' if count == 1 else 's'}"
    high = sum(finding.high_impact for finding in verification.findings)
    impact = f", {high} of high impact" if high else ""
    judged = sum(region.judged for region in verification.examined)
    looked = f"; {judged} of {len(verification.examined)} regions judged"
    return found + impact + (looked if verification.examined else "")
