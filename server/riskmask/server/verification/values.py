"""What goes into a verification and what comes out: frozen values, no protobuf.

Coordinates are pixels of the upright image, x to the right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from riskmask.server.engine.raw_image import RawImage
from riskmask.server.engine.values import ImageFacts

Content = Literal["text", "face", "symbol"]
Kind = Literal["amplitude", "geometry", "shape"]
Box = tuple[int, int, int, int]  # x, y, width, height
Corners = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Region:
    """A place in the original whose content is known. A symbol without an icon is a barcode.

    Attributes:
        content: what is there.
        polygon: at least three corners, clockwise from the text's top left.
        transcription: what the text or the barcode says; None where only the place is known.
        icon: family and name of an icon that fills the box around the polygon.
    """

    content: Content
    polygon: Corners
    transcription: str | None = None
    icon: tuple[str, str] | None = None


@dataclass(frozen=True)
class VerificationRequest:
    """Two images, and what the caller knows of the first.

    Attributes:
        original: an image file's bytes, or raw pixels.
        reconstruction: the same for what a decoder made of it.
        regions: known to be in the original; none: text, faces and barcodes are searched for.
        annotators: names of those to run; none: all that are available.
    """

    original: bytes | RawImage
    reconstruction: bytes | RawImage
    regions: tuple[Region, ...] = ()
    annotators: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExaminedRegion:
    """A region that was looked at, and whether a change of it would have been told."""

    content: Content
    box: Box
    polygon: Corners
    judged: bool


@dataclass(frozen=True)
class MeasuredFinding:
    """One measured miscompression.

    Attributes:
        annotator: which one says so.
        region: index into the examined regions; None where it is about none of them.
        content: what is there; None where nobody said.
        kind: what happened.
        high_impact: a symbol (letter, digit, sign, icon) became another one.
        severity: in [0, 1].
        evidence: in words.
        box: around it, inside the image.
        polygon: its outline, inside the image.
        mask_png: 8-bit grey PNG of the box, a cell for 4x4 pixels, 255 where changed; empty
            where all of the box is meant.
    """

    annotator: str
    region: int | None
    content: Content | None
    kind: Kind
    high_impact: bool
    severity: float
    evidence: str
    box: Box
    polygon: Corners
    mask_png: bytes = b""


@dataclass(frozen=True)
class Verification:
    """The whole answer; findings by severity, the most severe first."""

    findings: tuple[MeasuredFinding, ...]
    original: ImageFacts
    reconstruction: ImageFacts
    examined: tuple[ExaminedRegion, ...]
    annotators: tuple[str, ...]
