"""What the engine answers for a picture, by codec and rate; the network is asked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.allocation import KnownPrediction
from riskmask.server.engine.components import find_components
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.raw_image import PixelFormat, Plane, RawImage
from riskmask.server.engine.values import Analysis, AnalysisRequest, Policy, ReasonCode, Target

HINT_FORMAT = "riskmask-levels"
PEAK_STEPS = 12  # bisections: a peak to within 1/4096


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        picture, codec: which.
        level: of the codec in [0, 7], whose real rate was asked for.
        asked_bpp: that rate.
        decision: e.g. ``ENCODE``.
        clamped: whether the engine took the rate for one out of the codec's range.
        resolved_level: at which the engine looked.
        peak: the threshold from which on the answer would be ``ENCODE``, in [0, 1].
        regions: how many.
        safe_bpp: of the whole image, None where no level is safe.
        jpeg_quality, jpeg_subsampling, jpeg_bytes, jpeg_safe: the JPEG advised.
    """

    picture: str
    codec: str
    level: int
    asked_bpp: float
    decision: str
    clamped: bool
    resolved_level: float
    peak: float
    regions: int
    safe_bpp: float | None
    jpeg_quality: int
    jpeg_subsampling: str
    jpeg_bytes: int
    jpeg_safe: bool

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return self.picture, self.codec, str(self.level)


class Counsel:
    """The engine before one picture.

    Args:
        predictor: the detector.
        profiles: of codecs, by name.
        policy: what counts as a risk.
        image: (H, W, 3) uint8 RGB.
    """

    def __init__(
        self,
        predictor: Predictor,
        profiles: Mapping[str, CodecProfile],
        policy: Policy,
        image: NDArray[np.uint8],
    ) -> None:
        known = KnownPrediction(predictor.predict(image), predictor.name, predictor.sha256)
        self._engine = Engine(known, profiles)
        self._policy = policy
        self._height, self._width = image.shape[:2]
        plane = Plane(np.ascontiguousarray(image).tobytes())
        self._image = RawImage(PixelFormat.RGB8, self._width, self._height, (plane,))

    def answer(self, picture: str, codec: str, level: int, bpp: float) -> Answer:
        """Ask for a codec's rate."""
        said = self._ask(codec, bpp, ())
        return Answer(
            picture=picture,
            codec=codec,
            level=level,
            asked_bpp=bpp,
            decision=said.decision.value,
            clamped=any(r.code is ReasonCode.RATE_OUT_OF_RANGE for r in said.reasons),
            resolved_level=said.target.level,
            peak=peak(said.risk, self._policy.smallest_region, self._width, self._height),
            regions=len(said.regions),
            safe_bpp=said.safe_bpp,
            jpeg_quality=said.jpeg.quality,
            jpeg_subsampling=said.jpeg.subsampling,
            jpeg_bytes=said.jpeg.estimated_bytes,
            jpeg_safe=said.jpeg.safe,
        )

    def hint(self, codec: str, bpp: float) -> bytes:
        """The levels that the engine wishes at a rate."""
        return self._ask(codec, bpp, (HINT_FORMAT,)).hints[0].data

    def _ask(self, codec: str, bpp: float, hint_formats: tuple[str, ...]) -> Analysis:
        request = AnalysisRequest(
            image=self._image,
            codec=codec,
            target=Target(bpp=bpp),
            hint_formats=hint_formats,
            policy=self._policy,
        )
        return self._engine.analyze(request)


def peak(risk: NDArray[np.float32], smallest: int, width: int, height: int) -> float:
    """The least threshold (to 1/4096, rounded up) at which a risk map holds no region.

    Args:
        risk: (ceil(height / 4), ceil(width / 4)) float32 in [0, 1].
        smallest: area in pixels under which a region is dropped.
        width, height: of the image in pixels.
    """
    steps = 1 << PEAK_STEPS
    low, high = 0, steps
    while high - low > 1:
        middle = (low + high) // 2
        if find_components(risk, middle / steps, smallest, width, height).count > 0:
            low = middle
        else:
            high = middle
    return high / steps
