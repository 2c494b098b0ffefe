"""What an analysis says. Frozen values; ``to_dict()`` gives what goes into JSON.

Coordinates are pixels of the upright image, x to the right and y down. Levels lie in [0, 7], 0 the
coarsest; probabilities and risks in [0, 1]; rates are bits per pixel of the whole image.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from riskmask.client._damage import PredictedDamage
from riskmask.client._explanation import Explanation
from riskmask.client._policy import Policy


class Decision(StrEnum):
    """What to do with the image."""

    ENCODE = "ENCODE"
    ENCODE_WITH_HINTS = "ENCODE_WITH_HINTS"
    RAISE_RATE = "RAISE_RATE"
    FALLBACK_JPEG = "FALLBACK_JPEG"


class MaskType(StrEnum):
    """A map that an answer can carry."""

    RISK = "RISK"
    TEXT = "TEXT"
    FACE = "FACE"
    SYMBOL = "SYMBOL"
    HIGH_IMPACT = "HIGH_IMPACT"


class Effectiveness(StrEnum):
    """What an encoder is known to do with a hint on still images."""

    EFFECTIVE = "EFFECTIVE"
    NOT_EFFECTIVE_ON_STILLS = "NOT_EFFECTIVE_ON_STILLS"
    UNPROVEN = "UNPROVEN"


@dataclass(frozen=True)
class Reason:
    """Why: a code for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True)
class ImageFacts:
    """The image as it was understood.

    Attributes:
        width, height: of the upright image.
        sha256: of the bytes sent.
        format: container by content, e.g. ``JPEG``.
        notes: what was done on the way to 8-bit RGB.
    """

    width: int
    height: int
    sha256: str
    format: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResolvedTarget:
    """The codec, the bits per pixel it is expected to spend, and the level of that."""

    codec: str
    bpp: float
    level: float


@dataclass(frozen=True)
class Content:
    """What is there; independent probabilities."""

    text: float
    face: float
    symbol: float


@dataclass(frozen=True)
class Kind:
    """What happens, given that something happens; probabilities."""

    amplitude: float
    geometry: float
    shape: float


@dataclass(frozen=True)
class Region:
    """A connected area with risk at or over the threshold.

    Attributes:
        box: x, y, width, height.
        polygon: outline, at least three (x, y) corners, not closed.
        risk: 95th percentile of the risk inside.
        high_impact: probability that a symbol changes.
        safe_level: coarsest level at which the risk falls under the threshold, or None.
        safe_bpp: rate of the whole image at that level, or None.
        explanation: why it is flagged; None where the server does not say.
    """

    box: tuple[int, int, int, int]
    polygon: tuple[tuple[int, int], ...]
    content: Content
    risk: float
    kind: Kind
    high_impact: float
    safe_level: float | None = None
    safe_bpp: float | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True)
class JpegAdvice:
    """The JPEG to fall back to.

    Attributes:
        quality: of libjpeg, 1..95.
        subsampling: of the chroma: ``4:4:4``, ``4:2:2`` or ``4:2:0``.
        estimated_bytes: of the file; None where nobody looked at the image.
        safe: whether it is, as the safe rate is; False where not even the finest quality is,
            None where nobody looked at the image.
    """

    quality: int
    subsampling: str
    estimated_bytes: int | None
    safe: bool | None


@dataclass(frozen=True)
class Hint:
    """A hint in one encoder's own format.

    Attributes:
        format: name of the format.
        data: exactly the bytes that the encoder reads.
        columns, rows, block: cells of the grid and their side in pixels; all 0 for lists.
        effectiveness: what is known of the encoder on still images.
    """

    format: str
    data: bytes
    columns: int
    rows: int
    block: int
    effectiveness: Effectiveness


@dataclass(frozen=True)
class Mask:
    """A map in [0, 1] as 8-bit grey PNG; a cell covers stride x stride pixels."""

    type: MaskType
    png: bytes
    stride: int

    def to_array(self) -> NDArray[np.uint8]:
        """The cells as (ceil(H / stride), ceil(W / stride)) uint8, 255 x value."""
        with Image.open(BytesIO(self.png), formats=["PNG"]) as picture:
            return np.array(picture.convert("L"))


@dataclass(frozen=True)
class ModelInfo:
    """Which model answered; the SHA-256 of its file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Analysis:
    """The whole answer for one image. Hints and masks come in the order asked for.

    ``safe_bpp`` is the smallest rate at which no region is left and an error is less likely than
    the policy's limit, or None; ``damage`` and ``policy`` are None where the server does not say.
    """

    decision: Decision
    reasons: tuple[Reason, ...]
    image: ImageFacts
    target: ResolvedTarget
    regions: tuple[Region, ...]
    risk_area_fraction: float
    safe_bpp: float | None
    jpeg: JpegAdvice
    model: ModelInfo
    hints: tuple[Hint, ...] = ()
    masks: tuple[Mask, ...] = ()
    damage: PredictedDamage | None = None
    policy: Policy | None = None

    def mask(self, kind: MaskType | str) -> Mask:
        """The mask of that type.

        Raises:
            KeyError: it was not asked for.
        """
        for mask in self.masks:
            if mask.type == kind:
                return mask
        raise KeyError(f"no mask {kind} in this analysis; ask for it with masks=[...]")

    def why(self, region: Region) -> str:
        """One English sentence: why a region of this analysis is flagged; may be empty."""
        explanation = region.explanation
        return "" if explanation is None else explanation.sentence(self.target.codec)

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON: everything but the bytes of hints and masks."""
        return {
            "decision": str(self.decision),
            "reasons": [{"code": item.code, "message": item.message} for item in self.reasons],
            "image": {
                "width": self.image.width,
                "height": self.image.height,
                "sha256": self.image.sha256,
                "format": self.image.format,
                "notes": list(self.image.notes),
            },
            "target": dict(vars(self.target)),
            "regions": [_region_dict(region, self.target.codec) for region in self.regions],
            "risk_area_fraction": self.risk_area_fraction,
            "safe_bpp": self.safe_bpp,
            "damage": None if self.damage is None else self.damage.to_dict(),
            "policy": None if self.policy is None else self.policy.to_dict(),
            "jpeg": dict(vars(self.jpeg)),
            "hints": [
                {
                    "format": hint.format,
                    "bytes": len(hint.data),
                    "columns": hint.columns,
                    "rows": hint.rows,
                    "block": hint.block,
                    "effectiveness": str(hint.effectiveness),
                }
                for hint in self.hints
            ],
            "masks": [{"type": str(mask.type), "stride": mask.stride} for mask in self.masks],
            "model": dict(vars(self.model)),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def _region_dict(region: Region, codec: str) -> dict[str, Any]:
    return {
        "box": list(region.box),
        "polygon": [list(corner) for corner in region.polygon],
        "content": dict(vars(region.content)),
        "risk": region.risk,
        "kind": dict(vars(region.kind)),
        "high_impact": region.high_impact,
        "safe_level": region.safe_level,
        "safe_bpp": region.safe_bpp,
        "explanation": None if region.explanation is None else region.explanation.to_dict(codec),
    }
