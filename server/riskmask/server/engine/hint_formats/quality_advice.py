"""``jpeg``, ``webp`` and ``jpeg-xl``: advice for encoders that accept no map.

JSON. ``quality`` is the encoder's own, for the whole image, as fine as the JPEG that an analysis
advises to fall back to; what it says beside that depends on the encoder:

- ``jpeg``: libjpeg quality, ``subsampling`` and ``estimated_bytes``.
- ``webp``: libwebp quality at the level of that JPEG. libwebp makes an index of its quality q in
  [0, 1], 127 (1 - c) with c the cube root of 2q/3 below 0.75 and of 2q - 1 above
  (src/enc/quant_enc.c); the AC step at an index is half of VP8's table, which runs from 4 to 284.
- ``jpeg-xl``: libjxl's quality follows libjpeg's; ``distance`` is what libjxl makes of it, 0.1 +
  0.09 (100 - q) from q = 30 on (JxlEncoderDistanceFromQuality).
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import step_of_level
from riskmask.server.engine.hint_formats.canonical import CanonicalMap, HintError
from riskmask.server.engine.values import HintPayload

LIBJXL_LINEAR_FROM = 30
WEBP_INDEXES = 127
# VP8's AC steps (RFC 6386, 14.1) grow by 1 up to index 54, then by 2, 3, 4 and 5.
VP8_INDEXES = (0, 54, 83, 102, 116, 127)
VP8_AC_STEPS = (4, 58, 116, 173, 229, 284)


class QualityAdvice:
    """One quality for the whole image. Parsing gives one level everywhere."""

    square = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.effectiveness = "EFFECTIVE"

    def export(self, canonical: CanonicalMap) -> HintPayload:
        """ASCII JSON, a line."""
        advice = canonical.jpeg
        said: dict[str, Any] = {"encoder": self.name}
        match self.name:
            case "jpeg":
                said["quality"] = advice.quality
                said["subsampling"] = advice.subsampling
                said["estimated_bytes"] = advice.estimated_bytes
            case "webp":
                said["quality"] = webp_quality(_level(advice.quality, canonical))
            case _:
                said["quality"] = advice.quality
                said["distance"] = libjxl_distance(advice.quality)
        data = (json.dumps(said) + "\n").encode("ascii")
        return HintPayload(self.name, data, 0, 0, 0, self.effectiveness)

    def parse(self, data: bytes, like: CanonicalMap) -> NDArray[np.float32]:
        """The level of the advised quality, everywhere."""
        try:
            said = json.loads(data)
            encoder, quality = said["encoder"], float(said["quality"])
        except (ValueError, TypeError, KeyError):
            raise HintError(f"a {self.name} hint is JSON with an encoder and a quality") from None
        if encoder != self.name or not 0.0 <= quality <= 100.0:
            raise HintError(f"this hint is not a quality of {self.name} in [0, 100]")
        level = webp_level(quality) if self.name == "webp" else _level(quality, like)
        return np.full(like.levels.shape, level, np.float32)


def libjxl_distance(quality: float) -> float:
    """libjxl's distance for a quality in [0, 100]."""
    if quality >= 100:
        return 0.0
    if quality >= LIBJXL_LINEAR_FROM:
        return round(0.1 + (100 - quality) * 0.09, 3)
    return round(53 / 3000 * quality**2 - 23 / 20 * quality + 25, 3)


def webp_quality(level: float) -> float:
    """libwebp's quality whose AC step is that of a level in [0, 7]; 0 for what is coarser."""
    index = float(np.interp(2.0 * step_of_level(level), VP8_AC_STEPS, VP8_INDEXES))
    linear = (1.0 - index / WEBP_INDEXES) ** 3
    quality = linear * 1.5 if linear < 0.5 else (linear + 1.0) / 2.0
    return round(100.0 * quality, 1)


def webp_level(quality: float) -> float:
    """The level at which libwebp's AC step is that of a quality in [0, 100]."""
    share = quality / 100.0
    linear = share * 2.0 / 3.0 if share < 0.75 else 2.0 * share - 1.0
    index = WEBP_INDEXES * (1.0 - linear ** (1.0 / 3.0))
    step = 0.5 * float(np.interp(index, VP8_INDEXES, VP8_AC_STEPS))
    ratio = math.log(step / step_of_level(0.0)) / math.log(step_of_level(7.0) / step_of_level(0.0))
    return min(max(7.0 * ratio, 0.0), 7.0)


def _level(quality: float, canonical: CanonicalMap) -> float:
    profile = canonical.profiles.get("jpeg")
    if profile is None:
        raise HintError("quality advice needs the codec profile named jpeg")
    return profile.level_of_quality(quality)
