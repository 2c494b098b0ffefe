"""What goes into the engine and what comes out: frozen values, no protobuf.

Coordinates are pixels of the upright image, x to the right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.peak import SMALLEST_REGION
from riskmask.server.engine.raw_image import RawImage


class Decision(Enum):
    """What the pipeline should do with the image."""

    ENCODE = "ENCODE"
    ENCODE_WITH_HINTS = "ENCODE_WITH_HINTS"
    RAISE_RATE = "RAISE_RATE"
    FALLBACK_JPEG = "FALLBACK_JPEG"


class ReasonCode(Enum):
    """Why, in one word; the message beside it says it in a sentence."""

    NO_RISK = "NO_RISK"
    RISK_REGIONS = "RISK_REGIONS"
    HINTS_SUFFICE = "HINTS_SUFFICE"
    SAFE_RATE_CHEAPER_THAN_JPEG = "SAFE_RATE_CHEAPER_THAN_JPEG"
    NO_SMALLER_SAFE_NEURAL_RATE = "NO_SMALLER_SAFE_NEURAL_RATE"
    JPEG_EXCEEDS_TARGET = "JPEG_EXCEEDS_TARGET"
    RATE_OUT_OF_RANGE = "RATE_OUT_OF_RANGE"
    JPEG_AT_RISK = "JPEG_AT_RISK"
    ERROR_PROBABILITY = "ERROR_PROBABILITY"


class Mask(Enum):
    """A map that a reply can carry, each at stride 4."""

    RISK = "RISK"
    TEXT = "TEXT"
    FACE = "FACE"
    SYMBOL = "SYMBOL"
    HIGH_IMPACT = "HIGH_IMPACT"


@dataclass(frozen=True)
class Target:
    """The size asked for; exactly one of the three is set.

    Attributes:
        bpp: bits per pixel, over 0.
        size_bytes: bytes of the whole file, over 0.
        quality: the codec's own quality parameter (its profile names the range).
    """

    bpp: float | None = None
    size_bytes: int | None = None
    quality: float | None = None


DEFAULT_TARGET = Target(bpp=0.25)


@dataclass(frozen=True)
class Policy:
    """What counts as a risk.

    Attributes:
        threshold: a pixel at or over this risk belongs to a region; in (0, 1), of a whole image
            in [0, 1).
        text_weight: factor on risk where text is; likewise face and symbol; in [0, 1].
            The weight of a pixel is the largest over contents of weight x probability,
            never under ``other_weight``.
        other_weight: factor on risk where no content is recognised; in [0, 1].
        smallest_region: area in pixels of the upright image under which a region is dropped.
        max_error_probability: an image is safe where an error is less likely than this, in
            (0, 1]. With 1 the regions alone decide.
    """

    threshold: float = 0.3
    text_weight: float = 1.0
    face_weight: float = 1.0
    symbol_weight: float = 1.0
    other_weight: float = 1.0
    smallest_region: int = SMALLEST_REGION
    max_error_probability: float = 0.1


@dataclass(frozen=True)
class AnalysisRequest:
    """One image's question. Everything has a default: the image alone is a useful call."""

    image: bytes | RawImage
    codec: str = "hyperprior"
    target: Target = DEFAULT_TARGET
    hint_formats: tuple[str, ...] = ()
    masks: tuple[Mask, ...] = ()
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Reason:
    """One reason behind a decision."""

    code: ReasonCode
    message: str


@dataclass(frozen=True)
class ImageFacts:
    """The image as it was understood.

    Attributes:
        width, height: of the upright image, in pixels.
        sha256: of the bytes received, 64 hexadecimal digits.
        format: container by content, e.g. ``JPEG``, or a raw image's pixel format.
        notes: what was done on the way to 8-bit RGB (orientation, alpha, CMYK, 16 bit,
            frames left out, colour profile).
    """

    width: int
    height: int
    sha256: str
    format: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ResolvedTarget:
    """The target on every scale: what the codec would spend on this image, and its level."""

    codec: str
    bpp: float
    level: float


@dataclass(frozen=True)
class Content:
    """Probabilities in [0, 1] that a region holds each content; independent of one another."""

    text: float
    face: float
    symbol: float


@dataclass(frozen=True)
class Kind:
    """Probabilities in [0, 1] of what happens, given that something happens."""

    amplitude: float
    geometry: float
    shape: float


