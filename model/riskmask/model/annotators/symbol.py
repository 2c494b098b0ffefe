"""Symbols: which glyph of its family does the reconstruction match best? Not the one that is there.

Rendered icons are compared with every other icon of their family, drawn at the same place and
size; barcodes are decoded.

An icon that no longer is the best match of its place has changed in either of two ways. Another
one is there (shape) where another is *drawn* as the first one was: with a good part of its
contrast, and matching its place about as well as the first matched its own. Otherwise the icon
dissolved (amplitude), although one of some hundred glyphs always fits the smear best: correlation
does not see contrast, so the best fit alone says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, Glyph, KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.region_verdicts import RegionVerdicts

MATCH = 0.55  # correlation with its own glyph under which nobody would call it that glyph
MARGIN = 0.03  # how far ahead of every other glyph the original's own must be to be judged
FADED = 0.35  # share of the original's contrast under which a glyph counts as gone
DRAWN = 0.8  # share of the first glyph's correlation that another one needs to be there instead


@dataclass(frozen=True)
class Match:
    """How well a place matches its own glyph and the best other one of the family.

    Attributes:
        own, other: correlation in [-1, 1].
        other_name: the best other glyph's name.
        contrast, other_contrast: strength of both, in grey values from no ink to full ink: the
            slope of a straight line from coverage to picture.
    """

    own: float
    other: float
    other_name: str
    contrast: float
    other_contrast: float


class SymbolAnnotator:
    """Matches rendered icons against their family and decodes barcodes."""

    name = "symbol"

    def __init__(self, bank: GlyphBank) -> None:
        self._bank = bank

    def examine(
        self, original: NDArray[np.uint8], regions: Sequence[KnownRegion]
    ) -> SymbolExamination:
        """Judge the regions whose glyph is clearly itself, or whose barcode decodes."""
        matches: dict[int, Match] = {}
        payloads: dict[int, str] = {}
        for index, region in enumerate(regions):
            if region.content != "symbol":
                continue
            if region.glyph is not None:
                match = match_glyph(original, region.glyph, self._bank)
                if match.own >= MATCH and match.own >= match.other + MARGIN:
                    matches[index] = match
            elif region.barcode:
                payload = decode_barcode(original, region)
                known = region.transcription
                if payload is not None and (known is None or payload.strip() == known.strip()):
                    payloads[index] = payload
        return SymbolExamination(self._bank, original, regions, matches, payloads)


class SymbolExamination(RegionVerdicts):
    """An original whose recognisable symbols are known."""

    def __init__(
        self,
        bank: GlyphBank,
        original: NDArray[np.uint8],
        regions: Sequence[KnownRegion],
        matches: Mapping[int, Match],
        payloads: Mapping[int, str],
    ) -> None:
        super().__init__(original, regions, (*matches, *payloads))
        self._bank = bank
        self._matches = matches
        self._payloads = payloads

    def _compare(
        self, reconstruction: NDArray[np.uint8], indices: Sequence[int]
    ) -> Mapping[int, Finding]:
        """Findings where a glyph matches another better, fades away, or a barcode is lost."""
        judged = (
            (i, (self._barcode if i in self._payloads else self._glyph)(reconstruction, i))
            for i in indices
        )
        return {index: finding for index, finding in judged if finding is not None}

    def _barcode(self, reconstruction: NDArray[np.uint8], index: int) -> Finding | None:
        payload = decode_barcode(reconstruction, self._regions[index])
        truth = self._payloads[index]
        if payload == truth:
            return None
        shown = "does not decode" if payload is None else f"'{payload}'"
        evidence = f"barcode '{truth}' → {shown}"
        return self._finding(index, "shape", 1.0, evidence, high_impact=payload is not None)

    def _glyph(self, reconstruction: NDArray[np.uint8], index: int) -> Finding | None:
        glyph = self._regions[index].glyph
        assert glyph is not None  # only glyphs are matched
        before = self._matches[index]
        after = match_glyph(reconstruction, glyph, self._bank)
        if is_drawn_instead(before, after):
            evidence = f"icon '{glyph.name}' → looks like '{after.other_name}'"
            return self._finding(index, "shape", 1.0, evidence, high_impact=True)
        faded = abs(after.contrast) < FADED * abs(before.contrast)
        mistaken = after.other > after.own and after.other >= MATCH
        if faded or mistaken or after.own < MATCH:
            severity = 1.0 - max(after.own, 0.0)
            evidence = (
                f"icon '{glyph.name}' dissolved: correlation {before.own:.2f} → {after.own:.2f}, "
                f"contrast {abs(before.contrast):.0f} → {abs(after.contrast):.0f}"
            )
            return self._finding(index, "amplitude", severity, evidence, high_impact=False)
        return None


def is_drawn_instead(before: Match, after: Match) -> bool:
    """Whether another glyph is there as plainly as the own one was before.

    It must be ahead of the own one by the margin that the original was judged with, keep as much
    contrast as a glyph that is not faded, and reach most of the correlation of the original's own
    match, which what lies behind the icon may have kept below 1.
    """
    return (
        after.other >= after.own + MARGIN
        and after.other >= max(MATCH, DRAWN * before.own)
        and after.other_contrast >= FADED * abs(before.contrast)
    )


def match_glyph(image: NDArray[np.uint8], glyph: Glyph, bank: GlyphBank) -> Match:
    """Correlate the place of a glyph with every glyph of its family.

    The picture is projected onto the axis from the surroundings' colour to the ink, so an icon
    counts the same whatever its colours; shifts by one pixel are tried.

    Args:
        image: (H, W, 3) uint8 RGB.
        glyph: its box must lie inside the image.
        bank: holds the glyph's family.
    """
    x, y, width, height = glyph.box
    names, coverage = bank.family(glyph.family, width, height)
    own = names.index(glyph.name)
    patch = image[y : y + height, x : x + width].astype(np.float32)
    ground = patch[coverage[own] < 0.1]
    ground_colour = ground.mean(axis=0) if len(ground) else patch.mean(axis=(0, 1))
    axis = np.asarray(glyph.ink, dtype=np.float32) - ground_colour
    length = float(np.linalg.norm(axis))
    if length < 1:
        return Match(0.0, 0.0, "", 0.0, 0.0)
    projected = (patch - ground_colour) @ (axis / length)

    flat = coverage.reshape(len(names), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1) + 1e-6
    scores = np.full(len(names), -1.0, dtype=np.float32)
    slopes = np.zeros(len(names), dtype=np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            shifted = np.roll(projected, (dy, dx), axis=(0, 1)).ravel()
            shifted = shifted - shifted.mean()
            products = centred @ shifted
            correlations = products / (norms * (np.linalg.norm(shifted) + 1e-6))
            slopes = np.where(correlations > scores, products / norms**2, slopes)
            scores = np.maximum(scores, correlations)
    # Drawings that are nearly the same (an outline and its twin) are not told apart.
    twins = (centred @ centred[own]) / (norms * norms[own]) > 0.9
    rivals = np.where(twins, -1.0, scores)
    best = int(np.argmax(rivals))
    return Match(
        own=float(scores[own]),
        other=float(rivals[best]),
        other_name=names[best],
        contrast=float(slopes[own]),
        other_contrast=float(slopes[best]),
    )


def decode_barcode(image: NDArray[np.uint8], region: KnownRegion) -> str | None:
    """Payload of the barcode whose middle lies in a region, or None where none decodes.

    The quiet zone around it is looked at too, and may hold a neighbour.
    """
    corners = np.asarray(region.polygon)
    low, high = corners.min(axis=0), corners.max(axis=0)
    pad = 0.15 * (high - low).max() + 4
    left, top = (max(int(v - pad), 0) for v in low)
    right, bottom = (int(v + pad) + 1 for v in high)
    crop = np.ascontiguousarray(image[top:bottom, left:right])
    middle = 0.5 * (low + high) - (left, top)
    found = [(result.text, _middle(result.position)) for result in zxingcpp.read_barcodes(crop)]
    inside = [
        (float(np.hypot(*(place - middle))), text)
        for text, place in found
        if (np.abs(place - middle) <= 0.5 * (high - low)).all()
    ]
    return min(inside)[1] if inside else None


def _middle(position: zxingcpp.Position) -> NDArray[np.float64]:
    """(x, y) of a barcode's middle in pixels."""
    corners = (
        position.top_left,
        position.top_right,
        position.bottom_right,
        position.bottom_left,
    )
    return np.asarray(np.mean([(corner.x, corner.y) for corner in corners], axis=0))