@dataclass(frozen=True)
class SafeTextHeight:
    """From which height on the codec keeps text at the level analysed.

    Attributes:
        pixels: height of a line's outline, up to a third more than ``text_height``; None where no
            height that was measured is safe.
        changed_share: of lines of that height and above no larger share is changed, (0, 1).
    """

    pixels: float | None
    changed_share: float


@dataclass(frozen=True)
class Explanation:
    """Why a region is flagged, for a sentence in any language.

    Attributes:
        content: ``text``, ``face`` or ``symbol``; None where none is at least as likely as not.
        content_probability: of the likeliest, [0, 1].
        kind: what most likely happens: ``amplitude``, ``geometry`` or ``shape``.
        kind_probability: of it, [0, 1].
        text_height: height of a line of its text in pixels; None without text, or where its
            lines could not be told.
        safe_text_height: from the codec's profile; None without text, or where it has none.
    """

    content: str | None
    content_probability: float
    kind: str
    kind_probability: float
    text_height: float | None
    safe_text_height: SafeTextHeight | None


@dataclass(frozen=True)
class Region:
    """A connected area with risk at or over the threshold.

    Attributes:
        box: x, y, width, height.
        polygon: outline, at least three (x, y) corners.
        risk: 95th percentile of the risk inside, [0, 1].
        high_impact: probability that a symbol changes, [0, 1].
        safe_level: coarsest level at which the risk falls under the threshold, or None.
        safe_bpp: bpp of the whole image at that level, or None.
        explanation: why it is flagged; None until somebody has looked at the pixels.
    """

    box: tuple[int, int, int, int]
    polygon: tuple[tuple[int, int], ...]
    content: Content
    risk: float
    kind: Kind
    high_impact: float
    safe_level: float | None
    safe_bpp: float | None
    explanation: Explanation | None = None


@dataclass(frozen=True)
class JpegAdvice:
    """The JPEG to fall back to.

    Attributes:
        quality: of Pillow and libjpeg, 1..95.
        subsampling: ``4:4:4``, ``4:2:2`` or ``4:2:0``.
        estimated_bytes: of the file.
        safe: whether it is, as a safe rate would be; False where not even the finest quality is.
    """

    quality: int
    subsampling: str
    estimated_bytes: int
    safe: bool


@dataclass(frozen=True)
class Damage:
    """What an image is expected to lose.

    Attributes:
        error_probability: that a symbol or a face somewhere in it becomes another one, in [0, 1],
            by the risk as the policy weighs it, areas under its smallest region left out;
            calibrated for the default policy. None where the codec profile does not know.
        pixels: miscompressed ones to be expected, weighted by the policy.
    """

    error_probability: float | None
    pixels: float


@dataclass(frozen=True)
class PredictedDamage:
    """The damage in each of the ways to code an image.

    Attributes:
        uniform: at the size asked for, without hints.
        hinted: at that size with the hints of the answer, or, where none are asked for, with those
            that the decision rests on.
        safe: at the safe rate; None where there is none.
        jpeg: as the JPEG advised.
    """

    uniform: Damage
    hinted: Damage
    safe: Damage | None
    jpeg: Damage


@dataclass(frozen=True)
class HintPayload:
    """A hint in one encoder's own format.

    Attributes:
        format: registry name.
        data: exactly the bytes the encoder reads.
        columns, rows: of the grid, 0 for formats that are lists.
        block: side of a grid cell in pixels, 0 for lists.
        effectiveness: ``EFFECTIVE``, ``NOT_EFFECTIVE_ON_STILLS`` or ``UNPROVEN``.
    """

    format: str
    data: bytes
    columns: int
    rows: int
    block: int
    effectiveness: str


@dataclass(frozen=True)
class MaskPayload:
    """A map in [0, 1] as 8-bit grey PNG (255 x value); a cell covers stride x stride pixels."""

    mask: Mask
    png: bytes
    stride: int


@dataclass(frozen=True)
class ModelFacts:
    """Which model answered."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Analysis:
    """The engine's whole answer. ``risk`` is (H/4, W/4) float32 in [0, 1], rounded up sizes."""

    decision: Decision
    reasons: tuple[Reason, ...]
    image: ImageFacts
    target: ResolvedTarget
    regions: tuple[Region, ...]
    risk_area_fraction: float
    safe_bpp: float | None
    damage: PredictedDamage
    policy: Policy
    jpeg: JpegAdvice
    hints: tuple[HintPayload, ...]
    masks: tuple[MaskPayload, ...]
    model: ModelFacts
    risk: NDArray[np.float32] = field(repr=False)
